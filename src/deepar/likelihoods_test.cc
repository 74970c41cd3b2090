// Every likelihood, and what series may carry beside their values, from training to artefact and forecast.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "deepar/deepar.h"

namespace tidecast {
namespace {

// A wave of a day in hours, within the support of every likelihood but that of counts.
TimeSeries wave(std::size_t count, double low, double high, bool whole = false) {
  TimeSeries series{.start = EventTime::epoch(), .step = 1h, .values = {}};
  Rng rng(3);
  for (std::size_t i = 0; i < count; ++i) {
    const double part = 0.5 + 0.4 * std::sin(static_cast<double>(i) * 6.2831853 / 24) + 0.1 * (rng.uniform() - 0.5);
    const double y = low + (high - low) * part;
    series.values.push_back(whole ? std::floor(y) : y);
  }
  return series;
}

DeepArOptions quick(nn::Head likelihood) {
  return {.horizon = 12, .steps = 150, .cells = 12, .layers = 1, .likelihoods = {likelihood}, .members = 1};
}

struct Case {
  nn::Head head;
  double low, high;
  bool whole;
};

class Likelihood : public testing::TestWithParam<Case> {};

TEST_P(Likelihood, TrainsForecastsWithinItsSupportAndComesBackFromItsArtefact) {
  const Case& c = GetParam();
  const std::vector<TimeSeries> series{wave(500, c.low, c.high, c.whole)};
  const auto trained = train_deepar(series, quick(c.head));
  ASSERT_TRUE(trained.ok()) << trained.message();
  const ForecastPaths paths = trained->model->forecast(series[0], 60, 5).value();
  for (const float value : paths.values) {
    ASSERT_TRUE(std::isfinite(value));
    if (c.whole) {
      EXPECT_EQ(value, std::round(value));
      EXPECT_GE(value, 0);
    }
    if (c.head == nn::Head::kGamma) {
      EXPECT_GE(value, 0);
    }
    if (c.head == nn::Head::kBeta) {
      EXPECT_TRUE(value >= 0 && value <= 1) << value;
    }
  }
  const std::vector<double> middle = paths.quantile(0.5);
  for (const double y : middle) EXPECT_NEAR(y, (c.low + c.high) / 2, (c.high - c.low)) << "it learned the level";
  const auto loaded = load_deepar(trained->model->serialize());
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  EXPECT_EQ(loaded.value()->forecast(series[0], 60, 5)->values, paths.values);
  EXPECT_EQ(loaded.value()->serialize(), trained->model->serialize());
}

TEST_P(Likelihood, GivesTheSameBytesForAnyNumberOfThreads) {
  const Case& c = GetParam();
  const std::vector<TimeSeries> series{wave(400, c.low, c.high, c.whole)};
  DeepArOptions options = quick(c.head);
  options.steps = 20;
  options.threads = 1;
  const std::string one = train_deepar(series, options)->model->serialize();
  options.threads = 3;
  EXPECT_EQ(train_deepar(series, options)->model->serialize(), one);
}

TEST_P(Likelihood, TrainsOnZerosGapsAndJumpsWhereItAllowsThem) {
  const Case& c = GetParam();
  const bool allows_zero = c.head != nn::Head::kGamma && c.head != nn::Head::kBeta;
  TimeSeries series = wave(400, c.low, c.high, c.whole);
  for (std::size_t i = 100; i < 200; ++i) series.values[i] = allows_zero ? 0 : series.values[99];
  for (std::size_t i = 220; i < 300; ++i) series.values[i] = std::nan("");
  DeepArOptions options = quick(c.head);
  options.steps = 60;
  const auto trained = train_deepar(std::vector{series}, options);
  ASSERT_TRUE(trained.ok()) << trained.message();
  EXPECT_TRUE(std::isfinite(trained->train_loss));
  const auto paths = trained->model->forecast(series, 40, 1);
  ASSERT_TRUE(paths.ok()) << paths.message();
  for (const float value : paths->values) ASSERT_TRUE(std::isfinite(value));
}

// Powers of two, so that nothing is rounded: from a millionth to a thousand million times, not one bit may differ.
TEST_P(Likelihood, KnowsNoUnit) {
  const Case& c = GetParam();
  if (nn::target_unit(c.head) == nn::TargetUnit::kOriginal) return;  // Counts and shares have none.
  const TimeSeries series = wave(400, c.low, c.high);
  DeepArOptions options = quick(c.head);
  options.steps = 60;
  const auto paths_of = [&](double unit) {
    TimeSeries scaled = series;
    for (double& y : scaled.values) y *= unit;
    return train_deepar(std::vector{scaled}, options)->model->forecast(scaled, 20, 1)->values;
  };
  const std::vector<float> paths = paths_of(1);
  for (const int power : {-20, -7, 3, 30}) {
    const std::vector<float> scaled = paths_of(std::ldexp(1.0, power));
    for (std::size_t i = 0; i < paths.size(); ++i)
      ASSERT_EQ(scaled[i], std::ldexp(paths[i], power)) << "unit 2^" << power << ", number " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Likelihood,
    testing::Values(Case{nn::Head::kStudentT, 10, 30, false}, Case{nn::Head::kGaussian, -5, 5, false},
                    Case{nn::Head::kLaplace, 1e6, 2e6, false}, Case{nn::Head::kPoint, 10, 30, false},
                    Case{nn::Head::kNegativeBinomial, 0, 40, true}, Case{nn::Head::kPoisson, 0, 400, true},
                    Case{nn::Head::kGamma, 1, 20, false}, Case{nn::Head::kBeta, 0.05, 0.95, false}),
    [](const auto& test) {
      std::string name(name_of(test.param.head));
      std::ranges::replace(name, '-', '_');
      return name;
    });

TEST(Likelihoods, RefuseValuesThatTheyAreNotOf) {
  const auto refusal = [](nn::Head head, double value) {
    TimeSeries series = wave(300, 0.2, 0.8);
    series.values[17] = value;
    if (nn::is_count(head))
      for (double& y : series.values) y = y == value ? y : 1;
    return std::string(train_deepar(std::vector{series}, quick(head)).message());
  };
  EXPECT_EQ(refusal(nn::Head::kNegativeBinomial, 2.5),
            "series 0: value 17, of 1970-01-01T17:00:00Z, is 2.5; a likelihood negative-binomial allows whole numbers "
            "from 0 on");
  EXPECT_EQ(refusal(nn::Head::kPoisson, -1),
            "series 0: value 17, of 1970-01-01T17:00:00Z, is -1; a likelihood poisson allows whole numbers from 0 on");
  EXPECT_EQ(refusal(nn::Head::kGamma, 0),
            "series 0: value 17, of 1970-01-01T17:00:00Z, is 0; a likelihood gamma allows numbers above 0");
  EXPECT_EQ(refusal(nn::Head::kBeta, 1),
            "series 0: value 17, of 1970-01-01T17:00:00Z, is 1; a likelihood beta allows numbers between 0 and 1");
}

// Two kinds of series, one rising where the other falls, and a feature known beforehand that moves both.
std::vector<TimeSeries> with_features(std::size_t count) {
  std::vector<TimeSeries> all;
  for (int kind = 0; kind < 2; ++kind) {
    TimeSeries series{.start = EventTime::epoch(), .step = 1h, .values = {}};
    series.categories = {kind};
    series.dynamic.emplace_back();
    Rng rng(static_cast<std::uint64_t>(kind) + 1);
    for (std::size_t i = 0; i < count + 12; ++i) {
      const bool busy = rng.below(2) == 0;
      series.dynamic[0].push_back(busy ? 1 : -1);
      if (i < count) series.values.push_back(20 + (kind == 0 ? 5 : -5) * series.dynamic[0].back() + rng.uniform());
    }
    all.push_back(std::move(series));
  }
  return all;
}

TEST(Features, OfTheFutureAndCategoriesDecideTheForecast) {
  const std::vector<TimeSeries> series = with_features(400);
  DeepArOptions options = quick(nn::Head::kStudentT);
  options.steps = 1500;
  options.embedding_dimension = 3;
  const auto trained = train_deepar(series, options);
  ASSERT_TRUE(trained.ok()) << trained.message();
  const auto loaded = load_deepar(trained->model->serialize()).value();
  for (const TimeSeries& one : series) {
    const std::vector<double> middle = loaded->forecast(one, 100, 1)->quantile(0.5);
    for (std::size_t k = 0; k < middle.size(); ++k)
      EXPECT_NEAR(middle[k], 20.5 + (one.categories[0] == 0 ? 5 : -5) * one.dynamic[0][400 + k], 3) << "step " << k;
  }
}

TEST(Features, ThatDoNotFitTheModelAreNamed) {
  std::vector<TimeSeries> series = with_features(300);
  DeepArOptions options = quick(nn::Head::kStudentT);
  options.steps = 10;
  const auto model = train_deepar(series, options).value().model;
  const auto refusal = [&](const TimeSeries& history) { return std::string(model->forecast(history, 5, 1).message()); };
  TimeSeries wrong = series[0];
  wrong.categories = {2};
  EXPECT_EQ(refusal(wrong), "history: category 0: found 2; allowed: 0 to 1");
  wrong.categories = {};
  EXPECT_EQ(refusal(wrong), "history: 0 categories; allowed: 1");
  wrong = series[0];
  wrong.dynamic[0].resize(305);
  EXPECT_EQ(refusal(wrong), "history: dynamic feature 0: 305 values; needed: 312");
  series[0].categories = {};
  EXPECT_EQ(train_deepar(series, options).message(), "series 1: 1 categories; allowed: 0");
}

TEST(Zoneout, TrainsForecastsAndIsRemembered) {
  const std::vector<TimeSeries> series{wave(400, 10, 30)};
  DeepArOptions options = quick(nn::Head::kStudentT);
  options.zoneout = 0.1;
  const auto trained = train_deepar(series, options);
  ASSERT_TRUE(trained.ok()) << trained.message();
  EXPECT_EQ(trained->model->describe().at("zoneout").as_double(), 0.1);
  const auto loaded = load_deepar(trained->model->serialize()).value();
  EXPECT_EQ(loaded->forecast(series[0], 20, 1)->values, trained->model->forecast(series[0], 20, 1)->values);
}

}  // namespace
}  // namespace tidecast
