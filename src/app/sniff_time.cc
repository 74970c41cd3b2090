#include "app/sniff_time.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/time.h"

namespace tidecast {
namespace {

constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::string_view kDays = "MonTueWedThuFriSatSun";

// Of two that fit the same values, the one that gives the shorter span of time, then the earlier one here.
constexpr std::string_view kFormats[] = {
    "%Y-%m-%d %H:%M:%E*S",
    "%Y-%m-%dT%H:%M:%E*S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%E*S UTC",
    "%Y-%m-%d %H:%M:%E*S %z",
    "%Y-%m-%d %H:%M:%E*S%z",
    "%Y-%m-%dT%H:%M:%E*S%z",
    "%Y/%m/%d %H:%M:%E*S",
    "%Y/%m/%d %H:%M",
    "%Y%m%dT%H%M%E*S",
    "%d/%m/%Y %H:%M:%E*S",
    "%m/%d/%Y %H:%M:%E*S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%m/%d/%Y %I:%M:%S %p",
    "%d/%m/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%d.%m.%Y %H:%M:%E*S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d-%m-%Y %H:%M:%E*S",
    "%d-%m-%Y %H:%M",
    "%m-%d-%Y %H:%M:%E*S",
    "%m-%d-%Y %H:%M",
    "%d/%b/%Y:%H:%M:%S %z",
    "%d %b %Y %H:%M:%S",
    "%b %d %Y %H:%M:%S",
    "%a, %d %b %Y %H:%M:%S GMT",
    "%a %b %d %H:%M:%S %Y",
};

bool take_digits(std::string_view& text, std::size_t least, std::size_t most, int& out) {
  std::size_t count = 0;
  out = 0;
  for (; count < most && count < text.size() && text[count] >= '0' && text[count] <= '9'; ++count)
    out = out * 10 + (text[count] - '0');
  text.remove_prefix(count);
  return count >= least;
}

// The place of the three letters that `text` begins with among `names`, from 0.
std::optional<int> take_name(std::string_view& text, std::string_view names) {
  for (std::size_t at = 0; at < names.size(); at += 3) {
    if (!text.starts_with(names.substr(at, 3))) continue;
    text.remove_prefix(3);
    return static_cast<int>(at / 3);
  }
  return std::nullopt;
}

bool take_offset(std::string_view& text, std::int64_t& offset_ms) {
  if (text.starts_with('Z')) return text.remove_prefix(1), true;
  if (!text.starts_with('+') && !text.starts_with('-')) return false;
  const int sign = text[0] == '-' ? -1 : 1;
  text.remove_prefix(1);
  int hours = 0, minutes = 0;
  if (!take_digits(text, 2, 2, hours)) return false;
  if (text.starts_with(':')) text.remove_prefix(1);
  if (!take_digits(text, 2, 2, minutes)) return false;
  offset_ms = sign * (hours * 60 + minutes) * 60'000LL;
  return true;
}

struct Unit {
  std::string_view name;
  double per_second;
};
constexpr Unit kUnits[] = {{"s", 1}, {"ms", 1e3}, {"us", 1e6}, {"ns", 1e9}};
constexpr double kFrom = 631'152'000, kUntil = 4'102'444'800;  // 1990-01-01 to 2100-01-01, in seconds.

std::ptrdiff_t count_of(const TimeGuess& guess) {
  return std::count_if(guess.ms.begin(), guess.ms.end(), [](const auto& ms) { return ms.has_value(); });
}

// By the unit that makes times of most of them.
TimeGuess guess_number(const std::vector<json::value>& values) {
  std::optional<TimeGuess> best;
  for (const Unit& unit : kUnits) {
    TimeGuess guess{.unit = std::string(unit.name)};
    for (const json::value& value : values) {
      const bool number = value.is_int64() || value.is_uint64() || (value.is_double() && unit.name == "s");
      const double seconds = number ? value.to_number<double>() / unit.per_second : 0;
      guess.ms.push_back(seconds >= kFrom && seconds < kUntil ? std::optional(std::llround(seconds * 1000))
                                                              : std::nullopt);
    }
    if (!best || count_of(guess) > count_of(*best)) best = std::move(guess);
  }
  return *std::move(best);
}

TimeGuess read_by(const std::vector<json::value>& values, std::string_view format) {
  TimeGuess guess{.format = std::string(format)};
  guess.zone = format.find("%z") == format.npos && !format.ends_with("GMT") && !format.ends_with("UTC");
  for (const json::value& value : values)
    guess.ms.push_back(value.is_string() ? time_by_format(value.get_string(), format) : std::nullopt);
  return guess;
}

std::int64_t span_of(const TimeGuess& guess) {
  std::int64_t least = INT64_MAX, most = INT64_MIN;
  for (const auto& ms : guess.ms)
    if (ms) least = std::min(least, *ms), most = std::max(most, *ms);
  return least > most ? INT64_MAX : most - least;
}

}  // namespace

std::optional<std::int64_t> time_by_format(std::string_view text, std::string_view format) {
  Civil c{.year = 1970, .month = 1, .day = 1};
  std::int64_t offset_ms = 0;
  std::optional<bool> afternoon;
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      if (text.empty() || text[0] != format[at]) return std::nullopt;
      text.remove_prefix(1);
      continue;
    }
    bool good = false;
    switch (format[++at]) {
      case 'Y': good = take_digits(text, 4, 4, c.year); break;
      case 'y':
        good = take_digits(text, 2, 2, c.year);
        c.year += c.year < 69 ? 2000 : 1900;
        break;
      case 'm': good = take_digits(text, 1, 2, c.month); break;
      case 'd': good = take_digits(text, 1, 2, c.day); break;
      case 'I':
      case 'H': good = take_digits(text, 1, 2, c.hour); break;
      case 'M': good = take_digits(text, 2, 2, c.minute); break;
      case 'S': good = take_digits(text, 2, 2, c.second); break;
      case 'E': {  // *S
        at += 2;
        good = take_digits(text, 2, 2, c.second);
        if (!good || !text.starts_with('.')) break;
        const std::size_t end = std::min(text.find_first_not_of("0123456789", 1), text.size());
        for (std::size_t i = 1, scale = 100; i < end; ++i, scale /= 10)
          c.milli += (text[i] - '0') * static_cast<int>(scale);
        good = end > 1;
        text.remove_prefix(end);
        break;
      }
      case 'b': {
        const auto month = take_name(text, kMonths);
        good = month.has_value();
        c.month = month.value_or(0) + 1;
        break;
      }
      case 'a': good = take_name(text, kDays).has_value(); break;
      case 'p':
        good = text.starts_with("AM") || text.starts_with("PM");
        if (!good) break;
        afternoon = text[0] == 'P';
        text.remove_prefix(2);
        break;
      case 'z': good = take_offset(text, offset_ms); break;
      default: break;
    }
    if (!good) return std::nullopt;
  }
  if (afternoon) {
    if (c.hour < 1 || c.hour > 12) return std::nullopt;
    c.hour = c.hour % 12 + (*afternoon ? 12 : 0);
  }
  const bool possible = text.empty() && c.month >= 1 && c.month <= 12 && c.day >= 1 && c.hour < 24 && c.minute < 60 &&
                        c.second < 60 && c.year >= 1900;
  if (!possible) return std::nullopt;
  const std::int64_t ms = ms_of(c);
  if (civil_of(ms).day != c.day) return std::nullopt;  // 31 June.
  return ms - offset_ms;
}

std::optional<TimeGuess> guess_time(const std::vector<json::value>& values) {
  const auto there = std::count_if(values.begin(), values.end(), [](const auto& v) { return !v.is_null(); });
  const auto good = [&](const TimeGuess& guess) { return there > 0 && count_of(guess) * 50 >= there * 49; };

  if (auto guess = guess_number(values); good(guess)) return guess;

  TimeGuess standard{.unit = "rfc3339"};
  for (const json::value& value : values) {
    const auto ms = value.is_string() ? parse_rfc3339(value.get_string()) : Result<std::int64_t>(not_found(""));
    standard.ms.push_back(ms.ok() ? std::optional(ms.value()) : std::nullopt);
  }
  if (good(standard)) return standard;

  std::optional<TimeGuess> best;
  std::size_t equal = 0;  // Formats that fit as many values.
  for (const std::string_view format : kFormats) {
    TimeGuess guess = read_by(values, format);
    if (!good(guess)) continue;
    const auto more = count_of(guess) - (best ? count_of(*best) : 0);
    if (more < 0) continue;
    equal = more > 0 ? 1 : equal + 1;
    if (more > 0 || span_of(guess) < span_of(*best)) best = std::move(guess);
  }
  if (best) best->day_or_month = equal > 1;
  return best;
}

}  // namespace tidecast
