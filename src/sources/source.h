#pragma once
// Where raw records come from.  A source yields records and an opaque cursor; it knows no field of theirs.  What it
// gives and when is a function of its file (or seed and schedule) and the cursor alone: a replay repeats itself.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flow/event.h"

namespace tidecast {

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

// A file of NDJSON, plain or zstd (by its first bytes), one record a line.  It has no arrival times: a record arrives
// at the median event time of itself and the 100 records after it, never earlier than the one before.  The event
// times for that rule come from `event_time` (the room that decodes gives it; nullopt for a record that has none,
// which then arrives with the one before it; the first of a file at the first median that is known).  The record
// passed to `event_time` is valid during the call and followed by kRawPadding bytes that may be read.  A last line
// without a line end is a record; empty lines are none; a line of more than 64 MB is an error.
struct FileOptions {
  std::string name = "file";
  std::filesystem::path path;
  std::function<std::optional<EventTime>(std::string_view record)> event_time;
};
Result<std::unique_ptr<Source>> open_file(FileOptions options);

// The records in the array at `pointer` (a JSON Pointer; "" is the document itself: one record) of a reply, appended
// to `batch` with this arrival; `newest_first` turns them round, so that events enter oldest first.
// Errors: kInvalidArgument - "/txs: not an array but an object", "/txs: not found", "byte 17: not JSON: ..."; then
// nothing is appended.
enum class ReplyOrder { kOldestFirst, kNewestFirst };
Status split_reply(std::string_view reply, std::string_view pointer, ReplyOrder order, ProcessingTime arrival,
                   RawBatch& batch);

}  // namespace tidecast
