#pragma once
// The rolling-origin back-test: what a model would have forecast for the last stretches of a series, each from the
// values before it alone, beside the baselines and the model in production.  Pure.
//
//   training part, >= kLeastObservations observed | window | window | ... | window |      each of `horizon` steps,
//   ----------------------------------------------^origin--^origin-------------------end  one after the other
//
// Losses are mean weighted quantile losses over (low, 0.5, up), pooled over the windows: docs/metrics.md.

#include <cstdint>
#include <optional>
#include <vector>

#include "flow/forecaster.h"
#include "stats/metrics.h"

namespace tidecast {

// At least this many observations must be left for training before the first window; SageMaker asks for as many.
inline constexpr int kLeastObservations = 300;
// With fewer windows than this a run is skipped for want of data.
inline constexpr int kLeastWindows = 5;

// How many back-test windows (stride = horizon, ending at the snapshot's end) fit, so that kLeastObservations
// observed values remain before the first: at most `wanted`.
int backtest_windows(const TimeSeries& series, int horizon, int wanted);

// One window's forecasts and truth.
struct BacktestWindow {
  EventTime origin;  // Start of its first step.
  QuantileForecast model, naive, seasonal_naive, npts, ets;
  std::optional<QuantileForecast> production;  // Only on windows after that model's own data.
};

struct Backtest {
  std::vector<double> taus;                                 // low, 0.5, up
  std::vector<BacktestWindow> windows;                      // Oldest first; those that can be judged.
  double loss = 0;                                          // mean wQL pooled over the windows, as
  double naive = 0, seasonal_naive = 0, npts = 0, ets = 0;  // these.
  Interval loss_interval;                                   // 90 % bootstrap.
  double loss_point_90 = 0;          // The 90 % point of the bootstrapped loss: the least threshold.
  std::optional<double> production;  // On the windows after the production model's data, beside
  std::optional<double> challenger;  // our own loss on those same windows.
  int production_windows = 0;
  double rmse = 0, coverage = 0;  // Of the mean, in the series' unit; share of truths within [low, up].
};

// A rolling-origin back-test of one model; also what `tidecast` shows for baselines.  Windows: those of
// backtest_windows() without the ones that an outage of the source left with no truth in them, or with no value before
// them as far back as the model looks.  They are left out for all competitors alike, so fewer than kLeastWindows may
// come back; then nothing is judged and every measure is NaN.
//   season      in steps, of the baselines; NPTS and ETS give their exact quantiles, and the naive forecast where there
//               is nothing in their past to forecast from
//   production  null if there is none; it judges only windows whose origin is not before `production_data_end`, and
//               none if its horizon is shorter than ours or it sees no value before it
// The randomness of a window's paths is a function of (seed, its origin), the same for both models.
// Errors: kInvalidArgument - confidence or paths out of range, or no truth in the windows;  kFailedPrecondition -
// not one window fits;  what a model's forecast says, with the window's origin before it.
Result<Backtest> rolling_backtest(const Forecaster& model, const TimeSeries& series, int windows, double confidence,
                                  int paths, std::uint64_t seed, const Forecaster* production,
                                  EventTime production_data_end, int season);

}  // namespace tidecast
