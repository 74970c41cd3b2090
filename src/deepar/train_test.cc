// How trainings go on, end and begin: checkpoints, the other recipe, warm starts, losses that leave the numbers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "base/rng.h"
#include "deepar/batch.h"
#include "deepar/checkpoint.h"
#include "deepar/pool.h"

namespace tidecast {
namespace {

TimeSeries wave(std::size_t size, std::uint64_t seed = 1) {
  Rng rng(seed);
  TimeSeries series{.start = EventTime::from_ms(1'700'000'040'000), .step = Milliseconds(60'000), .values = {}};
  for (std::size_t i = 0; i < size; ++i)
    series.values.push_back(50 + 10 * std::sin(2 * M_PI * static_cast<double>(i) / 12) + 0.5 * rng.normal());
  return series;
}

DeepArOptions quick(std::string_view recipe, int steps = 160) {
  DeepArOptions options{.horizon = 6,
                        .season = 12,
                        .steps = steps,
                        .cells = 8,
                        .layers = 1,
                        .learning_rate = 3e-3,
                        .members = 1,
                        .threads = 1};
  options.recipe = deepar::parse_recipe(recipe).value();
  return options;
}

class Recipes : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, Recipes,
                         testing::Values("default", "gluonts", "default schedule=constant selection=last"));

TEST_P(Recipes, EndInTheSameBytesWhereverTheyWereInterrupted) {
  const std::vector<TimeSeries> series{wave(300), wave(90, 2), wave(200, 3)};
  DeepArOptions options = quick(GetParam());
  options.members = 2;
  const std::string undisturbed = train_deepar(series, options)->model->serialize();
  for (const int stop : {1, 49, 50, 130, 161, 250, 319}) {
    std::map<int, std::string> kept;
    int saves = 0;
    TrainingCheckpoints checkpoints{.every = 1,
                                    .load = [&](int member) { return kept[member]; },
                                    .save = [&](int member, std::string_view state) -> Status {
                                      kept[member] = state;
                                      return ++saves == stop ? cancelled("killed") : ok();
                                    }};
    ASSERT_EQ(train_deepar(series, options, {}, checkpoints).code(), Code::kCancelled) << stop;
    checkpoints.save = {};
    const auto resumed = train_deepar(series, options, {}, checkpoints);
    ASSERT_TRUE(resumed.ok());
    EXPECT_EQ(resumed->resumed, stop);
    EXPECT_TRUE(resumed->model->serialize() == undisturbed) << "stopped after " << stop;
  }
}

TEST(Checkpoints, OfAnotherTrainingAreNotTaken) {
  std::string state;
  TrainingCheckpoints checkpoints{.every = 40,
                                  .load = [&](int) { return state; },
                                  .save = [&](int, std::string_view bytes) -> Status { return state = bytes, ok(); }};
  DeepArOptions options = quick("default", 80);
  ASSERT_TRUE(train_deepar(std::vector{wave(300)}, options, {}, checkpoints).ok());
  options.seed = 8;
  const auto other = train_deepar(std::vector{wave(300)}, options, {}, checkpoints);
  EXPECT_EQ(other->resumed, 0);
  EXPECT_TRUE(other->model->serialize() == train_deepar(std::vector{wave(300)}, options)->model->serialize());
  state.resize(state.size() / 2);
  EXPECT_EQ(train_deepar(std::vector{wave(300)}, options, {}, checkpoints)->resumed, 0) << "cut short";
}

TEST(Checkpoints, AreReadAsTheyWereWritten) {
  deepar::TrainingState state{.step = 7, .best_step = 5, .best_loss = 0.1, .rate = 0.25, .bad_epochs = 3};
  state.parameters = state.average = state.kept = state.first_moment = state.second_moment = {1, -2, 0.5f};
  state.losses = {3};
  const std::string bytes = write_checkpoint(state, "this");
  const auto read = deepar::read_checkpoint(bytes, "this", 3);
  ASSERT_TRUE(read.ok()) << read.message();
  EXPECT_EQ(write_checkpoint(*read, "this"), bytes);
  EXPECT_TRUE(std::isinf(read->least_epoch));
  EXPECT_EQ(deepar::read_checkpoint(bytes, "that", 3).code(), Code::kFailedPrecondition);
  EXPECT_EQ(deepar::read_checkpoint(bytes, "this", 4).message(),
            "checkpoint: parameters: 3 numbers; this network has 4");
}

TEST(GluonTsTraining, TakesWindowsSeriesBySeriesInTheOrderOfTheFile) {
  const deepar::ModelSpec spec = deepar::gluonts_spec(Milliseconds(60'000), 5);
  const std::vector<std::size_t> ends{104, 4, 304};  // 100, no and 300 splits.
  deepar::FileOrderSampler sampler(spec, ends, 4);
  std::size_t before = 0, visits = 1, windows[3] = {};
  deepar::Split last{.series = 0, .at = 0};
  constexpr int kDraws = 40'000;
  for (int n = 0; n < kDraws; ++n) {
    const deepar::Split split = sampler.next();
    ASSERT_NE(split.series, 1u);
    ASSERT_LE(split.at + 5, ends[split.series]);
    if (n > 0 && !(split.series == before && split.at > last.at)) ++visits;
    before = split.series;
    last = split;
    ++windows[split.series];
  }
  EXPECT_NEAR(static_cast<double>(windows[2]) / kDraws, 0.75, 0.01) << "in proportion to their splits";
  EXPECT_GT(visits, 10'000u) << "visits take turns, about one window each";
}

TEST(GluonTsTraining, LearnsAWaveAndKeepsTheBestEpoch) {
  TimeSeries past = wave(400);
  const TrainedDeepAr trained = train_deepar(std::vector{past}, quick("gluonts", 400)).value();
  EXPECT_EQ(trained.best_step % 50, 0);
  EXPECT_TRUE(std::isnan(trained.held_out_loss));
  EXPECT_EQ(trained.model->describe().at("recipe"), "gluonts");
  const ForecastPaths paths = trained.model->forecast(past, 100, 1).value();
  const auto median = paths.quantile(0.5);
  const TimeSeries truth = wave(406);
  for (std::size_t k = 0; k < 6; ++k) EXPECT_NEAR(median[k], truth.values[400 + k], 6);
}

TEST(WarmStart, BeginsWithTheWeightsOfAnotherModel) {
  const TrainedDeepAr first = train_deepar(std::vector{wave(400)}, quick("default", 300)).value();
  DeepArOptions options = quick("default", 10);
  const double cold = train_deepar(std::vector{wave(450)}, options)->train_loss;
  options.warm_start = first.model;
  const TrainedDeepAr warm = train_deepar(std::vector{wave(450)}, options).value();
  EXPECT_LT(warm.train_loss, cold - 0.5);
  options.horizon = 7;
  EXPECT_EQ(train_deepar(std::vector{wave(450)}, options).message(),
            "warm_start: trained for a horizon of 6; asked for 7");
}

TEST(WarmStart, LastsThroughTheRefit) {
  const TrainedDeepAr first = train_deepar(std::vector{wave(400)}, quick("default", 300)).value();
  DeepArOptions options = quick("default", 25);
  options.warm_start = first.model;
  const TrainedDeepAr judged = train_deepar(std::vector{wave(450)}, options).value();
  options.like = judged.model;
  options.select = false;
  const TrainedDeepAr refit = train_deepar(std::vector{wave(480)}, options).value();
  EXPECT_EQ(refit.steps, judged.best_step);
  EXPECT_LT(refit.train_loss, first.train_loss + 0.3) << "not begun anew";
  EXPECT_EQ(refit.model->describe().at("recipe"), "R") << "that nothing was selected is not the recipe";
}

TEST(WarmStart, OfOneNetworkGivesTwoThatDiffer) {
  const TrainedDeepAr first = train_deepar(std::vector{wave(300)}, quick("default", 50)).value();
  DeepArOptions options = quick("default", 50);
  options.likelihoods = {nn::Head::kStudentT, nn::Head::kGaussian};
  options.members = 0;
  options.warm_start = first.model;
  const auto trained = train_deepar(std::vector{wave(300)}, options).value();
  const auto& pool = dynamic_cast<const deepar::PooledModel&>(*trained.model);
  EXPECT_NE(pool.members()[0]->parameters(), pool.members()[1]->parameters());
}

TEST(Calibrated, NeedsHeldOutWindows) {
  DeepArOptions options = quick("gluonts", 50);
  options.calibrate = true;
  EXPECT_EQ(train_deepar(std::vector{wave(300)}, options).message(),
            "calibrate: needs held-out windows; the recipe's selection is train_loss");
}

// Nothing that a user can ask for was found to diverge, so a checkpoint is given weights that must.
TEST(Divergence, KeepsWhatWasBestAndSaysAtWhichStep) {
  std::string state;
  TrainingCheckpoints checkpoints{.every = 50,
                                  .load = [&](int) { return state; },
                                  .save = [&](int, std::string_view bytes) -> Status {
                                    state = bytes;
                                    return cancelled("stopped");
                                  }};
  const DeepArOptions options = quick("default");
  const std::vector<TimeSeries> series{wave(300)};
  ASSERT_EQ(train_deepar(series, options, {}, checkpoints).code(), Code::kCancelled);
  const std::string_view weights = nn::parse_safetensors(state)->tensors.at("parameters").bytes;
  const float huge = 3e38f;
  for (std::size_t i = 0; i < weights.size(); i += sizeof huge)
    std::memcpy(state.data() + (weights.data() - state.data()) + i, &huge, sizeof huge);
  checkpoints.save = {};
  const auto trained = train_deepar(series, options, {}, checkpoints);
  ASSERT_TRUE(trained.ok()) << trained.message();
  EXPECT_EQ(trained->diverged, 51);
  EXPECT_EQ(trained->model->describe().at("diverged"), 51);
  EXPECT_LE(trained->best_step, 50);
  const auto paths = trained->model->forecast(series[0], 50, 1);
  ASSERT_TRUE(paths.ok()) << paths.message();
  for (const float value : paths->values) EXPECT_TRUE(std::isfinite(value));
}

}  // namespace
}  // namespace tidecast
