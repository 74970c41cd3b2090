#include "flow/frequency.h"

#include <algorithm>
#include <charconv>

namespace tidecast {
namespace {

constexpr std::int64_t kDay = 86'400'000, kWeek = 7 * kDay;
constexpr std::int64_t kLongest = 100 * 366 * kDay;
constexpr std::int64_t kMonday = -3 * kDay;  // 1969-12-29, where the weeks are counted from.

// Of a unit, 0 where it differs.
constexpr std::int64_t width_of(StepUnit unit) {
  switch (unit) {
    case StepUnit::kMillisecond: return 1;
    case StepUnit::kSecond: return 1000;
    case StepUnit::kMinute: return 60'000;
    case StepUnit::kHour: return 3'600'000;
    case StepUnit::kDay: return kDay;
    case StepUnit::kWeek: return kWeek;
    default: return 0;
  }
}

constexpr std::int64_t months_of(StepUnit unit) {
  return unit == StepUnit::kMonth ? 1 : unit == StepUnit::kQuarter ? 3 : unit == StepUnit::kYear ? 12 : 0;
}

// About one step, in ms, where it differs.
constexpr std::int64_t length_of(StepUnit unit) {
  if (unit == StepUnit::kBusinessDay) return kDay;
  return months_of(unit) > 0 ? months_of(unit) * kDay * 61 / 2 : width_of(unit);
}

constexpr std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return floor_to(a, b) / b; }

std::int64_t month_number(std::int64_t ms) {  // Since the year 0.
  const Civil c = civil_of(ms);
  return c.year * std::int64_t{12} + c.month - 1;
}

std::int64_t month_start(std::int64_t number) {
  const std::int64_t year = floor_divide(number, 12);
  return ms_of({.year = static_cast<int>(year), .month = static_cast<int>(number - year * 12) + 1, .day = 1});
}

// Five a week; Saturday and Sunday count as the Monday after, as in pandas.
std::int64_t business_day_number(std::int64_t ms) {
  const std::int64_t week = floor_divide(ms - kMonday, kWeek), day = floor_divide(ms - kMonday, kDay) - week * 7;
  return week * 5 + std::min<std::int64_t>(day, 5);
}

std::int64_t business_day_start(std::int64_t number) {
  const std::int64_t week = floor_divide(number, 5);
  return kMonday + week * kWeek + (number - week * 5) * kDay;
}

}  // namespace

Frequency::Frequency(StepUnit unit, std::int64_t multiple) : unit_(unit), multiple_(multiple) {
  if (multiple < 1 || unit >= StepUnit::kDay) return;
  for (const StepUnit coarser : {StepUnit::kDay, StepUnit::kHour, StepUnit::kMinute, StepUnit::kSecond}) {
    const std::int64_t ms = multiple * width_of(unit);
    if (ms % width_of(coarser) != 0) continue;
    unit_ = coarser;
    multiple_ = ms / width_of(coarser);
    return;
  }
}

std::optional<Milliseconds> Frequency::width() const {
  if (width_of(unit_) == 0) return std::nullopt;
  return Milliseconds(multiple_ * width_of(unit_));
}

EventTime Frequency::floor(EventTime time) const {
  const std::int64_t ms = time.ms(), months = months_of(unit_);
  if (unit_ == StepUnit::kBusinessDay) return EventTime::from_ms(business_day_start(business_day_number(ms)));
  if (unit_ == StepUnit::kWeek) return EventTime::from_ms(kMonday + floor_to(ms - kMonday, kWeek));
  if (months > 0) return EventTime::from_ms(month_start(floor_to(month_number(ms), months)));
  return EventTime::from_ms(floor_to(ms, width_of(unit_)));
}

EventTime Frequency::advance(EventTime time, std::int64_t n) const {
  const std::int64_t ms = time.ms(), steps = n * multiple_;
  if (const std::int64_t width = width_of(unit_); width > 0) return time + Milliseconds(steps * width);
  const std::int64_t time_of_day = ms - floor_to(ms, kDay);
  if (unit_ == StepUnit::kBusinessDay)
    return EventTime::from_ms(business_day_start(business_day_number(ms) + steps) + time_of_day);
  const std::int64_t month = month_number(ms) + steps * months_of(unit_);
  const std::int64_t days = (month_start(month + 1) - month_start(month)) / kDay;
  const std::int64_t day = std::min<std::int64_t>(civil_of(ms).day, days);
  return EventTime::from_ms(month_start(month) + (day - 1) * kDay + time_of_day);
}

std::int64_t Frequency::steps_between(EventTime from, EventTime to) const {
  const std::int64_t width = width_of(unit_), months = months_of(unit_);
  const std::int64_t units =
      width > 0    ? floor_divide(to.ms() - from.ms(), width)
      : months > 0 ? floor_divide(month_number(to.ms()), months) - floor_divide(month_number(from.ms()), months)
                   : business_day_number(to.ms()) - business_day_number(from.ms());
  return floor_divide(units, multiple_);
}

EventTime Frequency::calendar_time(EventTime time) const {
  const EventTime start = floor(time);
  if (unit_ < StepUnit::kWeek) return start;
  return Frequency(unit_, 1).advance(start, 1) - Milliseconds(kDay);
}

std::string Frequency::text() const {
  static constexpr std::string_view kNames[] = {"ms", "s", "min", "h", "D", "B", "W", "M", "Q", "Y"};
  return fmt::format("{}{}", multiple_, kNames[static_cast<int>(unit_)]);
}

Result<Frequency> parse_frequency(std::string_view text) {
  static constexpr struct {
    std::string_view name;
    StepUnit unit;
  } kNames[] = {
      {"ms", StepUnit::kMillisecond}, {"s", StepUnit::kSecond},   {"S", StepUnit::kSecond},
      {"min", StepUnit::kMinute},     {"T", StepUnit::kMinute},   {"h", StepUnit::kHour},
      {"H", StepUnit::kHour},         {"D", StepUnit::kDay},      {"B", StepUnit::kBusinessDay},
      {"W", StepUnit::kWeek},         {"W-SUN", StepUnit::kWeek}, {"M", StepUnit::kMonth},
      {"ME", StepUnit::kMonth},       {"MS", StepUnit::kMonth},   {"Q", StepUnit::kQuarter},
      {"QE", StepUnit::kQuarter},     {"QS", StepUnit::kQuarter}, {"Q-DEC", StepUnit::kQuarter},
      {"QE-DEC", StepUnit::kQuarter}, {"Y", StepUnit::kYear},     {"A", StepUnit::kYear},
      {"YE", StepUnit::kYear},        {"YS", StepUnit::kYear},    {"AS", StepUnit::kYear},
      {"Y-DEC", StepUnit::kYear},     {"A-DEC", StepUnit::kYear}, {"YE-DEC", StepUnit::kYear},
  };
  std::int64_t multiple = 1;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, multiple);
  const std::string_view name(rest, static_cast<std::size_t>(end - rest));
  for (const auto& known : kNames) {
    if (name != known.name) continue;
    if (error == std::errc::result_out_of_range || multiple < 1 || multiple > kLongest / length_of(known.unit))
      return invalid_argument("frequency '{}': allowed: a multiple of 1 or more, steps of at most 100 years", text);
    return Frequency(known.unit, multiple);
  }
  if (name == "m")
    return invalid_argument("frequency '{}': 'm' may mean two things; allowed: min (minutes), M (months)", text);
  if (name.starts_with("W-"))
    return invalid_argument("frequency '{}': allowed weeks: W or W-SUN, from Monday to Sunday", text);
  if (name.find('-') != std::string_view::npos &&
      (name.starts_with("Q") || name.starts_with("Y") || name.starts_with("A")))
    return invalid_argument("frequency '{}': allowed quarters and years end in December: Q, Q-DEC, Y, Y-DEC", text);
  return invalid_argument(
      "'{}' is no frequency; allowed: s, min, h, D, B (business days), W, M, Q or Y, with a multiple before it or not, "
      "like 5min",
      text);
}

}  // namespace tidecast
