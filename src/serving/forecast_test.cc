#include "serving/forecast.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/rng.h"
#include "serving/serving_testing.h"

namespace tidecast {
namespace {

TimeSeries ten_minutes() {
  return {.start = EventTime::from_ms(1'700'000'040'000), .step = 60s, .values = std::vector<double>(10, 3.0)};
}

TEST(ForecastQuantiles, GivesQuantilesAndMeanFromTheOriginOn) {
  const FakeModel model(10, 3);
  const std::vector<double> taus{0.5, 0.95};
  const auto forecast = forecast_quantiles(model, ten_minutes(), taus, 101, 7);
  ASSERT_TRUE(forecast.ok()) << forecast.message();
  EXPECT_EQ(forecast->origin, EventTime::from_ms(1'700'000'040'000 + 600'000));
  EXPECT_EQ(forecast->mean, (std::vector<double>{60, 60.25, 60.5}));
  EXPECT_EQ(forecast->quantiles, (std::vector<std::vector<double>>{{60, 60.25, 60.5}, {105, 105.25, 105.5}}));
}

TEST(ForecastQuantiles, DrawsThePathsByTheSeedAndTheOriginAlone) {
  const FakeModel model(10, 3);
  const std::vector<double> taus{0.5};
  const auto seed_of = [&](const TimeSeries& history, std::uint64_t seed) {
    EXPECT_TRUE(forecast_quantiles(model, history, taus, 5, seed).ok());
    return model.last_seed.load();
  };
  const TimeSeries history = ten_minutes();
  TimeSeries longer = history;  // Another beginning, the same end.
  longer.start = history.start - 60s;
  longer.values.insert(longer.values.begin(), 8.0);
  TimeSeries later = history;
  later.values.push_back(3);
  EXPECT_EQ(seed_of(history, 7), seed_of(longer, 7));
  EXPECT_NE(seed_of(history, 7), seed_of(later, 7));
  EXPECT_NE(seed_of(history, 7), seed_of(history, 8));
}

TEST(ForecastQuantiles, RefusesWhatIsNoQuantileAndNoPaths) {
  const FakeModel model(10, 3);
  for (const double tau : {0.0, 1.0, -0.5, 1.5, std::nan("")})
    EXPECT_EQ(forecast_quantiles(model, ten_minutes(), std::vector{tau}, 5, 7).code(), Code::kInvalidArgument) << tau;
  EXPECT_EQ(forecast_quantiles(model, ten_minutes(), std::vector{0.5}, 0, 7).code(), Code::kInvalidArgument);
}

TEST(SortedPaths, HaveTheQuantilesOfThePathsForAnyNumberOfThem) {
  Rng rng(20261127);
  std::vector<int> counts(130);
  std::iota(counts.begin(), counts.end(), 1);
  counts.insert(counts.end(), {1000, 1024, 1025});
  for (const int paths : counts)
    for (const int horizon : {1, 7}) {
      ForecastPaths drawn{.paths = paths, .horizon = horizon, .values = {}};
      for (int i = 0; i < paths * horizon; ++i)
        drawn.values.push_back(static_cast<float>(rng.below(40)) - 20);  // Some are equal.
      const SortedPaths sorted(drawn);
      for (const double tau : {0., 0.05, 0.1, 0.33, 0.5, 0.9, 1.})
        EXPECT_EQ(sorted.quantile(tau), drawn.quantile(tau)) << paths << " paths, " << tau << ", seed 20261127";
    }
}

TEST(SamplePaths, PassesOnWhyAModelRefuses) {
  TimeSeries unknown = ten_minutes();
  for (double& value : unknown.values) value = std::nan("");
  const auto paths = sample_paths(FakeModel(10, 3), unknown, 5, 7);
  EXPECT_EQ(paths.code(), Code::kInvalidArgument);
  EXPECT_EQ(paths.message(), "not one observed value");
}

TEST(SamplePaths, NeverLetsANumberOutThatIsNotFinite) {
  const auto paths = sample_paths(FakeModel(10, 3, FakeFlaw::kNan), ten_minutes(), 5, 7);
  EXPECT_EQ(paths.code(), Code::kInternal);
  EXPECT_EQ(paths.message(), "the model's forecast is not finite at step 2");
}

TEST(SamplePaths, ChecksTheShape) {
  const auto paths = sample_paths(FakeModel(10, 3, FakeFlaw::kShort), ten_minutes(), 5, 7);
  EXPECT_EQ(paths.code(), Code::kInternal);
  EXPECT_EQ(paths.message(), "the model gave 10 numbers for 5 paths of 3 steps");
}

}  // namespace
}  // namespace tidecast
