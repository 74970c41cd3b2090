#include "training/job.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/hash.h"
#include "training/training_testing.h"

namespace tidecast {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TimeSeries ramp(std::size_t count) {
  TimeSeries series{EventTime::from_ms(1'778'025'600'000), 60s, {}};
  for (std::size_t i = 0; i < count; ++i) series.values.push_back(static_cast<double>(i + 1));
  return series;
}

// A learner that remembers what it was asked to learn, and a job for it.
class RunJob : public testing::Test {
 protected:
  RunJob() {
    job.run = "17";
    job.series = ramp(400);
    job.windows = 6;
    job.paths = 3;
    job.options.horizon = 10;
    job.options.seed = 99;
  }

  Result<JobResult> run() {
    const Learner learner{
        [&](std::span<const TimeSeries> series, const DeepArOptions& options) -> Result<TrainedDeepAr> {
          learned.emplace_back(series.begin(), series.end());
          learned_with = options;
          model = std::make_shared<FakeDeepAr>(options.horizon, 1);
          return TrainedDeepAr{.model = model,
                               .best_step = 125,
                               .steps = options.select ? 2500 : 125,
                               .train_loss = 0.75,
                               .held_out_loss = options.select ? 0.5 : kNaN};
        },
        [&](std::string_view artefact) -> Result<std::shared_ptr<const Forecaster>> {
          if (artefact != "production" && artefact != "judged") return invalid_argument("byte 0: no model");
          return loaded = std::make_shared<FakeDeepAr>(10, 5);
        }};
    return run_job_with(learner, job);
  }

  TrainingJob job;
  std::vector<std::vector<TimeSeries>> learned;
  DeepArOptions learned_with;
  std::shared_ptr<FakeDeepAr> model;
  std::shared_ptr<const Forecaster> loaded;
};

TEST_F(RunJob, JudgeTrainsOnWhatLiesBeforeTheFirstWindow) {
  job.options.select = false;  // The kind decides, not the option.
  ASSERT_TRUE(run().ok());
  ASSERT_EQ(learned.size(), 1u);
  ASSERT_EQ(learned[0].size(), 1u);
  EXPECT_EQ(learned[0][0].values.size(), 340u);
  EXPECT_EQ(learned[0][0].values.back(), 340);
  EXPECT_EQ(learned[0][0].start, job.series.start);
  EXPECT_TRUE(learned_with.select);
  EXPECT_EQ(learned_with.seed, 99u);
}

TEST_F(RunJob, JudgeBacktestsTheModelItTrained) {
  const JobResult result = run().value();
  EXPECT_EQ(result.kind, JobKind::kJudge);
  ASSERT_TRUE(result.backtest);
  EXPECT_EQ(result.backtest->windows.size(), 6u);
  EXPECT_EQ(model->questions.size(), 6u);
  EXPECT_FALSE(result.backtest->production);
  EXPECT_EQ(result.artefact, "fake 10 1");
  EXPECT_EQ(result.artefact_hash, sha256_hex("fake 10 1"));
  EXPECT_EQ(result.data_hash, hash_of(job.series));
  EXPECT_EQ(result.best_step, 125);
  EXPECT_EQ(result.steps, 2500);
  EXPECT_EQ(result.train_loss, 0.75);
  EXPECT_EQ(result.held_out_loss, 0.5);
  EXPECT_GE(result.seconds, 0);
}

TEST_F(RunJob, JudgeTakesTheSeasonOfTheStepUnlessOneIsGiven) {
  EXPECT_EQ(run().value().backtest->windows[0].seasonal_naive.mean[0], 281);  // 60 minutes before 341.
  job.options.season = 20;
  EXPECT_EQ(run().value().backtest->windows[0].seasonal_naive.mean[0], 321);
}

TEST_F(RunJob, JudgeComparesWithTheModelInProduction) {
  job.production_artefact = "production";
  job.production_data_end = job.series.time_of(380);
  const JobResult result = run().value();
  EXPECT_EQ(result.backtest->production_windows, 2);
  EXPECT_LT(*result.backtest->production, *result.backtest->challenger);
}

TEST_F(RunJob, JudgeStopsAtAProductionModelThatCannotBeRead) {
  job.production_artefact = "rubbish";
  const auto result = run();
  EXPECT_EQ(result.code(), Code::kDataLoss);
  EXPECT_EQ(result.message(), "production model: byte 0: no model");
}

TEST_F(RunJob, JudgeNeedsFiveWindows) {
  job.series = ramp(350);
  EXPECT_EQ(run().value().backtest->windows.size(), 5u);
  job.series = ramp(349);
  const auto result = run();
  EXPECT_EQ(result.code(), Code::kFailedPrecondition);
  EXPECT_EQ(result.message(), "4 back-test windows of 10 steps fit behind 300 observations; 5 are needed");
}

TEST(RunJobWithDeepAr, JudgesOnTheOtherWindowsAfterAnOutageLongerThanTheModelLooksBack) {
  TrainingJob job;
  job.series = {EventTime::from_ms(1'778'025'600'000), 1h, {}};
  for (int hour = 0; hour < 500; ++hour)
    job.series.values.push_back(hour < 400 || hour >= 482 ? 100 + 30 * std::sin(hour * M_PI / 12) : kNaN);
  job.windows = 20;
  job.paths = 10;
  job.options = {.horizon = 6, .steps = 2, .batch = 4, .cells = 4, .layers = 1};
  const auto result = run_job(job, "unused");
  ASSERT_TRUE(result.ok()) << result.message();
  std::vector<std::int64_t> origins;
  for (const BacktestWindow& window : result->backtest->windows)
    origins.push_back((window.origin - job.series.start) / 1h);
  EXPECT_EQ(origins, (std::vector<std::int64_t>{380, 386, 392, 398, 488, 494}));
  EXPECT_TRUE(std::isfinite(result->backtest->loss));
}

TEST(RunJobWithABaseline, JudgesAndFitsAnewEachOfThem) {
  TrainingJob job;
  job.series = {EventTime::from_ms(1'778'025'600'000), 1h, {}};
  for (int hour = 0; hour < 500; ++hour)
    job.series.values.push_back(100 + 30 * std::sin(hour * M_PI / 12) + hour * 7 % 5);
  job.options.horizon = 6;
  for (const Baseline baseline : kBaselines) {
    SCOPED_TRACE(name_of(baseline));
    job.algorithm.baseline = baseline;
    job.kind = JobKind::kJudge;
    const auto judged = run_job(job, "unused");
    ASSERT_TRUE(judged.ok()) << judged.message();
    EXPECT_EQ(judged->backtest->windows.size(), 10u);
    EXPECT_TRUE(std::isfinite(judged->backtest->loss));
    EXPECT_TRUE(std::isnan(judged->train_loss) && std::isnan(judged->held_out_loss));
    job.kind = JobKind::kRefit;
    job.judged_artefact = judged->artefact;
    const auto refitted = run_job(job, "unused");
    ASSERT_TRUE(refitted.ok()) << refitted.message();
    const auto model = load_forecaster(refitted->artefact, "unused").value();
    EXPECT_EQ(std::string_view(model->describe().at("algorithm").as_string()), name_of(baseline));
    EXPECT_EQ(model->horizon(), 6);
    // It is a rival of the next.
    job.kind = JobKind::kJudge;
    job.production_artefact = refitted->artefact;
    job.production_data_end = job.series.start;
    EXPECT_EQ(run_job(job, "unused")->backtest->production_windows, 10);
  }
}

TEST(LoadForecaster, TellsFormatsApartAndRefusesWhatIsNone) {
  EXPECT_EQ(load_forecaster("", "unused").code(), Code::kInvalidArgument);
  EXPECT_NE(load_forecaster("{\"format\":\"tidecast-baseline\"}", "unused").message().find("version"),
            std::string::npos);
  EXPECT_NE(load_forecaster("\x1f\x8b\x08 rubbish", "unused").message().find("gzip"), std::string::npos);
}

TEST_F(RunJob, RefitTrainsTheJudgedModelAnewOnEverything) {
  job.kind = JobKind::kRefit;
  job.judged_artefact = "judged";
  const JobResult result = run().value();
  EXPECT_EQ(learned[0][0].values.size(), 400u);
  EXPECT_FALSE(learned_with.select);
  EXPECT_EQ(learned_with.like, loaded);
  EXPECT_EQ(result.kind, JobKind::kRefit);
  EXPECT_FALSE(result.backtest);
  EXPECT_EQ(result.best_step, 125);
  EXPECT_EQ(result.train_loss, 0.75);
  EXPECT_TRUE(std::isnan(result.held_out_loss));
}

TEST_F(RunJob, BeginsWithTheWeightsOfTheModelThatItIsGiven) {
  job.warm_start_artefact = "judged";
  ASSERT_TRUE(run().ok());
  EXPECT_EQ(learned_with.warm_start, loaded);
  job.warm_start_artefact = "nonsense";
  EXPECT_EQ(run().message(), "warm start's model: byte 0: no model");
}

TEST_F(RunJob, RefitStopsAtAJudgedModelThatCannotBeRead) {
  job.kind = JobKind::kRefit;
  job.judged_artefact = "rubbish";
  const auto result = run();
  EXPECT_EQ(result.code(), Code::kDataLoss);
  EXPECT_EQ(result.message(), "judged model: byte 0: no model");
}

TEST_F(RunJob, RefusesAJobThatMakesNoSense) {
  const auto message = [&] {
    const auto result = run();
    EXPECT_EQ(result.code(), Code::kInvalidArgument);
    return result.ok() ? "no error" : result.message();
  };
  job.options.horizon = 0;
  EXPECT_EQ(message(), "horizon 0: at least 1 step is needed");
  job.options.horizon = 10;
  job.options.season = -1;
  EXPECT_EQ(message(), "season -1: 0 (by the step) or more is allowed");
  job.options.season = 0;
  job.series.step = 0ms;
  EXPECT_EQ(message(), "step of 0ms: more than 0 is needed");
  job.series.step = 60s;
  job.kind = JobKind::kRefit;
  EXPECT_EQ(message(), "a refit without the judged model, whose inputs and steps it takes");
  EXPECT_TRUE(learned.empty());
}

TEST(HashOf, IsTheSameForTheSameSnapshotAndDiffersInEveryPart) {
  TimeSeries series = ramp(3);
  const std::string hash = hash_of(series);
  EXPECT_EQ(hash_of(ramp(3)), hash);
  EXPECT_EQ(hash.size(), 64u);
  const auto changed = [&](auto change) {
    TimeSeries other = series;
    change(other);
    return hash_of(other) != hash;
  };
  EXPECT_TRUE(changed([](TimeSeries& other) { other.start += 1ms; }));
  EXPECT_TRUE(changed([](TimeSeries& other) { other.step = 60'001ms; }));
  EXPECT_TRUE(changed([](TimeSeries& other) { other.step = Frequency(StepUnit::kMonth, 1); }));
  EXPECT_TRUE(changed([](TimeSeries& other) { other.values.push_back(4); }));
  EXPECT_TRUE(changed([](TimeSeries& other) { other.values[1] = std::nextafter(2.0, 3.0); }));
}

TEST(HashOf, TakesEveryNaNForTheSame) {
  TimeSeries one = ramp(2), other = ramp(2);
  one.values[0] = kNaN;
  other.values[0] = -kNaN;
  EXPECT_EQ(hash_of(one), hash_of(other));
}

}  // namespace
}  // namespace tidecast
