#include "monitoring/monitor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"

namespace tidecast {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Three steps; worked out by hand below.
Forecast example() {
  return {.stage = "production",
          .version = 4,
          .series = "tx.fee",
          .origin = EventTime::from_ms(60'000),
          .made_at = ProcessingTime::from_ms(61'000),
          .taus = {0.05, 0.5, 0.95},
          .quantiles = {{8, 8, 8}, {10, 10, 10}, {12, 12, 12}},
          .mean = {10, 11, 10},
          .naive = {9, 9, 9},
          .seasonal_naive = {10, 12, 20}};
}

TEST(ScoreOf, SumsWhatEvaluationsPool) {
  const std::vector<double> truth{10, 12, 14};
  const Score score = score_of(example(), truth, ProcessingTime::from_ms(300'000));
  EXPECT_EQ(score.stage, "production");
  EXPECT_EQ(score.version, 4);
  EXPECT_EQ(score.series, "tx.fee");
  EXPECT_EQ(score.origin, EventTime::from_ms(60'000));
  EXPECT_EQ(score.landed_at, ProcessingTime::from_ms(300'000));
  EXPECT_EQ(score.steps, 3);
  ASSERT_EQ(score.quantile_losses.size(), 3u);
  EXPECT_DOUBLE_EQ(score.quantile_losses[0], 2 * 0.05 * (2 + 4 + 6));         // All truths above.
  EXPECT_DOUBLE_EQ(score.quantile_losses[1], 0 + 2 + 4);                      // 2 * 0.5 * |y - f|
  EXPECT_DOUBLE_EQ(score.quantile_losses[2], 2 * (0.05 * 2 + 0 + 0.95 * 2));  // Below, exact, above.
  EXPECT_DOUBLE_EQ(score.naive_loss, 1 + 3 + 5);
  EXPECT_DOUBLE_EQ(score.seasonal_naive_loss, 0 + 0 + 6);
  EXPECT_DOUBLE_EQ(score.absolute_truth, 36);
  EXPECT_DOUBLE_EQ(score.squared_error, 0 + 1 + 16);
  EXPECT_DOUBLE_EQ(score.error, 0 - 1 - 4);  // mean - truth
  EXPECT_EQ(score.inside, 2);                // 12 lies on the border, 14 outside.
}

TEST(ScoreOf, AStepWithoutATruthCountsNowhere) {
  const std::vector<double> truth{10, kNaN, 14};
  const Score score = score_of(example(), truth, {});
  EXPECT_EQ(score.steps, 2);
  EXPECT_DOUBLE_EQ(score.quantile_losses[1], 0 + 4);
  EXPECT_DOUBLE_EQ(score.naive_loss, 1 + 5);
  EXPECT_DOUBLE_EQ(score.absolute_truth, 24);
  EXPECT_DOUBLE_EQ(score.squared_error, 16);
  EXPECT_EQ(score.inside, 1);
}

TEST(ScoreOf, ANegativeTruthWeighsByItsSize) {
  const std::vector<double> truth{-10, 10, 10};
  EXPECT_DOUBLE_EQ(score_of(example(), truth, {}).absolute_truth, 30);
}

// What the naive losses rest on: a point forecast taken as every quantile has the mean weighted quantile loss
// sum |y - f| / sum |y|, whatever symmetric levels are averaged.
TEST(ScoreOf, OfAPointForecastTheMeanOverSymmetricQuantilesIsItsAbsoluteError) {
  const std::uint64_t seed = 20261123;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Rng rng(seed);
  for (int trial = 0; trial < 200; ++trial) {
    const double low = 0.001 + 0.49 * rng.uniform();
    Forecast point{.stage = "s", .series = "x", .taus = {low, 0.5, 1 - low}, .quantiles = {}};
    std::vector<double> truth;
    for (int t = 0; t < 5; ++t) {
      truth.push_back(rng.uniform() < 0.2 ? kNaN : 100 * rng.normal());
      point.mean.push_back(100 * rng.normal());
    }
    point.naive = point.seasonal_naive = point.mean;
    point.quantiles = {point.mean, point.mean, point.mean};
    const Score score = score_of(point, truth, {});
    const double mean = (score.quantile_losses[0] + score.quantile_losses[1] + score.quantile_losses[2]) / 3;
    EXPECT_NEAR(score.naive_loss, mean, 1e-9 * (1 + mean));
  }
}

Score score_with(std::vector<double> quantile_losses, double truth, int steps) {
  return {.stage = "production",
          .version = 1,
          .series = "x",
          .steps = steps,
          .quantile_losses = std::move(quantile_losses),
          .absolute_truth = truth};
}

TEST(Evaluate, PoolsEachQuantileOverAllForecastsAndThenTakesTheMean) {
  Score first = score_with({1, 2, 3}, 10, 2), second = score_with({3, 8, 7}, 30, 3);
  first.naive_loss = 4, second.naive_loss = 6;
  first.seasonal_naive_loss = 1, second.seasonal_naive_loss = 1;
  first.squared_error = 5, second.squared_error = 15;
  first.error = -4, second.error = 1;
  first.inside = 2, second.inside = 2;
  const Evaluation e = evaluate("production", 1, std::vector{first, second}, ProcessingTime::from_ms(7), 0.24);
  EXPECT_EQ(e.stage, "production");
  EXPECT_EQ(e.version, 1);
  EXPECT_EQ(e.at, ProcessingTime::from_ms(7));
  EXPECT_EQ(e.forecasts, 2);
  ASSERT_TRUE(e.loss);
  EXPECT_DOUBLE_EQ(*e.loss, (4.0 / 40 + 10.0 / 40 + 10.0 / 40) / 3);
  EXPECT_FALSE(e.breach);
  EXPECT_DOUBLE_EQ(e.threshold, 0.24);
  EXPECT_DOUBLE_EQ(e.rmse, 2);  // sqrt(20 / 5)
  EXPECT_DOUBLE_EQ(e.coverage, 0.8);
  EXPECT_DOUBLE_EQ(e.bias, -0.6);
  EXPECT_DOUBLE_EQ(e.naive, 0.25);
  EXPECT_DOUBLE_EQ(e.seasonal_naive, 0.05);
}

TEST(Evaluate, ALargeTruthWeighsMoreThanASmallOne) {
  const std::vector scores{score_with({1}, 1, 1), score_with({0}, 99, 1)};  // Losses 1 and 0; their mean would be 0.5.
  EXPECT_DOUBLE_EQ(*evaluate("s", 1, scores, {}, 1).loss, 0.01);
}

TEST(Evaluate, ALossOnTheThresholdIsGoodAndAnythingAboveIsABreach) {
  const std::vector scores{score_with({1}, 4, 1)};
  EXPECT_FALSE(evaluate("s", 1, scores, {}, 0.25).breach);
  EXPECT_TRUE(evaluate("s", 1, scores, {}, std::nextafter(0.25, 0)).breach);
}

TEST(Evaluate, WithoutScoresOrTruthThereIsNothingToJudge) {
  for (const std::vector<Score>& scores :
       {std::vector<Score>{}, {score_with({5, 5, 5}, 0, 3)}, {score_with({0, 0, 0}, 0, 0)}}) {
    const Evaluation e = evaluate("staging", 2, scores, {}, 0.24);
    EXPECT_EQ(e.forecasts, 0);
    EXPECT_FALSE(e.loss);
    EXPECT_FALSE(e.breach);
  }
}

TEST(Evaluate, AForecastWhoseWholeTruthIsMissingIsNotCounted) {
  const std::vector scores{score_with({1}, 4, 1), score_with({0}, 0, 0)};
  EXPECT_EQ(evaluate("s", 1, scores, {}, 1).forecasts, 1);
}

TEST(Evaluate, AForecastThatIsNoNumberIsABreach) {
  Forecast broken = example();
  broken.quantiles[1][2] = kNaN;
  const std::vector<double> truth{10, 12, 14};
  const std::vector scores{score_of(broken, truth, {}), score_of(example(), truth, {})};
  const Evaluation e = evaluate("production", 4, scores, {}, 0.24);
  EXPECT_TRUE(std::isinf(*e.loss));
  EXPECT_TRUE(e.breach);
}

TEST(Evaluate, IsTheMeanWeightedQuantileLossOfTheForecastsItself) {
  const std::vector<double> truth{10, 12, 14};
  const Evaluation e = evaluate("production", 4, std::vector{score_of(example(), truth, {})}, {}, 0.24);
  EXPECT_DOUBLE_EQ(*e.loss, (1.2 + 6 + 4) / 36 / 3);
  EXPECT_DOUBLE_EQ(e.rmse, std::sqrt(17.0 / 3));
  EXPECT_DOUBLE_EQ(e.naive, 0.25);
}

// Against the naive interval of scores drawn one by one: the same for scores that are independent, wider where
// neighbours miss alike.
TEST(LossInterval, HoldsTheLossAndIsWiderWhereNeighboursMissAlike) {
  const std::uint64_t seed = 20261126;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Rng rng(seed);
  std::vector<Score> apart, alike;
  for (int i = 0; i < 240; ++i) apart.push_back(score_with({rng.uniform()}, 10, 1));
  for (int i = 0; i < 240; ++i) alike.push_back(apart[static_cast<std::size_t>(i / 20 * 20)]);
  const auto width = [](const std::vector<Score>& scores, std::size_t block) {
    const Interval interval = loss_interval(scores, block, 0.9, 1000, 7);
    const double loss = *evaluate("production", 1, scores, {}, 1).loss;
    EXPECT_LT(interval.low, loss);
    EXPECT_GT(interval.up, loss);
    return interval.up - interval.low;
  };
  EXPECT_NEAR(width(apart, 20) / width(apart, 1), 1, 0.35);
  EXPECT_GT(width(alike, 20) / width(alike, 1), 2.5);
  EXPECT_TRUE(std::isnan(loss_interval({}, 20, 0.9, 1000, 7).low));
  EXPECT_TRUE(std::isnan(loss_interval(std::span(apart).first(39), 20, 0.9, 1000, 7).low)) << "fewer than two blocks";
}

}  // namespace
}  // namespace tidecast
