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

namespace {

constexpr std::size_t kTogether = 4;
typedef float Together __attribute__((vector_size(4 * kTogether), aligned(4), may_alias));

// In each column of two rows the smaller value goes to the first.
void put_in_order(float* first, float* second, std::size_t pitch) {
  for (std::size_t i = 0; i < pitch; i += kTogether) {
    auto& low = *reinterpret_cast<Together*>(first + i);
    auto& high = *reinterpret_cast<Together*>(second + i);
    const Together a = low, b = high;
    low = a < b ? a : b;
    high = a < b ? b : a;
  }
}

// Sorts every column by Batcher's merge exchange (Knuth, The Art of Computer Programming, volume 3, algorithm 5.2.2M):
// which rows are compared does not depend on what they hold, so nothing is guessed wrong and columns go side by side.
void sort_columns(float* values, std::size_t rows, std::size_t pitch) {
  std::size_t top = 1;
  while (top * 2 < rows) top *= 2;
  for (std::size_t p = top; p > 0; p /= 2)
    for (std::size_t q = top, r = 0, d = p; d > 0; d = q - p, q /= 2, r = p)
      for (std::size_t i = 0; i + d < rows; ++i)
        if ((i & p) == r) put_in_order(values + i * pitch, values + (i + d) * pitch, pitch);
}

}  // namespace

SortedPaths::SortedPaths(const ForecastPaths& paths)
    : paths_(std::max(paths.paths, 0)),
      horizon_(static_cast<std::size_t>(paths.horizon)),
      pitch_((horizon_ + kTogether - 1) / kTogether * kTogether),
      values_(static_cast<std::size_t>(paths_) * pitch_) {
  CHECK(paths_ > 0 && paths.values.size() == static_cast<std::size_t>(paths_) * horizon_);
  for (std::size_t path = 0; path < static_cast<std::size_t>(paths_); ++path)
    std::copy_n(paths.values.data() + path * horizon_, horizon_, values_.data() + path * pitch_);
  sort_columns(values_.data(), static_cast<std::size_t>(paths_), pitch_);
}

std::vector<double> SortedPaths::quantile(double tau) const {
  CHECK(tau >= 0 && tau <= 1);
  const auto rank = static_cast<std::size_t>(std::nearbyint((paths_ - 1) * tau));  // Halves go to the even side.
  const float* row = values_.data() + rank * pitch_;
  return {row, row + horizon_};
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
