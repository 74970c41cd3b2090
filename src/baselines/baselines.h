#pragma once
// The forecasts that cost nothing, beside which every DeepAR is shown.  Point forecasts: every quantile is the same.

#include <cstdint>
#include <span>
#include <vector>

namespace tidecast {

// The last observed value, `horizon` times.  NaN values are passed over; all NaN gives NaN.
std::vector<double> naive(std::span<const double> history, int horizon);

// The value one season before each step (the last season repeated); the naive forecast where history is shorter than a
// season or the value a season before is NaN.
std::vector<double> seasonal_naive(std::span<const double> history, int horizon, int season);

// The season, in steps, that recipe R takes for a step width: minute 60, 5 min 288, 15 min 96, 30 min 48, hour 24,
// day 7; otherwise a day's worth of steps if that is whole, else 1.
int season_of(std::int64_t step_ms);

}  // namespace tidecast
