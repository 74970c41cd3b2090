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

TEST(DatasetBacktest, HasTheBaselinesThatAreAskedForBeside) {
  const std::vector<NamedSeries> series = waves(300);
  DatasetBacktestOptions options = quick(1);
  const auto result = backtest_dataset(series, options).value();
  ASSERT_EQ(result.beside.size(), 2u);
  EXPECT_EQ(result.beside[0].first, Baseline::kNpts);
  for (const auto& [baseline, accuracy] : result.beside) EXPECT_LT(accuracy.mean_wql, result.naive.mean_wql / 2);
  options.beside = {Baseline::kEts};
  EXPECT_EQ(backtest_dataset(series, options)->beside[0].second.mean_wql, result.beside[1].second.mean_wql);
  options.beside = {Baseline::kNaive};
  EXPECT_EQ(backtest_dataset(series, options).message(),
            "naive beside; allowed: npts, ets (the naive ones are there anyway)");
}

TEST(DatasetBacktest, HandsOnCategoriesAndWhatIsKnownBeforehand) {
  std::vector<NamedSeries> series = waves(300);
  Rng rng(9);
  int store = 0;
  for (NamedSeries& s : series) {
    s.series.categories = {store++};
    s.series.dynamic.emplace_back();
    for (double& value : s.series.values) {
      const double sale = rng.uniform() < 0.5 ? 1 : 0;
      s.series.dynamic[0].push_back(sale);
      value *= 1 + 2 * sale;
    }
  }
  const auto knowing = backtest_dataset(series, quick(2));
  ASSERT_TRUE(knowing.ok()) << knowing.message();
  // What is known of the windows changes their forecasts, and nothing before them.
  for (NamedSeries& s : series)
    for (std::size_t t = s.series.values.size() - 24; t < s.series.values.size(); ++t)
      s.series.dynamic[0][t] = 1 - s.series.dynamic[0][t];
  const auto misled = backtest_dataset(series, quick(2));
  EXPECT_EQ(misled->seeds[0].held_out_loss, knowing->seeds[0].held_out_loss);
  EXPECT_NE(misled->seeds[0].accuracy.mean_wql, knowing->seeds[0].accuracy.mean_wql);
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
  DatasetBacktestOptions twice = quick(1);
  twice.seeds = {1, 2, 1};
  EXPECT_EQ(error(twice), "seed 1 is there twice, which would be one model counted twice");
  DatasetBacktestOptions stopped = quick(1);
  stopped.progress = [](std::string_view, double) { return false; };
  EXPECT_EQ(backtest_dataset(series, stopped).code(), Code::kCancelled);
}

}  // namespace
}  // namespace tidecast
