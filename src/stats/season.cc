#include "stats/season.h"

namespace tidecast {

int season_of(Milliseconds step) {
  CHECK(step > 0ms);
  constexpr Milliseconds kMinute = 1min, kHour = 1h, kDay = 24h, kWeek = 7 * kDay;
  constexpr int kLeastSteps = 24;  // Of a minute or an hour; fewer say little about its course.
  const Milliseconds cycle = step * kLeastSteps <= kMinute ? kMinute
                             : step * kLeastSteps <= kHour ? kHour
                             : step < kDay                 ? kDay
                             : step == kDay                ? kWeek
                             : step == kWeek               ? 52 * kWeek
                                                           : step;
  return cycle % step == 0ms ? static_cast<int>(cycle / step) : 1;
}

}  // namespace tidecast
