#include "baselines/baselines.h"

#include <cmath>
#include <limits>

#include "base/result.h"

namespace tidecast {

std::vector<double> naive(std::span<const double> history, int horizon) {
  CHECK(horizon >= 0);
  double last = std::numeric_limits<double>::quiet_NaN();
  for (std::size_t t = history.size(); t-- > 0 && std::isnan(last);) last = history[t];
  return std::vector<double>(static_cast<std::size_t>(horizon), last);
}

std::vector<double> seasonal_naive(std::span<const double> history, int horizon, int season) {
  CHECK(season > 0);
  std::vector<double> forecast = naive(history, horizon);
  const auto m = static_cast<std::size_t>(season);
  if (history.size() < m) return forecast;
  const auto last_season = history.last(m);
  for (std::size_t k = 0; k < forecast.size(); ++k)
    if (const double before = last_season[k % m]; !std::isnan(before)) forecast[k] = before;
  return forecast;
}

}  // namespace tidecast
