#include "monitoring/monitor.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"

namespace tidecast {
namespace {

// sum |y - f| of a point forecast, NaN truths left out.  A point forecast is its own every quantile, and of two levels
// that lie symmetrically, rho_tau(u) + rho_(1-tau)(u) = |u|; so the mean of 2 rho over (low, 0.5, up) is |u| as well,
// and its pooled loss is fit to stand beside a model's.
double absolute_error(std::span<const double> truth, std::span<const double> forecast) {
  return quantile_loss(0.5, truth, forecast).loss;
}

}  // namespace

Score score_of(const Forecast& forecast, std::span<const double> truth, ProcessingTime landed_at) {
  const std::size_t steps = forecast.mean.size();
  CHECK(truth.size() == steps && forecast.naive.size() == steps && forecast.seasonal_naive.size() == steps);
  CHECK(!forecast.taus.empty() && forecast.quantiles.size() == forecast.taus.size());

  Score score{.stage = forecast.stage,
              .version = forecast.version,
              .series = forecast.series,
              .origin = forecast.origin,
              .landed_at = landed_at,
              .quantile_losses = {}};
  for (std::size_t q = 0; q < forecast.taus.size(); ++q) {
    CHECK(forecast.quantiles[q].size() == steps);
    score.quantile_losses.push_back(quantile_loss(forecast.taus[q], truth, forecast.quantiles[q]).loss);
  }
  score.naive_loss = absolute_error(truth, forecast.naive);
  score.seasonal_naive_loss = absolute_error(truth, forecast.seasonal_naive);
  const std::vector<double>&low = forecast.quantiles.front(), &up = forecast.quantiles.back();
  for (std::size_t t = 0; t < steps; ++t) {
    if (std::isnan(truth[t])) continue;
    const double miss = forecast.mean[t] - truth[t];  // Above 0: the forecast was too high.
    ++score.steps;
    score.absolute_truth += std::abs(truth[t]);
    score.squared_error += miss * miss;
    score.error += miss;
    score.inside += low[t] <= truth[t] && truth[t] <= up[t];
  }
  return score;
}

void PooledScores::add(const Score& score) {
  loss.add(score.quantile_losses, score.absolute_truth);
  naive.add(score.naive_loss, score.absolute_truth);
  seasonal_naive.add(score.seasonal_naive_loss, score.absolute_truth);
}

Evaluation evaluate(const std::string& stage, int version, std::span<const Score> scores, ProcessingTime at,
                    double threshold) {
  Evaluation evaluation{.stage = stage, .version = version, .at = at, .loss = {}, .threshold = threshold};
  PooledScores pool;
  double squared_error = 0, error = 0;
  std::int64_t steps = 0, inside = 0;
  int forecasts = 0;
  for (const Score& score : scores) {
    if (score.steps == 0) continue;  // Its whole truth fell into a gap.
    pool.add(score);
    squared_error += score.squared_error;
    error += score.error;
    steps += score.steps;
    inside += score.inside;
    ++forecasts;
  }
  evaluation.loss = pool.loss.value();
  if (!evaluation.loss) return evaluation;

  const double of_steps = 1 / static_cast<double>(steps);
  evaluation.forecasts = forecasts;
  evaluation.breach = *evaluation.loss > threshold;
  evaluation.rmse = std::sqrt(squared_error * of_steps);
  evaluation.coverage = static_cast<double>(inside) * of_steps;
  evaluation.bias = error * of_steps;
  evaluation.naive = *pool.naive.value();
  evaluation.seasonal_naive = *pool.seasonal_naive.value();
  return evaluation;
}

Interval loss_interval(std::span<const Score> scores, std::size_t block, double level, int rounds, std::uint64_t seed) {
  CHECK(block > 0 && level > 0 && level < 1 && rounds > 0);
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  Rng rng(seed);
  std::vector<double> losses;
  for (int round = 0; round < rounds && scores.size() >= 2 * block; ++round) {
    PooledLoss pool;
    for (std::size_t drawn = 0; drawn < scores.size();) {
      const std::size_t first = rng.below(scores.size());
      for (std::size_t i = 0; i < block && drawn < scores.size(); ++i, ++drawn) {
        const Score& score = scores[(first + i) % scores.size()];
        if (score.steps > 0) pool.add(score.quantile_losses, score.absolute_truth);
      }
    }
    if (const std::optional<double> loss = pool.value()) losses.push_back(*loss);
  }
  if (losses.empty()) return {kNone, kNone};
  std::sort(losses.begin(), losses.end());
  const auto point = [&losses](double at) {
    return losses[static_cast<std::size_t>(at * static_cast<double>(losses.size() - 1) + 0.5)];
  };
  return {point((1 - level) / 2), point((1 + level) / 2)};
}

}  // namespace tidecast
