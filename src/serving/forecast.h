#pragma once
// Forecasts as they are stored, scored and answered: the paths of a model, checked before anyone sees them, and their
// quantiles. Pure.  The same model, history and seed give the same forecast whoever asks: the paths' seed is a function
// of `seed` and the forecast's origin (the end of the history).

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "deepar/deepar.h"

namespace tidecast {

// `paths` futures (>= 1) of `history`.  Errors: what Forecaster::forecast says;  kInternal - the model gave numbers
// that are not finite, or not `paths` times its horizon of them.
Result<ForecastPaths> sample_paths(const Forecaster& model, const TimeSeries& history, int paths, std::uint64_t seed);

// The paths of a forecast in the order of their values, step by step: any number of quantiles at the price of one.
class SortedPaths {
 public:
  explicit SortedPaths(const ForecastPaths& paths);  // At least one.
  std::vector<double> quantile(double tau) const;    // As ForecastPaths::quantile.

 private:
  int paths_;
  std::size_t horizon_, pitch_;
  std::vector<float> values_;  // [rank][pitch]: a column is a step's, rising; behind the horizon is nothing.
};

// The forecast that the scheduler stores when a window closes, and that the short form answers: quantiles and mean of
// the paths.
struct QuantilesOfForecast {
  EventTime origin;                            // Start of the first step.
  std::vector<std::vector<double>> quantiles;  // [taus][horizon]
  std::vector<double> mean;                    // [horizon]
};
// Errors: those of sample_paths;  kInvalidArgument - a tau that is not above 0 and below 1.
Result<QuantilesOfForecast> forecast_quantiles(const Forecaster& model, const TimeSeries& history,
                                               std::span<const double> taus, int paths, std::uint64_t seed);

}  // namespace tidecast
