#include "stream/pipeline.h"

#include <algorithm>
#include <utility>

#include "stream/decoder.h"
#include "stream/deduplicator.h"
#include "stream/engine_state.h"
#include "stream/record_key.h"
#include "stream/tumbling_window.h"
#include "stream/window_group.h"

namespace tidecast {
namespace {

class WindowedPipeline final : public Pipeline {
 public:
  WindowedPipeline(PipelineOptions options, FeatureStore& store, Decoder decoder)
      : options_(std::move(options)),
        store_(store),
        decoder_(std::move(decoder)),
        known_(options_.events[0].deduplicate_for) {
    for (std::size_t g = 0; g < options_.groups.size(); ++g) {
      const WindowGroup& group = options_.groups[g];
      windows_.emplace_back(g, group, options_.events[0]);
      shapes_.push_back({layout_of(group, options_.events[0]), group.window, group.columns.size()});
      lateness_ = std::max(lateness_, group.lateness);
    }
    commit_.source = options_.sources[0].name;
  }

  Status restore() {
    Recovered recovered = TRY(store_.recover());
    commit_.cursor = TRY(cursor_in(recovered.cursors));
    commit_.arrival = recovered.arrival;
    commit_.books = recovered.books;
    commit_.late_by_group = std::move(recovered.late_by_group);
    for (const WindowGroup& group : options_.groups) commit_.late_by_group.try_emplace(group.name, 0);
    if (recovered.engine_state.empty() && recovered.books.read > 0)
      return data_loss("{} records were read, but there is no engine state", recovered.books.read);
    if (!recovered.engine_state.empty()) {
      EngineState state = TRY(decode_engine_state(shapes_, recovered.engine_state.back()));
      newest_ = state.newest ? state.newest : newest_of(state.groups);
      for (std::size_t g = 0; g < windows_.size(); ++g) windows_[g].restore(std::move(state.groups[g]));
    }
    if (options_.events[0].id.empty()) return ok();
    return store_.visit_keys([this](std::span<const KeySeen> keys) { known_.restore(keys); });
  }

  Result<Ingested> ingest(std::size_t, const RawBatch& batch) override {
    if (failed_) return failed_precondition("an earlier batch failed; the pipeline must be opened again");
    if (batch.empty() && batch.cursor == commit_.cursor) return Ingested{};
    failed_ = true;  // Until the commit has succeeded: what is in memory runs ahead of the store.
    begin_commit(batch);
    decoder_.decode(batch, events_);
    const std::size_t known = count_known(batch);
    commit_.gap = gap_before(batch, known);
    std::size_t r = 0;  // Of the next rejected record.
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const std::uint64_t number = commit_.books.read++;
      const ProcessingTime arrival = batch.records[i].arrival;
      if (events_.alive[i] == 0) {
        if (has_come_before(r, arrival)) {
          ++commit_.books.duplicate;
        } else {
          ++commit_.books.dead;
          commit_.dead.push_back({number, arrival, std::move(events_.rejected[r].reason), std::string(batch.raw(i)), options_.sources[0].name, batch.cursor, {}});
        }
        ++r;
      } else if (is_duplicate(events_.key[i], arrival)) {
        ++commit_.books.duplicate;
      } else {
        const bool stored = count(i, arrival);
        if (!newest_ || events_.time[i] > *newest_) newest_ = events_.time[i];
        ++(stored ? commit_.books.stored : commit_.books.late);
        commit_.archived.push_back({number, arrival, stored ? "stored" : "late", batch.raw(i)});
      }
    }
    end_commit();
    TRY(store_.commit(commit_));
    failed_ = false;
    return Ingested{std::exchange(commit_.closed, {}), known, std::exchange(commit_.gap, {}), {}, {}};
  }

  std::optional<ProcessingTime> next_due() const override { return std::nullopt; }
  Result<Ingested> on_time(ProcessingTime) override { return Ingested{}; }
  Result<Replayed> replay(std::span<const DeadLetter>, ProcessingTime) override { return Replayed{}; }
  const std::string& cursor(std::size_t) const override { return commit_.cursor; }
  std::optional<EventTime> newest(std::size_t) const override { return newest_; }
  bool idle(std::size_t) const override { return false; }
  std::optional<OpenWindowState> oldest_open(std::size_t) const override { return std::nullopt; }
  std::optional<EventTime> watermark(std::size_t group) const override {
    return windows_.empty() ? std::nullopt : windows_[group].state().watermark;
  }
  std::size_t open_windows(std::size_t group) const override { return windows_.at(group).state().open.size(); }

 private:
  // A source under a new name would begin anew, and everything that was read under the old one would count twice.
  Result<std::string> cursor_in(const std::map<std::string, std::string>& cursors) const {
    if (const auto cursor = cursors.find(options_.sources[0].name); cursor != cursors.end()) return cursor->second;
    if (cursors.empty()) return std::string();
    std::string known;
    for (const auto& [source, cursor] : cursors) known += (known.empty() ? "'" : ", '") + source + "'";
    return failed_precondition(
        "the store has read from the source {} so far, and '{}' is another; give it the old name back, or start with "
        "a new data folder",
        known, options_.sources[0].name);
  }

  // The totals go on from the batch before; everything else is this batch's own.
  void begin_commit(const RawBatch& batch) {
    commit_.cursor = batch.cursor;
    if (!batch.empty()) commit_.arrival = batch.records.back().arrival;
    commit_.new_keys.clear();
    commit_.closed.clear();
    commit_.archived.clear();
    commit_.dead.clear();
    late_.assign(windows_.size(), 0);
  }

  bool is_duplicate(const RecordKey& key, ProcessingTime arrival) {
    if (options_.events[0].id.empty()) return false;
    if (!known_.is_new(key, arrival)) return true;
    commit_.new_keys.push_back({key, arrival});
    return false;
  }

  // A time that a guard refuses now says nothing against a record that was taken when it was in time; any other that
  // cannot be taken is known by its bytes.
  bool has_come_before(std::size_t r, ProcessingTime arrival) {
    if (options_.events[0].id.empty()) return false;
    const EventBatch::Rejection& rejected = events_.rejected[r];
    if (rejected.by_guard && known_.knows(events_.key[rejected.record], arrival)) return true;
    return is_duplicate(dead_keys_[r], arrival);
  }

  // Of the decoded batch, before any of its records is remembered.
  std::size_t count_known(const RawBatch& batch) {
    dead_keys_.clear();
    if (options_.events[0].id.empty()) return 0;
    std::size_t known = 0;
    for (const EventBatch::Rejection& rejected : events_.rejected) {
      const ProcessingTime arrival = batch.records[rejected.record].arrival;
      dead_keys_.push_back(dead_key(batch.raw(rejected.record)));
      known += known_.knows(dead_keys_.back(), arrival) ||
               (rejected.by_guard && known_.knows(events_.key[rejected.record], arrival));
    }
    for (std::size_t i = 0; i < batch.records.size(); ++i)
      known += events_.alive[i] != 0 && known_.knows(events_.key[i], batch.records[i].arrival);
    return known;
  }

  // What may have been missed before the batch lies between the newest event time so far and the oldest in the batch;
  // where they overlap, within that stretch.  Records further behind than the lateness are passed over: they are late,
  // as all would have been that was missed about them, and one misdated record must not make a hole of the whole past.
  // Where no record has a time to go by, the stream has come as far as its arrival.  Before the first event there is
  // nothing to have a hole.
  std::optional<SourceGap> gap_before(const RawBatch& batch, std::size_t known) const {
    if (!batch.overlapping || batch.empty() || options_.events[0].id.empty() || known > 0 || !newest_) return std::nullopt;
    const ProcessingTime arrival = batch.records.front().arrival;
    std::optional<EventTime> oldest;
    if (events_.rejected.size() == batch.records.size()) oldest = std::max(*newest_, EventTime::from_ms(arrival.ms()));
    for (std::size_t i = 0; i < batch.records.size(); ++i)
      if (events_.alive[i] != 0 && events_.time[i] >= *newest_ - lateness_)
        oldest = std::min(oldest.value_or(EventTime::max()), events_.time[i]);
    if (!oldest) return std::nullopt;
    return SourceGap{options_.sources[0].name, std::min(*newest_, *oldest), std::max(*newest_, *oldest), arrival};
  }

  // For a state that an earlier version wrote.  Off by as much as a lateness was changed since; unknown before 1970.
  std::optional<EventTime> newest_of(std::span<const TumblingWindow::State> states) const {
    std::optional<EventTime> newest;
    for (std::size_t g = 0; g < states.size(); ++g)
      if (states[g].watermark && *states[g].watermark > EventTime::epoch())
        newest = std::max(newest.value_or(EventTime::min()), *states[g].watermark + options_.groups[g].lateness);
    return newest;
  }

  // Whether record `i` counted in at least one group's window, or there is no group to be late for.
  bool count(std::size_t i, ProcessingTime arrival) {
    bool counted = windows_.empty();
    for (std::size_t g = 0; g < windows_.size(); ++g) {
      const bool in_time = windows_[g].on_event(events_, i, arrival, commit_.closed);
      late_[g] += in_time ? 0 : 1;
      counted |= in_time;
    }
    return counted;
  }

  void end_commit() {
    std::vector<const TumblingWindow::State*> states;
    for (const TumblingWindow& window : windows_) states.push_back(&window.state());
    encode_engine_state(shapes_, newest_, states, commit_.engine_state);
    for (std::size_t g = 0; g < windows_.size(); ++g) commit_.late_by_group[options_.groups[g].name] += late_[g];
    CHECK(commit_.books.balanced());
  }

  PipelineOptions options_;
  FeatureStore& store_;
  Decoder decoder_;
  Deduplicator known_;
  std::vector<TumblingWindow> windows_;  // One a group.
  std::vector<GroupShape> shapes_;
  EventBatch events_;
  std::vector<RecordKey> dead_keys_;  // One a rejected record of this batch.
  std::optional<EventTime> newest_;   // Of all records that were no duplicates.
  Milliseconds lateness_{0};          // The largest of a group.
  std::vector<std::uint64_t> late_;   // Of this batch, by group.
  Commit commit_;                     // The last one, or the one in the making; its vectors are reused.
  bool failed_ = false;
};

// Rows go to the store by the group's index, so both must mean the same group by it.
Status check_store(const PipelineOptions& options, const FeatureStore& store) {
  const std::vector<FeatureGroup>& kept = store.groups();
  if (kept.size() != options.groups.size())
    return failed_precondition("the store has {} groups, the pipeline {}", kept.size(), options.groups.size());
  for (std::size_t g = 0; g < kept.size(); ++g) {
    const WindowGroup& group = options.groups[g];
    if (kept[g].name != group.name || kept[g].window != group.window || kept[g].columns.size() != group.columns.size())
      return failed_precondition(
          "group {} is {} ({}, {} columns) in the store, "
          "but {} ({}, {} columns) in the pipeline",
          g, kept[g].name, to_text(kept[g].window), kept[g].columns.size(), group.name, to_text(group.window),
          group.columns.size());
  }
  return ok();
}

}  // namespace

Result<std::unique_ptr<Pipeline>> Pipeline::open(PipelineOptions options, FeatureStore& store) {
  TRY(check_options(options));
  TRY(check_store(options, store));
  Decoder decoder = TRY(Decoder::compile(options.events[0]));
  auto pipeline = std::make_unique<WindowedPipeline>(std::move(options), store, std::move(decoder));
  TRY(pipeline->restore());
  return std::unique_ptr<Pipeline>(std::move(pipeline));
}

}  // namespace tidecast
