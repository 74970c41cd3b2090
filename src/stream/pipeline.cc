#include "stream/pipeline.h"

#include <algorithm>
#include <utility>

#include "stream/decoder.h"
#include "stream/deduplicator.h"
#include "stream/engine_state.h"
#include "stream/predicate.h"
#include "stream/record_key.h"
#include "stream/watermarks.h"
#include "stream/window_group.h"
#include "stream/window_operator.h"

namespace tidecast {
namespace {

using Fate = DecodedBatch::Fate;

constexpr std::size_t kSmallestSnapshot = 64 << 10;  // Changes up to here are never worth one.
constexpr std::size_t kReasons = 5;
constexpr std::size_t kAhead = 12;  // Keys that are fetched before they are looked up.

class WindowedPipeline final : public Pipeline {
 public:
  WindowedPipeline(PipelineOptions options, FeatureStore& store, Decoder decoder)
      : options_(std::move(options)),
        store_(store),
        decoder_(std::move(decoder)),
        watermarks_(options_),
        cursors_(options_.sources.size()),
        groups_of_(options_.events.size()) {
    for (const EventMapping& event : options_.events) {
      deduplicates_ |= !event.id.empty();
      if (!event.id.empty()) known_ = Deduplicator(event.deduplicate_for);
    }
    for (const PipelineSource& source : options_.sources)
      patience_ = std::min(patience_, source.idle_after.value_or(patience_));
    for (std::size_t g = 0; g < options_.groups.size(); ++g) {
      const WindowGroup& group = options_.groups[g];
      const EventMapping& event = options_.events[group.event];
      operators_.push_back(WindowOperator::make(g, group, event));
      where_.emplace_back();
      if (!group.where.empty()) where_.back() = Predicate::parse(group.where, event).value();
      groups_of_[group.event].push_back(g);
      lateness_ = std::max(lateness_, group.lateness);
      patience_ = std::min(patience_, group.close_when_idle.value_or(patience_));
    }
  }

  Status restore() {
    Recovered recovered = TRY(store_.recover());
    TRY(take_cursors(recovered.cursors));
    std::string definition;
    for (ClockMark& mark : TRY(store_.clock_marks()))
      if (mark.kind == ClockMark::Kind::kDefinition) definition = std::move(mark.name);
    changed_ = definition != options_.definition;

    commit_.arrival = recovered.arrival;
    commit_.books = recovered.books;
    commit_.unmatched = recovered.unmatched;
    commit_.late_by_group = std::move(recovered.late_by_group);
    for (const WindowGroup& group : options_.groups) commit_.late_by_group.try_emplace(group.name, 0);
    if (recovered.engine_state.empty() && recovered.books.read > 0)
      return data_loss("{} records were read, but there is no engine state", recovered.books.read);
    TRY(decode_engine_state(options_, recovered.engine_state, watermarks_, operators_, gone_));
    if (!deduplicates_) return ok();
    TRY(store_.visit_keys([this](std::span<const KeySeen> keys) { known_.restore(keys); }));
    known_.end_restore();
    return ok();
  }

  Result<Ingested> ingest(std::size_t source, const RawBatch& batch) override {
    CHECK(source < options_.sources.size());
    if (failed_) return must_be_opened_again();
    if (batch.empty() && batch.cursor == cursors_[source]) return Ingested{};
    begin_commit(batch.empty() ? commit_.arrival : batch.records.front().arrival);
    commit_.source = options_.sources[source].name;
    commit_.cursor = batch.cursor;
    decoder_.decode(batch, source, decoded_);
    Ingested ingested;
    ingested.known = count_known(batch);
    commit_.gap = gap_before(source, batch, ingested.known);
    std::size_t r = 0, k = 0;  // Of the next rejected record, and of the next key of bytes.
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const ProcessingTime arrival = batch.records[i].arrival;
      const Read read{source, options_.sources[source].name, batch, i, arrival};
      begin_record(arrival);
      switch (decoded_.fate[i]) {
        case Fate::kAlive: take(read); break;
        case Fate::kUnmatched: pass(read, k++); break;
        case Fate::kDead: bury(read, r++, k++); break;
      }
    }
    if (!batch.empty()) commit_.arrival = batch.records.back().arrival;
    TRY(finish(ingested));
    cursors_[source] = batch.cursor;
    return ingested;
  }

  std::optional<ProcessingTime> next_due() const override {
    const std::optional<Due> due = first_due();
    return due ? std::optional(due->at) : std::nullopt;
  }

  Result<Ingested> on_time(ProcessingTime now) override {
    if (failed_) return must_be_opened_again();
    const std::optional<Due> due = first_due();
    if (!due || due->at > now) return Ingested{};
    begin_commit(due->at);
    run_clock(now + 1ms);
    commit_.arrival = std::max(commit_.arrival, commit_.marks.back().at);
    Ingested ingested;
    TRY(finish(ingested));
    return ingested;
  }

  Result<Replayed> replay(std::span<const DeadLetter> letters, ProcessingTime now) override {
    if (failed_) return must_be_opened_again();
    begin_commit(now);
    Replayed replayed;
    std::vector<RawBatch> taken;  // The archive's records stand in them until the commit.
    taken.reserve(letters.size());
    for (const DeadLetter& letter : letters) {
      if (letter.replayed_as) continue;
      const std::size_t source = source_of(letter);
      RawBatch& batch = taken.emplace_back();
      batch.append(letter.raw, letter.arrival);
      batch.pad();
      decoder_.decode(batch, source, decoded_);
      if (decoded_.fate[0] != Fate::kAlive) {  // Also what now meets no rule: it would count nowhere.
        ++replayed.still_dead;
        continue;
      }
      begin_record(now);
      commit_.replayed.emplace_back(letter.number, commit_.books.read);
      take({source, letter.source, batch, 0, now});
    }
    if (commit_.replayed.empty() && commit_.marks.empty()) return failed_ = false, replayed;
    commit_.arrival = std::max(commit_.arrival, now);
    TRY(finish(replayed.ingested));
    return replayed;
  }

  const std::string& cursor(std::size_t source) const override { return cursors_.at(source); }
  std::optional<EventTime> newest(std::size_t source) const override { return watermarks_.newest(source); }
  bool idle(std::size_t source) const override { return watermarks_.sources().at(source).idle; }
  std::optional<EventTime> watermark(std::size_t group) const override {
    return operators_.empty() ? std::nullopt : watermarks_.watermark(group);
  }
  std::size_t open_windows(std::size_t group) const override { return operators_.at(group)->open_windows(); }

  std::optional<OpenWindowState> oldest_open(std::size_t group) const override {
    const auto span = operators_.at(group)->oldest_open();
    if (!span) return std::nullopt;
    const WindowGroup& options = options_.groups[group];
    OpenWindowState state{span->start, span->end, {}, watermarks_.low(options.event), {}, {}};
    state.needs = std::max(span->end - 1ms, EventTime::epoch() + 1ms) + options.lateness;
    if (options_.sources.size() > 1) state.holding = watermarks_.holding(options.event);
    if (state.holding) state.newest = watermarks_.newest_of(options.event, *state.holding);
    if (const auto due = watermarks_.close_due(group, span->end)) state.idle_close = due->at;
    return state;
  }

 private:
  static Status must_be_opened_again() {
    return failed_precondition("an earlier batch failed; the pipeline must be opened again");
  }

  // A source under a new name would begin anew, and everything that was read under the old one would count twice.
  Status take_cursors(const std::map<std::string, std::string>& cursors) {
    // History that was read first is no source in whose place this one stands.
    bool known = std::ranges::all_of(cursors, [](const auto& c) { return c.first.starts_with(kBackfillPrefix); });
    for (std::size_t s = 0; s < cursors_.size(); ++s) {
      const auto cursor = cursors.find(options_.sources[s].name);
      if (cursor == cursors.end()) continue;
      cursors_[s] = cursor->second;
      known = true;
    }
    if (known) return ok();
    std::string before, now;
    for (const auto& [source, cursor] : cursors) before += fmt::format("{}'{}'", before.empty() ? "" : ", ", source);
    for (const PipelineSource& source : options_.sources)
      now += fmt::format("{}'{}'", now.empty() ? "" : ", ", source.name);
    return failed_precondition(
        "the store has read from the source {} so far, and {} is another; give it the old name back, or start with "
        "a new data folder",
        before, now);
  }

  // The totals go on from the batch before; everything else is this batch's own.  Until the commit has succeeded what
  // is in memory runs ahead of the store.
  void begin_commit(ProcessingTime at) {
    failed_ = true;
    commit_.source.clear();
    commit_.cursor.clear();
    commit_.new_keys.clear();
    commit_.closed.clear();
    commit_.archived.clear();
    commit_.dead.clear();
    commit_.late.clear();
    commit_.marks.clear();
    commit_.replayed.clear();
    commit_.gap.reset();
    before_ = commit_.books;
    late_.assign(operators_.size(), 0);
    look_at_clock_ = ProcessingTime::min();
    if (restarted_) mark_restart(at);
  }

  // What the first commit does differently from the last one before: on record for whoever repeats the decisions.
  void mark_restart(ProcessingTime at) {
    const auto mark = [&](ClockMark::Kind kind, const std::string& name, EventTime time) {
      commit_.marks.push_back({kind, name, commit_.books.read, at, time});
    };
    if (!options_.definition.empty() && (changed_ || !gone_.empty()))
      mark(ClockMark::Kind::kDefinition, options_.definition, EventTime::epoch());
    for (const std::string& source : gone_) mark(ClockMark::Kind::kSourceIdle, source, EventTime::epoch());
    for (std::size_t g = 0; g < operators_.size(); ++g) {
      const auto watermark = watermarks_.raise(g);
      if (!watermark || *watermark == EventTime::epoch()) continue;
      mark(ClockMark::Kind::kForcedWatermark, options_.groups[g].name, *watermark);
      operators_[g]->advance(*watermark, at, true, commit_.closed);
    }
  }

  Status finish(Ingested& ingested) {
    const bool snapshot = changes_ > std::max(kSmallestSnapshot, snapshot_);
    encode_engine_state(options_, watermarks_, operators_, snapshot, commit_.engine_state);
    commit_.engine_goes_on = !snapshot;
    if (snapshot) {
      snapshot_ = commit_.engine_state.size();
      changes_ = 0;
    } else {
      changes_ += commit_.engine_state.size();
    }
    for (std::size_t g = 0; g < operators_.size(); ++g) commit_.late_by_group[options_.groups[g].name] += late_[g];
    CHECK(commit_.books.balanced());
    TRY(store_.commit(commit_));
    failed_ = false;
    gone_.clear();
    restarted_ = false;
    const Books& now = commit_.books;
    ingested.books = {now.read - before_.read, now.stored - before_.stored, now.duplicate - before_.duplicate,
                      now.late - before_.late, now.dead - before_.dead};
    for (const DeadLetter& letter : commit_.dead) {
      if (ingested.reasons.size() == kReasons) break;
      if (std::ranges::find(ingested.reasons, letter.reason) == ingested.reasons.end())
        ingested.reasons.push_back(letter.reason);
    }
    ingested.closed = std::exchange(commit_.closed, {});
    ingested.gap = commit_.gap;
    return ok();
  }

  // ---- known records ----------------------------------------------------------------------------------------------

  bool is_duplicate(const RecordKey& key, ProcessingTime arrival) {
    if (!known_.is_new(key, arrival)) return true;
    commit_.new_keys.push_back({key, arrival});
    return false;
  }

  bool has_id(std::size_t i) const { return !options_.events[decoded_.event[i]].id.empty(); }

  // Of the decoded batch, before any of its records is remembered.
  std::size_t count_known(const RawBatch& batch) {
    raw_keys_.clear();
    if (!deduplicates_) return 0;
    std::size_t known = 0, r = 0;
    const std::size_t n = batch.records.size();
    for (std::size_t i = 0; i < n; ++i) {
      if (i + kAhead < n && decoded_.fate[i + kAhead] == Fate::kAlive) known_.prefetch(decoded_.key[i + kAhead]);
      const ProcessingTime arrival = batch.records[i].arrival;
      if (decoded_.fate[i] == Fate::kAlive) {
        known += has_id(i) && known_.knows(decoded_.key[i], arrival);
        continue;
      }
      raw_keys_.push_back(dead_key(batch.raw(i)));
      const bool by_guard = decoded_.fate[i] == Fate::kDead && decoded_.rejected[r++].by_guard;
      known +=
          known_.knows(raw_keys_.back(), arrival) || (by_guard && has_id(i) && known_.knows(decoded_.key[i], arrival));
    }
    return known;
  }

  // What may have been missed before the batch lies between the newest event time so far and the oldest in the batch;
  // where they overlap, within that stretch.  Records further behind than the lateness are passed over: they are late,
  // as all would have been that was missed about them, and one misdated record must not make a hole of the whole past.
  // Where no record has a time to go by, the stream has come as far as its arrival.  Before the first event there is
  // nothing to have a hole.
  std::optional<SourceGap> gap_before(std::size_t source, const RawBatch& batch, std::size_t known) const {
    if (!batch.overlapping || batch.empty() || !deduplicates_ || known > 0) return std::nullopt;
    const std::optional<EventTime> newest = watermarks_.newest(source);
    if (!newest) return std::nullopt;
    const ProcessingTime arrival = batch.records.front().arrival;
    std::optional<EventTime> oldest;
    bool timed = false;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      if (decoded_.fate[i] != Fate::kAlive) continue;
      timed = true;
      const EventTime time = decoded_.events[decoded_.event[i]].time[i];
      if (time >= *newest - lateness_) oldest = std::min(oldest.value_or(EventTime::max()), time);
    }
    if (!timed) oldest = std::max(*newest, EventTime::from_ms(arrival.ms()));
    if (!oldest) return std::nullopt;
    return SourceGap{options_.sources[source].name, std::min(*newest, *oldest), std::max(*newest, *oldest), arrival};
  }

  // The source whose dead letter it is; kNoSource if that is gone.  Letters of the first version do not say.
  std::size_t source_of(const DeadLetter& letter) const {
    if (letter.source.empty() && options_.sources.size() == 1) return 0;
    const auto found = std::ranges::find(options_.sources, letter.source, &PipelineSource::name);
    return found == options_.sources.end() ? Decoder::kNoSource
                                           : static_cast<std::size_t>(found - options_.sources.begin());
  }

  // ---- one record -------------------------------------------------------------------------------------------------

  struct Read {
    std::size_t source;
    std::string_view name;  // Of the source.
    const RawBatch& batch;
    std::size_t i;  // In the batch, and in `decoded_`.
    ProcessingTime arrival;
  };

  void begin_record(ProcessingTime arrival) {
    watermarks_.begin(arrival);
    if (arrival > look_at_clock_) run_clock(arrival);
  }

  void take(const Read& read) {
    const std::uint64_t number = commit_.books.read++;
    const std::size_t i = read.i, e = decoded_.event[i];
    if (has_id(i) && is_duplicate(decoded_.key[i], read.arrival)) {
      ++commit_.books.duplicate;
      return;
    }
    const EventBatch& events = decoded_.events[e];
    const EventTime time = events.time[i];
    // A source that is gone moves nothing.
    const bool moves = read.source != Decoder::kNoSource && watermarks_.on_record(e, read.source, time, read.arrival);
    bool counted = groups_of_[e].empty(), refused = false;
    std::string reason;
    for (const std::size_t g : groups_of_[e]) {
      if (where_[g] && !where_[g]->matches(events, i)) {
        refused = true;
      } else if (operators_[g]->on_event(events, i, number, read.arrival, commit_.closed)) {
        counted = true;
      } else {
        ++late_[g];
        reason += fmt::format("{}{}: {}", reason.empty() ? "" : "; ", options_.groups[g].name,
                              operators_[g]->late_reason(time));
      }
      if (!moves) continue;
      if (const auto watermark = watermarks_.raise(g))
        operators_[g]->advance(*watermark, read.arrival, false, commit_.closed);
    }
    CHECK(counted || refused || !reason.empty());
    const bool late = !counted && !reason.empty();
    ++(late ? commit_.books.late : commit_.books.stored);
    if (!reason.empty())
      commit_.late.push_back({number, read.arrival, time, std::move(reason), std::string(read.batch.raw(i)),
                              std::string(read.name), counted});
    commit_.archived.push_back(
        {number, read.arrival, late ? "late" : "stored", read.batch.raw(i), read.name, options_.events[e].name});
  }

  // A record that meets no rule: kept, and in no window.  `k` is the place of its bytes' key.
  void pass(const Read& read, std::size_t k) {
    const std::uint64_t number = commit_.books.read++;
    if (deduplicates_ && is_duplicate(raw_keys_[k], read.arrival)) {
      ++commit_.books.duplicate;
      return;
    }
    ++commit_.books.stored;
    ++commit_.unmatched;
    commit_.archived.push_back({number, read.arrival, "stored", read.batch.raw(read.i), read.name, "-"});
  }

  // A time that a guard refuses now says nothing against a record that was taken when it was in time; any other that
  // cannot be taken is known by its bytes.
  void bury(const Read& read, std::size_t r, std::size_t k) {
    const std::uint64_t number = commit_.books.read++;
    DecodedBatch::Rejection& rejected = decoded_.rejected[r];
    const bool taken_before = rejected.by_guard && has_id(read.i) && known_.knows(decoded_.key[read.i], read.arrival);
    if (deduplicates_ && (taken_before || is_duplicate(raw_keys_[k], read.arrival))) {
      ++commit_.books.duplicate;
      return;
    }
    ++commit_.books.dead;
    commit_.dead.push_back(
        {number,
         read.arrival,
         std::move(rejected.reason),
         std::string(read.batch.raw(read.i)),
         std::string(read.name),
         fmt::format("{}, record {} of {}", read.batch.cursor, read.i + 1, read.batch.records.size()),
         {}});
  }

  // ---- the wall clock ---------------------------------------------------------------------------------------------

  struct Due {
    ProcessingTime at;
    std::optional<std::size_t> source;  // That becomes idle; or
    std::size_t group = 0;              // whose watermark is forced
    EventTime watermark{};              // to this.
  };

  // At one moment sources before groups, in their order.
  std::optional<Due> first_due() const {
    std::optional<Due> first;
    for (std::size_t s = 0; s < options_.sources.size(); ++s)
      if (const auto at = watermarks_.idle_due(s); at && (!first || *at < first->at)) first = Due{*at, s};
    for (std::size_t g = 0; g < operators_.size(); ++g) {
      if (!options_.groups[g].close_when_idle) continue;
      const auto span = operators_[g]->oldest_open();
      const auto forced = span ? watermarks_.close_due(g, span->end) : std::nullopt;
      if (forced && (!first || forced->at < first->at)) first = Due{forced->at, std::nullopt, g, forced->watermark};
    }
    return first;
  }

  // Does what is due before `until`, each at its own moment, so that it does not matter when the clock is asked.
  void run_clock(ProcessingTime until) {
    if (patience_ == Milliseconds::max()) return look_at_clock_ = ProcessingTime::max(), void();
    std::optional<Due> due = first_due();
    for (; due && due->at < until; due = first_due()) {
      if (due->source) {
        commit_.marks.push_back(
            {ClockMark::Kind::kSourceIdle, options_.sources[*due->source].name, commit_.books.read, due->at, {}});
        watermarks_.make_idle(*due->source);
        for (std::size_t g = 0; g < operators_.size(); ++g)
          if (watermarks_.may_bring(*due->source, options_.groups[g].event))
            if (const auto watermark = watermarks_.raise(g))
              operators_[g]->advance(*watermark, due->at, true, commit_.closed);
      } else {
        commit_.marks.push_back({ClockMark::Kind::kForcedWatermark, options_.groups[due->group].name,
                                 commit_.books.read, due->at, due->watermark});
        CHECK(watermarks_.force(due->group, due->watermark));
        operators_[due->group]->advance(due->watermark, due->at, true, commit_.closed);
      }
    }
    // A record that comes from here on makes nothing due before it has been silent for the shortest patience.
    look_at_clock_ = until + patience_;
    if (due) look_at_clock_ = std::min(look_at_clock_, due->at);
  }

  PipelineOptions options_;
  FeatureStore& store_;
  Decoder decoder_;
  Deduplicator known_{std::nullopt};
  bool deduplicates_ = false;
  Watermarks watermarks_;
  Operators operators_;
  std::vector<std::optional<Predicate>> where_;  // By group.
  std::vector<std::string> cursors_;             // By source.
  // Until the first commit: which sources are no more, and whether the definition's text is another.
  std::vector<std::string> gone_;
  bool restarted_ = true, changed_ = false;
  std::vector<std::vector<std::size_t>> groups_of_;  // By event.
  DecodedBatch decoded_;
  std::vector<RecordKey> raw_keys_;              // One a record of this batch that is not alive, of its bytes.
  Milliseconds lateness_{0};                     // The largest of a group.
  Milliseconds patience_ = Milliseconds::max();  // The shortest after which the wall clock does something.
  ProcessingTime look_at_clock_;                 // Nothing is due before.
  std::vector<std::uint64_t> late_;              // Of this batch, by group.
  Commit commit_;                                // The last one, or the one in the making; its vectors are reused.
  Books before_;                                 // This batch.
  // Bytes of the last snapshot, and of the changes since; the first commit after a restart is one.
  std::size_t snapshot_ = 0, changes_ = SIZE_MAX;
  bool failed_ = false;
};

}  // namespace

Result<std::unique_ptr<Pipeline>> Pipeline::open(PipelineOptions options, FeatureStore& store) {
  TRY(check_options(options));
  TRY(check_store(options, store));
  Decoder decoder = TRY(Decoder::compile(options.events));
  auto pipeline = std::make_unique<WindowedPipeline>(std::move(options), store, std::move(decoder));
  TRY(pipeline->restore());
  return std::unique_ptr<Pipeline>(std::move(pipeline));
}

}  // namespace tidecast
