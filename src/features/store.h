#pragma once
// The feature store and everything else that one atomic commit of the stream touches: source cursors, de-duplication
// keys, open windows, online rows, the offline outbox and its Parquet files, the raw archive, dead letters, counters.
//
// One RocksDB (directory/state) holds the online store, the outbox and the manifest; files live beside it:
//   directory/offline/<group>/date=YYYY-MM-DD/hour=HH/<first>-<last>.parquet     by event time (window_end - 1 ms);
//   merged later into one a day, date=.../day/, and one a month, month=YYYY-MM/
//   directory/raw/date=YYYY-MM-DD/hour=HH/<number of its first record>.ndjson.zst    by arrival time
// Written by one thread (the scheduler's); read by any number of threads.  Formats: docs/formats/feature_store.md.

#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "features/schema_history.h"
#include "features/source_gap.h"
#include "flow/series.h"

namespace tidecast {

// Where each record read ended; read = stored + duplicate + late + dead, always.
struct Books {
  std::uint64_t read = 0, stored = 0, duplicate = 0, late = 0, dead = 0;
  bool balanced() const { return read == stored + duplicate + late + dead; }
  bool operator==(const Books&) const = default;
};

// A record identifier, exactly: 64 hexadecimal digits as 32 bytes, up to 31 bytes verbatim, longer ones by SHA-256.
using RecordKey = std::array<std::uint8_t, 32>;

struct KeySeen {
  RecordKey key;
  ProcessingTime first_seen;
};

// A record for the raw archive; verdict is "stored" or "late".
struct ArchivedRecord {
  std::uint64_t number;  // Of its arrival: 0 for the first record ever read.
  ProcessingTime arrival;
  std::string_view verdict;
  std::string_view raw;  // Must outlive the commit, as the two below.
  std::string_view source{};
  std::string_view event{};  // The event mapping that took it; "" the only one; "-" none: it matched no rule.
};

// A line of the archive taken apart; verdict and raw point into it.  kDataLoss - it is none.
Result<ArchivedRecord> parse_archived(std::string_view line);

struct DeadLetter {
  std::uint64_t number;
  ProcessingTime arrival;
  std::string reason;  // "/fee: found text, expected integer".
  std::string raw;     // The bytes as they came.
  std::string source{};
  std::string position{};                      // Where in the source: "file:8:1024, record 3 of 100".
  std::optional<std::uint64_t> replayed_as{};  // It was taken after all, as the record of this number.
};

// A record that came when a window of its had closed.
struct LateRecord {
  std::uint64_t number;
  ProcessingTime arrival;
  EventTime time;
  std::string reason;  // "tx_metrics: [12:00, 12:01) closed at watermark 12:01:03".
  std::string raw;
  std::string source{};
  bool counted = false;  // In a window of another group: then it is "stored" in the books.
};

// What the wall clock or a restart did to the stream, in the order of the records: with it, whoever has the archive can
// repeat every decision of the engine.
struct ClockMark {
  enum class Kind {
    kSourceIdle,       // From here on the watermark does not wait for `name`, a source, until it brings a record.
    kForcedWatermark,  // The watermark of `name`, a group, is `time` at least.
    kDefinition,       // From here on the definition whose text is `name` holds.
  };
  Kind kind;
  std::string name;
  std::uint64_t number;  // Of the next record to be read.
  ProcessingTime at;
  EventTime time;  // kForcedWatermark only.
  bool operator==(const ClockMark&) const = default;
};

struct ClosedWindow {
  std::size_t group;  // Index into Options::groups.
  FeatureRow row;
};

// All that one batch, or the wall clock, changes.  Filled by `stream`.
struct Commit {
  std::string source;      // Name of the source, and
  std::string cursor;      // where it goes on.  "": no source was read.
  ProcessingTime arrival;  // Of the batch's last record, or the clock's.
  std::vector<KeySeen> new_keys;
  // Watermarks, open windows; opaque here.  A piece that replaces all before it, or one that goes on from them.
  std::string engine_state;
  bool engine_goes_on = false;
  // In the order of closing.  A window's rows come with revision 0, 1, 2, ...; ends never fall but for corrections,
  // whose revision is above 0.
  std::vector<ClosedWindow> closed;
  std::vector<ArchivedRecord> archived;
  std::vector<DeadLetter> dead;
  std::vector<LateRecord> late;
  std::vector<ClockMark> marks;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> replayed;  // Dead letters, and as which records they were taken.
  std::optional<SourceGap> gap;                                   // That the batch showed.
  Books books;                                                    // Totals after this batch.
  std::map<std::string, std::uint64_t> late_by_group;             // Totals after this batch.
  std::uint64_t unmatched = 0;                                    // The same; they are among the stored.
};

// What a restarted stream goes on from.
struct Recovered {
  std::map<std::string, std::string> cursors;  // By source.
  std::vector<std::string> engine_state;       // The last piece that replaces, and those that go on from it.
  ProcessingTime arrival;                      // Of the last committed record, or later.
  Books books;
  std::map<std::string, std::uint64_t> late_by_group;
  std::uint64_t unmatched = 0;
};

struct OfflineFile {
  std::string group;
  std::filesystem::path path;
  EventRange range;  // Of window_end.
  std::uint64_t rows = 0;
  // The group's columns as the file has them, which is by their names of then; empty: as they are now.
  std::vector<std::string> columns{};  // "": the file has none like this column.
  bool versioned = true;  // It has the columns revision and closed_by_idle, which the first layout did not.
};

// What a group's readers could know at this moment.
struct Freshness {
  std::optional<EventTime> event_time;       // window_end of the newest row.
  std::optional<ProcessingTime> write_time;  // Of the last row written, corrections and tombstones too.
};

// A part of the raw archive: what lies within both bounds, half open.
struct ArchiveRange {
  std::uint64_t first = 0, after = UINT64_MAX;                                 // Record numbers.
  ProcessingTime from = ProcessingTime::min(), until = ProcessingTime::max();  // Arrivals.
};

// What the online and the offline store say of the same windows.
struct StoreComparison {
  struct Mismatch {
    EventTime window_end;
    std::string key;
    std::string what;  // "online 7, offline 8", in words of the columns.
  };
  std::uint64_t compared = 0;    // Windows, of each series.
  std::uint64_t mismatches = 0;  // Different, or in one store only.
  std::vector<Mismatch> first;   // A few of them.
};

// Which rows of a group.
struct RowQuery {
  EventRange range{};                            // Of window_end.
  ProcessingTime as_of = ProcessingTime::max();  // As known then: written at or before.
  std::optional<std::string> key{};              // One series; nullopt: all.
  bool history = false;                          // Every revision and tombstone; else what counts of each window.
};

class FeatureStore {
 public:
  struct Options {
    std::filesystem::path directory;
    std::vector<FeatureGroup> groups;
    bool sync = true;  // fsync each commit; off only in tests of other things.
    bool raw_archive = true;
    std::optional<Milliseconds> keep_keys;  // De-duplication keys older than this are dropped; nullopt: for ever.
    // The same for the raw archive with its clock marks, late records and dead letters.
    std::optional<Milliseconds> keep_raw;
    // Sees what was stored under before the groups are taken.  What it learns is kept; its error leaves all as it was.
    std::function<Status(Schemas& stored)> before_adopting{};
  };

  // Opens or creates; removes files that no manifest names (a crash came before their commit).
  // Errors: kFailedPrecondition - another process holds the folder;  kDataLoss - a file of the manifest is missing or
  // damaged; kUnavailable - the disk said no.
  static Result<std::unique_ptr<FeatureStore>> open(Options options);
  // What open() finds stored in `directory`, also beside a process that has it open and writes; empty: no store.
  // Errors: kDataLoss, kUnavailable - as above.
  static Result<Schemas> schemas(const std::filesystem::path& directory);
  virtual ~FeatureStore() = default;

  virtual const std::vector<FeatureGroup>& groups() const = 0;
  virtual Result<Recovered> recover() const = 0;
  // Calls `visit` for every remembered key, oldest commit first; one call at a time, perhaps on another thread.
  virtual Status visit_keys(const std::function<void(std::span<const KeySeen>)>& visit) const = 0;

  // All of it, or none.  On an error nothing of the batch happened (the same batch may be committed again); after a
  // disk's error other than a full disk, commits are refused until the store is opened anew, and recover() tells what
  // is durable. Errors: kInvalidArgument - books that do not balance, a row off the grid, not after the group's last
  // one or not of its columns' types, an arrival number used before, a verdict other than "stored" and "late", a gap
  // that ends before it begins or lies outside the calendar.
  virtual Status commit(const Commit& commit) = 0;

  // Writes outbox rows of finished hours to Parquet, drops what has expired.  `everything`: unfinished hours too.
  // Crash-safe at every step; a repeat changes nothing.
  virtual Status flush(bool everything = false) = 0;

  // Tombstones for the rows of one series (of all, without a key) whose window ends in `range`; how many.  They are
  // gone from every reader but history and what asks as of an earlier time, at once and for good.
  virtual Result<std::uint64_t> erase(std::string_view group, const std::optional<std::string>& key, EventRange range,
                                      ProcessingTime at) = 0;

  // Merges the small files of a finished day into one, and those of a finished month; `most_bytes` of input at most.
  // True if it did and may find more to do.  On any thread, beside commits, flushes and readers, but one at a time;
  // crash-safe at every step.
  virtual Result<bool> compact(std::uint64_t most_bytes = 64 << 20) {
    static_cast<void>(most_bytes);
    return false;
  }

  // ---- readers ----------------------------------------------------------------------------------------------------
  virtual Books books() const = 0;
  virtual std::uint64_t rows(std::string_view group) const = 0;  // Windows ever closed.

  // Online: the newest row of a series, or the row of the window that ends at `window_end`.  kNotFound if there is no
  // such group; nullopt if there is no such row, it was deleted, or it is older than the group's keep_online; select()
  // and series() reach all history.
  virtual Result<std::optional<FeatureRow>> latest(std::string_view group, std::string_view key = "") const = 0;
  virtual Result<std::optional<FeatureRow>> get(std::string_view group, EventTime window_end,
                                                std::string_view key = "") const = 0;
  // latest() of many, in their order, as of one moment.
  virtual Result<std::vector<std::optional<FeatureRow>>> latest_of(std::string_view group,
                                                                   std::span<const std::string> keys) const = 0;
  // The record identifiers that have a row at hand, sorted, from `after` on; at most `most`.
  virtual Result<std::vector<std::string>> keys(std::string_view group, std::size_t most = SIZE_MAX,
                                                std::string_view after = "") const = 0;
  // Rows by window_end, then key, then revision, oldest first.  Nothing invented.
  virtual Result<std::vector<FeatureRow>> select(std::string_view group, const RowQuery& query) const = 0;
  Result<std::vector<FeatureRow>> range(std::string_view group, EventRange range,
                                        ProcessingTime as_of = ProcessingTime::max()) const {
    return select(group, {.range = range, .as_of = as_of});
  }
  // One column of one series over `range` of window_end re-indexed to the grid of windows, from the first to the last
  // row in it: windows without a row follow the column's EmptyWindow rule (null is NaN).  A window that touches a gap
  // found at or before `as_of` is null, whatever its row says.  Empty if there is no row.  kInvalidArgument - sessions
  // have no grid.
  virtual Result<TimeSeries> series(std::string_view group, std::string_view column, EventRange range,
                                    ProcessingTime as_of = ProcessingTime::max(), std::string_view key = "") const = 0;

  // Gaps of which a part lies in `range`, by their beginning.  They are never forgotten.
  virtual Result<std::vector<SourceGap>> gaps(EventRange range) const = 0;
  virtual std::uint64_t gap_count() const = 0;  // Ever found.

  // Offline, in one consistent view: the manifest's files of `group`, and the rows still in the outbox; every revision
  // and tombstone.  As long as a copy of the view lives, its files stay where they are, also if a compaction has
  // replaced them.
  struct OfflineView {
    std::vector<OfflineFile> files;
    std::vector<FeatureRow> outbox;
    std::shared_ptr<const void> hold{};
  };
  virtual Result<OfflineView> offline(std::string_view group) const = 0;
  // The newest `most`, as far back as reasons and raw bytes come to `most_bytes`, but one at least; by their numbers,
  // the oldest first.  `left_out`: how many of the `most` were too many bytes.
  virtual Result<std::vector<DeadLetter>> dead_letters(std::size_t most, std::size_t most_bytes = SIZE_MAX,
                                                       std::uint64_t* left_out = nullptr) const = 0;
  virtual Result<std::optional<DeadLetter>> dead_letter(std::uint64_t number) const = 0;
  virtual Result<std::vector<LateRecord>> late_records(std::size_t most, std::size_t most_bytes = SIZE_MAX,
                                                       std::uint64_t* left_out = nullptr) const = 0;
  virtual Result<std::vector<ClockMark>> clock_marks() const = 0;  // Before archived records; by number.
  virtual std::uint64_t unmatched() const = 0;
  // Every archived line, in the order of arrival, until the visitor says false:
  // {"n":..,"arrival":"..","verdict":"..","source":"..","event":"..","record":{..}}; docs/formats/feature_store.md.
  virtual Status visit_archive(const std::function<bool(std::string_view line)>& visit) const = 0;
  // The same of a part, without reading the files that have nothing of it.
  virtual Status visit_archive_range(const ArchiveRange& range,
                                     const std::function<bool(std::string_view line)>& visit) const;

  virtual Freshness freshness(std::string_view group) const;
  // Compares the rows online, of windows that end in `range`, with the newest of each in the offline store, value by
  // value, as of one moment.  What has left either store by its TTL is not compared.
  virtual Result<StoreComparison> compare(std::string_view group, EventRange range) const;
  // Dead letters from `number` on: the oldest `most` of them, as far as they come to `most_bytes`, but one at least.
  virtual Result<std::vector<DeadLetter>> dead_letters_from(std::uint64_t number, std::size_t most,
                                                            std::size_t most_bytes = SIZE_MAX) const = 0;
};

}  // namespace tidecast
