#include "stream/pipeline.h"

#include <utility>

#include "stream/decoder.h"
#include "stream/deduplicator.h"
#include "stream/engine_state.h"
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
        known_(options_.event.deduplicate_for) {
    for (std::size_t g = 0; g < options_.groups.size(); ++g) {
      const WindowGroup& group = options_.groups[g];
      windows_.emplace_back(g, group, options_.event);
      shapes_.push_back({layout_of(group, options_.event), group.window, group.columns.size()});
    }
    commit_.source = options_.source;
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
      auto states = TRY(decode_engine_state(shapes_, recovered.engine_state));
      for (std::size_t g = 0; g < windows_.size(); ++g) windows_[g].restore(std::move(states[g]));
    }
    if (options_.event.id.empty()) return ok();
    return store_.visit_keys([this](std::span<const KeySeen> keys) { known_.restore(keys); });
  }

  Result<std::vector<ClosedWindow>> ingest(const RawBatch& batch) override {
    if (failed_) return failed_precondition("an earlier batch failed; the pipeline must be opened again");
    if (batch.empty() && batch.cursor == commit_.cursor) return std::vector<ClosedWindow>{};
    failed_ = true;  // Until the commit has succeeded: what is in memory runs ahead of the store.
    begin_commit(batch);
    decoder_.decode(batch, events_);
    auto rejected = events_.rejected.begin();
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const std::uint64_t number = commit_.books.read++;
      const ProcessingTime arrival = batch.records[i].arrival;
      if (events_.alive[i] == 0) {
        ++commit_.books.dead;
        commit_.dead.push_back({number, arrival, std::move(rejected->reason), std::string(batch.raw(i))});
        ++rejected;
      } else if (is_duplicate(events_.key[i], arrival)) {
        ++commit_.books.duplicate;
      } else {
        const bool stored = count(i, arrival);
        ++(stored ? commit_.books.stored : commit_.books.late);
        commit_.archived.push_back({number, arrival, stored ? "stored" : "late", batch.raw(i)});
      }
    }
    end_commit();
    TRY(store_.commit(commit_));
    failed_ = false;
    return std::exchange(commit_.closed, {});
  }

  const std::string& cursor() const override { return commit_.cursor; }
  std::optional<EventTime> watermark() const override {
    return windows_.empty() ? std::nullopt : windows_[0].state().watermark;
  }
  std::size_t open_windows(std::size_t group) const override { return windows_.at(group).state().open.size(); }

 private:
  // A source under a new name would begin anew, and everything that was read under the old one would count twice.
  Result<std::string> cursor_in(const std::map<std::string, std::string>& cursors) const {
    if (const auto cursor = cursors.find(options_.source); cursor != cursors.end()) return cursor->second;
    if (cursors.empty()) return std::string();
    std::string known;
    for (const auto& [source, cursor] : cursors) known += (known.empty() ? "'" : ", '") + source + "'";
    return failed_precondition(
        "the store has read from the source {} so far, and '{}' is another; give it the old name back, or start with "
        "a new data folder",
        known, options_.source);
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
    if (options_.event.id.empty()) return false;
    if (!known_.is_new(key, arrival)) return true;
    commit_.new_keys.push_back({key, arrival});
    return false;
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
    encode_engine_state(shapes_, states, commit_.engine_state);
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
  std::vector<std::uint64_t> late_;  // Of this batch, by group.
  Commit commit_;                    // The last one, or the one in the making; its vectors are reused.
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
  Decoder decoder = TRY(Decoder::compile(options.event));
  auto pipeline = std::make_unique<WindowedPipeline>(std::move(options), store, std::move(decoder));
  TRY(pipeline->restore());
  return std::unique_ptr<Pipeline>(std::move(pipeline));
}

}  // namespace tidecast
