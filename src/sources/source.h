#pragma once
// Where raw records come from.  A source yields records and an opaque cursor; it knows no field of theirs.  What a file
// or a recording gives and when is a function of it (or seed and schedule) and the cursor alone: a replay repeats
// itself.  A live source gives what comes, when it comes, and never the same again.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "flow/event.h"

namespace tidecast {

// What became of a batch that was read.
struct Taken {
  std::size_t records = 0, known = 0;  // Known: their ids had been seen before.
  bool gap = false;                    // It should have overlapped with the one before and did not: some were missed.
  // How its records ended, and the first dead letters' reasons: for who pushed them and waits for the answer.
  std::uint64_t stored = 0, duplicate = 0, late = 0, dead = 0;
  std::vector<std::string> reasons{};
};

// How a live source is.
struct SourceHealth {
  enum class State {
    kStarting,  // Nothing came yet, good or bad.
    kOk,
    kRetrying,  // The last attempt failed.
    kSilent,    // Replies come, but nothing new for a long while: a list that no longer moves, or nothing happens.
  };
  State state = State::kStarting;
  std::string text;      // In words, what is wrong or otherwise worth knowing: "HTTP 429, Retry-After 390 s"; or empty.
  ProcessingTime since;  // Of `state`.
  std::optional<ProcessingTime> last_reply_at, last_new_at, next_poll_at;
  Milliseconds interval{0};  // Between polls at present.
  // Since the start of the process.  Replies: or messages, or pushes.  Skipped: messages that are no records.
  std::uint64_t replies = 0, failures = 0, gaps = 0, bytes = 0, skipped = 0;
};
std::string_view name_of(SourceHealth::State state);  // "starting", "ok", "retrying", "silent".

// Not thread-safe: one thread reads a source.
class Source {
 public:
  virtual ~Source() = default;
  virtual const std::string& name() const = 0;

  // Goes to where `cursor` (of a RawBatch of this source) says; "" is the beginning.
  // Errors: kFailedPrecondition - the cursor belongs to another file or recording, or is damaged.
  virtual Status seek(std::string_view cursor) = 0;

  // Arrival of the next record, or nullopt at the end.  Errors: as read().
  virtual Result<std::optional<ProcessingTime>> next_arrival() = 0;

  // The next records that arrive at or before `until`, at least one if there is one, at most about `max_records` (a
  // reply is never cut).  An empty batch: nothing arrives until then.
  // Errors: kDataLoss - the file is damaged or cut short; kUnavailable - it cannot be read; kInvalidArgument - a line
  // too long, no event time in the whole file, no array at the pointer.  Whole records before a fault of the content
  // are given out first (a file's arrive as if it ended there); then the error stays until a seek().
  virtual Result<RawBatch> read(ProcessingTime until, std::size_t max_records) = 0;

  // How far it is, for a progress bar: 0 to 1; and how many records are to come in all, where that is known.
  virtual double progress() const = 0;
  virtual std::optional<std::uint64_t> total_records() const = 0;

  // ---- live sources -------------------------------------------------------------------------------------------------
  // Records come when they come: next_arrival() is of what has come already, and nullopt means none yet, never the end.
  // What comes later arrives at or after any time that `clock` showed before an empty queue was found.
  virtual bool live() const { return false; }
  // Begins to take, until the destructor, which needs at most 200 ms.  `wake` is called from a thread of the source's
  // own whenever something came or its health changed (but not by an on_taken()); it must be quick and call nothing of
  // the source.  `clock` must be one that runs by itself and may be asked by any thread, and must outlive the source.
  // Once, after a seek().
  virtual Status start(const Clock& clock, std::function<void()> wake);
  // After every batch that was read from it: what became of it.
  virtual void on_taken(const Taken&) {}
  virtual std::optional<SourceHealth> health() const { return std::nullopt; }  // Any thread may ask.
};

// The reconstructed recording of Bitcoin transactions (data/README.md): real bodies, rates and fee levels of three
// different years, rendered as blockchain.info's replies {"txs":[...]}, newest first, one reply per `every`.  A reply's
// records all arrive at its time; duplicates, delays and damage are part of it (timetable.h).
struct RecordingOptions {
  std::string name = "recording";
  std::filesystem::path bodies;    // NDJSON, zstd.
  std::filesystem::path schedule;  // CSV, zstd: minute_utc,tx_per_minute,fee_level.
  std::int64_t first_minute = 0;   // Of the schedule.
  std::int64_t minutes = 0;        // 0: to its end.
  Milliseconds every{5'000};
  std::string records = "/txs";  // JSON Pointer to the array of records in a reply.
  std::uint64_t seed = 7;
  std::optional<double> constant_fee_level;  // Replaces the schedule's fee levels (for tests of what they cause).
};
Result<std::unique_ptr<Source>> open_recording(RecordingOptions options);

// A finished file of NDJSON, CSV or Parquet (docs/files.md), one record a line or row; NDJSON and CSV plain, gzip or
// zstd by the first bytes.  A CSV or Parquet row is given as a JSON object of its columns.
//
// When a record arrives: at the time that `arrival` finds in it, never earlier than the one before.  Without `arrival`,
// at the median of the times that `event_time` finds in it and in the 100 records after it, never earlier than the one
// before.  One without such a time arrives with the one before it; the first of a file at the first that is known.  The
// record passed to them (the room that decodes gives them) is valid during the call and followed by kRawPadding bytes
// that may be read.
enum class FileFormat { kByName, kNdjson, kCsv, kParquet };
using ArrivalReader = std::function<std::optional<ProcessingTime>(std::string_view record)>;
struct FileOptions {
  std::string name = "file";
  std::filesystem::path path;
  std::function<std::optional<EventTime>(std::string_view record)> event_time;
  ArrivalReader arrival{};
  FileFormat format = FileFormat::kByName;
  char delimiter = 0;  // Of CSV; 0: a tab in a file called .tsv, else a comma.
  bool header = true;  // Of CSV: the first row names the columns; otherwise they are called c1, c2, ...
  // Records come in the order of `arrival`, which must be there: the file is read whole and sorted, at the first read
  // after every start, in a file without a name in `scratch` (the system's folder for such files if empty), which needs
  // the room of the unpacked records.
  bool sort_by_arrival = false;
  std::filesystem::path scratch{};
};
Result<std::unique_ptr<Source>> open_file(FileOptions options);

// The order of the records inside one reply.
enum class ReplyOrder { kOldestFirst, kNewestFirst };

// A header of a request.  Its value, or where to read it each time: what is secret stands in no definition file and in
// no log.
struct SourceHeader {
  std::string name;
  std::string value{};
  std::filesystem::path file{};  // Its first 4 kB, without the line end.
  std::string environment{};     // The name of a variable.
};

// A live source that asks an HTTP API again and again (docs/sources.md), on one thread of its own over one kept
// connection.  A reply is one batch: never cut, and never two in one.  Replies wait in a queue of four; when it is full
// nobody is asked.  Cursor: "http_poll:N", N the replies taken; it only counts: nothing can be asked for again.
struct HttpPollOptions {
  std::string name = "http_poll";
  std::string url;
  Milliseconds every{5'000};
  std::string records;  // JSON Pointer to the array of records in a reply; "": the document is one record.
  ReplyOrder order = ReplyOrder::kNewestFirst;
  bool overlap = false;           // A reply should repeat the newest records of the one before: RawBatch::overlapping.
  Milliseconds timeout{10'000};   // Of one poll.
  std::filesystem::path ca_file;  // Whom to trust; empty: whom the system trusts.
  std::vector<SourceHeader> headers{};
  std::uint64_t seed = 0;  // Of the jitter; 0: from the system's randomness, so that many do not move in step.
};
// A reply whose records are byte for byte those of the one before is none: it is counted, and not given out.
// Errors: kInvalidArgument - the url, the pointer or a header is none, no certificates in the CA file;  kNotFound - no
// such file;  kUnavailable - a header's file cannot be read.
Result<std::unique_ptr<Source>> open_http_poll(HttpPollOptions options);

// The records in the array at `pointer` (a JSON Pointer; "" is the document itself: one record) of a reply, appended
// to `batch` with this arrival; kNewestFirst turns them round, so that events enter oldest first.
// Errors: kInvalidArgument - "/txs: not an array but an object", "/txs: not found", "byte 17: not JSON: ..."; then
// nothing is appended.
Status split_reply(std::string_view reply, std::string_view pointer, ReplyOrder order, ProcessingTime arrival,
                   RawBatch& batch);

}  // namespace tidecast
