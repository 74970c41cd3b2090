#pragma once
// The season of a series: the cycle that DeepAR's copy gate, seasonal naive and the seasonal error look back by.

#include "flow/frequency.h"

namespace tidecast {

// In steps of `step` (multiple() >= 1).  Where steps have a width: the shorter of minute and hour that holds at least
// 24 of them; else a day for steps below one, a week for a day, a year for weeks.  Business days have a week of five,
// months and quarters a year, as M4 and GluonTS have it.  1 where the step does not divide that cycle, or is any other.
//   1 s 60, 10 s 360, 30 s 120, 1 min 60, 2 min 30, 5 min 288, 15 min 96, 30 min 48, 1 h 24, 1 D 7, 1 B 5, 1 W 52, 2 W
//   26, 1 M 12, 1 Q 4, 1 Y 1
// A day of minutes would be too long for a context; an hour served best (docs/deepar.md).
int season_of(const Frequency& step);

}  // namespace tidecast
