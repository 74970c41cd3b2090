#pragma once
// The forecasts that cost nothing, beside which every DeepAR is shown.  Point forecasts: every quantile is the same.

#include <span>
#include <vector>

namespace tidecast {

// The last observed value, `horizon` times.  NaN values are passed over; all NaN gives NaN.
std::vector<double> naive(std::span<const double> history, int horizon);

// The value one season before each step (the last season repeated); the naive forecast where history is shorter than a
// season or the value a season before is NaN.
std::vector<double> seasonal_naive(std::span<const double> history, int horizon, int season);

}  // namespace tidecast
