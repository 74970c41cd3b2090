#include "app/words.h"

#include <algorithm>

#include "app/report.h"

namespace tidecast {
namespace {

constexpr Milliseconds kHiccup = 1min;

std::string clock_at(std::int64_t ms, std::int64_t now) {
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const Civil c = civil_of(ms), today = civil_of(now);
  const std::string time = fmt::format("{:02}:{:02}", c.hour, c.minute);
  if (c.year == today.year && c.month == today.month && c.day == today.day) return time;
  return fmt::format("{:02} {} {}", c.day, kMonths[c.month - 1], time);
}

}  // namespace

std::string spoken(Milliseconds duration) {
  const std::int64_t s = std::max<std::int64_t>(duration.count(), 0) / 1000;
  if (s < 60) return fmt::format("{} s", s);
  if (s < 600 && s % 60 != 0) return fmt::format("{} min {} s", s / 60, s % 60);
  if (s < 3600) return fmt::format("{} min", s / 60);
  if (s < 86'400)
    return s / 60 % 60 == 0 ? fmt::format("{} h", s / 3600) : fmt::format("{} h {} min", s / 3600, s / 60 % 60);
  const std::string days = counted(s / 86'400, "day");
  return s / 3600 % 24 == 0 ? days : fmt::format("{} {} h", days, s / 3600 % 24);
}

std::string spoken_long(Milliseconds duration) {
  const std::int64_t s = std::max<std::int64_t>(duration.count(), 0) / 1000;
  if (s < 90) return counted(s, "second");
  if (s < 5400) return counted((s + 30) / 60, "minute");
  if (s < 36 * 3600) return counted((s + 1800) / 3600, "hour");
  return counted((s + 43'200) / 86'400, "day");
}

std::string exact_text(EventTime time, ProcessingTime now) {
  return fmt::format("{}:{:02}", clock_text(time, now), civil_of(time.ms()).second);
}
std::string clock_text(ProcessingTime time, ProcessingTime now) { return clock_at(time.ms(), now.ms()); }
std::string clock_text(EventTime time, ProcessingTime now) { return clock_at(time.ms(), now.ms()); }

std::string counted(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(count), noun, count == 1 ? "" : "s");
}

std::string loss_text(double loss) { return fmt::format("{:.3f}", loss); }

bool is_down(const SourceHealth& health, ProcessingTime now) {
  return health.state == SourceHealth::State::kRetrying &&
         now - health.since >= std::max<Milliseconds>(kHiccup, 3 * health.interval);
}

}  // namespace tidecast
