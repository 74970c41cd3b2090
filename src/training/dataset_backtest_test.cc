#include "training/dataset_backtest.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace tidecast {
namespace {

// Waves of a day with noise; one is ten times the other.
std::vector<NamedSeries> waves(std::size_t length) {
  std::vector<NamedSeries> series;
  Rng rng(5);
  for (const double size : {1., 10.}) {
    TimeSeries s{.start = EventTime::epoch(), .step = 1h, .values = {}};
    for (std::size_t i = 0; i < length; ++i)
      s.values.push_back(size * (20 + 10 * std::sin(static_cast<double>(i) * 6.2831853 / 24) + rng.uniform()));
    series.push_back({size > 1 ? "large" : "small", std::move(s)});
  }
  return series;
}

DatasetBacktestOptions quick(int windows) {
  return {.deepar = {.horizon = 12, .steps = 60, .cells = 8, .layers = 1},
          .windows = windows,
          .seeds = {1, 2},
          .paths = 40};
}

TEST(DatasetBacktest, TrainsBeforeTheFirstWindowAndJudgesEveryWindowOfEverySeries) {
  std::vector<NamedSeries> series = waves(400);
  const auto result = backtest_dataset(series, quick(3));
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result->series, 2u);
  EXPECT_EQ(result->windows, 6u);
  EXPECT_EQ(result->points, 2u * (400 - 36));
  EXPECT_EQ(result->season, 24);
  ASSERT_EQ(result->seeds.size(), 2u);
  EXPECT_NE(result->seeds[0].accuracy.mean_wql, result->seeds[1].accuracy.mean_wql);
  EXPECT_LT(result->seasonal_naive.mean_wql, result->naive.mean_wql);
  for (const DatasetAccuracy& a : {result->seeds[0].accuracy, *result->pooled}) {
    ASSERT_EQ(a.coverage.size(), std::size_t{kJudgedLevels});
    EXPECT_TRUE(std::ranges::is_sorted(a.coverage));
  }
  // What happens in the windows changes no training.
  for (NamedSeries& s : series) s.series.values.back() += 1000;
  const auto other = backtest_dataset(series, quick(3));
  EXPECT_EQ(other->seeds[0].held_out_loss, result->seeds[0].held_out_loss);
  EXPECT_GT(other->seeds[0].accuracy.mean_wql, result->seeds[0].accuracy.mean_wql);
}

TEST(DatasetBacktest, GivesTheSameForAnyNumberOfThreads) {
  const std::vector<NamedSeries> series = waves(300);
  DatasetBacktestOptions options = quick(2);
  options.deepar.threads = 1;
  const auto one = backtest_dataset(series, options);
  options.deepar.threads = 3;
  const auto three = backtest_dataset(series, options);
  EXPECT_EQ(one->seeds[1].accuracy.mean_wql, three->seeds[1].accuracy.mean_wql);
  EXPECT_EQ(one->pooled->mase, three->pooled->mase);
}

TEST(DatasetBacktest, OfASeriesThatNaiveKnowsTheLossIsNaught) {
  std::vector<NamedSeries> series{
      {"flat", {.start = EventTime::epoch(), .step = 1h, .values = std::vector<double>(400, 7)}}};
  const auto result = backtest_dataset(series, quick(2));
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result->naive.mean_wql, 0);
  EXPECT_TRUE(std::isnan(result->naive.mase));  // There is nothing to scale by.
}

TEST(DatasetBacktest, ErrorsSayWhatIsAllowed) {
  const std::vector<NamedSeries> series = waves(100);
  const auto error = [&](const DatasetBacktestOptions& options) {
    return std::string(backtest_dataset(series, options).message());
  };
  EXPECT_EQ(error(quick(9)), "9 windows of 12 steps leave nothing to train on: the longest series has 100 values");
  EXPECT_EQ(error(quick(0)), "0 windows; allowed: 1 to 10000");
  DatasetBacktestOptions stopped = quick(1);
  stopped.progress = [](std::string_view, double) { return false; };
  EXPECT_EQ(backtest_dataset(series, stopped).code(), Code::kCancelled);
}

}  // namespace
}  // namespace tidecast
