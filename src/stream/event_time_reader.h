#pragma once
// The event time that stands in a record, in milliseconds.

#include <memory>
#include <optional>
#include <string>

#include "stream/json_scanner.h"
#include "stream/pipeline.h"

namespace tidecast {

// A value as an event time.  Integers count units since 1970-01-01T00:00:00Z; seconds may have a decimal fraction;
// kRfc3339 wants a text.  What is finer than a millisecond is cut (rounded down).  `text` gives a text's characters.
// nullopt: another type, no time, or nearer to the end of the calendar than a window may be wide.
std::optional<EventTime> event_time_of(JsonValue value, TimeUnit unit, JsonScanner& scanner);

// What is allowed there, for a reason: "seconds since 1970 as a number".
std::string_view expected_of(TimeUnit unit);

// The event times of raw records by a mapping, compiled once.  For the file source's arrival rule.  One thread.
class EventTimeReader {
 public:
  explicit EventTimeReader(const EventMapping& event);

  // nullopt if the record has no event time that can be read.
  std::optional<EventTime> read(std::string_view record);

 private:
  TimeUnit unit_;
  std::optional<JsonScanner> scanner_;  // None if the pointer is no pointer.
  std::string padded_;
};

}  // namespace tidecast
