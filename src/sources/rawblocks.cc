// open_rawblocks(): finds the first block, reads on from there, and puts the transactions in the order of their times.
//
// A block brings transactions that were first seen at any time before it, so they are held until no later one can be
// expected: each block is a round, which gives out what is older than the block's time less `settle`.  What a round
// gives out is a function of the blocks alone, so a cursor names the round, a place in it, and the lowest block of
// which something was held then: from there on blocks are read again to restore what is held.
#include "sources/rawblocks.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <map>
#include <tuple>

#include "base/log.h"
#include "sources/block_api.h"

namespace tidecast {
namespace {

constexpr std::string_view kCursor = "rawblocks:";
constexpr Milliseconds kBlockEvery = 10min;  // On average.
constexpr Milliseconds kNearEnough = 1h;     // The first block may be so long before `from`.

// Where a batch ended.
struct Place {
  std::int64_t from_ms = 0;     // Of the options.
  std::int64_t first = 0;       // Lowest block of which something was held before the round.
  std::int64_t cutoff_ms = 0;   // Of the round before: all that is older was given out.
  std::int64_t round = 0;       // Height of its block.
  std::int64_t position = 0;    // Records of the round that were given out.
  std::int64_t arrival_ms = 0;  // Of the last one.
  std::string hash{};           // Of the block; "-": the end.

  std::string text() const {
    return fmt::format("{}{}:{}:{}:{}:{}:{}:{}", kCursor, from_ms, first, cutoff_ms, round, position, arrival_ms, hash);
  }
  static std::optional<Place> parse(std::string_view text) {
    if (!text.starts_with(kCursor)) return std::nullopt;
    text.remove_prefix(kCursor.size());
    Place place;
    for (std::int64_t* number :
         {&place.from_ms, &place.first, &place.cutoff_ms, &place.round, &place.position, &place.arrival_ms}) {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
      if (error != std::errc() || end == text.data() + text.size() || *end != ':') return std::nullopt;
      text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
    }
    place.hash = text;
    if (place.hash.empty() || place.position < 0 || place.first < 0) return std::nullopt;
    return place;
  }
};

class RawBlockSource final : public Source {
 public:
  RawBlockSource(RawBlockOptions options, std::unique_ptr<BlockApi> api)
      : options_(std::move(options)), api_(std::move(api)) {
    place_.from_ms = options_.from.ms();
    begin_anew();
  }

  const std::string& name() const override { return options_.name; }
  double progress() const override { return progress_; }
  std::optional<std::uint64_t> total_records() const override { return std::nullopt; }
  std::optional<SourceHealth> health() const override { return api_->health(); }

  Status seek(std::string_view cursor) override {
    Place place;
    place.from_ms = options_.from.ms();
    if (!cursor.empty()) {
      const std::optional<Place> read = Place::parse(cursor);
      if (!read) return failed_precondition("{}: '{}' is no cursor of a backfill from blocks", name(), cursor);
      if (read->from_ms != place.from_ms)
        return failed_precondition("{}: the backfill began at {}; asked for now: {}", name(), to_rfc3339(read->from_ms),
                                   to_rfc3339(options_.from));
      if (read->hash == "-" && read->cutoff_ms != options_.until.ms())
        return failed_precondition("{}: the backfill is finished, up to {}", name(), to_rfc3339(read->cutoff_ms));
      place = *read;
    }
    place_ = place;
    begin_anew();
    restore_ = !cursor.empty();
    done_ = place_.hash == "-";
    return ok();
  }

  Result<std::optional<ProcessingTime>> next_arrival() override {
    TRY(load());
    if (round_.empty()) return std::optional<ProcessingTime>();
    return std::optional(arrival_of(round_.begin()->first));
  }

  Result<RawBatch> read(ProcessingTime until, std::size_t max_records) override {
    TRY(load());
    RawBatch batch;
    while (!round_.empty() && batch.records.size() < std::max<std::size_t>(max_records, 1)) {
      const ProcessingTime arrival = arrival_of(round_.begin()->first);
      if (arrival > until) break;
      batch.append(round_.begin()->second, arrival);
      place_.arrival_ms = arrival.ms();
      ++place_.position;
      round_.erase(round_.begin());
    }
    if (!batch.empty() && round_.empty() && last_round_) finish();
    batch.pad();
    batch.cursor = place_.text();
    return batch;
  }

 private:
  using Key = std::tuple<EventTime, std::int64_t, std::size_t>;  // Time, height, place in the block.

  ProcessingTime arrival_of(const Key& key) const {
    return std::max(ProcessingTime::from_ms(std::get<0>(key).ms()), ProcessingTime::from_ms(place_.arrival_ms));
  }

  void begin_anew() {
    held_.clear();
    round_.clear();
    cutoff_ = EventTime::from_ms(place_.cutoff_ms);
    next_hash_.clear(), previous_hash_.clear();
    height_ = -1;
    restore_ = done_ = last_round_ = false;
    note_progress();
  }

  void finish() {
    done_ = true;
    place_.hash = "-";
    place_.cutoff_ms = options_.until.ms();
    progress_ = 1;
  }

  // Until the round has a record, or the end.  What was loaded stays, if something fails: the next call goes on.
  Status load() {
    while (round_.empty() && !done_) {
      if (last_round_) {
        finish();
        break;
      }
      if (restore_) TRY(restore());
      if (height_ < 0) height_ = TRY(first_height());
      Block block = TRY(next_block());
      const EventTime time = block.time;
      if (skip_ > 0 && block.hash != place_.hash) {
        log_warning("sources", "{}: block {} is another one by now; its round is given out again", name(), height_);
        skip_ = 0;
      }
      // The end is known before anything of the block is taken in.
      const bool last = time >= options_.until + options_.settle ||
                        (block.next.empty() && TRY(api_->latest()).height <= block.height);
      begin_round(std::move(block), last ? EventTime::max() : std::max(cutoff_, time - options_.settle));
      last_round_ = last;
    }
    return ok();
  }

  // All of `block` is held; what is older than `cutoff` is the round.
  void begin_round(Block block, EventTime cutoff) {
    std::int64_t first = block.height;
    for (const auto& held : held_) first = std::min(first, std::get<1>(held.first));
    place_.first = first;
    place_.cutoff_ms = cutoff_.ms();
    place_.round = block.height;
    place_.hash = block.hash;
    place_.position = 0;
    hold(block, EventTime::min());
    cutoff_ = cutoff;
    while (!held_.empty() && std::get<0>(held_.begin()->first) < cutoff_) round_.insert(held_.extract(held_.begin()));
    for (; skip_ > 0 && !round_.empty(); --skip_, ++place_.position) round_.erase(round_.begin());
    skip_ = 0;
    step_past(block);
    note_progress();
    if (block.lacks_times() && !std::exchange(warned_, true)) {
      const std::string text = fmt::format(
          "the transactions of block {} have no times of their own but the block's; so windows shorter than an hour "
          "show "
          "blocks, not traffic",
          block.height);
      log_warning("sources", "{}: {}", name(), text);
      api_->note(text);
    }
  }

  void hold(Block& block, EventTime from) {
    for (std::size_t i = 0; i < block.transactions.size(); ++i) {
      auto& [time, raw] = block.transactions[i];
      if (time >= std::max(from, options_.from) && time < options_.until)
        held_.emplace(Key{time, block.height, i}, std::move(raw));
    }
  }

  void step_past(const Block& block) {
    height_ = block.height + 1;
    next_hash_ = block.next;
    previous_hash_ = block.hash;
  }

  // What was held before the round of the cursor.
  Status restore() {
    held_.clear();
    next_hash_.clear(), previous_hash_.clear();
    for (height_ = place_.first; height_ < place_.round;) {
      Block block = TRY(next_block());
      hold(block, cutoff_);
      step_past(block);
    }
    skip_ = place_.position;
    restore_ = false;
    return ok();
  }

  // Of height_, by its hash where that is known.
  Result<Block> next_block() {
    if (!next_hash_.empty()) {
      Result<Block> block = api_->of(next_hash_);
      if (!block.ok() && block.code() != Code::kNotFound) return block;
      if (block.ok() && block->height == height_ && block->previous == previous_hash_) return block;
    }
    Block block = TRY(api_->at(height_));
    if (!previous_hash_.empty() && block.previous != previous_hash_)
      log_warning("sources", "{}: block {} does not follow the one before: the chain was reorganized", name(), height_);
    return block;
  }

  // Height of a block less than kNearEnough before `from`, or of the last one before it: by interpolation between two
  // known ones.
  Result<std::int64_t> first_height() {
    const BlockApi::Tip tip = TRY(api_->latest());
    if (tip.time < options_.from)
      return not_found("{}: the newest block is of {}; asked for: from {}", name(), to_rfc3339(tip.time),
                       to_rfc3339(options_.from));
    std::int64_t low = -1, high = tip.height;  // Before; not before.
    EventTime low_time{}, high_time = tip.time;
    while (high - low > 1) {
      const double behind = static_cast<double>((high_time - options_.from).count());
      const double per_block =
          low < 0 ? static_cast<double>(kBlockEvery.count())
                  : static_cast<double>((high_time - low_time).count()) / static_cast<double>(high - low);
      const std::int64_t guess = high - 1 - static_cast<std::int64_t>(behind / std::max(per_block, 1.0));
      const std::int64_t at = std::clamp(guess, low + 1, high - 1);
      const EventTime time = TRY(api_->at(at)).time;
      if (time >= options_.from) {
        high = at, high_time = time;
      } else {
        low = at, low_time = time;
        if (options_.from - time <= kNearEnough) break;
      }
    }
    return std::max<std::int64_t>(low, 0);
  }

  void note_progress() {
    const double all = static_cast<double>((options_.until - options_.from).count());
    const EventTime at = std::clamp(cutoff_, options_.from, options_.until);
    progress_ = static_cast<double>((at - options_.from).count()) / all;
  }

  const RawBlockOptions options_;
  const std::unique_ptr<BlockApi> api_;
  Place place_;                              // Of what was given out last.
  std::map<Key, std::string> held_, round_;  // Not given out yet; of the round, to be given out.
  EventTime cutoff_;                         // Of the last round.
  std::int64_t height_ = -1;                 // Of the next block; -1: to be found.
  std::string next_hash_, previous_hash_;    // Of the next block and the last, "" where not known.
  std::int64_t skip_ = 0;                    // Records of the next round that were given out before.
  bool restore_ = false, last_round_ = false, done_ = false, warned_ = false;
  std::atomic<double> progress_ = 0;
};

}  // namespace

Result<std::unique_ptr<Source>> open_rawblocks(RawBlockOptions options, Clock& clock) {
  if (options.until <= options.from)
    return invalid_argument("{}: until {} is not after from {}", options.name, to_rfc3339(options.until),
                            to_rfc3339(options.from));
  if (options.settle < 0ms || options.pause < 0ms || options.attempts < 1)
    return invalid_argument("{}: settle and pause must not be below 0, nor attempts below 1", options.name);
  while (options.url.ends_with('/')) options.url.pop_back();
  std::unique_ptr<BlockApi> api = TRY(BlockApi::make(options, clock).in(options.name));
  return std::unique_ptr<Source>(std::make_unique<RawBlockSource>(std::move(options), std::move(api)));
}

}  // namespace tidecast
