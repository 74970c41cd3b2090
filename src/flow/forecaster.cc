#include "flow/forecaster.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"

namespace tidecast {

std::uint64_t paths_seed(std::uint64_t seed, EventTime origin) {
  return mix64(seed ^ mix64(static_cast<std::uint64_t>(origin.ms())));
}

std::vector<double> ForecastPaths::mean() const {
  std::vector<double> mean(static_cast<std::size_t>(horizon));
  for (std::size_t i = 0; i < values.size(); ++i) mean[i % mean.size()] += values[i];
  for (double& m : mean) m /= paths;
  return mean;
}

std::vector<double> ForecastPaths::quantile(double tau) const {
  CHECK(tau >= 0 && tau <= 1 && paths > 0);
  const auto rank = static_cast<std::ptrdiff_t>(std::nearbyint((paths - 1) * tau));  // Halves go to the even side.
  std::vector<double> result(static_cast<std::size_t>(horizon));
  std::vector<float> column(static_cast<std::size_t>(paths));
  for (std::size_t step = 0; step < result.size(); ++step) {
    for (std::size_t path = 0; path < column.size(); ++path) column[path] = values[path * result.size() + step];
    std::nth_element(column.begin(), column.begin() + rank, column.end());
    result[step] = column[static_cast<std::size_t>(rank)];
  }
  return result;
}

}  // namespace tidecast
