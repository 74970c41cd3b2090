#include "deepar/batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace tidecast::deepar {
namespace {

ModelSpec spec_of(int horizon, int season) {
  return {.step = Milliseconds(60'000),
          .horizon = horizon,
          .context = std::max(horizon, 10),
          .season = season,
          .week_lag = season,
          .scale_length = std::max({horizon, 10, season}),
          .lags = {1, season},
          .calendar = {},
          .cells = 4,
          .layers = 1};
}

// The splits that many draws from one series of `count` values come to.
std::set<std::size_t> splits_of(const ModelSpec& spec, std::size_t count) {
  const std::vector<std::size_t> ends{count};
  const SplitSampler sampler(spec, ends, 4);
  std::set<std::size_t> splits;
  for (std::uint64_t n = 0; n < 20'000; ++n) splits.insert(sampler.draw(n).at);
  return splits;
}

TEST(SplitSampler, DrawsSeriesByTheirLengthAndSplitsEvenlyAfterTheirFirstSeasons) {
  const ModelSpec spec = spec_of(5, 12);
  const std::vector<std::size_t> ends{105, 3, 305};  // The second is too short to be drawn.
  const SplitSampler sampler(spec, ends, 4);
  std::vector<int> counts(306);
  int first = 0;
  constexpr int kDraws = 60'000;
  for (std::uint64_t n = 0; n < kDraws; ++n) {
    const Split split = sampler.draw(n);
    ASSERT_NE(split.series, 1u);
    first += split.series == 0;
    ASSERT_GE(split.at, 24u) << "a scale range and a season before it";
    ASSERT_LE(split.at, ends[split.series] - 5);
    if (split.series == 2) ++counts[split.at];
  }
  EXPECT_NEAR(static_cast<double>(first) / kDraws, 101.0 / 402, 0.01);
  const double each = static_cast<double>(kDraws - first) / (300 - 24 + 1);
  for (std::size_t at = 24; at <= 300; ++at) EXPECT_NEAR(counts[at], each, 6 * std::sqrt(each)) << at;
}

TEST(SplitSampler, TakesTheLaterHalfOfASeriesThatIsShorterThanItsSeasons) {
  const std::set<std::size_t> splits = splits_of(spec_of(12, 288), 303);  // 576 values before a split are wanted.
  EXPECT_EQ(splits.size(), 146u);
  EXPECT_EQ(*splits.begin(), 146u);
  EXPECT_EQ(*splits.rbegin(), 291u) << "a whole horizon before the end";
}

TEST(SplitSampler, AsksForTheWholeHistoryWhereHalfOfTheSplitsHaveIt) {
  const ModelSpec minutes = spec_of(30, 60);  // 120 values before a split are wanted.
  EXPECT_EQ(*splits_of(minutes, 418).begin(), 120u);
  EXPECT_EQ(*splits_of(minutes, 270).begin(), 120u);
  EXPECT_EQ(*splits_of(minutes, 268).begin(), 119u);
}

TEST(SplitSampler, NeverDrawsASplitWithoutHistory) {
  EXPECT_EQ(splits_of(spec_of(5, 12), 6), std::set<std::size_t>{1});
}

}  // namespace
}  // namespace tidecast::deepar
