#pragma once
// The feature store on RocksDB; see store.h for what it promises and docs/formats/feature_store.md for what lies where.
// Only FeatureStore::open and the tests of this room name this class.
//
// A feature row is written once, under its window's end.  It is in the outbox until the manifest has a Parquet file
// with it, so one write to the manifest moves an hour of rows from the outbox to the files.  Files are never changed or
// removed.

#include <mutex>
#include <shared_mutex>

#include "features/keyspace.h"
#include "features/raw_block.h"
#include "features/store.h"
#include "storage/duck.h"
#include "storage/rocks.h"

namespace tidecast {

class RocksFeatureStore final : public FeatureStore {
 public:
  // Called before each step that changes the disk, with its name.  An error ends the operation there, as if the program
  // had died: tests take the store apart at every step.
  using StepHook = std::function<Status(std::string_view step)>;
  static Result<std::unique_ptr<RocksFeatureStore>> open(Options options, StepHook before_step = {});

  const std::vector<FeatureGroup>& groups() const override { return options_.groups; }
  Result<Recovered> recover() const override;
  Status visit_keys(const std::function<void(std::span<const KeySeen>)>& visit) const override;
  Status commit(const Commit& commit) override;
  Status flush(ProcessingTime now, bool everything) override;
  bool raw_outbox_full() const override;

  Books books() const override;
  std::uint64_t rows(std::string_view group) const override;
  Result<std::optional<FeatureRow>> latest(std::string_view group, std::string_view key = "") const override;
  Result<std::optional<FeatureRow>> get(std::string_view group, EventTime window_end,
                                        std::string_view key = "") const override;
  Result<std::vector<std::optional<FeatureRow>>> latest_of(std::string_view, std::span<const std::string>) const override {
    return std::vector<std::optional<FeatureRow>>();
  }
  Result<std::vector<std::string>> keys(std::string_view, std::size_t, std::string_view) const override {
    return std::vector<std::string>();
  }
  Result<std::uint64_t> erase(std::string_view, const std::optional<std::string>&, EventRange,
                              ProcessingTime) override {
    return std::uint64_t{0};
  }
  Result<std::optional<DeadLetter>> dead_letter(std::uint64_t) const override { return std::optional<DeadLetter>(); }
  Result<std::vector<LateRecord>> late_records(std::size_t, std::size_t) const override {
    return std::vector<LateRecord>();
  }
  Result<std::vector<ClockMark>> clock_marks() const override { return std::vector<ClockMark>(); }
  std::uint64_t unmatched() const override { return 0; }
  Result<std::vector<FeatureRow>> select(std::string_view group, const RowQuery& query) const override;
  Result<TimeSeries> series(std::string_view group, std::string_view column, EventRange range,
                            ProcessingTime as_of,
                            std::string_view key = "") const override;
  Result<std::vector<SourceGap>> gaps(EventRange range) const override;
  std::uint64_t gap_count() const override;
  Result<OfflineView> offline(std::string_view group) const override;
  Result<std::vector<DeadLetter>> dead_letters(std::size_t most, std::size_t most_bytes) const override;
  Status visit_archive(const std::function<bool(std::string_view line)>& visit) const override;

 private:
  // What readers see of the last commit without going to RocksDB.
  struct GroupState {
    std::optional<FeatureRow> newest;
    std::uint64_t rows = 0;
    EventTime in_files = EventTime::min();  // window_end of the last row in a Parquet file.
  };

  RocksFeatureStore(Options options, rocks::Database database, StepHook before_step)
      : options_(std::move(options)), database_(std::move(database)), before_step_(std::move(before_step)) {}

  // Opening.
  Status check_schemas();
  Status load();
  Status check_files();

  // Committing.
  Status check(const Commit& commit) const;

  // Flushing, each until nothing more is finished.
  Status flush_rows(std::size_t group, bool everything);
  Status write_rows_file(const FeatureGroup& group, std::span<const FeatureRow> rows);
  Status flush_raw(ProcessingTime now, bool everything);
  Status write_raw_file(ProcessingTime hour);
  Status drop_old_rows(std::size_t group);
  Status drop_old_keys();

  Status step(std::string_view name) const { return before_step_ ? before_step_(name) : ok(); }
  Status write(const rocks::Batch& batch) {
    return database_.write(batch, options_.sync ? rocks::Sync::kYes : rocks::Sync::kNo);
  }
  Result<std::size_t> index_of(std::string_view group) const;  // kNotFound names the groups there are.
  Result<std::vector<OfflineFile>> files_of(const FeatureGroup& group, const rocks::Snapshot& at) const;
  // Rows in RocksDB with window_end in `range`, oldest first.
  Result<std::vector<FeatureRow>> rows_in_database(const FeatureGroup& group, EventRange range,
                                                   const rocks::Snapshot& at) const;

  const Options options_;
  rocks::Database database_;
  const StepHook before_step_;

  // The writer's own.
  RawBlockWriter raw_writer_;
  std::optional<duck::Session> parquet_writer_;  // From the first file on; opening one takes longer than a file.
  std::uint64_t next_pack_ = 0;
  std::optional<std::uint64_t> last_number_;  // Of the last archived record.
  std::uint64_t raw_outbox_bytes_ = 0;        // Of the blocks that are in no file yet.

  // Changed by the writer after each commit or flush, read by everybody.
  mutable std::shared_mutex mutex_;
  keyspace::Totals totals_;
  std::uint64_t gap_count_ = 0;
  std::vector<GroupState> state_;  // One a group.
};

}  // namespace tidecast
