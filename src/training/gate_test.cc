#include "training/gate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace tidecast {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
const std::vector<Rival> kAll{Rival::kNaive, Rival::kSeasonalNaive, Rival::kProduction};

Backtest backtest(double loss, double naive, double seasonal_naive) {
  Backtest result;
  result.loss = loss;
  result.naive = naive;
  result.seasonal_naive = seasonal_naive;
  return result;
}

Backtest with_production(Backtest result, double challenger, double production, int windows) {
  result.challenger = challenger;
  result.production = production;
  result.production_windows = windows;
  return result;
}

struct Row {
  const char* what;
  Backtest backtest;
  double threshold;
  std::vector<Rival> must_beat;
  bool passed;
  const char* reason;
};

TEST(Gate, TakesNptsAndEtsForRivalsWhereTheyAreAskedFor) {
  Backtest candidate = backtest(0.05, 1, 1);
  candidate.npts = 0.06;
  candidate.ets = 0.04;
  EXPECT_TRUE(judge(candidate, 0.24, kAll).passed);
  EXPECT_TRUE(judge(candidate, 0.24, {Rival::kNpts}).passed);
  const GateOutcome outcome = judge(candidate, 0.24, {Rival::kNpts, Rival::kEts});
  EXPECT_FALSE(outcome.passed);
  EXPECT_EQ(outcome.reason, "loss 0.050 <= threshold 0.240, < NPTS 0.060, >= ETS 0.040");
}

TEST(Gate, DecidesByTheTable) {
  const Row rows[] = {
      {"within the threshold", backtest(0.042, 1, 1), 0.24, {}, true, "loss 0.042 <= threshold 0.240"},
      {"just at the threshold is good", backtest(0.24, 1, 1), 0.24, {}, true, "loss 0.240 <= threshold 0.240"},
      {"above the threshold", backtest(0.3, 1, 1), 0.24, {}, false, "loss 0.300 > threshold 0.240"},
      {"above by a hair: the figures show it",
       backtest(0.24001, 1, 1),
       0.24,
       {},
       false,
       "loss 0.24001 > threshold 0.24000"},
      {"better than both",
       backtest(0.042, 0.102, 0.0801),
       0.24,
       {Rival::kNaive, Rival::kSeasonalNaive},
       true,
       "loss 0.042 <= threshold 0.240, < naive 0.102, < seasonal naive 0.080"},
      {"equal to naive is not better",
       backtest(0.1, 0.1, 0.2),
       0.24,
       {Rival::kNaive, Rival::kSeasonalNaive},
       false,
       "loss 0.100 <= threshold 0.240, >= naive 0.100, < seasonal naive 0.200"},
      {"equal to seasonal naive is not better",
       backtest(0.1, 0.2, 0.1),
       0.24,
       {Rival::kNaive, Rival::kSeasonalNaive},
       false,
       "loss 0.100 <= threshold 0.240, < naive 0.200, >= seasonal naive 0.100"},
      {"a rival that is not asked for fails nothing",
       backtest(0.1, 0.05, 0.2),
       0.24,
       {Rival::kSeasonalNaive},
       true,
       "loss 0.100 <= threshold 0.240, < seasonal naive 0.200"},
      {"better than production", with_production(backtest(0.1, 0.2, 0.3), 0.09, 0.091, 6), 0.24, kAll, true,
       "loss 0.100 <= threshold 0.240, < naive 0.200, < seasonal naive 0.300; "
       "on 6 later windows 0.090 <= production 0.091"},
      {"equal to production is not worse", with_production(backtest(0.1, 0.2, 0.3), 0.09, 0.09, 6), 0.24, kAll, true,
       "loss 0.100 <= threshold 0.240, < naive 0.200, < seasonal naive 0.300; "
       "on 6 later windows 0.090 <= production 0.090"},
      {"worse than production on its windows, though better overall",
       with_production(backtest(0.1, 0.2, 0.3), 0.15, 0.14, 1), 0.24, kAll, false,
       "loss 0.100 <= threshold 0.240, < naive 0.200, < seasonal naive 0.300; "
       "on 1 later windows 0.150 > production 0.140"},
      {"production without later windows fails nothing", backtest(0.1, 0.2, 0.3), 0.24, kAll, true,
       "loss 0.100 <= threshold 0.240, < naive 0.200, < seasonal naive 0.300; production not run: no later windows"},
      {"and saves nothing",
       backtest(0.25, 0.2, 0.3),
       0.24,
       {Rival::kProduction, Rival::kNaive},
       false,
       "loss 0.250 > threshold 0.240, >= naive 0.200; production not run: no later windows"},
      {"a loss that is no number passes nothing", backtest(kNaN, 1, 1), 0.24, {}, false, "loss nan > threshold 0.240"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    const GateOutcome outcome = judge(row.backtest, row.threshold, row.must_beat);
    EXPECT_EQ(outcome.passed, row.passed);
    EXPECT_EQ(outcome.reason, row.reason);
    EXPECT_EQ(outcome.checks.size(), row.must_beat.size() + 1);
  }
}

TEST(Gate, ListsEveryCheckWithItsOwnFigures) {
  const auto outcome = judge(with_production(backtest(0.1, 0.2, 0.05), 0.09, 0.08, 6), 0.24, kAll);
  ASSERT_EQ(outcome.checks.size(), 4u);
  const auto expect = [&](std::size_t i, const char* name, double loss, double limit, bool passed) {
    EXPECT_EQ(outcome.checks[i].name, name);
    EXPECT_EQ(outcome.checks[i].loss, loss);
    EXPECT_EQ(outcome.checks[i].limit, limit);
    EXPECT_EQ(outcome.checks[i].passed, passed);
    EXPECT_TRUE(outcome.checks[i].ran);
  };
  expect(0, "threshold", 0.1, 0.24, true);
  expect(1, "naive", 0.1, 0.2, true);
  expect(2, "seasonal_naive", 0.1, 0.05, false);
  expect(3, "production", 0.09, 0.08, false);
}

TEST(Gate, MarksAProductionCheckThatWasNotRun) {
  const auto outcome = judge(backtest(0.1, 0.2, 0.3), 0.24, {Rival::kProduction});
  ASSERT_EQ(outcome.checks.size(), 2u);
  EXPECT_FALSE(outcome.checks[1].ran);
  EXPECT_TRUE(outcome.checks[1].passed);
  EXPECT_TRUE(std::isnan(outcome.checks[1].limit));
}

}  // namespace
}  // namespace tidecast
