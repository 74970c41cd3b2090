#include "training/backtest.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "training/training_testing.h"

namespace tidecast {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
const EventTime kStart = EventTime::from_ms(1'778'025'600'000);  // 2026-05-06T00:00:00Z

// Values 1, 2, 3, ... a minute apart.
TimeSeries ramp(std::size_t count) {
  TimeSeries series{kStart, 60s, {}};
  for (std::size_t i = 0; i < count; ++i) series.values.push_back(static_cast<double>(i + 1));
  return series;
}

TEST(BacktestWindows, AreAsManyAsWantedWhereThereIsRoom) {
  EXPECT_EQ(backtest_windows(ramp(600), 30, 10), 10);
  EXPECT_EQ(backtest_windows(ramp(5000), 30, 10), 10);
  EXPECT_EQ(backtest_windows(ramp(5000), 30, 0), 0);
}

TEST(BacktestWindows, LeaveThreeHundredObservationsForTraining) {
  EXPECT_EQ(backtest_windows(ramp(599), 30, 10), 9);
  EXPECT_EQ(backtest_windows(ramp(450), 30, 10), 5);
  EXPECT_EQ(backtest_windows(ramp(449), 30, 10), 4);
  EXPECT_EQ(backtest_windows(ramp(329), 30, 10), 0);
  EXPECT_EQ(backtest_windows(ramp(10), 30, 10), 0);
  EXPECT_EQ(backtest_windows({}, 30, 10), 0);
}

TEST(BacktestWindows, CountObservedValuesOnly) {
  TimeSeries series = ramp(600);
  series.values[5] = kNaN;  // One observation fewer before the first of ten windows.
  EXPECT_EQ(backtest_windows(series, 30, 10), 9);
  series.values[5] = 6;
  for (std::size_t i = 570; i < 600; ++i) series.values[i] = kNaN;  // A gap in a window takes nothing from training.
  EXPECT_EQ(backtest_windows(series, 30, 10), 10);
}

class RollingBacktest : public testing::Test {
 protected:
  Result<Backtest> run(const TimeSeries& series, const Forecaster* production = nullptr, EventTime data_end = {}) {
    return rolling_backtest(model, series, 6, 90, 3, 7, production, data_end, 60);
  }

  FakeDeepAr model{10, 1};
};

TEST_F(RollingBacktest, CutsWindowsOfOneHorizonUpToTheEnd) {
  const Backtest backtest = run(ramp(400)).value();
  ASSERT_EQ(backtest.windows.size(), 6u);
  for (std::size_t w = 0; w < 6; ++w) {
    const auto& window = backtest.windows[w];
    EXPECT_EQ(window.origin, kStart + 60s * (340 + 10 * static_cast<int>(w)));
    EXPECT_EQ(window.model.actual.front(), 341 + 10 * static_cast<double>(w));
    EXPECT_EQ(window.model.actual.size(), 10u);
  }
  EXPECT_EQ(backtest.windows.back().model.actual.back(), 400);
  EXPECT_EQ(backtest.taus, (std::vector<double>{0.05, 0.5, 0.95}));
}

TEST_F(RollingBacktest, FindsThatEtsFollowsARampAndNptsDoesNotLeaveThePast) {
  const Backtest backtest = run(ramp(400)).value();
  EXPECT_LT(backtest.ets, 0.001);
  EXPECT_GT(backtest.npts, backtest.naive / 4);
  for (const BacktestWindow& window : backtest.windows)
    for (const auto& quantile : window.npts.quantiles)
      for (const double value : quantile) EXPECT_LT(value, window.model.actual.front());
}

TEST_F(RollingBacktest, ShowsTheModelNothingAfterTheOrigin) {
  const TimeSeries series = ramp(400);
  const Backtest backtest = run(series).value();
  ASSERT_EQ(model.questions.size(), 6u);
  for (std::size_t w = 0; w < 6; ++w) {
    const auto& question = model.questions[w];
    EXPECT_EQ(question.history.end(), backtest.windows[w].origin);
    EXPECT_EQ(question.history.start, series.start);
    EXPECT_TRUE(std::equal(question.history.values.begin(), question.history.values.end(), series.values.begin()));
    EXPECT_EQ(question.paths, 3);
  }
}

TEST_F(RollingBacktest, GivesEveryOriginASeedOfItsOwnThatDependsOnNothingElse) {
  std::ignore = run(ramp(400));
  std::set<std::uint64_t> seeds;
  for (const auto& question : model.questions) seeds.insert(question.seed);
  EXPECT_EQ(seeds.size(), 6u);

  TimeSeries later = ramp(410);  // Its first five windows are the last five of before.
  std::ignore = run(later);
  for (std::size_t w = 0; w < 5; ++w) EXPECT_EQ(model.questions[6 + w].seed, model.questions[w + 1].seed);

  const auto first = model.questions.front().seed;
  std::ignore = rolling_backtest(model, ramp(400), 6, 90, 3, 8, nullptr, {}, 60);
  EXPECT_NE(model.questions[12].seed, first);
}

TEST_F(RollingBacktest, MeasuresTheModelAndBothNaiveForecasts) {
  const Backtest backtest = run(ramp(400)).value();
  // From the last value l: truth l + 1 ... l + 10, naive l, seasonal naive l - 59 ... l - 50, the model's median l + 1.
  double truths = 0;
  for (int y = 341; y <= 400; ++y) truths += y;
  EXPECT_NEAR(backtest.naive, 6 * 55 / truths, 1e-12);
  EXPECT_NEAR(backtest.seasonal_naive, 60 * 60 / truths, 1e-12);
  // Paths l, l + 1, l + 2; quantiles 0.05, 0.5, 0.95 are those.  Misses of the steps: 1..10, 0..9, -1..8.
  const double low = 2 * 0.05 * 55, median = 45, up = 2 * (0.95 * 36 + 0.05 * 1);
  EXPECT_NEAR(backtest.loss, 6 * (low + median + up) / truths / 3, 1e-12);
  EXPECT_NEAR(backtest.rmse, std::sqrt(285.0 / 10), 1e-12);
  EXPECT_NEAR(backtest.coverage, 0.2, 1e-12);  // Truths l + 1 and l + 2 of ten lie within [l, l + 2].
  EXPECT_EQ(backtest.windows[0].naive.quantiles[2], std::vector<double>(10, 340));
  EXPECT_EQ(backtest.windows[0].seasonal_naive.mean[0], 281);
}

TEST_F(RollingBacktest, EnclosesItsLossInABootstrapInterval) {
  const Backtest backtest = run(ramp(400)).value();
  EXPECT_LT(backtest.loss_interval.low, backtest.loss);
  EXPECT_GT(backtest.loss_interval.up, backtest.loss);
  EXPECT_GT(backtest.loss_point_90, backtest.loss);
  EXPECT_LT(backtest.loss_point_90, backtest.loss_interval.up);
}

TEST_F(RollingBacktest, LetsProductionJudgeOnlyWindowsAfterItsOwnData) {
  const FakeDeepAr production(10, 5);
  const Backtest backtest = run(ramp(400), &production, kStart + 60s * 370).value();  // The fourth window's origin.
  EXPECT_EQ(backtest.production_windows, 3);
  for (std::size_t w = 0; w < 6; ++w) EXPECT_EQ(backtest.windows[w].production.has_value(), w >= 3);
  ASSERT_TRUE(backtest.production && backtest.challenger);
  EXPECT_LT(*backtest.production, *backtest.challenger);  // An offset of 5 is nearer to the mean of 1 ... 10.

  std::vector<QuantileForecast> ours;
  for (std::size_t w = 3; w < 6; ++w) ours.push_back(backtest.windows[w].model);
  EXPECT_EQ(*backtest.challenger, mean_wql(backtest.taus, ours).value());
  EXPECT_NE(*backtest.challenger, backtest.loss);
}

TEST_F(RollingBacktest, TakesAWindowThatBeginsAMomentBeforeTheEndOfProductionsDataAway) {
  const FakeDeepAr production(10, 5);
  EXPECT_EQ(run(ramp(400), &production, kStart + 60s * 370 + 1ms).value().production_windows, 2);
}

TEST_F(RollingBacktest, WithoutLaterWindowsHasNoProduction) {
  const FakeDeepAr production(10, 5);
  const Backtest backtest = run(ramp(400), &production, kStart + 60s * 400).value();
  EXPECT_EQ(backtest.production_windows, 0);
  EXPECT_FALSE(backtest.production || backtest.challenger);
  EXPECT_TRUE(production.questions.empty());
}

TEST_F(RollingBacktest, ComparesALongerProductionModelOnOurStepsAndAShorterOneNotAtAll) {
  const FakeDeepAr longer(12, 1), shorter(9, 1);
  const Backtest backtest = run(ramp(400), &longer).value();
  EXPECT_EQ(backtest.production_windows, 6);
  EXPECT_EQ(*backtest.production, *backtest.challenger);
  EXPECT_EQ(run(ramp(400), &shorter).value().production_windows, 0);
}

TEST_F(RollingBacktest, LeavesGapsInTheTruthOut) {
  TimeSeries series = ramp(400);
  const double whole = run(series).value().loss;
  for (std::size_t i = 390; i < 400; ++i) series.values[i] = kNaN;
  const Backtest backtest = run(series).value();
  EXPECT_EQ(backtest.windows.size(), 5u) << "one has no truth at all";
  EXPECT_NE(backtest.loss, whole);
  EXPECT_TRUE(std::isfinite(backtest.loss));
}

// Without values from `from` to before `until`.
TimeSeries with_gap(TimeSeries series, std::size_t from, std::size_t until) {
  for (std::size_t i = from; i < until; ++i) series.values[i] = kNaN;
  return series;
}

TEST_F(RollingBacktest, LeavesOutTheWindowAfterAnOutageThatNoModelCanSeeAcross) {
  const TimeSeries series = with_gap(ramp(400), 335, 340);  // The model looks back over five values.
  const Backtest backtest = run(series).value();
  ASSERT_EQ(backtest.windows.size(), 5u);
  EXPECT_EQ(backtest.windows[0].origin, kStart + 60s * 350);
  EXPECT_EQ(run(with_gap(ramp(400), 336, 340)).value().windows.size(), 6u) << "one value is enough";
}

TEST_F(RollingBacktest, JudgesNothingByFewerThanFiveWindows) {
  const FakeDeepAr production(10, 5);
  const Backtest backtest = run(with_gap(ramp(400), 350, 360), &production).value();
  EXPECT_EQ(backtest.windows.size(), 4u) << "one without a truth, the next without context";
  EXPECT_TRUE(std::isnan(backtest.loss));
  EXPECT_TRUE(std::isnan(backtest.naive));
  EXPECT_TRUE(std::isnan(backtest.loss_point_90));
  EXPECT_FALSE(backtest.production);
  EXPECT_TRUE(run(with_gap(ramp(400), 330, 400)).value().windows.empty());
}

// A model that sees less far back than another does.
class ShortSighted final : public Forecaster {
 public:
  Result<ForecastPaths> forecast(const TimeSeries&, int, std::uint64_t) const override {
    return invalid_argument("must not be asked");
  }
  int horizon() const override { return 10; }
  int history_needed() const override { return 3; }
  const json::object& describe() const override { return description_; }
  std::string serialize() const override { return ""; }

 private:
  json::object description_;
};

TEST_F(RollingBacktest, AsksProductionOnlyWhereItSeesAValue) {
  const Backtest backtest = run(with_gap(ramp(400), 387, 390), nullptr).value();
  const ShortSighted production;
  const Backtest compared = run(with_gap(ramp(400), 387, 390), &production, kStart + 60s * 390).value();
  EXPECT_EQ(compared.windows.size(), 6u);
  EXPECT_EQ(compared.production_windows, 0);
  EXPECT_EQ(compared.loss, backtest.loss);
}

TEST_F(RollingBacktest, WithoutATruthAfterProductionsDataHasNoComparison) {
  TimeSeries series = ramp(400);
  for (std::size_t i = 390; i < 400; ++i) series.values[i] = kNaN;
  const FakeDeepAr production(10, 5);
  EXPECT_EQ(run(series, &production, kStart + 60s * 390).value().production_windows, 0);
}

TEST_F(RollingBacktest, SaysWhyItCannot) {
  const auto message = [](const Result<Backtest>& result) { return result.ok() ? "no error" : result.message(); };
  EXPECT_EQ(run(ramp(309)).code(), Code::kFailedPrecondition);
  EXPECT_EQ(message(run(ramp(309))), "309 values: none of 6 windows of 10 steps fits behind 300 observations");
  const auto with = [&](double confidence, int paths, int season) {
    return message(rolling_backtest(model, ramp(400), 6, confidence, paths, 7, nullptr, {}, season));
  };
  EXPECT_EQ(with(101, 3, 60), "confidence 101: 50 to 100 % are allowed");
  EXPECT_EQ(with(kNaN, 3, 60), "confidence nan: 50 to 100 % are allowed");
  EXPECT_EQ(with(90, 0, 60), "0 paths: at least 1 is needed");
  EXPECT_EQ(with(90, 3, 0), "season 0: at least 1 step is needed");
}

}  // namespace
}  // namespace tidecast
