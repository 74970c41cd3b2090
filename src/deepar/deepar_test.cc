#include "deepar/deepar.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/rng.h"

namespace tidecast {
namespace {

const double kNaN = std::nan("");

TimeSeries series_of(std::vector<double> values, Milliseconds step = Milliseconds(60'000)) {
  return {.start = EventTime::from_ms(1'700'000'040'000), .step = step, .values = std::move(values)};
}

// A wave of twelve steps with some noise.
TimeSeries wave(std::size_t count, std::uint64_t seed = 1) {
  Rng rng(seed);
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i)
    values.push_back(50 + 10 * std::sin(2 * M_PI * static_cast<double>(i) / 12) + 0.5 * rng.normal());
  return series_of(std::move(values));
}

DeepArOptions quick(int steps = 30) {
  return {
      .horizon = 6, .season = 12, .steps = steps, .select = false, .cells = 12, .learning_rate = 3e-3, .members = 1};
}

TrainedDeepAr train(const TimeSeries& series, const DeepArOptions& options) {
  return train_deepar(std::vector{series}, options).value();
}

TEST(TrainDeepAr, GivesTheSameBytesForAnyNumberOfThreads) {
  DeepArOptions options = quick(40);
  options.select = true;
  options.batch = 50;  // Three whole shards and one with two windows.
  std::string first;
  for (const int threads : {1, 2, 3}) {
    options.threads = threads;
    const std::string bytes = train(wave(300), options).model->serialize();
    if (first.empty()) first = bytes;
    EXPECT_TRUE(bytes == first) << threads << " threads";
  }
  options.seed = 8;
  EXPECT_FALSE(train(wave(300), options).model->serialize() == first) << "another seed is another model";
}

TEST(TrainDeepAr, LearnsAWaveBetterThanRepeatingTheLastValue) {
  const TimeSeries all = wave(406);
  TimeSeries past = all;
  past.values.resize(400);
  const TrainedDeepAr trained = train(past, quick(300));
  const ForecastPaths paths = trained.model->forecast(past, 200, 1).value();
  const auto median = paths.quantile(0.5), low = paths.quantile(0.02), high = paths.quantile(0.98);
  double ours = 0, naive = 0;
  for (std::size_t k = 0; k < 6; ++k) {
    ours += std::abs(median[k] - all.values[400 + k]);
    naive += std::abs(past.values.back() - all.values[400 + k]);
    EXPECT_LT(low[k], all.values[400 + k]) << "step " << k;
    EXPECT_GT(high[k], all.values[400 + k]) << "step " << k;
  }
  EXPECT_LT(ours, naive / 4);
}

TEST(TrainDeepAr, KeepsTheStepThatTheHeldOutWindowsLikedBest) {
  DeepArOptions options = quick(100);
  options.select = true;
  const TrainedDeepAr trained = train(wave(200), options);
  EXPECT_GT(trained.best_step, 0);
  EXPECT_LE(trained.best_step, trained.steps);
  EXPECT_TRUE(std::isfinite(trained.held_out_loss));
  EXPECT_EQ(trained.model->describe().at("best_step").as_int64(), trained.best_step);
}

TEST(TrainDeepAr, WithoutSelectionTakesExactlyTheStepsAskedFor) {
  const TrainedDeepAr whole = train(wave(200), quick(25));
  EXPECT_EQ(whole.steps, 25);
  EXPECT_EQ(whole.best_step, 25);
  EXPECT_TRUE(std::isnan(whole.held_out_loss));
  EXPECT_TRUE(whole.model->describe().at("held_out_loss").is_null());
}

// What a description says of the inputs, the network and the rate schedule.
std::string lasting_part(const Forecaster& model) {
  std::string text;
  for (const char* key : {"step_ms", "horizon", "context", "season", "week_lag", "scale_length", "lags", "calendar",
                          "cells", "layers", "small_set", "schedule_steps"})
    text += fmt::format("{} {}\n", key, to_text(model.describe().at(key)));
  return text;
}

TEST(TrainDeepAr, LikeAnotherModelKeepsItsInputsStepsAndScheduleOnMoreData) {
  TimeSeries later = wave(400), early = later;
  later.step = early.step = 1h;
  early.values.resize(330);  // Too short for the day of the week, which the recipe takes from two weeks on.
  DeepArOptions options{.horizon = 6, .steps = 75, .cells = 12, .members = 1};
  const TrainedDeepAr judged = train(early, options);
  ASSERT_NE(lasting_part(*train(later, options).model), lasting_part(*judged.model));

  const TrainedDeepAr again = train(later, {.horizon = 12, .steps = 3, .cells = 8, .like = judged.model});
  EXPECT_EQ(lasting_part(*again.model), lasting_part(*judged.model));
  EXPECT_EQ(again.steps, judged.best_step);
  EXPECT_EQ(again.model->describe().at("schedule_steps").as_int64(), 75);
  EXPECT_EQ(again.model->describe().at("held_out_windows").to_number<int>(), 0);
  EXPECT_EQ(again.model->describe().at("points").to_number<int>(), 400);
  EXPECT_EQ(train_deepar(std::vector{wave(200)}, {.like = judged.model}).message(),
            "like: trained for steps of 1h; the series have 1min");
}

TEST(TrainDeepAr, ValuesHeldOutAreNeverTrainedOn) {
  DeepArOptions options = quick(20);
  options.select = true;
  TimeSeries series = wave(200);  // 15 % hold five windows of six.
  const auto weights_of = [&] {
    const std::string bytes = train(series, options).model->serialize();
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), 8);
    return bytes.substr(8 + header);
  };
  const std::string before = weights_of();
  for (std::size_t i = 170; i < 200; ++i) series.values[i] += 25;
  EXPECT_TRUE(weights_of() == before) << "a single look at the end keeps the same weights";
  series.values[169] += 25;
  EXPECT_FALSE(weights_of() == before);
}

TEST(TrainDeepAr, StaysInTheNumbersForSeriesThatAreHardlyData) {
  std::vector<double> sparse(200, 0.0), jump(200, 5.0), tiny, huge, gaps = wave(200).values;
  for (std::size_t i = 0; i < 200; i += 67) sparse[i] = 1e6;
  for (std::size_t i = 120; i < 200; ++i) jump[i] = 5e8;
  for (std::size_t i = 0; i < 200; ++i)
    tiny.push_back(1e-12 * std::sin(static_cast<double>(i))), huge.push_back(1e29 * std::cos(static_cast<double>(i)));
  for (std::size_t i = 0; i < 200; ++i)
    if (i % 3 != 0 || (i > 60 && i < 130)) gaps[i] = kNaN;
  std::vector<double> all_missing_but_one(200, kNaN);
  all_missing_but_one[3] = 1;
  const struct {
    const char* name;
    std::vector<double> values;
  } cases[] = {{"zero", std::vector<double>(200, 0.0)},
               {"constant", std::vector<double>(200, -3.5)},
               {"sparse", sparse},
               {"jump", jump},
               {"tiny", tiny},
               {"huge", huge},
               {"gaps", gaps},
               {"hardly any", all_missing_but_one}};
  for (const auto& c : cases) {
    DeepArOptions options = quick(60);
    options.select = true;
    options.learning_rate = 1e-2;
    const auto trained = train_deepar(std::vector{series_of(c.values)}, options);
    ASSERT_TRUE(trained.ok()) << c.name << ": " << trained.message();
    TimeSeries history = series_of(c.values);
    if (std::isnan(history.values.back())) history.values.back() = 1;
    const auto paths = trained->model->forecast(history, 50, 3);
    ASSERT_TRUE(paths.ok()) << c.name << ": " << paths.message();
    EXPECT_TRUE(std::ranges::all_of(paths->values, [](float v) { return std::isfinite(v); })) << c.name;
    const float most = std::string_view(c.name) == "tiny" ? 1e-10f : std::numeric_limits<float>::max();
    EXPECT_TRUE(std::ranges::all_of(paths->values, [&](float v) { return std::abs(v) < most; })) << c.name;
  }
}

TEST(TrainDeepAr, RefusesWhatItCannotCutAWindowFrom) {
  DeepArOptions options = quick();
  EXPECT_EQ(train_deepar(std::vector{wave(6)}, options).message(),
            "every series is too short: at least 7 values are needed to train a horizon of 6; there are 6 to train on");
  EXPECT_TRUE(train_deepar(std::vector{wave(7)}, options).ok());
  options.select = true;
  EXPECT_EQ(train_deepar(std::vector{wave(12)}, options).code(), Code::kInvalidArgument);
  EXPECT_TRUE(train_deepar(std::vector{wave(13)}, options).ok());
  TimeSeries infinite = wave(100);
  infinite.values[17] = INFINITY;
  EXPECT_EQ(train_deepar(std::vector{infinite}, options).message(),
            "series 0: value 17, of 2023-11-14T22:31:00Z, is inf; allowed: NaN for missing, else at most 1e+30 in "
            "magnitude");
}

TEST(TrainDeepAr, ReportsProgressAndStopsWhenAsked) {
  std::vector<int> seen;
  ASSERT_TRUE(train_deepar(std::vector{wave(100)}, quick(60), [&](int step, int steps, double loss) {
                EXPECT_EQ(steps, 60);
                EXPECT_TRUE(std::isfinite(loss));
                seen.push_back(step);
                return true;
              }).ok());
  EXPECT_EQ(seen, (std::vector<int>{25, 50, 60}));
  EXPECT_EQ(train_deepar(std::vector{wave(100)}, quick(60), [](int, int, double) { return false; }).code(),
            Code::kCancelled);
}

class Forecasting : public testing::Test {
 protected:
  static void SetUpTestSuite() { model_ = new std::shared_ptr<const Forecaster>(train(wave(300), quick(60)).model); }
  static void TearDownTestSuite() { delete model_; }
  const Forecaster& model() const { return **model_; }
  static inline std::shared_ptr<const Forecaster>* model_ = nullptr;  // Trained once for all tests of the suite.
};

TEST_F(Forecasting, APathIsAFunctionOfTheSeedAndItsNumberAlone) {
  const TimeSeries history = wave(300);
  const auto few = model().forecast(history, 3, 42).value(), many = model().forecast(history, 600, 42).value();
  for (const int paths :
       {1, 3, 16, 17, 20, 36, 52, 100, 130, 146, 196, 260, 500}) {  // What is left of whole vectors differs.
    const auto some = model().forecast(history, paths, 42).value();
    EXPECT_TRUE(std::equal(some.values.begin(), some.values.end(), many.values.begin())) << paths;
  }
  EXPECT_NE(model().forecast(history, 3, 43).value().values, few.values);
  EXPECT_NE(std::vector(many.values.begin(), many.values.begin() + 6),
            std::vector(many.values.begin() + 6, many.values.begin() + 12));
}

TEST_F(Forecasting, OnlyTheLastValuesOfHistoryMatter) {
  const TimeSeries history = wave(300);
  const auto needed = static_cast<std::size_t>(model().history_needed());
  TimeSeries last = history;
  last.values.erase(last.values.begin(), last.values.end() - static_cast<std::ptrdiff_t>(needed));
  last.start = history.time_of(300 - needed);
  EXPECT_EQ(model().forecast(last, 20, 1).value().values, model().forecast(history, 20, 1).value().values);
  last.values.front() += 1;
  EXPECT_NE(model().forecast(last, 20, 1).value().values, model().forecast(history, 20, 1).value().values)
      << "the oldest needed value is used";
}

TEST_F(Forecasting, FollowsTheUnitOfTheSeries) {
  TimeSeries history = wave(300);
  const auto median = model().forecast(history, 100, 5).value().quantile(0.5);
  for (double& v : history.values) v *= 1e6;
  const auto scaled = model().forecast(history, 100, 5).value().quantile(0.5);
  for (std::size_t k = 0; k < median.size(); ++k) EXPECT_NEAR(scaled[k] / 1e6, median[k], 1e-3 * median[k]);
}

TEST_F(Forecasting, WorksFromOneObservedValueAndNamesWhatItCannotDo) {
  EXPECT_TRUE(model().forecast(series_of({7}), 10, 1).ok());
  EXPECT_TRUE(model().forecast(series_of({kNaN, 7, kNaN, kNaN}), 10, 1).ok());
  EXPECT_EQ(model().forecast(series_of({kNaN, kNaN}), 10, 1).message(), "not one observed value among the last 2");
  EXPECT_EQ(model().forecast(series_of({}), 10, 1).code(), Code::kInvalidArgument);
  EXPECT_EQ(model().forecast(series_of({1, 2}, Milliseconds(1000)), 10, 1).message(),
            "history has steps of 1s; this model was trained for 1min");
  EXPECT_EQ(model().forecast(series_of({1, 2}), 0, 1).message(), "0 paths; allowed: 1 to 100000");
  EXPECT_EQ(model().forecast(series_of({1, -INFINITY}), 5, 1).code(), Code::kInvalidArgument);
}

TEST_F(Forecasting, AModelReadBackIsTheSameModel) {
  const std::string bytes = model().serialize();
  const auto read = load_deepar(bytes).value();
  EXPECT_TRUE(read->serialize() == bytes);
  EXPECT_EQ(to_text(read->describe()), to_text(model().describe()));
  EXPECT_EQ(read->horizon(), 6);
  EXPECT_EQ(read->history_needed(), model().history_needed());
  EXPECT_EQ(read->forecast(wave(200), 10, 2).value().values, model().forecast(wave(200), 10, 2).value().values);
}

TEST_F(Forecasting, ADamagedArtefactIsRefusedNotLoaded) {
  const std::string bytes = model().serialize();
  for (std::size_t size = 0; size < bytes.size(); size += size < 3000 ? 37 : 411)
    EXPECT_FALSE(load_deepar(bytes.substr(0, size)).ok()) << size;
  const auto with = [&](std::string_view from,
                        std::string_view to) {  // Of the same length, so that the header's length still holds.
    std::string changed = bytes;
    const std::size_t at = changed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return load_deepar(changed.replace(at, from.size(), to)).status();
  };
  EXPECT_EQ(with("\\\"format\\\":1", "\\\"format\\\":9").message(),
            "header: tidecast: format: found 9; allowed: whole numbers from 1 to 2");
  EXPECT_EQ(with("\\\"cells\\\":12", "\\\"cells\\\":13").message(),
            "tensor 'lstm.weight_ih_l0' has shape [48, 11]; allowed: [52, 11]");
  EXPECT_TRUE(
      with("\\\"cells\\\":12", "\\\"cells\\\":99").message().starts_with("a network of 124352 weights in a file"));
  EXPECT_EQ(with("\\\"horizon\\\":6", "\\\"horizon\\\":0").message(),
            "header: tidecast: horizon: found 0; allowed: whole numbers from 1 to 1000");
  EXPECT_EQ(with("\\\"lags\\\":[1,2,", "\\\"lags\\\":[2,1,").message(),
            "header: tidecast: lags: found 1 after 2; allowed: rising whole numbers up to 1000000");
  EXPECT_EQ(with("\"head.bias\"", "\"head.bios\"").message(), "tensor 'head.bias' is missing");
  EXPECT_EQ(with("\"tidecast\"", "\"tideover\"").message(),
            "header: __metadata__ has no 'tidecast': not a model of ours");
  std::string broken = bytes;
  const float nan = std::nanf("");
  std::memcpy(broken.data() + broken.size() - sizeof nan, &nan, sizeof nan);
  EXPECT_EQ(load_deepar(broken).message(), "tensor 'head.bias': element 7 is nan");
}

// Noise in the header must never crash or be believed beyond what the checks allow.
TEST_F(Forecasting, RandomDamageToTheHeaderNeverCrashes) {
  const std::string bytes = model().serialize();
  const std::uint64_t seed = 99;
  Rng rng(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = bytes;
    for (std::uint64_t i = 0; i <= rng.below(4); ++i) damaged[rng.below(1500)] = static_cast<char>(rng.below(256));
    const auto read = load_deepar(damaged);
    if (read.ok()) {
      EXPECT_LE((*read)->horizon(), 1000) << "seed " << seed << ", round " << round;
    }
  }
}

TEST(ForecastPaths, QuantilesAreOrderStatisticsRoundedHalfToEven) {
  ForecastPaths paths{.paths = 6, .horizon = 2, .values = {}};
  for (int i = 0; i < 6; ++i)
    paths.values.insert(paths.values.end(), {static_cast<float>(5 - i), static_cast<float>(10 * i)});
  EXPECT_EQ(paths.quantile(0), (std::vector<double>{0, 0}));
  EXPECT_EQ(paths.quantile(0.1), (std::vector<double>{0, 0})) << "rank 0.5 goes to 0";
  EXPECT_EQ(paths.quantile(0.3), (std::vector<double>{2, 20})) << "rank 1.5 goes to 2";
  EXPECT_EQ(paths.quantile(1), (std::vector<double>{5, 50}));
  EXPECT_EQ(paths.mean(), (std::vector<double>{2.5, 25}));
}

}  // namespace
}  // namespace tidecast
