#pragma once
// Accuracy of forecasts.  Pure functions; lengths must agree.  Definitions: Amazon DeepAR's documentation and GluonTS's
// evaluation (docs/metrics.md).  A NaN truth is left out everywhere; a measure of no steps at all is NaN.
//
// tau is a quantile's level, 0..1; y the truth, f the forecast, both in the series' unit.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"

namespace tidecast {

// The three quantiles that a confidence (in percent, 50..100) stands for: low = 0.5 - c/200, 0.5, up = 0.5 + c/200,
// rounded to three decimals: 90 is 0.05, 0.5, 0.95.
std::vector<double> confidence_quantiles(double confidence);

// Numerator and denominator of a weighted quantile loss, so that windows can be pooled.
struct QuantileLoss {
  double loss = 0;   // 2 * sum rho_tau(y - f), rho_tau(u) = max(tau u, (tau - 1) u)
  double scale = 0;  // sum |y|
};
QuantileLoss quantile_loss(double tau, std::span<const double> actual, std::span<const double> forecast);

// The mean weighted quantile loss of what was added: per level all losses over the sum of all |y|, then the mean over
// the levels.  Whatever is called a loss anywhere is a value of this.
class PooledLoss {
 public:
  // A window's or forecast's 2 sum rho, one of each level, always of the same levels, and its sum |y|.
  void add(std::span<const double> losses, double scale);
  // Those of a point forecast: of levels symmetric about 0.5 the mean 2 sum rho is its sum |y - f|.
  void add(double loss, double scale) { add({&loss, 1}, scale); }
  // Nothing without a truth, or where every truth is 0.  Infinite where a forecast was no number: that is the worst
  // there is, and as a NaN it would compare as no breach.
  std::optional<double> value() const;

 private:
  std::vector<double> losses_;  // [taus]
  double scale_ = 0;
};

// One window (or one scored forecast): truth and the forecast of each quantile.
struct QuantileForecast {
  std::vector<double> actual;                  // [steps], NaN where there is no truth.
  std::vector<std::vector<double>> quantiles;  // [taus][steps]
  std::vector<double> mean;                    // [steps]; may be empty where only quantiles are judged.
};

// Per quantile 2 sum rho / sum |y| over all windows' steps, then the mean over the quantiles: mean weighted quantile
// loss.
// Errors: kInvalidArgument - no truth at all, every truth 0, lengths that differ, or a forecast that is no number where
// there is a truth.
Result<double> mean_wql(std::span<const double> taus, std::span<const QuantileForecast> windows);

double rmse(std::span<const QuantileForecast> windows);  // Of the mean.
double bias(std::span<const QuantileForecast> windows);  // mean(forecast mean - truth).
// Share of truths with low <= y <= up; `low` and `up` are indices among the quantiles.
double coverage(std::size_t low, std::size_t up, std::span<const QuantileForecast> windows);

// mean |y_t - y_(t-m)| over the past; m = 1 if it is too short for a season.  The yardstick of MASE.
double seasonal_error(std::span<const double> past, int season);

// Mean absolute scaled error of the median: mean |y - median| / seasonal_error.  `median` is its index among the
// quantiles. Over several series: the mean of their MASEs.
double mase(std::size_t median, const QuantileForecast& window, double seasonal_error);

struct Interval {
  double low = 0, up = 0;
};
// Percentile bootstrap over windows of mean_wql: `level` 0.9 gives the 5 % and 95 % points of `rounds` resamples.
// Windows are drawn with replacement, as many as there are; a resample without any truth is left out.  The same
// seed gives the same resamples.  NaN where mean_wql itself is an error.
Interval bootstrap_mean_wql(std::span<const double> taus, std::span<const QuantileForecast> windows, double level,
                            int rounds, std::uint64_t seed);
// The `level` quantile (0.9: the 90 % point) of the same resamples.
double bootstrap_quantile(std::span<const double> taus, std::span<const QuantileForecast> windows, double level,
                          int rounds, std::uint64_t seed);

}  // namespace tidecast
