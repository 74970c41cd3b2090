#include "base/rng.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

namespace tidecast {
namespace {

constexpr std::uint64_t kSeed = 11;

TEST(Rng, TheSameSeedGivesTheSameNumbersAndAnotherStreamOthers) {
  Rng a(kSeed), b(kSeed), c(kSeed, 1);
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t next = a.next();
    EXPECT_EQ(next, b.next());
    EXPECT_NE(next, c.next());
  }
}

// Known answers of Random123's philox4x32-10 (kat_vectors).
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
}

struct Moments {
  double mean = 0, variance = 0;
};
template <typename Draw>
Moments moments(Draw draw, int n = 200'000) {
  double sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    const double x = draw();
    sum += x;
    squares += x * x;
  }
  const double mean = sum / n;
  return {mean, squares / n - mean * mean};
}

TEST(Rng, DrawsHaveTheMomentsOfTheirDistribution) {
  Rng rng(kSeed);
  const Moments uniform = moments([&] { return rng.uniform(); });
  EXPECT_NEAR(uniform.mean, 0.5, 0.003);
  EXPECT_NEAR(uniform.variance, 1.0 / 12, 0.002);
  const Moments normal = moments([&] { return rng.normal(); });
  EXPECT_NEAR(normal.mean, 0, 0.01);
  EXPECT_NEAR(normal.variance, 1, 0.02);
  const Moments exponential = moments([&] { return rng.exponential(); });
  EXPECT_NEAR(exponential.mean, 1, 0.01);
  EXPECT_NEAR(exponential.variance, 1, 0.04);
  for (const double mean : {0.0, 0.5, 12.0, 75.0}) {
    const Moments poisson = moments([&] { return static_cast<double>(rng.poisson(mean)); }, 50'000);
    EXPECT_NEAR(poisson.mean, mean, 0.02 * mean + 1e-12);
    EXPECT_NEAR(poisson.variance, mean, 0.05 * mean + 1e-12);
  }
}

TEST(Rng, BelowStaysBelowAndReachesEveryNumber) {
  Rng rng(kSeed);
  std::vector<int> hits(7);
  for (int i = 0; i < 70'000; ++i) ++hits.at(rng.below(7));
  for (const int count : hits) EXPECT_NEAR(count, 10'000, 500);
}

TEST(Rng, ShuffleKeepsEveryItem) {
  Rng rng(kSeed);
  std::vector<int> items(1000);
  std::iota(items.begin(), items.end(), 0);
  std::vector<int> shuffled = items;
  rng.shuffle(std::span<int>(shuffled));
  EXPECT_NE(shuffled, items);
  std::sort(shuffled.begin(), shuffled.end());
  EXPECT_EQ(shuffled, items);
}

}  // namespace
}  // namespace tidecast
