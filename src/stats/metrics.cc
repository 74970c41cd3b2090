#include "stats/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"

namespace tidecast {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Status check_window(std::span<const double> taus, const QuantileForecast& window) {
  if (window.quantiles.size() != taus.size())
    return invalid_argument("{} quantiles but forecasts of {}", taus.size(), window.quantiles.size());
  for (std::size_t q = 0; q < taus.size(); ++q) {
    const auto& forecast = window.quantiles[q];
    if (forecast.size() != window.actual.size())
      return invalid_argument("quantile {}: {} truths but {} forecasts", taus[q], window.actual.size(),
                              forecast.size());
    for (std::size_t t = 0; t < forecast.size(); ++t)
      if (!std::isnan(window.actual[t]) && !std::isfinite(forecast[t]))
        return invalid_argument("quantile {}: the forecast of step {} is no number", taus[q], t);
  }
  return ok();
}

// A window's part in any pool it is drawn into.
struct WindowSums {
  std::vector<double> losses;  // [taus]
  double scale = 0;
};
using Sums = std::vector<WindowSums>;  // [windows]

Result<Sums> sums_of(std::span<const double> taus, std::span<const QuantileForecast> windows) {
  if (taus.empty()) return invalid_argument("no quantiles to judge");
  Sums sums;
  for (std::size_t w = 0; w < windows.size(); ++w) {
    TRY(check_window(taus, windows[w]).in(fmt::format("window {}", w)));
    WindowSums& of = sums.emplace_back();
    for (std::size_t q = 0; q < taus.size(); ++q) {
      const QuantileLoss loss = quantile_loss(taus[q], windows[w].actual, windows[w].quantiles[q]);
      of.losses.push_back(loss.loss);
      of.scale = loss.scale;  // The same at every level.
    }
  }
  return sums;
}

// The losses of all resamples, ascending.
std::vector<double> resampled(std::span<const double> taus, std::span<const QuantileForecast> windows, int rounds,
                              std::uint64_t seed) {
  CHECK(rounds > 0);
  const auto sums = sums_of(taus, windows);
  if (!sums.ok() || windows.empty()) return {};
  Rng rng(seed);
  std::vector<double> losses;
  for (int round = 0; round < rounds; ++round) {
    PooledLoss pool;
    for (std::size_t drawn = 0; drawn < windows.size(); ++drawn) {
      const WindowSums& of = (*sums)[rng.below(windows.size())];
      pool.add(of.losses, of.scale);
    }
    if (const auto loss = pool.value(); loss && std::isfinite(*loss)) losses.push_back(*loss);
  }
  std::sort(losses.begin(), losses.end());
  return losses;
}

// The point below which a share `level` of the sorted values lies, linear between neighbours.
double point_of(std::span<const double> sorted, double level) {
  if (sorted.empty()) return kNaN;
  const double place = level * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

class Mean {
 public:
  void add(double value) { sum_ += value, ++count_; }
  double value() const { return count_ == 0 ? kNaN : sum_ / static_cast<double>(count_); }

 private:
  double sum_ = 0;
  std::size_t count_ = 0;
};

// The mean of measure(forecast mean, truth) over all steps that have both.
template <typename Measure>
double mean_over_means(std::span<const QuantileForecast> windows, Measure measure) {
  Mean mean;
  for (const QuantileForecast& window : windows) {
    CHECK(window.mean.empty() || window.mean.size() == window.actual.size());
    for (std::size_t t = 0; t < window.mean.size(); ++t)
      if (!std::isnan(window.actual[t])) mean.add(measure(window.mean[t], window.actual[t]));
  }
  return mean.value();
}

}  // namespace

std::vector<double> confidence_quantiles(double confidence) {
  CHECK(confidence >= 50 && confidence <= 100);
  const auto rounded = [](double tau) { return std::round(tau * 1000) / 1000; };
  return {rounded(0.5 - confidence / 200), 0.5, rounded(0.5 + confidence / 200)};
}

QuantileLoss quantile_loss(double tau, std::span<const double> actual, std::span<const double> forecast) {
  CHECK(actual.size() == forecast.size());
  QuantileLoss sum;
  for (std::size_t t = 0; t < actual.size(); ++t) {
    if (std::isnan(actual[t])) continue;
    const double miss = actual[t] - forecast[t];  // Above 0: the forecast was too low.
    sum.loss += 2 * std::max(tau * miss, (tau - 1) * miss);
    sum.scale += std::abs(actual[t]);
  }
  return sum;
}

void PooledLoss::add(std::span<const double> losses, double scale) {
  CHECK(losses_.empty() || losses_.size() == losses.size());
  losses_.resize(losses.size());
  for (std::size_t q = 0; q < losses.size(); ++q) losses_[q] += losses[q];
  scale_ += scale;
}

std::optional<double> PooledLoss::value() const {
  if (losses_.empty() || !(scale_ > 0)) return std::nullopt;
  double sum = 0;
  for (const double loss : losses_) sum += loss / scale_;
  const double mean = sum / static_cast<double>(losses_.size());
  return std::isnan(mean) ? std::numeric_limits<double>::infinity() : mean;
}

Result<double> mean_wql(std::span<const double> taus, std::span<const QuantileForecast> windows) {
  const Sums sums = TRY(sums_of(taus, windows));
  const auto has_truth = [](const QuantileForecast& window) {
    return std::any_of(window.actual.begin(), window.actual.end(), [](double y) { return !std::isnan(y); });
  };
  if (std::none_of(windows.begin(), windows.end(), has_truth))
    return invalid_argument("no truth in {} windows", windows.size());
  PooledLoss pool;
  for (const WindowSums& of : sums) pool.add(of.losses, of.scale);
  const std::optional<double> loss = pool.value();
  if (loss && !std::isfinite(*loss))
    return invalid_argument(
        "the loss of {} windows is no number: a forecast is none, or values are too large to add up", windows.size());
  if (!loss) return invalid_argument("every truth is 0, so the loss has no scale");
  return *loss;
}

double rmse(std::span<const QuantileForecast> windows) {
  return std::sqrt(mean_over_means(windows, [](double mean, double truth) { return (mean - truth) * (mean - truth); }));
}

double bias(std::span<const QuantileForecast> windows) {
  return mean_over_means(windows, [](double mean, double truth) { return mean - truth; });
}

double coverage(std::size_t low, std::size_t up, std::span<const QuantileForecast> windows) {
  Mean inside;
  for (const QuantileForecast& window : windows) {
    CHECK(low < window.quantiles.size() && up < window.quantiles.size());
    const auto &lows = window.quantiles[low], &ups = window.quantiles[up];
    CHECK(lows.size() == window.actual.size() && ups.size() == window.actual.size());
    for (std::size_t t = 0; t < window.actual.size(); ++t) {
      const double truth = window.actual[t];
      if (!std::isnan(truth)) inside.add(lows[t] <= truth && truth <= ups[t] ? 1 : 0);
    }
  }
  return inside.value();
}

double seasonal_error(std::span<const double> past, int season) {
  CHECK(season > 0);
  const std::size_t m = static_cast<std::size_t>(season) < past.size() ? static_cast<std::size_t>(season) : 1;
  Mean error;
  for (std::size_t t = m; t < past.size(); ++t)
    if (const double step = std::abs(past[t] - past[t - m]); !std::isnan(step)) error.add(step);
  return error.value();
}

double mase(std::size_t median, const QuantileForecast& window, double seasonal_error) {
  CHECK(median < window.quantiles.size() && window.quantiles[median].size() == window.actual.size());
  Mean error;
  for (std::size_t t = 0; t < window.actual.size(); ++t)
    if (!std::isnan(window.actual[t])) error.add(std::abs(window.actual[t] - window.quantiles[median][t]));
  return error.value() / seasonal_error;
}

Interval bootstrap_mean_wql(std::span<const double> taus, std::span<const QuantileForecast> windows, double level,
                            int rounds, std::uint64_t seed) {
  CHECK(level > 0 && level < 1);
  const std::vector<double> losses = resampled(taus, windows, rounds, seed);
  return {point_of(losses, (1 - level) / 2), point_of(losses, (1 + level) / 2)};
}

double bootstrap_quantile(std::span<const double> taus, std::span<const QuantileForecast> windows, double level,
                          int rounds, std::uint64_t seed) {
  CHECK(level >= 0 && level <= 1);
  return point_of(resampled(taus, windows, rounds, seed), level);
}

}  // namespace tidecast
