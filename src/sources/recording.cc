#include "sources/recording.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/hash.h"
#include "sources/limits.h"
#include "sources/reply.h"
#include "sources/unpacked_file.h"

namespace tidecast {
namespace {

constexpr std::uint64_t kBodiesStream = std::uint64_t{3} << 32;  // Of random numbers, beside those of the timetable.
constexpr Milliseconds kLeastEvery = 100ms, kMostEvery = 1h;

Status check(const RecordingOptions& options, std::size_t schedule_minutes) {
  const auto all = static_cast<std::int64_t>(schedule_minutes);
  if (options.every < kLeastEvery || options.every > kMostEvery) {
    return invalid_argument("every: {}; allowed are {} to {}", to_text(options.every), to_text(kLeastEvery),
                            to_text(kMostEvery));
  }
  if (options.first_minute < 0 || options.first_minute >= all) {
    return invalid_argument("first_minute: {}; the schedule has minutes 0 to {}", options.first_minute, all - 1);
  }
  if (options.minutes < 0 || options.minutes > all - options.first_minute) {
    return invalid_argument("minutes: {}; {} are left from first_minute on (0: all of them)", options.minutes,
                            all - options.first_minute);
  }
  const double level = options.constant_fee_level.value_or(1);
  if (!(level > 0 && level <= 1e6)) {
    return invalid_argument("constant_fee_level: {}; a number above 0 and up to 1000000 is needed", level);
  }
  return ok();
}

Result<std::vector<TransactionBody>> compile_bodies(std::string_view ndjson) {
  std::vector<TransactionBody> bodies;
  for (std::size_t line = 1; !ndjson.empty(); ++line) {
    const std::size_t end = std::min(ndjson.find('\n'), ndjson.size());
    if (end > 0) {
      const std::string_view body = ndjson.substr(0, end);
      bodies.push_back(TRY(TransactionBody::compile(body).in(fmt::format("line {}", line))));
    }
    ndjson.remove_prefix(std::min(end + 1, ndjson.size()));
  }
  if (bodies.empty()) return invalid_argument("no transaction in it");
  return bodies;
}

std::vector<TransactionBody> shuffled(std::vector<TransactionBody> bodies, std::uint64_t seed) {
  std::vector<std::size_t> order(bodies.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Rng(seed, kBodiesStream).shuffle(std::span(order));
  std::vector<TransactionBody> walk;
  walk.reserve(bodies.size());
  for (const std::size_t i : order) walk.push_back(std::move(bodies[i]));
  return walk;
}

// Where transaction `number` stands among `count` bodies: every round takes each body once, in an order of its own (an
// affine walk through the shuffled bodies), so that dear neighbours of one round are none in the next.  A pure
// function: any reply can be rendered without those before it.
std::size_t body_index(std::uint64_t number, std::size_t count, std::uint64_t seed) {
  const std::uint64_t round = number / count, random = mix64(mix64(seed) ^ mix64(round));
  std::uint64_t stride = 1 + (random >> 32) % count;
  while (std::gcd(stride, static_cast<std::uint64_t>(count)) != 1) ++stride;
  return static_cast<std::size_t>((number % count * stride + random % count) % count);
}

TimetableOptions timetable_options(const RecordingOptions& options, std::size_t schedule_minutes) {
  const auto first = static_cast<std::size_t>(options.first_minute);
  const auto minutes = options.minutes > 0 ? static_cast<std::size_t>(options.minutes) : schedule_minutes - first;
  return {options.seed, first, minutes, options.every};
}

}  // namespace

Result<std::unique_ptr<Recording>> Recording::open(const RecordingOptions& options) {
  const std::string csv = TRY(read_unpacked(options.schedule));
  const std::string ndjson = TRY(read_unpacked(options.bodies));
  auto schedule = TRY(parse_schedule(csv).in(options.schedule.string()));
  TRY(check(options, schedule.size()));
  auto bodies = TRY(compile_bodies(ndjson).in(options.bodies.string()));
  const auto& constant = options.constant_fee_level;
  const std::string level = constant ? fmt::format("{}", *constant) : "of the schedule";
  const std::string decides =
      fmt::format("{} {} seed {} from {} minutes {} every {} fee level {}", sha256_hex(csv), sha256_hex(ndjson),
                  options.seed, options.first_minute, options.minutes, options.every.count(), level);
  return std::unique_ptr<Recording>(
      new Recording(options, sha256_hex(decides).substr(0, 16), std::move(schedule), std::move(bodies)));
}

Recording::Recording(const RecordingOptions& options, std::string identity, std::vector<ScheduleMinute> schedule,
                     std::vector<TransactionBody> bodies)
    : identity_(std::move(identity)),
      seed_(options.seed),
      schedule_(std::move(schedule)),
      bodies_(shuffled(std::move(bodies), options.seed)),
      constant_fee_level_(options.constant_fee_level),
      start_(schedule_[static_cast<std::size_t>(options.first_minute)].start),
      timetable_(timetable_options(options, schedule_.size()), schedule_),
      walk_(timetable_) {
  for (const TransactionBody& body : bodies_) longest_body_ = std::max(longest_body_, body.longest());
}

ProcessingTime Recording::time_of(std::size_t reply) const {
  return ProcessingTime::from_ms(start_.ms()) + timetable_.every() * static_cast<std::int64_t>(reply + 1);
}

const TransactionBody& Recording::body_of(const TimetableEntry& entry) const {
  return bodies_[body_index(entry.number, bodies_.size(), seed_)];
}

std::string_view Recording::next_reply() {
  const std::span<const TimetableEntry> entries = walk_.next();
  static constexpr std::string_view kBegin = R"({"txs":[)", kEnd = "]}";
  std::size_t longest = kBegin.size() + kEnd.size() + kRawPadding;
  for (const TimetableEntry& entry : entries) longest += body_of(entry).longest() + 1;
  if (reply_.size() < longest) reply_.resize(longest);

  char* out = reply_.data() + kBegin.copy(reply_.data(), kBegin.size());
  for (const TimetableEntry& entry : entries) {
    const double level = constant_fee_level_.value_or(schedule_[static_cast<std::size_t>(entry.minute)].fee_level);
    const TransactionBody& body = body_of(entry);
    if (out[-1] != '[') *out++ = ',';
    out = body.render(out, entry.number / bodies_.size(), start_.ms() / 1000 + entry.time_s, level, entry.damage);
  }
  out += kEnd.copy(out, kEnd.size());
  std::memset(out, 0, kRawPadding);
  return {reply_.data(), static_cast<std::size_t>(out - reply_.data())};
}

namespace {

// Reads a Recording through the same splitter as live replies.  Cursor: "recording IDENTITY reply N", N the next reply.
class RecordingSource final : public Source {
 public:
  RecordingSource(std::string name, std::unique_ptr<Recording> recording, ReplySplitter splitter)
      : name_(std::move(name)),
        recording_(std::move(recording)),
        splitter_(std::move(splitter)),
        cursor_beginning_(fmt::format("recording {} reply ", recording_->identity())) {}

  const std::string& name() const override { return name_; }

  Status seek(std::string_view cursor) override {
    std::size_t reply = 0;
    if (!cursor.empty()) {
      if (!cursor.starts_with(cursor_beginning_)) {
        return failed_precondition("{}: the cursor '{}' belongs to another recording, seed or schedule; this one is {}",
                                   name_, cursor, recording_->identity());
      }
      const std::string_view digits = cursor.substr(cursor_beginning_.size());
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), reply);
      if (error != std::errc() || end != digits.data() + digits.size() || reply > timetable().replies()) {
        return failed_precondition("{}: the cursor '{}' is damaged", name_, cursor);
      }
    }
    recording_->seek(reply);
    return ok();
  }

  Result<std::optional<ProcessingTime>> next_arrival() override {
    const std::size_t reply = next_with_records();
    return reply < timetable().replies() ? std::optional(recording_->time_of(reply)) : std::nullopt;
  }

  Result<RawBatch> read(ProcessingTime until, std::size_t max_records) override {
    RawBatch batch;
    batch.bytes.reserve(last_batch_bytes_);
    const std::size_t most = std::max<std::size_t>(max_records, 1);
    while (batch.records.size() < most && batch.bytes.size() < kFullBatchBytes) {
      const std::size_t reply = next_with_records();
      if (reply == timetable().replies() || recording_->time_of(reply) > until) break;
      while (recording_->position() < reply) recording_->next_reply();  // Empty ones.
      const std::string_view text = recording_->next_reply();
      if (Status split = splitter_.split(text.data(), text.size(), recording_->time_of(reply), batch); !split.ok()) {
        recording_->seek(reply);  // What was good is given out first, and the error stays.
        if (batch.empty()) return std::move(split).in(name_);
        break;
      }
    }
    batch.pad();
    batch.cursor = fmt::format("{}{}", cursor_beginning_, recording_->position());
    last_batch_bytes_ = batch.bytes.size();
    return batch;
  }

  double progress() const override {
    const std::uint64_t all = timetable().records_before(timetable().replies());
    const std::uint64_t done = timetable().records_before(recording_->position());
    return all == 0 ? 1 : static_cast<double>(done) / static_cast<double>(all);
  }

  std::optional<std::uint64_t> total_records() const override {
    return timetable().records_before(timetable().replies());
  }

 private:
  const Timetable& timetable() const { return recording_->timetable(); }

  // The next reply that is not empty, or the number of replies.
  std::size_t next_with_records() const {
    std::size_t reply = recording_->position();
    const auto is_empty = [this](std::size_t r) {
      return timetable().records_before(r) == timetable().records_before(r + 1);
    };
    while (reply < timetable().replies() && is_empty(reply)) ++reply;
    return reply;
  }

  std::string name_;
  std::unique_ptr<Recording> recording_;
  ReplySplitter splitter_;
  std::string cursor_beginning_;
  std::size_t last_batch_bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<Source>> open_recording(RecordingOptions options) {
  ReplySplitter splitter = TRY(ReplySplitter::make(options.records, ReplyOrder::kNewestFirst).in(options.name));
  std::unique_ptr<Recording> recording = TRY(Recording::open(options).in(options.name));
  return std::unique_ptr<Source>(
      std::make_unique<RecordingSource>(std::move(options.name), std::move(recording), std::move(splitter)));
}

}  // namespace tidecast
