#pragma once
// How far apart the values of a series are: a multiple of a unit of the clock or of the calendar, as pandas' Periods
// have it.  Most are one width throughout (5 min); business days, months, quarters and years are not, so whoever walks
// along a series asks advance() and steps_between() rather than multiplying.
//
// A value; times are UTC, in the proleptic Gregorian calendar of base/time.h.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace tidecast {

// From fine to coarse.  Weeks run from Monday to Sunday, business days are Monday to Friday, quarters and years begin
// in January.
enum class StepUnit { kMillisecond, kSecond, kMinute, kHour, kDay, kBusinessDay, kWeek, kMonth, kQuarter, kYear };

class Frequency {
 public:
  // A width is counted in the coarsest unit up to the day that divides it, so that 3,600 s and 60 min are one
  // frequency, 1 h.  Seven days are no calendar week: that begins on a Monday.  What is not above 0 is kept, for its
  // holder to refuse: multiple() < 1.
  template <typename Rep, typename Period>
  Frequency(std::chrono::duration<Rep, Period> width)
      : Frequency(StepUnit::kMillisecond, Milliseconds(width).count()) {}  // NOLINT: implicit, most steps are a width.
  Frequency(StepUnit unit, std::int64_t multiple);

  StepUnit unit() const { return unit_; }
  std::int64_t multiple() const { return multiple_; }
  std::optional<Milliseconds> width() const;  // Of a step, where every step has the same: up to days, and weeks.
  // Whether its width says all of it: not of weeks, which begin on a Monday.
  bool is_width() const { return unit_ <= StepUnit::kDay; }

  // The start of the unit that `time` lies in; multiples are counted from wherever a series starts, so 5 min floor to
  // the minute.  A weekend belongs to the business day after it: that is the one case where the result lies later.
  EventTime floor(EventTime time) const;

  // n steps on, or back.  Where there is no width: by whole days with the time of day kept, and a day of the month that
  // the new month does not have is its last.  From a floored time the result is a floored time.
  EventTime advance(EventTime time, std::int64_t n) const;

  // Whole steps from `from` to `to`, rounded down: steps_between(t, advance(t, n)) is n.
  std::int64_t steps_between(EventTime from, EventTime to) const;

  // When pandas looks for the calendar fields (day of month, week, ...) of the period that holds `time`: on the last
  // day of a week, month, quarter or year, else at its start.
  EventTime calendar_time(EventTime time) const;

  bool operator==(const Frequency&) const = default;
  // "500ms", "10s", "5min", "1h", "1D", "1B", "2W", "1M", "1Q", "1Y".  A friend that no bare duration finds.
  friend std::string to_text(const Frequency& frequency) { return frequency.text(); }

 private:
  std::string text() const;

  StepUnit unit_;
  std::int64_t multiple_;
};

// As SageMaker's time_freq and pandas write it, old spellings and new, each with or without a multiple: "s" or "S",
// "min" or "T", "h" or "H", "D", "B", "W" or "W-SUN", "M", "ME" or "MS", "Q", "QE" or "QS", "Y", "A", "YE", "YS" or
// "AS" (these two families also with "-DEC" where pandas' default ends in December), "ms". Errors: kInvalidArgument -
// any other, lower-case "m" with the two that it may mean; a multiple below 1; more than 100 years.
Result<Frequency> parse_frequency(std::string_view text);

}  // namespace tidecast
