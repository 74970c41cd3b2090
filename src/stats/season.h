#pragma once
// The season of a series: the cycle that DeepAR's copy gate, seasonal naive and the seasonal error look back by.

#include "base/time.h"

namespace tidecast {

// In steps of width `step` (> 0): the shorter of minute and hour that holds at least 24 of them; else a day for steps
// below one, a week for a day, a year for a week.  1 where the step does not divide that cycle, or is any other.
//   1 s 60, 10 s 360, 30 s 120, 1 min 60, 2 min 30, 5 min 288, 15 min 96, 30 min 48, 1 h 24, 1 d 7, 1 w 52
// A day of minutes would be too long for a context; an hour served best (docs/deepar.md).
int season_of(Milliseconds step);

}  // namespace tidecast
