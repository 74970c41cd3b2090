#pragma once
// Two kinds of time that do not mix: EventTime, when something happened, and ProcessingTime, when we knew of it.  Both
// are milliseconds since 1970-01-01T00:00:00Z, without leap seconds, and may be negative.

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidecast {

using Milliseconds = std::chrono::milliseconds;
using namespace std::chrono_literals;

template <typename Kind>
class TimePoint {
 public:
  constexpr TimePoint() = default;
  static constexpr TimePoint from_ms(std::int64_t ms) { return TimePoint(ms); }
  static constexpr TimePoint epoch() { return TimePoint(0); }
  static constexpr TimePoint min() { return TimePoint(INT64_MIN); }
  static constexpr TimePoint max() { return TimePoint(INT64_MAX); }

  constexpr std::int64_t ms() const { return ms_; }
  constexpr auto operator<=>(const TimePoint&) const = default;
  constexpr TimePoint operator+(Milliseconds d) const { return TimePoint(ms_ + d.count()); }
  constexpr TimePoint operator-(Milliseconds d) const { return TimePoint(ms_ - d.count()); }
  constexpr Milliseconds operator-(TimePoint other) const { return Milliseconds(ms_ - other.ms_); }
  constexpr TimePoint& operator+=(Milliseconds d) {
    ms_ += d.count();
    return *this;
  }

 private:
  explicit constexpr TimePoint(std::int64_t ms) : ms_(ms) {}
  std::int64_t ms_ = 0;
};

struct EventKind {};
struct ProcessingKind {};
using EventTime = TimePoint<EventKind>;            // When it happened.
using ProcessingTime = TimePoint<ProcessingKind>;  // When we knew.

// The latest multiple of `width` (> 0) not after `ms`, rounding down for negative times too.
constexpr std::int64_t floor_to(std::int64_t ms, std::int64_t width) {
  const std::int64_t rest = ms % width;
  return ms - (rest < 0 ? rest + width : rest);
}
template <typename Kind>
constexpr TimePoint<Kind> floor_to(TimePoint<Kind> time, Milliseconds width) {
  return TimePoint<Kind>::from_ms(floor_to(time.ms(), width.count()));
}

// The years 1 to 9999, all that RFC 3339, files, folders and SQL can name: times in [begin, end).
inline constexpr std::int64_t kCalendarBeginMs = -62'135'596'800'000;  // 0001-01-01T00:00:00Z
inline constexpr std::int64_t kCalendarEndMs = 253'402'300'800'000;    // 10000-01-01T00:00:00Z

// Civil calendar (proleptic Gregorian, UTC) of a time in ms.
struct Civil {
  int year, month, day;  // month 1-12, day 1-31.
  int hour, minute, second, milli;
  int weekday;      // Monday 0 ... Sunday 6.
  int day_of_year;  // 1-366.
};
Civil civil_of(std::int64_t ms);
std::int64_t ms_of(const Civil& civil);  // Uses year to milli; weekday and day_of_year are ignored.

// "2026-05-06T00:00:00Z", with ".123" before the Z only when there are milliseconds.
std::string to_rfc3339(std::int64_t ms);
template <typename Kind>
std::string to_rfc3339(TimePoint<Kind> time) {
  return to_rfc3339(time.ms());
}

// RFC 3339 with "Z" or an offset, a space or "T" between date and time, any number of fractional digits (those beyond
// the millisecond are cut), or a bare date (midnight UTC).  Errors: kInvalidArgument.
Result<std::int64_t> parse_rfc3339(std::string_view text);

// "250ms", "60s", "5min" (or "5m"), "3h", "7d".  A number without a unit is an error.  Errors: kInvalidArgument.
Result<Milliseconds> parse_duration(std::string_view text);
std::string to_text(Milliseconds duration);  // The shortest of the forms above: 60000 ms is "1min".

}  // namespace tidecast
