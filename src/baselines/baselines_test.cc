#include "baselines/baselines.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"

namespace tidecast {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
using Values = std::vector<double>;

TEST(Naive, RepeatsTheLastObservedValue) {
  EXPECT_EQ(naive(Values{1, 2, 3}, 2), (Values{3, 3}));
  EXPECT_EQ(naive(Values{1, 2, kNaN, kNaN}, 3), (Values{2, 2, 2}));
  EXPECT_EQ(naive(Values{0}, 1), Values{0});
  EXPECT_TRUE(naive(Values{1}, 0).empty());
}

TEST(Naive, OfNothingObservedIsNaN) {
  ASSERT_EQ(naive({}, 2).size(), 2u);
  EXPECT_TRUE(std::isnan(naive({}, 2)[1]));
  EXPECT_TRUE(std::isnan(naive(Values{kNaN, kNaN}, 1)[0]));
}

TEST(SeasonalNaive, RepeatsTheLastSeason) {
  EXPECT_EQ(seasonal_naive(Values{9, 9, 1, 2, 3}, 7, 3), (Values{1, 2, 3, 1, 2, 3, 1}));
  EXPECT_EQ(seasonal_naive(Values{9, 9, 1, 2, 3}, 2, 3), (Values{1, 2}));
  EXPECT_EQ(seasonal_naive(Values{4, 5, 6}, 4, 3), (Values{4, 5, 6, 4}));
}

TEST(SeasonalNaive, WithASeasonOfOneIsNaive) {
  EXPECT_EQ(seasonal_naive(Values{4, 5, 6}, 3, 1), naive(Values{4, 5, 6}, 3));
}

TEST(SeasonalNaive, OfAHistoryShorterThanASeasonIsNaive) {
  EXPECT_EQ(seasonal_naive(Values{4, 5, 6}, 2, 4), (Values{6, 6}));
}

TEST(SeasonalNaive, TakesTheNaiveForecastWhereTheSeasonHasAGap) {
  EXPECT_EQ(seasonal_naive(Values{1, kNaN, 3}, 6, 3), (Values{1, 3, 3, 1, 3, 3}));
  EXPECT_EQ(seasonal_naive(Values{1, 2, kNaN}, 3, 3), (Values{1, 2, 2}));
}

// The definition, step by step: go back whole seasons from the step until the history is reached.
double value_seasons_before(const Values& history, std::size_t step, std::size_t season) {
  std::size_t index = history.size() + step;
  while (index >= history.size()) index -= season;
  return history[index];
}

TEST(SeasonalNaive, GoesBackWholeSeasonsFromEveryStep) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Rng rng(seed);
    const std::size_t season = 1 + rng.below(12);
    Values history(season + rng.below(30));
    for (double& value : history) value = rng.normal();
    const auto forecast = seasonal_naive(history, 40, static_cast<int>(season));
    for (std::size_t k = 0; k < forecast.size(); ++k) EXPECT_EQ(forecast[k], value_seasons_before(history, k, season));
  }
}

}  // namespace
}  // namespace tidecast
