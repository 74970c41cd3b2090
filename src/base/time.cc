#include "base/time.h"

#include <charconv>

namespace tidecast {
namespace {

constexpr std::int64_t kDay = 86'400'000;

// Days since 1970-01-01 of a civil date and back: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
std::int64_t days_from_civil(std::int64_t y, int m, int d) {
  y -= m <= 2;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t yoe = y - era * 400;
  const std::int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  const std::int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + doe - 719468;
}

bool digits(std::string_view text, std::size_t at, std::size_t count, int& out) {
  if (at + count > text.size()) return false;
  out = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    out = out * 10 + (text[i] - '0');
  }
  return true;
}

int days_in_month(int year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[month - 1];
}

}  // namespace

Civil civil_of(std::int64_t ms) {
  const std::int64_t days = floor_to(ms, kDay) / kDay;
  const std::int64_t z = days + 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const std::int64_t doe = z - era * 146097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const std::int64_t mp = (5 * doy + 2) / 153;
  Civil c{};
  c.day = static_cast<int>(doy - (153 * mp + 2) / 5 + 1);
  c.month = static_cast<int>(mp < 10 ? mp + 3 : mp - 9);
  c.year = static_cast<int>(yoe + era * 400 + (c.month <= 2));
  std::int64_t rest = ms - days * kDay;
  c.milli = static_cast<int>(rest % 1000);
  rest /= 1000;
  c.second = static_cast<int>(rest % 60);
  c.minute = static_cast<int>(rest / 60 % 60);
  c.hour = static_cast<int>(rest / 3600);
  c.weekday = static_cast<int>(((days + 3) % 7 + 7) % 7);  // 1970-01-01 was a Thursday.
  c.day_of_year = static_cast<int>(days - days_from_civil(c.year, 1, 1)) + 1;
  return c;
}

std::int64_t ms_of(const Civil& c) {
  return ((days_from_civil(c.year, c.month, c.day) * 24 + c.hour) * 60 + c.minute) * 60'000 + c.second * 1000 + c.milli;
}

std::string to_rfc3339(std::int64_t ms) {
  const Civil c = civil_of(ms);
  const std::string head =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", c.year, c.month, c.day, c.hour, c.minute, c.second);
  return c.milli == 0 ? head + "Z" : fmt::format("{}.{:03}Z", head, c.milli);
}

Result<std::int64_t> parse_rfc3339(std::string_view text) {
  const auto wrong = [&] {
    return invalid_argument("'{}' is no time; allowed: RFC 3339 like 2026-05-06T00:00:00Z, or a date like 2026-05-06",
                            text);
  };
  Civil c{};
  if (!digits(text, 0, 4, c.year) || !digits(text, 5, 2, c.month) || !digits(text, 8, 2, c.day)) return wrong();
  if (text[4] != '-' || text[7] != '-' || c.month < 1 || c.month > 12) return wrong();
  if (c.day < 1 || c.day > days_in_month(c.year, c.month)) return wrong();
  if (text.size() == 10) return ms_of(c);
  if (text[10] != 'T' && text[10] != 't' && text[10] != ' ') return wrong();
  if (!digits(text, 11, 2, c.hour) || !digits(text, 14, 2, c.minute) || !digits(text, 17, 2, c.second)) return wrong();
  if (text[13] != ':' || text[16] != ':' || c.hour > 23 || c.minute > 59 || c.second > 60) return wrong();
  std::size_t at = 19;
  if (at < text.size() && text[at] == '.') {
    int scale = 100;
    const std::size_t first = ++at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10)
      c.milli += (text[at] - '0') * scale;
    if (at == first) return wrong();
  }
  const std::string_view zone = text.substr(at);
  if (zone == "Z" || zone == "z") return ms_of(c);
  int hours = 0, minutes = 0;
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return wrong();
  if (!digits(zone, 1, 2, hours) || !digits(zone, 4, 2, minutes) || hours > 23 || minutes > 59) return wrong();
  const std::int64_t offset = (hours * 60 + minutes) * 60'000;
  return ms_of(c) - (zone[0] == '-' ? -offset : offset);
}

Result<Milliseconds> parse_duration(std::string_view text) {
  double amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::int64_t scale = unit == "ms"                   ? 1
                             : unit == "s"                  ? 1000
                             : unit == "min" || unit == "m" ? 60'000
                             : unit == "h"                  ? 3'600'000
                             : unit == "d"                  ? kDay
                                                            : 0;
  const bool fits =
      amount >= 0 && amount * static_cast<double>(scale) <= 9e15;  // NaN, which is a number too, does not.
  if (error != std::errc() || scale == 0 || !fits)
    return invalid_argument("'{}' is no duration; allowed: a number with its unit ms, s, min, h or d, like 90s", text);
  return Milliseconds(static_cast<std::int64_t>(amount * static_cast<double>(scale) + 0.5));
}

std::string to_text(Milliseconds duration) {
  const std::int64_t ms = duration.count();
  if (ms != 0 && ms % kDay == 0) return fmt::format("{}d", ms / kDay);
  if (ms != 0 && ms % 3'600'000 == 0) return fmt::format("{}h", ms / 3'600'000);
  if (ms != 0 && ms % 60'000 == 0) return fmt::format("{}min", ms / 60'000);
  if (ms % 1000 == 0) return fmt::format("{}s", ms / 1000);
  return fmt::format("{}ms", ms);
}

}  // namespace tidecast
