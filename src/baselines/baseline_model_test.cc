#include "baselines/baseline_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace tidecast {
namespace {

using Values = std::vector<double>;

TimeSeries hourly(Values values) { return {EventTime::from_ms(1'778'025'600'000), 1h, std::move(values)}; }

// A day's wave round 100 with noise of 1.
TimeSeries waves(int count, std::uint64_t seed = 3) {
  Rng rng(seed);
  Values values;
  for (int t = 0; t < count; ++t) values.push_back(100 + 20 * std::sin(2 * M_PI * t / 24) + rng.normal());
  return hourly(std::move(values));
}

std::shared_ptr<const Forecaster> fit(Baseline baseline, const TimeSeries& series, int horizon = 12, int season = 24) {
  auto model = fit_baseline(baseline, series, horizon, season);
  EXPECT_TRUE(model.ok()) << model.message();
  return std::move(model).value();
}

std::string problem_of(std::string artefact, const std::string& from, const std::string& to) {
  const std::size_t at = artefact.find(from);
  EXPECT_NE(at, std::string::npos) << artefact;
  return load_baseline(artefact.replace(at, from.size(), to)).message();
}

class EachBaseline : public testing::TestWithParam<Baseline> {};
INSTANTIATE_TEST_SUITE_P(All, EachBaseline, testing::ValuesIn(kBaselines),
                         [](const auto& each) { return std::string(name_of(each.param)); });

TEST_P(EachBaseline, ForecastsTheSameOnceWrittenDownAndLoaded) {
  const TimeSeries series = waves(300);
  const auto model = fit(GetParam(), series);
  ASSERT_TRUE(is_baseline(model->serialize()));
  const auto loaded = load_baseline(model->serialize()).value();
  EXPECT_EQ(loaded->serialize(), model->serialize());
  EXPECT_EQ(loaded->horizon(), 12);
  const ForecastPaths paths = model->forecast(series, 50, 7).value();
  ASSERT_EQ(paths.values.size(), 600u);
  EXPECT_EQ(loaded->forecast(series, 50, 7).value().values, paths.values);
}

TEST_P(EachBaseline, APathIsItsSeedsAndNumbersAlone) {
  const TimeSeries series = waves(300);
  const auto model = fit(GetParam(), series);
  const auto few = model->forecast(series, 10, 7).value().values, many = model->forecast(series, 40, 7).value().values;
  EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin()));
  EXPECT_NE(model->forecast(series, 10, 8).value().values, few);
}

TEST_P(EachBaseline, SeesWhatItSaysItNeedsAndNoMore) {
  TimeSeries series = waves(1500);
  const auto model = fit(GetParam(), series);
  const auto expected = model->forecast(series, 10, 7).value().values;
  const auto unseen = series.values.size() - static_cast<std::size_t>(model->history_needed());
  for (std::size_t t = 0; t < unseen; ++t) series.values[t] = 1e6;
  EXPECT_EQ(model->forecast(series, 10, 7).value().values, expected);
}

TEST_P(EachBaseline, GoesOnOverGapsAndFromASingleValue) {
  TimeSeries series = waves(300);
  const auto model = fit(GetParam(), series);
  for (std::size_t t = 0; t < 300; ++t)
    if (t % 3 == 0 || t > 290) series.values[t] = NAN;
  for (const float value : model->forecast(series, 20, 7).value().values) EXPECT_TRUE(std::isfinite(value));
  for (const float value : model->forecast(hourly({5}), 20, 7).value().values) EXPECT_EQ(value, 5);
}

TEST_P(EachBaseline, SaysWhatItCannotForecastFrom) {
  const auto model = fit(GetParam(), waves(300));
  TimeSeries minutes = waves(300);
  minutes.step = 60s;
  EXPECT_EQ(model->forecast(minutes, 10, 7).message(), "history has steps of 1min; this model was fitted for 1h");
  EXPECT_EQ(model->forecast(hourly({NAN, NAN}), 10, 7).message(), "history: not one observed value among the last 2");
  EXPECT_EQ(model->forecast(hourly({1, INFINITY}), 10, 7).message(), "history: an infinite value among the last 2");
  EXPECT_EQ(model->forecast(waves(300), 0, 7).message(), "0 paths; allowed: 1 to 10000");
  EXPECT_EQ(fit_baseline(GetParam(), waves(300), 0, 24).message(), "horizon 0; allowed: 1 to 10000");
  EXPECT_EQ(fit_baseline(GetParam(), waves(300), 1, 0).message(), "season 0; allowed: 1 to 1000000");
}

// Of steps that are +-1 or -1, the sum of k has the variance k.
TEST(NaiveModel, ItsPathsAreARandomWalkOfTheChangesSeen) {
  Rng rng(5);
  Values walk{0};
  while (walk.size() < 1100) walk.push_back(walk.back() + (rng.uniform() < 0.5 ? 1 : -1));
  const TimeSeries series = hourly(walk);
  const int paths = 4000;
  const ForecastPaths drawn = fit(Baseline::kNaive, series)->forecast(series, paths, 7).value();
  for (const std::size_t k : {0u, 3u, 11u}) {
    double mean = 0, square = 0;
    for (int path = 0; path < paths; ++path) {
      const double change = drawn.values[static_cast<std::size_t>(path) * 12 + k] - walk.back();
      mean += change / paths;
      square += change * change / paths;
    }
    const double variance = static_cast<double>(k + 1);
    EXPECT_NEAR(mean, 0, 4 * std::sqrt(variance / paths)) << k;
    EXPECT_NEAR(square, variance, 0.1 * variance) << k;
  }
}

TEST(SeasonalNaiveModel, RepeatsASeasonThatRepeats) {
  Values values;
  for (int t = 0; t < 100; ++t) values.push_back(t % 7);
  const TimeSeries series = hourly(values);
  const ForecastPaths drawn = fit(Baseline::kSeasonalNaive, series, 20, 7)->forecast(series, 3, 7).value();
  for (std::size_t path = 0; path < 3; ++path)
    for (std::size_t k = 0; k < 20; ++k) EXPECT_EQ(drawn.values[path * 20 + k], static_cast<float>((100 + k) % 7));
}

TEST(RivalBaselines, TheirQuantilesAreThoseOfTheModelsPaths) {
  const TimeSeries series = waves(500);
  const Values levels{0.1, 0.5, 0.9};
  const auto expect_near = [&](Baseline baseline, const BaselineForecast& exact) {
    const ForecastPaths paths = fit(baseline, series)->forecast(series, 8000, 8).value();
    ASSERT_EQ(exact.mean.size(), 12u);
    for (std::size_t level = 0; level < 3; ++level)
      for (std::size_t k = 0; k < 12; ++k) {
        // NPTS draws from few values, so that a quantile may jump: shares of paths do not.
        const auto quantile = static_cast<float>(exact.quantiles[level][k]);
        double below = 0, reached = 0;
        for (std::size_t i = k; i < paths.values.size(); i += 12) {
          below += paths.values[i] < quantile;
          reached += paths.values[i] <= quantile;
        }
        EXPECT_LT(below / 8000, levels[level] + 0.02) << name_of(baseline) << k;
        EXPECT_GT(reached / 8000, levels[level] - 0.02) << name_of(baseline) << k;
      }
    for (std::size_t k = 0; k < 12; ++k) EXPECT_NEAR(paths.mean()[k], exact.mean[k], 0.1) << name_of(baseline) << k;
  };
  expect_near(Baseline::kNpts, forecast_npts(series.values, 12, 24, levels).value());
  expect_near(Baseline::kEts, forecast_ets(series.values, 12, 24, levels, 7).value());
}

TEST(EtsModelFile, KeepsTheChosenFormAndTakesAnotherWhereItCannotBe) {
  TimeSeries series = waves(500);
  const auto model = fit(Baseline::kEts, series);
  EXPECT_EQ(model->describe().at("form").at("season"), "additive");
  const auto by_hand = load_baseline(std::string(model->serialize())).value();
  const std::string other = R"({"format":"tidecast-baseline","version":1,"algorithm":"ets","step":"1h","horizon":12,)"
                            R"("season":24,"form":{"error":"multiplicative","trend":"none","season":"multiplicative",)"
                            R"("decomposition":"none"}})";
  const auto multiplies = load_baseline(other).value();
  EXPECT_NE(multiplies->forecast(series, 10, 7).value().values, model->forecast(series, 10, 7).value().values);
  for (double& value : series.values) value -= 100;  // Nothing multiplies below 0.
  EXPECT_EQ(multiplies->forecast(series, 10, 7).value().values, model->forecast(series, 10, 7).value().values);

  Values hour_long;
  Rng rng(2);
  for (int t = 0; t < 400; ++t) hour_long.push_back(50 + 10 * std::sin(2 * M_PI * t / 60) + rng.normal());
  const auto decomposed = fit(Baseline::kEts, hourly(hour_long), 60, 60);
  EXPECT_EQ(decomposed->describe().at("form").at("decomposition"), "additive");
  const auto mean = decomposed->forecast(hourly(hour_long), 200, 7).value().mean();
  for (std::size_t k = 0; k < 60; ++k)
    EXPECT_NEAR(mean[k], 50 + 10 * std::sin(2 * M_PI * static_cast<double>(400 + k) / 60), 2.5) << k;
}

TEST(BaselineFile, ADamagedOneIsNamedWithWhatIsAllowed) {
  const std::string file = fit(Baseline::kEts, waves(300))->serialize();
  EXPECT_EQ(problem_of(file, "\"version\":1", "\"version\":2"), "version: found 2; allowed: 1");
  EXPECT_EQ(problem_of(file, "\"ets\"", "\"arima\""),
            "algorithm: found 'arima'; allowed: naive, seasonal_naive, npts, ets");
  EXPECT_EQ(problem_of(file, "\"horizon\":12", "\"horizon\":0"), "horizon: found 0; allowed: 1 to 10000");
  EXPECT_EQ(problem_of(file, "\"season\":24", "\"saison\":24"), "season: missing");
  EXPECT_EQ(problem_of(file, "\"step\":\"1h\"", "\"step\":1"), "step: found 1; allowed: a text");
  EXPECT_EQ(problem_of(file, "\"trend\":\"", "\"trend\":\"x"),
            "form: trend: found 'xnone'; allowed: none, additive, damped");
  EXPECT_NE(load_baseline(file.substr(0, 40)).message().find("byte 40"), std::string::npos);
  EXPECT_FALSE(is_baseline("{\"format\":1}"));
}

}  // namespace
}  // namespace tidecast
