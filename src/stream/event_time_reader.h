#pragma once
// The event time that stands in a record, in milliseconds.

#include <memory>
#include <optional>
#include <string>

#include "stream/json_scanner.h"
#include "stream/pipeline.h"

namespace tidecast {

// A TimeFormat, compiled: a value as an event time.  Integers count units since 1970-01-01T00:00:00Z; seconds may have
// a decimal fraction; kRfc3339 wants a text; kFormat a text, or a number by its characters.  What is finer than a
// millisecond is cut (rounded down).  Any number of threads, each with its own scanner.
class TimeParser {
 public:
  // Errors: kInvalidArgument - of kFormat: no such zone, a directive that is not known, or a format that cannot tell
  // one day or hour from another.
  static Result<TimeParser> compile(const TimeFormat& format);

  // nullopt: another type, no time, or nearer to the end of the calendar than a window may be wide.
  std::optional<EventTime> read(JsonValue value, JsonScanner& scanner) const;
  // What is allowed there, for a reason: "seconds since 1970 as an integer or decimal, ...".
  const std::string& expected() const { return expected_; }

 private:
  TimeUnit unit_ = TimeUnit::kSeconds;
  std::string expected_;
  struct Zoned;  // Of kFormat.
  std::shared_ptr<const Zoned> zoned_;
};

// The times of raw records at a place, compiled once: event times for the file source's arrival rule, or a record's own
// arrival.  One thread.
class EventTimeReader {
 public:
  // Errors: kInvalidArgument - no JSON Pointer, or as TimeParser.
  static Result<EventTimeReader> compile(const std::string& pointer, const TimeFormat& format);
  explicit EventTimeReader(const EventMapping& event);  // Of a mapping that makes no sense it reads nothing.

  // nullopt if the record has no event time that can be read.
  std::optional<EventTime> read(std::string_view record);

 private:
  EventTimeReader() = default;
  TimeParser parser_;
  std::optional<JsonScanner> scanner_;  // None if the pointer is no pointer.
  std::string padded_;
};

}  // namespace tidecast
