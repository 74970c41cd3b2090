#include "stats/season.h"

namespace tidecast {
namespace {

int divided(std::int64_t cycle, std::int64_t step) { return cycle % step == 0 ? static_cast<int>(cycle / step) : 1; }

int season_of_width(Milliseconds step) {
  constexpr Milliseconds kMinute = 1min, kHour = 1h, kDay = 24h, kWeek = 7 * kDay;
  constexpr int kLeastSteps = 24;  // Of a minute or an hour; fewer say little about its course.
  const Milliseconds cycle = step * kLeastSteps <= kMinute ? kMinute
                             : step * kLeastSteps <= kHour ? kHour
                             : step < kDay                 ? kDay
                             : step == kDay                ? kWeek
                             : step % kWeek == 0ms         ? 52 * kWeek
                                                           : step;
  return divided(cycle.count(), step.count());
}

}  // namespace

int season_of(const Frequency& step) {
  CHECK(step.multiple() > 0);
  if (const auto width = step.width()) return season_of_width(*width);
  switch (step.unit()) {
    case StepUnit::kBusinessDay: return divided(5, step.multiple());
    case StepUnit::kMonth: return divided(12, step.multiple());
    case StepUnit::kQuarter: return divided(4, step.multiple());
    default: return 1;
  }
}

}  // namespace tidecast
