#include "training/tune.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "training/tune_trials.h"

namespace tidecast {
namespace {

// A bowl over two hyperparameters, lowest at (3, 1e-2); each training takes its share of 100 s of a simulated clock.
struct Bowl {
  SimulatedClock clock{ProcessingTime::from_ms(0)};
  json::object defaults{{"a", 8}, {"b", 0.5}};
  std::vector<SearchRange> space{{.name = "a", .choices = {1, 2, 3, 4, 5, 6, 7, 9}},
                                 {.name = "b", .low = 1e-4, .high = 1, .scale = SearchRange::Scale::kLog}};
  std::vector<Trial> trained;
  std::function<Status(const Trial&)> fails = [](const Trial&) { return ok(); };

  double at(const Trial& trial) const {
    const auto value = [&](const char* name) {
      return (trial.differs.contains(name) ? trial.differs : defaults).at(name).to_number<double>();
    };
    return std::pow(value("a") - 3, 2) + std::pow(std::log10(value("b")) + 2, 2);
  }
  Result<Tuning> tune(int trials, std::optional<Milliseconds> budget = {}, std::uint64_t seed = 5) {
    trained.clear();
    return tidecast::tune({.space = space, .defaults = defaults, .seed = seed, .trials = trials, .budget = budget},
                          clock, [&](const Trial& trial) -> Result<TrialResult> {
                            TRY(fails(trial));
                            trained.push_back(trial);
                            clock.wait_until(clock.now() + Milliseconds(1000) * int(100 * kRungs[trial.rung]));
                            // Shorter trainings say less, but in the same order.
                            return TrialResult{.held_out_loss = at(trial) / kRungs[trial.rung], .steps = 1};
                          });
  }
  std::string text(const Tuning& tuning) const {
    std::string text;
    for (const Trial& trial : tuning.ranked)
      text +=
          fmt::format("{} {} {} {}\n", trial.number, to_text(trial.differs), trial.rung, trial.result.held_out_loss);
    return text;
  }
};

TEST(Tune, FindsBetterThanTheDefaultsOfABowl) {
  Bowl bowl;
  const Tuning tuning = bowl.tune(40).value();
  ASSERT_EQ(tuning.ranked.size(), 40u);
  ASSERT_NE(tuning.best(), nullptr);
  EXPECT_EQ(tuning.best(), &tuning.ranked[0]);
  EXPECT_NEAR(bowl.at(*tuning.defaults()), 25 + std::pow(std::log10(0.5) + 2, 2), 1e-12);
  EXPECT_LT(tuning.best()->result.held_out_loss, 2) << bowl.text(tuning);
  EXPECT_EQ(tuning.not_begun, 0);
}

// Among whole groups each one's best reaches the last rung, whatever the others are.
TEST(Tune, HalvingTakesTheBestOfEachGroupToTheFullSteps) {
  Bowl bowl;
  const Tuning tuning = bowl.tune(17).value();
  std::vector<std::size_t> at_rung(3);
  for (const Trial& trial : bowl.trained) ++at_rung[static_cast<std::size_t>(trial.rung)];
  EXPECT_EQ(at_rung, (std::vector<std::size_t>{16, 8, 5})) << "two groups: 8, 4, 2; and the defaults";
  for (const int first : {2, 10}) {
    const Trial* best = nullptr;
    for (const Trial& trial : tuning.ranked)
      if (trial.number >= first && trial.number < first + 8 && (!best || bowl.at(trial) < bowl.at(*best)))
        best = &trial;
    EXPECT_EQ(best->rung, kFullRung) << best->number;
  }
  for (std::size_t i = 1; i < tuning.ranked.size(); ++i) {
    const Trial &a = tuning.ranked[i - 1], &b = tuning.ranked[i];
    EXPECT_TRUE(a.rung > b.rung || (a.rung == b.rung && a.result.held_out_loss <= b.result.held_out_loss));
  }
}

TEST(Tune, SmallGroupsTrainOnlyWhereThereIsSomethingToHalve) {
  Bowl bowl;
  ASSERT_TRUE(bowl.tune(3).ok());
  std::string rungs;
  for (const Trial& trial : bowl.trained) rungs += fmt::format("{}@{} ", trial.number, trial.rung);
  EXPECT_TRUE(rungs == "1@2 2@0 3@0 2@2 " || rungs == "1@2 2@0 3@0 3@2 ") << rungs;
}

TEST(Tune, TheSameSeedGivesTheSameTrialsAndAnotherOneOthers) {
  Bowl bowl;
  const std::string once = bowl.text(bowl.tune(12).value());
  EXPECT_EQ(bowl.text(bowl.tune(12).value()), once);
  EXPECT_EQ(bowl.text(bowl.tune(12, 24h).value()), once) << "a budget that holds all";
  EXPECT_NE(bowl.text(bowl.tune(12, {}, 6).value()), once);
  for (int number = 2; number < 100; ++number) {
    const json::object variant = draw_variant(bowl.space, bowl.defaults, 5, number);
    EXPECT_FALSE(variant.empty());
    EXPECT_EQ(variant, draw_variant(bowl.space, bowl.defaults, 5, number));
  }
}

TEST(Tune, TheBudgetDecidesOnlyHowManyAreBegunAndIsKept) {
  Bowl bowl;
  const Tuning all = bowl.tune(17).value();
  std::size_t before = 0;
  for (const int seconds : {1, 150, 300, 700, 1300, 5000}) {
    const ProcessingTime begin = bowl.clock.now();
    const Tuning tuning = bowl.tune(17, Milliseconds(1000) * seconds).value();
    const auto spent = bowl.clock.now() - begin;
    EXPECT_LE(spent, std::max<Milliseconds>(Milliseconds(1000) * seconds, 100s)) << "the defaults are always trained";
    EXPECT_EQ(tuning.ranked.size() + static_cast<std::size_t>(tuning.not_begun), 17u);
    EXPECT_GE(tuning.ranked.size(), before);
    before = tuning.ranked.size();
    for (const Trial& trial : tuning.ranked) {
      EXPECT_LE(trial.number, static_cast<int>(tuning.ranked.size()));
      const auto same = std::ranges::find(all.ranked, trial.number, &Trial::number);
      EXPECT_EQ(same->differs, trial.differs);
    }
  }
  EXPECT_EQ(before, 17u);
}

TEST(Tune, ADivergedTrialIsShownAsSuchAndRanksLast) {
  Bowl bowl;
  bowl.fails = [](const Trial& trial) { return trial.number == 3 ? internal_error("step 9: no number") : ok(); };
  const Tuning tuning = bowl.tune(9).value();
  ASSERT_EQ(tuning.ranked.size(), 9u);
  EXPECT_EQ(tuning.ranked.back().number, 3);
  EXPECT_EQ(tuning.ranked.back().diverged, "step 9: no number");
  bowl.fails = [](const Trial&) { return internal_error("none"); };
  EXPECT_EQ(bowl.tune(9).value().best(), nullptr);
  bowl.fails = [](const Trial& trial) { return trial.number == 3 ? invalid_argument("no series") : ok(); };
  EXPECT_EQ(bowl.tune(9).message(), "no series");
}

TEST(Tune, StoppedItEndsWithWhatIsKnown) {
  Bowl bowl;
  int left = 0;
  bowl.fails = [&](const Trial&) { return left-- > 0 ? ok() : cancelled("stopped"); };
  for (left = 0; left < 15;) {  // Of 1 + 8 + 4 + 2 trainings.
    const int allowed = left;
    const Tuning tuning = bowl.tune(9).value();
    EXPECT_TRUE(tuning.stopped) << allowed;
    EXPECT_EQ(tuning.ranked.size(), static_cast<std::size_t>(std::min(allowed, 9))) << allowed;
    std::set<int> numbers;
    for (const Trial& trial : tuning.ranked) {
      numbers.insert(trial.number);
      EXPECT_GT(trial.result.steps, 0);
      EXPECT_DOUBLE_EQ(trial.result.held_out_loss, bowl.at(trial) / kRungs[trial.rung]);
    }
    EXPECT_EQ(numbers.size(), tuning.ranked.size());
    left = allowed + 1;
  }
}

TEST(Tune, WrongOptionsAreNamed) {
  Bowl bowl;
  EXPECT_EQ(bowl.tune(0).message(), "neither trials nor a budget; allowed: one of them, or both");
  EXPECT_EQ(bowl.tune(1001).message(), "1001 trials; allowed: 1 to 1000");
  EXPECT_EQ(bowl.tune(3, 0ms).message(), "a budget of 0s; allowed: more than 0");
}

TEST(Hyperparameters, ComeBackByNameAndWrongOnesChangeNothing) {
  DeepArOptions options{.context = 24};
  EXPECT_EQ(
      to_text(hyperparameters_of(options)),
      R"({"context_length":24,"mini_batch_size":32,"learning_rate":0.001,"num_cells":40,"num_layers":2,"dropout_rate":0.1})");
  ASSERT_TRUE(set_hyperparameters({{"num_cells", 60}, {"dropout_rate", 0}}, options).ok());
  EXPECT_EQ(options.cells, 60);
  EXPECT_EQ(options.dropout, 0);
  EXPECT_EQ(options.layers, 2);
  EXPECT_EQ(set_hyperparameters({{"num_cells", 61}, {"num_layers", 1.5}}, options).message(),
            "num_layers: found 1.5; allowed: whole numbers from 1 to 8");
  EXPECT_EQ(set_hyperparameters({{"num_cells", "many"}}, options).message(),
            "num_cells: found \"many\"; allowed: whole numbers from 1 to 200");
  EXPECT_EQ(set_hyperparameters({{"cells", 3}}, options).message(),
            "cells: there is no such hyperparameter; allowed: context_length, mini_batch_size, learning_rate, "
            "num_cells, num_layers, dropout_rate");
  EXPECT_EQ(options.cells, 60);
  for (int number = 2; number < 500; ++number) {
    const json::object variant = draw_variant(search_space(options), hyperparameters_of(options), 1, number);
    EXPECT_TRUE(set_hyperparameters(variant, options).ok()) << to_text(variant);
  }
}

// A noisy wave of a day in hours.
NamedSeries wave(double factor, std::size_t count = 600) {
  NamedSeries named{.name = "wave", .series = {.start = EventTime::epoch(), .step = 1h, .values = {}}};
  for (std::size_t i = 0; i < count; ++i)
    named.series.values.push_back(factor * (50 + 20 * std::sin(static_cast<double>(i) * 6.2831853 / 24) +
                                            static_cast<double>(i * i * 7919 % 101) / 20));
  return named;
}

DatasetBacktestOptions small() {
  return {.deepar = {.horizon = 6, .steps = 60, .cells = 8, .layers = 1, .seed = 3}, .windows = 3, .paths = 20};
}

Trial in_full(json::object differs) { return {.number = 2, .differs = std::move(differs)}; }

// The loss is a log density of the series' own values: in a unit a thousand times smaller it is log 1000 higher, and
// the mean log scale is what a context of another scale range changes.
TEST(HeldOutLoss, IsInTheUnitOfTheSeriesWhateverTheContext) {
  const std::vector<NamedSeries> one{wave(1)}, thousand{wave(1000)};
  const Trials a = trials_on(one, small()).value(), b = trials_on(thousand, small()).value();
  EXPECT_EQ(a.defaults.context, 48);
  for (const int context : {10, 48, 100}) {
    const Trial trial = in_full({{"context_length", context}});
    const double loss = a.train(trial)->held_out_loss;
    EXPECT_NEAR(b.train(trial)->held_out_loss - loss, std::log(1000), 0.02) << context;
    DeepArOptions options = small().deepar;
    options.context = context;
    std::vector<TimeSeries> part{one[0].series};
    part[0].values.resize(600 - 18);
    // By hand: mean absolute deviation over the last max(C, 24) values before each of the held-out windows.
    const std::size_t ls = static_cast<std::size_t>(std::max(context, 24)), held = 10;
    double sum = 0;
    for (std::size_t w = 0; w < held; ++w) {
      const std::size_t at = 582 - 6 * (held - w);
      double mean = 0, magnitude = 0, deviation = 0;
      for (std::size_t i = at - ls; i < at; ++i) mean += part[0].values[i] / static_cast<double>(ls);
      for (std::size_t i = at - ls; i < at; ++i) {
        magnitude += std::abs(part[0].values[i]) / static_cast<double>(ls);
        deviation += std::abs(part[0].values[i] - mean) / static_cast<double>(ls);
      }
      sum += std::log(deviation + 1e-3 * magnitude);
    }
    EXPECT_NEAR(held_out_log_scale(part, options).value(), sum / 10, 1e-6) << context;
    EXPECT_EQ(train_deepar(part, options)->model->describe().at("held_out_windows").to_number<int>(), 10);
  }
  DeepArOptions counts = small().deepar;
  counts.likelihoods = {nn::Head::kNegativeBinomial};
  const std::vector<TimeSeries> whole{{.start = EventTime::epoch(), .step = 1h, .values = std::vector(200, 3.0)}};
  EXPECT_EQ(held_out_log_scale(whole, counts).value(), 0) << "a probability of counts has no unit";
}

TEST(Trials, ATrialInFullIsTheBacktestsOwnAndAShorterOneTrainsItsShare) {
  const std::vector<NamedSeries> series{wave(1), wave(3, 400)};
  DatasetBacktestOptions options = small();
  const Trials trials = trials_on(series, options).value();
  const TrialResult full = trials.train(in_full({{"num_cells", 12}})).value();
  options.deepar.cells = 12;
  options.seeds = {3};
  const DatasetBacktest same = backtest_dataset(series, options).value();
  EXPECT_EQ(full.accuracy->mean_wql, same.seeds[0].accuracy.mean_wql);
  EXPECT_EQ(full.accuracy->mase, same.seeds[0].accuracy.mase);
  EXPECT_EQ(full.best_step, same.seeds[0].best_step);
  Trial quarter = in_full({{"num_cells", 12}});
  quarter.rung = 0;
  EXPECT_EQ(trials.train(quarter)->steps, 2 * 15) << "two members";
  EXPECT_FALSE(trials.train(quarter)->accuracy);
  options.deepar.threads = 1;
  EXPECT_EQ(trials_on(series, options)->train(quarter)->held_out_loss, trials.train(quarter)->held_out_loss);
}

TEST(Trials, OfARunHaveTheLossThatItsJudgeGives) {
  TrainingJob job{.series = wave(1).series, .windows = 6, .paths = 20, .options = small().deepar};
  const Trials trials = trials_on(job).value();
  const TrialResult full = trials.train(in_full({})).value();
  const JobResult judged = run_job(job, "unused").value();
  EXPECT_EQ(full.accuracy->mean_wql, judged.backtest->loss);
  EXPECT_EQ(full.accuracy->coverage, judged.backtest->coverage);
  EXPECT_GT(full.accuracy->mase, 0);
  job.series.values.resize(320);
  EXPECT_EQ(trials_on(job).code(), Code::kFailedPrecondition);
}

TEST(Trials, AStopAndAWrongValueAreTold) {
  const std::vector<NamedSeries> series{wave(1)};
  DatasetBacktestOptions options = small();
  const auto stopped = trials_on(series, options, [](const Trial&, std::string_view, double) { return false; });
  EXPECT_EQ(stopped->train(in_full({})).code(), Code::kCancelled);
  EXPECT_EQ(stopped->train({.rung = 0}).code(), Code::kCancelled);
  EXPECT_EQ(trials_on(series, options)->train(in_full({{"num_cells", 0}})).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tidecast
