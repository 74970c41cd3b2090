#pragma once
// What a model is to those who use it: whatever was trained, it draws futures of a series and can be written down.

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "flow/series.h"

namespace tidecast {

// The size up to which a series' values are forecast from: paths are floats.
inline constexpr double kSeriesValueMax = 1e30;

// Sampled futures of one series: paths x horizon, path-major, in the series' own unit.
struct ForecastPaths {
  int paths = 0;
  int horizon = 0;
  std::vector<float> values;  // [path * horizon + step]

  std::vector<double> mean() const;  // [horizon]
  // [horizon]; the sorted sample at index round_half_even((paths - 1) * tau), as GluonTS does.  0 <= tau <= 1.
  std::vector<double> quantile(double tau) const;
};

// Immutable, so any number of threads may forecast.
class Forecaster {
 public:
  // Forecasts the steps after the end of `history` (which may hold NaN).  Paths are a function of `seed` and the path's
  // number alone.  Errors: kInvalidArgument - another step width than it was trained for, or not one observed value.
  virtual Result<ForecastPaths> forecast(const TimeSeries& history, int paths, std::uint64_t seed) const = 0;

  virtual int horizon() const = 0;
  virtual int history_needed() const = 0;  // Values of history that can matter; more do no harm.
  // What it is and how it came about: of DeepAR recipe, sizes, lags, season, seed, steps taken, held-out loss,
  // parameters' count.
  virtual const json::object& describe() const = 0;
  // One self-describing file.
  virtual std::string serialize() const = 0;
  virtual ~Forecaster() = default;
};

// The seed that a forecast from `origin`, the end of its history, is made with wherever one is made: in a back-test,
// for the store, for a caller.  So the same model, history and seed give the same paths.
std::uint64_t paths_seed(std::uint64_t seed, EventTime origin);

}  // namespace tidecast
