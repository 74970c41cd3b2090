#pragma once
// The feature store on RocksDB; see store.h for what it promises and docs/formats/feature_store.md for what lies where.
// Only FeatureStore::open and the tests of this room name this class.
//
// A version of a feature row (the first, a correction, a tombstone) is written twice: online under its window's end,
// where it replaces the version before, and to the outbox under the next number of its group.  Parquet files are cut
// from the outbox; one write to the manifest moves their rows there.  So files and outbox together are every version
// ever written, each once, and what was known at any moment can be read from them.

#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "features/file_epoch.h"
#include "features/keyspace.h"
#include "features/raw_archive.h"
#include "features/reader_sessions.h"
#include "features/schema_history.h"
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
  Status flush(bool everything) override;

  Books books() const override;
  std::uint64_t rows(std::string_view group) const override;
  Result<std::optional<FeatureRow>> latest(std::string_view group, std::string_view key = "") const override;
  Result<std::optional<FeatureRow>> get(std::string_view group, EventTime window_end,
                                        std::string_view key = "") const override;
  Result<std::vector<std::optional<FeatureRow>>> latest_of(std::string_view group,
                                                           std::span<const std::string> keys) const override;
  Result<std::vector<std::string>> keys(std::string_view group, std::size_t most,
                                        std::string_view after) const override;
  Result<std::uint64_t> erase(std::string_view group, const std::optional<std::string>& key, EventRange range,
                              ProcessingTime at) override;
  Result<bool> compact(std::uint64_t most_bytes) override;
  Result<std::vector<DeadLetter>> dead_letters_from(std::uint64_t number, std::size_t most,
                                                    std::size_t most_bytes) const override;
  Result<std::optional<DeadLetter>> dead_letter(std::uint64_t number) const override;
  Result<std::vector<LateRecord>> late_records(std::size_t most, std::size_t most_bytes,
                                               std::uint64_t* left_out = nullptr) const override;
  Result<std::vector<ClockMark>> clock_marks() const override;
  std::uint64_t unmatched() const override;
  Result<std::vector<FeatureRow>> select(std::string_view group, const RowQuery& query) const override;
  Result<TimeSeries> series(std::string_view group, std::string_view column, EventRange range, ProcessingTime as_of,
                            std::string_view key = "") const override;
  Result<std::vector<SourceGap>> gaps(EventRange range) const override;
  std::uint64_t gap_count() const override;
  Result<OfflineView> offline(std::string_view group) const override;
  Result<std::vector<DeadLetter>> dead_letters(std::size_t most, std::size_t most_bytes,
                                               std::uint64_t* left_out = nullptr) const override;
  Status visit_archive(const std::function<bool(std::string_view line)>& visit) const override;
  Status visit_archive_range(const ArchiveRange& range,
                             const std::function<bool(std::string_view line)>& visit) const override;
  Freshness freshness(std::string_view group) const override;
  Result<StoreComparison> compare(std::string_view group, EventRange range) const override;

 private:
  // Newest row, that is not deleted, of each series.
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using Latest = std::unordered_map<std::string, FeatureRow, Hash, std::equal_to<>>;
  struct GroupState {
    SchemaHistory schemas;  // As it is after opening.
    // Changed by the writer after each commit or flush, read by everybody.
    Latest latest;
    keyspace::GroupCounters counters;
    std::uint64_t outbox_from = 0;  // No row of the outbox has a lesser sequence number.
    // The writer's own: least window_end of the rows in the outbox.
    EventTime oldest_in_outbox = EventTime::max();
  };
  // What a batch will change of a group.
  struct RowChanges {
    keyspace::GroupCounters counters;
    std::map<std::string_view, const FeatureRow*> latest;
    EventTime oldest = EventTime::max();
  };

  RocksFeatureStore(Options options, rocks::Database database, StepHook before_step)
      : options_(std::move(options)),
        database_(std::move(database)),
        before_step_(std::move(before_step)),
        raw_(options_.directory, options_.sync) {}

  // Opening.
  Status load_schemas();
  Status migrate(std::size_t group);
  Status load();
  Status bring_over_raw();
  Status load_group(std::size_t group, const rocks::Snapshot& now);
  Status check_files();

  // Committing.
  Status check(const Commit& commit) const;
  void add_engine_state(const Commit& commit, rocks::Batch& batch) const;
  Status add_replayed(const Commit& commit, rocks::Batch& batch) const;
  Result<std::vector<RowChanges>> add_rows(const Commit& commit, rocks::Batch& batch) const;
  void put_version(std::size_t group, const FeatureRow& row, RowChanges& changes, rocks::Batch& batch) const;
  Result<bool> was_erased(std::size_t group, const FeatureRow& row) const;

  // Flushing, each until nothing more is finished.
  using NumberedRows = std::vector<std::pair<std::uint64_t, FeatureRow>>;  // By sequence number.
  Status flush_rows(std::size_t group, bool everything);
  Status write_rows_file(std::size_t group, std::uint32_t schema, NumberedRows rows);
  Status drop_old_rows(std::size_t group);
  Status drop_old_files(std::size_t group);
  Status drop_old_raw();
  Status drop_old_records(std::string_view prefix, ProcessingTime oldest_kept);
  Status drop_old_keys();

  // Compaction.
  struct ManifestEntry {
    std::string key;
    keyspace::RowsFile file;
  };
  Result<std::vector<ManifestEntry>> entries(const FeatureGroup& group, const rocks::Snapshot& at) const;
  Status merge(std::size_t group, const std::vector<ManifestEntry>& files, const std::string& folder);
  Result<keyspace::RowsFile> finished_file(keyspace::RowsFile file) const;  // With its length and hash.
  Status replace_files(const rocks::Batch& batch, std::vector<std::filesystem::path> old, std::string_view name);

  Status step(std::string_view name) const { return before_step_ ? before_step_(name) : ok(); }
  Status write(const rocks::Batch& batch) {
    return database_.write(batch, options_.sync ? rocks::Sync::kYes : rocks::Sync::kNo);
  }
  Result<std::size_t> index_of(std::string_view group) const;  // kNotFound names the groups there are.
  Result<EventTime> online_from(std::size_t group, const rocks::Snapshot& at) const;
  bool is_online(std::size_t group, EventTime window_end) const;  // With the lock held.
  OfflineFile offline_file(std::size_t group, const keyspace::RowsFile& file) const;
  Result<std::vector<OfflineFile>> files_of(std::size_t group, EventRange range, const rocks::Snapshot& at) const;
  // Rows of RocksDB in `range`: tombstones too, oldest first; of one series or all.
  Result<std::vector<FeatureRow>> online_rows(std::size_t group, EventRange range,
                                              const std::optional<std::string>& key, const rocks::Snapshot& at) const;
  // The same of one series, from window to window of the grid.
  Result<std::vector<FeatureRow>> online_series(std::size_t group, EventRange range, const std::string& key,
                                                const rocks::Snapshot& at) const;
  // Taken in this order no file goes that the snapshot names, and no row of its outbox is passed over.
  struct View {
    std::shared_ptr<const void> hold;
    std::uint64_t outbox_from;
    rocks::Snapshot now;
  };
  View view_of(std::size_t group) const;
  Result<std::vector<FeatureRow>> outbox_rows(std::size_t group, const RowQuery& query, const View& at) const;
  // Every version in files and outbox, oldest first; and the newest of each window, but what is deleted.
  Result<std::vector<FeatureRow>> history(std::size_t group, const RowQuery& query, const View& at) const;
  Result<std::vector<FeatureRow>> newest_in_history(std::size_t group, const RowQuery& query, const View& at) const;
  Result<std::optional<FeatureRow>> online_row(std::size_t group, EventTime window_end, std::string_view key) const;

  const Options options_;
  rocks::Database database_;
  const StepHook before_step_;
  FileEpochs epochs_;
  mutable ReaderSessions sessions_;
  std::mutex files_mutex_;  // Held by who replaces files of the manifest.

  // The writer's own.
  RawArchive raw_;
  std::optional<duck::Session> parquet_writer_;  // From the first file on; opening one takes longer than a file.
  std::uint64_t next_pack_ = 0;
  std::uint64_t engine_pieces_ = 0;
  std::uint64_t next_mark_ = 0;
  std::optional<std::uint64_t> last_number_;  // Of the last archived record.

  // Changed by the writer after each commit or flush, read by everybody.
  mutable std::shared_mutex mutex_;
  keyspace::Totals totals_;
  std::uint64_t gap_count_ = 0;
  std::vector<GroupState> state_;  // One a group.
};

}  // namespace tidecast
