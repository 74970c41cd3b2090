// Models of several networks: their paths, their artefact, their refit, and the calibration of what they say.
#include "deepar/pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"

namespace tidecast::deepar {
namespace {

// Counts with a wave of twelve steps.
TimeSeries counts(std::size_t size, std::uint64_t seed = 1) {
  Rng rng(seed);
  TimeSeries series{.start = EventTime::from_ms(1'700'000'040'000), .step = Milliseconds(60'000), .values = {}};
  for (std::size_t i = 0; i < size; ++i)
    series.values.push_back(
        static_cast<double>(rng.poisson(12 + 8 * std::sin(2 * M_PI * static_cast<double>(i) / 12))));
  return series;
}

DeepArOptions quick() {
  return {.horizon = 6,
          .season = 12,
          .steps = 60,
          .cells = 8,
          .layers = 1,
          .learning_rate = 3e-3,
          .likelihoods = {nn::Head::kStudentT, nn::Head::kNegativeBinomial}};
}

TrainedDeepAr train(const TimeSeries& series, const DeepArOptions& options) {
  return train_deepar(std::vector{series}, options).value();
}

const PooledModel& pool_of(const TrainedDeepAr& trained) { return dynamic_cast<const PooledModel&>(*trained.model); }

TEST(Pool, TakesItsPathsFromEachMemberInTurn) {
  DeepArOptions options = quick();
  options.members = 3;
  const TimeSeries series = counts(300);
  const TrainedDeepAr trained = train(series, options);
  const PooledModel& pool = pool_of(trained);
  ASSERT_EQ(pool.members().size(), 3u);
  EXPECT_EQ(pool.members()[1]->spec().head, nn::Head::kNegativeBinomial);
  EXPECT_EQ(pool.members()[2]->spec().head, nn::Head::kStudentT);
  EXPECT_NE(pool.members()[0]->parameters(), pool.members()[2]->parameters()) << "the next seed";

  constexpr int kPaths = 101;
  const ForecastPaths paths = pool.forecast(series, kPaths, 5).value();
  const ForecastPaths first = pool.members()[0]->forecast(series, 37, 5).value();
  const auto at = [](const ForecastPaths& of, int k, int t) { return of.values[static_cast<std::size_t>(k * 6 + t)]; };
  int own = 0;  // Of the first member: every third, the last four of the hundred, and the next.
  for (int k = 0; k < kPaths; ++k) {
    const int member = k < 96 ? k % 3 : 0;
    EXPECT_EQ(member_of_path(k, 3), member) << k;
    for (int t = 0; t < 6; ++t) {
      if (member == 0) {
        EXPECT_EQ(at(paths, k, t), at(first, own, t)) << "path " << k;
      } else if (member == 1) {
        EXPECT_EQ(at(paths, k, t), std::round(at(paths, k, t))) << "the second member's are counts";
      }
    }
    own += member == 0;
  }
  EXPECT_EQ(own, 37);
}

TEST(Pool, HearsEveryMemberEvenlyOverTheHundreds) {
  for (const int members : {1, 2, 3, 5, 32}) {
    std::vector<int> paths(static_cast<std::size_t>(members));
    for (int k = 0; k < 100 * members; ++k) {
      ++paths[static_cast<std::size_t>(member_of_path(k, members))];
      if (k + 1 == members) {
        EXPECT_EQ(paths, std::vector(paths.size(), 1)) << "one each at first";
      }
    }
    EXPECT_LE(std::ranges::max(paths) - std::ranges::min(paths), members) << members;
  }
}

TEST(Pool, APathDependsOnItsNumberAlone) {
  const TrainedDeepAr trained = train(counts(300), quick());
  const ForecastPaths few = trained.model->forecast(counts(300), 5, 9).value(),
                      many = trained.model->forecast(counts(300), 40, 9).value();
  EXPECT_TRUE(std::equal(few.values.begin(), few.values.end(), many.values.begin()));
}

TEST(Pool, ComesBackFromItsArtefact) {
  DeepArOptions options = quick();
  options.calibrate = true;
  const TimeSeries series = counts(600);
  const TrainedDeepAr trained = train(series, options);
  const std::string artefact = trained.model->serialize();
  const auto loaded = load_deepar(artefact).value();
  EXPECT_EQ(loaded->serialize(), artefact);
  EXPECT_EQ(loaded->forecast(series, 20, 3)->values, trained.model->forecast(series, 20, 3)->values);
  ASSERT_TRUE(pool_of(trained).calibration());
  EXPECT_EQ(dynamic_cast<const PooledModel&>(*loaded).calibration(), pool_of(trained).calibration());
}

TEST(Pool, ADamagedArtefactIsRefused) {
  const std::string artefact = train(counts(300), quick()).model->serialize();
  const auto refusal = [&](std::string_view from, std::string_view to) {
    std::string damaged = artefact;
    const std::size_t at = damaged.find(from);
    EXPECT_NE(at, damaged.npos) << from;
    damaged.replace(at, from.size(), to);
    const auto loaded = load_deepar(damaged);
    return loaded.ok() ? std::string("loaded") : std::string(loaded.message());
  };
  EXPECT_EQ(refusal("\\\"members\\\":[", "\\\"numbers\\\":["), "header: tidecast: members: allowed: 1 to 32 of them");
  EXPECT_EQ(refusal("1.head", "2.head").substr(0, 19), "members[1]: tensor ");
}

TEST(Pool, IsTrainedAnewMemberByMember) {
  DeepArOptions options = quick();
  options.calibrate = true;
  const TrainedDeepAr judged = train(counts(600), options);
  DeepArOptions refit{.horizon = 6, .select = false};
  refit.like = judged.model;
  const TrainedDeepAr anew = train(counts(700), refit);
  ASSERT_EQ(pool_of(anew).members().size(), 2u);
  EXPECT_EQ(anew.steps, judged.best_step);
  EXPECT_EQ(pool_of(anew).calibration(), pool_of(judged).calibration());
  EXPECT_EQ(pool_of(anew).members()[1]->spec().head, nn::Head::kNegativeBinomial);
}

// Tenths of `series`, so that they are no counts.
TimeSeries tenths(TimeSeries series) {
  for (double& y : series.values) y = y / 10 + 0.05;
  return series;
}

TEST(Pool, ByTheRecipeHasTwoMembersAndOfCountsThatReachZeroTwoLikelihoods) {
  using enum nn::Head;
  const auto heads = [](TimeSeries series, const DeepArOptions& options) {
    return member_heads(std::vector{std::move(series)}, options);
  };
  TimeSeries some = counts(300);
  EXPECT_EQ(heads(some, {}), (std::vector{kStudentT, kStudentT})) << "none of them is 0";
  for (std::size_t i = 0; i < 4; ++i) some.values[50 * i] = 0;
  EXPECT_EQ(heads(some, {}), (std::vector{kStudentT, kNegativeBinomial}));
  EXPECT_EQ(heads(some, {.members = 3}), (std::vector{kStudentT, kNegativeBinomial, kStudentT}));
  EXPECT_EQ(heads(some, {.recipe = gluonts_recipe()}), std::vector{kStudentT});
  EXPECT_EQ(heads(some, {.likelihoods = {kPoisson}, .members = 1}), std::vector{kPoisson});
  some.values[7] = -1;
  EXPECT_EQ(heads(some, {}), (std::vector{kStudentT, kStudentT}));
  for (double& y : some.values) y = 0;
  EXPECT_EQ(heads(some, {}), (std::vector{kStudentT, kStudentT})) << "nothing but zeros tells of no counts";
  EXPECT_EQ(heads(tenths(counts(300)), {}), (std::vector{kStudentT, kStudentT}));
}

TEST(Pool, OfOneMemberIsThePlainModel) {
  DeepArOptions options = quick();
  options.likelihoods = {nn::Head::kStudentT};
  options.members = 1;
  EXPECT_NE(dynamic_cast<const Model*>(train(counts(300), options).model.get()), nullptr);
}

// 1,000 truths of a normal distribution, and quantiles of one that is `narrow` times as wide.
std::vector<CalibrationCase> cases_of(double below, double above) {
  Rng rng(3);
  std::vector<CalibrationCase> cases;
  constexpr double kTenth = 1.2815515655446004;  // The normal distribution's .9 quantile.
  for (int i = 0; i < 5'000; ++i) cases.push_back({rng.normal(), -kTenth * below, 0, kTenth * above});
  return cases;
}

TEST(Calibration, StretchesEachSideUntilATenthIsOutside) {
  const Calibration found = calibrate(cases_of(0.5, 0.8)).value();
  EXPECT_NEAR(found.low, 2, 0.1);
  EXPECT_NEAR(found.up, 1.25, 0.06);
  const Calibration right = calibrate(cases_of(1, 1)).value();
  EXPECT_NEAR(right.low, 1, 0.05);
  EXPECT_NEAR(right.up, 1, 0.05);
}

TEST(Calibration, NeedsEnoughTruthsAndPassesOverMissingOnes) {
  std::vector<CalibrationCase> cases = cases_of(0.5, 0.8);
  cases.resize(kTruthsToCalibrate);
  EXPECT_TRUE(calibrate(cases));
  cases.back().truth = std::nan("");
  EXPECT_FALSE(calibrate(cases));
}

TEST(Calibration, LeavesTheMedianAndTheSupport) {
  ForecastPaths paths{.paths = 5, .horizon = 1, .values = {1, 2, 3, 4, 5}};
  apply({.low = 3, .up = 2, .truths = 100}, 0, 6, paths);
  EXPECT_EQ(paths.values, (std::vector<float>{0, 0, 3, 5, 6}));
}

}  // namespace
}  // namespace tidecast::deepar
