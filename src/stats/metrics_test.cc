#include "stats/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"

namespace tidecast {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
const std::vector<double> kTaus{0.1, 0.5, 0.9};

// A point forecast: the same at every quantile and in the mean.
QuantileForecast point(std::vector<double> actual, std::vector<double> forecast, std::size_t taus = 3) {
  return {std::move(actual), std::vector<std::vector<double>>(taus, forecast), forecast};
}

QuantileForecast random_window(Rng& rng, std::size_t steps) {
  QuantileForecast window;
  for (std::size_t t = 0; t < steps; ++t) {
    const double level = 50 + 20 * rng.normal();
    window.actual.push_back(rng.below(8) == 0 ? kNaN : level);
    window.mean.push_back(level + 3 * rng.normal());
  }
  for (const double tau : kTaus) {
    auto& quantile = window.quantiles.emplace_back(window.mean);
    for (double& value : quantile) value += 10 * (tau - 0.5);
  }
  return window;
}

std::vector<QuantileForecast> random_windows(std::uint64_t seed, std::size_t count) {
  Rng rng(seed);
  std::vector<QuantileForecast> windows;
  for (std::size_t i = 0; i < count; ++i) windows.push_back(random_window(rng, 3 + rng.below(10)));
  return windows;
}

TEST(ConfidenceQuantiles, AreLowMedianAndUpRoundedToThreeDecimals) {
  EXPECT_EQ(confidence_quantiles(90), (std::vector<double>{0.05, 0.5, 0.95}));
  EXPECT_EQ(confidence_quantiles(80), (std::vector<double>{0.1, 0.5, 0.9}));
  EXPECT_EQ(confidence_quantiles(95), (std::vector<double>{0.025, 0.5, 0.975}));
  EXPECT_EQ(confidence_quantiles(66.6666), (std::vector<double>{0.167, 0.5, 0.833}));
  EXPECT_EQ(confidence_quantiles(50), (std::vector<double>{0.25, 0.5, 0.75}));
  EXPECT_EQ(confidence_quantiles(100), (std::vector<double>{0, 0.5, 1}));
}

// Misses y - f are -2, 2, 0, -4; sum |y| is 100.
const std::vector<double> kActual{10, 20, 30, 40}, kForecast{12, 18, 30, 44};

TEST(QuantileLoss, WeighsTooLowByTauAndTooHighByItsComplement) {
  EXPECT_NEAR(quantile_loss(0.1, kActual, kForecast).loss, 2 * (0.9 * 2 + 0.1 * 2 + 0.9 * 4), 1e-12);
  EXPECT_NEAR(quantile_loss(0.5, kActual, kForecast).loss, 8, 1e-12);
  EXPECT_NEAR(quantile_loss(0.9, kActual, kForecast).loss, 2 * (0.1 * 2 + 0.9 * 2 + 0.1 * 4), 1e-12);
  EXPECT_EQ(quantile_loss(0.1, kActual, kForecast).scale, 100);
  EXPECT_EQ(quantile_loss(0.5, std::vector<double>{-10, 5}, std::vector<double>{-10, 5}).scale, 15);
}

TEST(QuantileLoss, LeavesStepsWithoutATruthOut) {
  const auto loss = quantile_loss(0.9, std::vector<double>{kNaN, 10}, std::vector<double>{1000, 0});
  EXPECT_NEAR(loss.loss, 2 * 0.9 * 10, 1e-12);
  EXPECT_EQ(loss.scale, 10);
}

TEST(MeanWql, OfAHandComputedTable) {
  const QuantileForecast window{kActual, {{8, 16, 25, 30}, kForecast, {14, 26, 29, 52}}, {}};
  // 0.1: too low by 2, 4, 5, 10 = 21, so 2 x 0.1 x 21 = 4.2.  0.5: 8.  0.9: too high by 4, 6, 12 = 22, too low by 1.
  const double expected = (4.2 + 8 + 2 * (0.1 * 22 + 0.9 * 1)) / 100 / 3;
  EXPECT_NEAR(mean_wql(kTaus, {{window}}).value(), expected, 1e-12);
}

TEST(MeanWql, OfAPointForecastIsTheNormalisedDeviation) {
  EXPECT_NEAR(mean_wql(kTaus, {{point(kActual, kForecast)}}).value(), 8.0 / 100, 1e-12);
}

TEST(MeanWql, PoolsWindowsRatherThanAveragingTheirRatios) {
  // Deviations 10 of 20 and 10 of 180: pooled 20 / 200, while the mean of the ratios would be 0.278.
  const std::vector<QuantileForecast> windows{point({20}, {10}), point({180}, {190})};
  EXPECT_NEAR(mean_wql(kTaus, windows).value(), 0.1, 1e-12);
}

TEST(MeanWql, OfManyWindowsIsThatOfTheirConcatenation) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const auto windows = random_windows(seed, 5);
    QuantileForecast all{{}, std::vector<std::vector<double>>(3), {}};
    for (const auto& window : windows) {
      all.actual.insert(all.actual.end(), window.actual.begin(), window.actual.end());
      for (std::size_t q = 0; q < 3; ++q)
        all.quantiles[q].insert(all.quantiles[q].end(), window.quantiles[q].begin(), window.quantiles[q].end());
    }
    EXPECT_NEAR(mean_wql(kTaus, windows).value(), mean_wql(kTaus, {{all}}).value(), 1e-12);
  }
}

TEST(MeanWql, DoesNotDependOnTheUnit) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const auto windows = random_windows(seed, 4);
    auto scaled = windows;
    for (auto& window : scaled) {
      for (double& y : window.actual) y *= 1e-8;
      for (auto& quantile : window.quantiles)
        for (double& f : quantile) f *= 1e-8;
    }
    EXPECT_NEAR(mean_wql(kTaus, windows).value(), mean_wql(kTaus, scaled).value(), 1e-12);
  }
}

TEST(MeanWql, SaysWhatIsWrong) {
  const auto message = [](std::vector<QuantileForecast> windows) {
    const auto loss = mean_wql(kTaus, windows);
    EXPECT_EQ(loss.code(), Code::kInvalidArgument);
    return loss.ok() ? "no error" : loss.message();
  };
  EXPECT_EQ(message({}), "no truth in 0 windows");
  EXPECT_EQ(message({point({kNaN, kNaN}, {1, 2})}), "no truth in 1 windows");
  EXPECT_EQ(message({point({0, kNaN}, {1, 2})}), "every truth is 0, so the loss has no scale");
  EXPECT_EQ(message({point({0, 0}, {0, 0})}), "every truth is 0, so the loss has no scale");
  EXPECT_EQ(message({point({1}, {1}), point({1}, {1}, 2)}), "window 1: 3 quantiles but forecasts of 2");
  EXPECT_EQ(message({{{1, 2}, {{1, 2}, {1}, {1, 2}}, {}}}), "window 0: quantile 0.5: 2 truths but 1 forecasts");
  EXPECT_EQ(message({point({1, 2}, {1, kNaN})}), "window 0: quantile 0.1: the forecast of step 1 is no number");
  EXPECT_FALSE(mean_wql({}, {{point({1}, {1}, 0)}}).ok());
}

TEST(MeanWql, MindsNoForecastWhereThereIsNoTruth) {
  EXPECT_NEAR(mean_wql(kTaus, {{point({10, kNaN}, {9, kNaN})}}).value(), 0.1, 1e-12);
}

TEST(PooledLoss, PoolsEachLevelOverTheSumOfAllTruths) {
  PooledLoss pool;
  pool.add(std::vector<double>{2, 4, 9}, 10);
  pool.add(std::vector<double>{1, 2, 0}, 20);
  EXPECT_DOUBLE_EQ(pool.value().value(), (3.0 / 30 + 6.0 / 30 + 9.0 / 30) / 3);
  PooledLoss point;
  point.add(3, 12);
  EXPECT_EQ(point.value(), 0.25);
}

TEST(PooledLoss, IsNothingWithoutATruthAndInfiniteWhereAForecastIsNoNumber) {
  PooledLoss pool;
  EXPECT_FALSE(pool.value());
  pool.add(std::vector<double>{1, 1}, 0);
  EXPECT_FALSE(pool.value()) << "every truth is 0";
  pool.add(std::vector<double>{1, kNaN}, 5);
  EXPECT_EQ(pool.value(), std::numeric_limits<double>::infinity());
}

TEST(Rmse, PoolsTheSquaredErrorsOfTheMeanOverAllSteps) {
  const std::vector<QuantileForecast> windows{{{1, 2}, {}, {4, 2}}, {{5, kNaN, 7}, {}, {5, 100, 3}}};
  EXPECT_NEAR(rmse(windows), std::sqrt((9.0 + 0 + 0 + 16) / 4), 1e-12);
}

TEST(Bias, IsPositiveWhereTheForecastIsTooHigh) {
  const std::vector<QuantileForecast> windows{{{1, 2}, {}, {4, 2}}, {{5, kNaN}, {}, {4, 100}}};
  EXPECT_NEAR(bias(windows), (3.0 + 0 - 1) / 3, 1e-12);
}

TEST(Coverage, CountsTheEdgesOfTheBandAsInside) {
  const QuantileForecast window{{1, 2, 3, 4, kNaN}, {{1, 3, 0, 0, 0}, {}, {5, 9, 3, 3.9, 1}}, {}};
  EXPECT_EQ(coverage(0, 2, {{window}}), 0.5);  // 1 and 3 lie on an edge; 2 is below, 4 above; the last has no truth.
}

TEST(Measures, OfNoStepsAreNaN) {
  const std::vector<QuantileForecast> blind{point({kNaN}, {1})}, without_mean{{{1}, {{1}, {1}, {1}}, {}}};
  EXPECT_TRUE(std::isnan(rmse({})));
  EXPECT_TRUE(std::isnan(rmse(blind)));
  EXPECT_TRUE(std::isnan(rmse(without_mean)));
  EXPECT_TRUE(std::isnan(bias(blind)));
  EXPECT_TRUE(std::isnan(coverage(0, 2, blind)));
  EXPECT_TRUE(std::isnan(mase(1, blind[0], 1)));
}

TEST(SeasonalError, IsTheMeanStepOverOneSeason) {
  EXPECT_EQ(seasonal_error(std::vector<double>{1, 2, 4, 8}, 2), (3.0 + 6) / 2);
  EXPECT_EQ(seasonal_error(std::vector<double>{1, 2, 4, 8}, 3), 7);
}

TEST(SeasonalError, OfAPastTooShortForASeasonTakesSingleSteps) {
  EXPECT_EQ(seasonal_error(std::vector<double>{1, 2, 4, 8}, 4), (1.0 + 2 + 4) / 3);
  EXPECT_TRUE(std::isnan(seasonal_error(std::vector<double>{1}, 4)));
  EXPECT_TRUE(std::isnan(seasonal_error({}, 4)));
}

TEST(SeasonalError, LeavesPairsWithAGapOut) { EXPECT_EQ(seasonal_error(std::vector<double>{1, kNaN, 4, 10}, 1), 6); }

TEST(Mase, IsTheMediansMeanMissInSeasonalErrors) {
  const QuantileForecast window{{1, 2, kNaN}, {{0, 0, 0}, {4, 1, 9}, {9, 9, 9}}, {}};
  EXPECT_EQ(mase(1, window, 4), (3.0 + 1) / 2 / 4);
}

TEST(Bootstrap, OfEqualWindowsHasNoWidth) {
  const std::vector<QuantileForecast> windows(6, point(kActual, kForecast));
  const Interval interval = bootstrap_mean_wql(kTaus, windows, 0.9, 200, 7);
  EXPECT_NEAR(interval.low, 0.08, 1e-12);
  EXPECT_NEAR(interval.up, 0.08, 1e-12);
}

TEST(Bootstrap, OfTwoWindowsFindsTheirThreePossiblePools) {
  // Losses 0.1 and 0.3 of equal weight: resamples are 0.1, 0.2, 0.3 with probability 1/4, 1/2, 1/4.
  const std::vector<QuantileForecast> windows{point({10}, {9}), point({10}, {13})};
  const auto at = [&](double level) { return bootstrap_quantile(kTaus, windows, level, 1000, 11); };
  EXPECT_NEAR(at(0), 0.1, 1e-12);
  EXPECT_NEAR(at(0.15), 0.1, 1e-12);
  EXPECT_NEAR(at(0.35), 0.2, 1e-12);
  EXPECT_NEAR(at(0.65), 0.2, 1e-12);
  EXPECT_NEAR(at(0.85), 0.3, 1e-12);
  EXPECT_NEAR(at(1), 0.3, 1e-12);
}

TEST(Bootstrap, IntervalAndQuantileComeFromTheSameResamples) {
  const auto windows = random_windows(3, 8);
  const Interval interval = bootstrap_mean_wql(kTaus, windows, 0.9, 500, 21);
  EXPECT_NEAR(interval.low, bootstrap_quantile(kTaus, windows, 0.05, 500, 21), 1e-12);
  EXPECT_NEAR(interval.up, bootstrap_quantile(kTaus, windows, 0.95, 500, 21), 1e-12);
}

TEST(Bootstrap, IsAFunctionOfItsSeed) {
  const auto windows = random_windows(3, 8);
  const auto up = [&](std::uint64_t seed) { return bootstrap_mean_wql(kTaus, windows, 0.9, 100, seed).up; };
  EXPECT_EQ(up(1), up(1));
  EXPECT_NE(up(1), up(2));
}

TEST(Bootstrap, EnclosesTheLossMoreWidelyAtAHigherLevel) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const auto windows = random_windows(seed, 10);
    const double loss = mean_wql(kTaus, windows).value();
    const Interval wide = bootstrap_mean_wql(kTaus, windows, 0.99, 500, seed);
    const Interval narrow = bootstrap_mean_wql(kTaus, windows, 0.5, 500, seed);
    EXPECT_LT(wide.low, loss);
    EXPECT_GT(wide.up, loss);
    EXPECT_LT(wide.low, narrow.low);
    EXPECT_LT(narrow.low, narrow.up);
    EXPECT_GT(wide.up, narrow.up);
  }
}

TEST(Bootstrap, LeavesResamplesWithoutATruthOut) {
  const std::vector<QuantileForecast> windows{point({10}, {9}), point({kNaN}, {13})};
  for (int tenth = 0; tenth <= 10; ++tenth)
    EXPECT_NEAR(bootstrap_quantile(kTaus, windows, tenth / 10.0, 100, 5), 0.1, 1e-12) << tenth;
}

TEST(Bootstrap, OfNothingIsNaN) {
  EXPECT_TRUE(std::isnan(bootstrap_mean_wql(kTaus, {}, 0.9, 10, 1).low));
  EXPECT_TRUE(std::isnan(bootstrap_quantile(kTaus, {{point({0}, {1})}}, 0.9, 10, 1)));
}

}  // namespace
}  // namespace tidecast
