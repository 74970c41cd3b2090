#pragma once
// The feature store and everything else that one atomic commit of the stream touches: source cursors, de-duplication
// keys, open windows, online rows, the offline outbox and its Parquet files, the raw archive, dead letters, counters.
//
// One RocksDB (directory/state) holds the online store, the outboxes and the manifest; files live beside it:
//   directory/offline/<group>/date=YYYY-MM-DD/hour=HH/<first>-<last>.parquet     by event time (window_end - 1 ms)
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

#include "features/schema.h"
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
  std::string_view raw;  // Must outlive the commit.
};

// A line of the archive taken apart; verdict and raw point into it.  kDataLoss - it is none.
Result<ArchivedRecord> parse_archived(std::string_view line);

struct DeadLetter {
  std::uint64_t number;
  ProcessingTime arrival;
  std::string reason;  // "/fee: found text, expected integer".
  std::string raw;     // The bytes as they came.
};

struct ClosedWindow {
  std::size_t group;  // Index into Options::groups.
  FeatureRow row;
};

// All that one batch changes.  Filled by `stream`.
struct Commit {
  std::string source;      // Name of the source, and
  std::string cursor;      // where it goes on.
  ProcessingTime arrival;  // Of the batch's last record.
  std::vector<KeySeen> new_keys;
  std::string engine_state;  // Watermarks, open windows; opaque here.
  std::vector<ClosedWindow> closed;
  std::vector<ArchivedRecord> archived;
  std::vector<DeadLetter> dead;
  std::optional<SourceGap> gap;                        // That the batch showed.
  Books books;                                         // Totals after this batch.
  std::map<std::string, std::uint64_t> late_by_group;  // Totals after this batch.
};

// What a restarted stream goes on from.
struct Recovered {
  std::map<std::string, std::string> cursors;  // By source.
  std::string engine_state;                    // Empty at the very first start.
  ProcessingTime arrival;                      // Of the last committed record.
  Books books;
  std::map<std::string, std::uint64_t> late_by_group;
};

struct OfflineFile {
  std::string group;
  std::filesystem::path path;
  EventRange range;  // Of window_end.
  std::uint64_t rows = 0;
};

class FeatureStore {
 public:
  struct Options {
    std::filesystem::path directory;
    std::vector<FeatureGroup> groups;
    bool sync = true;  // fsync each commit; off only in tests of other things.
    bool raw_archive = true;
    std::optional<Milliseconds> keep_keys;  // De-duplication keys older than this are dropped; nullopt: for ever.
  };

  // Opens or creates; removes files that no manifest names (a crash came before their commit).
  // Errors: kFailedPrecondition - another process holds the folder;  kDataLoss - a file of the manifest is missing or
  // damaged; kUnavailable - the disk said no.
  static Result<std::unique_ptr<FeatureStore>> open(Options options);
  virtual ~FeatureStore() = default;

  virtual const std::vector<FeatureGroup>& groups() const = 0;
  virtual Result<Recovered> recover() const = 0;
  // Calls `visit` for every remembered key, oldest commit first.
  virtual Status visit_keys(const std::function<void(std::span<const KeySeen>)>& visit) const = 0;

  // All of it, or none.  On an error nothing of the batch happened (the same batch may be committed again); after a
  // disk's error other than a full disk, commits are refused until the store is opened anew, and recover() tells what
  // is durable. Errors: kInvalidArgument - books that do not balance, a row off the grid, not after the group's last
  // one or not of its columns' types, an arrival number used before, a verdict other than "stored" and "late", a gap
  // that ends before it begins or lies outside the calendar.
  virtual Status commit(const Commit& commit) = 0;

  // Writes outbox rows of finished hours to Parquet and finished hours of the raw archive to files, drops what has
  // expired.  No record may arrive before `now` any more.  `everything`: unfinished hours too.  Crash-safe at every
  // step; a repeat changes nothing.
  virtual Status flush(ProcessingTime now, bool everything = false) = 0;
  // Raw records fill a file although their hour is not over: the writer, whose thread may ask, had better flush.
  virtual bool raw_outbox_full() const = 0;

  // ---- readers ----------------------------------------------------------------------------------------------------
  virtual Books books() const = 0;
  virtual std::uint64_t rows(std::string_view group) const = 0;  // Windows ever closed.

  // Online: the newest row, or the row of the window that ends at `window_end`.  kNotFound if there is no such group;
  // nullopt if there is no such row, or it is older than the group's keep_online; range() and series() reach all
  // history.
  virtual Result<std::optional<FeatureRow>> latest(std::string_view group) const = 0;
  virtual Result<std::optional<FeatureRow>> get(std::string_view group, EventTime window_end) const = 0;
  // Rows with window_end in `range` that were written at or before `as_of`, oldest first.  Nothing invented.
  virtual Result<std::vector<FeatureRow>> range(std::string_view group, EventRange range,
                                                ProcessingTime as_of = ProcessingTime::max()) const = 0;
  // One column over `range` of window_end re-indexed to the grid of windows, from the first to the last row in it:
  // windows without a row follow the column's EmptyWindow rule (null is NaN).  A window that touches a gap found at or
  // before `as_of` is null, whatever its row says.  Empty if there is no row.
  virtual Result<TimeSeries> series(std::string_view group, std::string_view column, EventRange range,
                                    ProcessingTime as_of = ProcessingTime::max()) const = 0;

  // Gaps of which a part lies in `range`, by their beginning.  They are never forgotten.
  virtual Result<std::vector<SourceGap>> gaps(EventRange range) const = 0;
  virtual std::uint64_t gap_count() const = 0;  // Ever found.

  // Offline, in one consistent view: the manifest's files of `group`, and the rows still in the outbox.
  struct OfflineView {
    std::vector<OfflineFile> files;
    std::vector<FeatureRow> outbox;
  };
  virtual Result<OfflineView> offline(std::string_view group) const = 0;
  // The newest `most`, as far back as reasons and raw bytes come to `most_bytes`; by their numbers, the oldest first.
  virtual Result<std::vector<DeadLetter>> dead_letters(std::size_t most, std::size_t most_bytes = SIZE_MAX) const = 0;
  // Every archived line (files, then outbox), in the order of arrival, until the visitor says false:
  // {"n":..,"arrival":"..","verdict":"..","record":{..}}.
  virtual Status visit_archive(const std::function<bool(std::string_view line)>& visit) const = 0;
};

}  // namespace tidecast
