#include "sources/schedule.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace tidecast {
namespace {

constexpr std::string_view kHeader = "minute_utc,tx_per_minute,fee_level";
constexpr double kMostPerMinute = 1e6;

std::string_view take_until(std::string_view& rest, char separator) {
  const std::size_t at = rest.find(separator);
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + 1);
  return taken;
}

double number_of(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : std::numeric_limits<double>::quiet_NaN();
}

Result<ScheduleMinute> parse_minute(std::string_view line) {
  const std::string_view minute = take_until(line, ','), rate = take_until(line, ','), level = line;
  const auto start = EventTime::from_ms(TRY(parse_rfc3339(minute).in("minute_utc")));
  if (floor_to(start, 60s) != start) return invalid_argument("minute_utc: '{}' is not the start of a minute", minute);
  const double tx_per_minute = number_of(rate), fee_level = number_of(level);
  if (!(tx_per_minute >= 0 && tx_per_minute <= kMostPerMinute)) {
    return invalid_argument("tx_per_minute: '{}'; a number from 0 to {} is needed", rate, kMostPerMinute);
  }
  if (!(fee_level > 0 && std::isfinite(fee_level))) {
    return invalid_argument("fee_level: '{}'; a number above 0 is needed", level);
  }
  return ScheduleMinute{start, tx_per_minute, fee_level};
}

}  // namespace

Result<std::vector<ScheduleMinute>> parse_schedule(std::string_view csv) {
  const std::string_view header = take_until(csv, '\n');
  if (header != kHeader) return invalid_argument("line 1: '{}'; the header '{}' is needed", header, kHeader);
  std::vector<ScheduleMinute> minutes;
  for (std::size_t line_number = 2; !csv.empty(); ++line_number) {
    const ScheduleMinute minute = TRY(parse_minute(take_until(csv, '\n')).in(fmt::format("line {}", line_number)));
    if (!minutes.empty() && minute.start != minutes.back().start + 60s) {
      return invalid_argument("line {}: minute_utc: {} follows {}; minutes must follow one another", line_number,
                              to_rfc3339(minute.start), to_rfc3339(minutes.back().start));
    }
    minutes.push_back(minute);
  }
  if (minutes.empty()) return invalid_argument("line 2: no minute is given");
  return minutes;
}

}  // namespace tidecast
