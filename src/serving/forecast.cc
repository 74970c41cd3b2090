#include "serving/forecast.h"

#include <algorithm>
#include <cmath>

namespace tidecast {

Result<ForecastPaths> sample_paths(const Forecaster& model, const TimeSeries& history, int paths, std::uint64_t seed) {
  if (paths < 1) return invalid_argument("{} paths; allowed: at least 1", paths);
  ForecastPaths sampled = TRY(model.forecast(history, paths, paths_seed(seed, history.end())));
  const int horizon = model.horizon();
  const std::size_t expected = static_cast<std::size_t>(paths) * static_cast<std::size_t>(horizon);
  if (sampled.paths != paths || sampled.horizon != horizon || sampled.values.size() != expected)
    return internal_error("the model gave {} numbers for {} paths of {} steps", sampled.values.size(), paths, horizon);
  const auto wild =
      std::find_if_not(sampled.values.begin(), sampled.values.end(), [](float value) { return std::isfinite(value); });
  if (wild != sampled.values.end())
    return internal_error("the model's forecast is not finite at step {}", (wild - sampled.values.begin()) % horizon);
  return sampled;
}

SortedPaths::SortedPaths(const ForecastPaths& paths) : paths_(paths.paths), values_(paths.values.size()) {
  CHECK(paths_ > 0);
  const auto horizon = static_cast<std::size_t>(paths.horizon), count = static_cast<std::size_t>(paths_);
  for (std::size_t step = 0; step < horizon; ++step) {
    const auto column = values_.begin() + static_cast<std::ptrdiff_t>(step * count);
    for (std::size_t path = 0; path < count; ++path)
      column[static_cast<std::ptrdiff_t>(path)] = paths.values[path * horizon + step];
    std::sort(column, column + paths_);
  }
}

std::vector<double> SortedPaths::quantile(double tau) const {
  CHECK(tau >= 0 && tau <= 1);
  const auto rank = static_cast<std::size_t>(std::nearbyint((paths_ - 1) * tau));  // Halves go to the even side.
  std::vector<double> result;
  for (std::size_t at = rank; at < values_.size(); at += static_cast<std::size_t>(paths_))
    result.push_back(values_[at]);
  return result;
}

Result<QuantilesOfForecast> forecast_quantiles(const Forecaster& model, const TimeSeries& history,
                                               std::span<const double> taus, int paths, std::uint64_t seed) {
  for (const double tau : taus)
    if (!(tau > 0 && tau < 1)) return invalid_argument("quantile {}; allowed: above 0 and below 1", tau);
  const ForecastPaths sampled = TRY(sample_paths(model, history, paths, seed));
  QuantilesOfForecast forecast{.origin = history.end(), .quantiles = {}, .mean = sampled.mean()};
  const SortedPaths sorted(sampled);
  for (const double tau : taus) forecast.quantiles.push_back(sorted.quantile(tau));
  return forecast;
}

}  // namespace tidecast
