#include "baselines/minimise.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tidecast {
namespace {

TEST(Minimise, FindsTheEndOfRosenbrocksValley) {
  const auto valley = [](std::span<const double> x, std::span<double> gradient) {
    const double a = 1 - x[0], b = x[1] - x[0] * x[0];
    gradient[0] = -2 * a - 400 * x[0] * b;
    gradient[1] = 200 * b;
    return a * a + 100 * b * b;
  };
  const Minimum minimum = minimise(valley, {-1.2, 1}, 1e-14, 500);
  EXPECT_NEAR(minimum.x[0], 1, 1e-5);
  EXPECT_NEAR(minimum.x[1], 1, 1e-5);
  EXPECT_LT(minimum.calls, 150);
}

TEST(Minimise, StaysWhereTheFunctionIsFinite) {
  // x - log x, which has its minimum at 1; nothing is allowed at or below 0.
  const auto barrier = [](std::span<const double> x, std::span<double> gradient) {
    if (x[0] <= 0) return double{INFINITY};
    gradient[0] = 1 - 1 / x[0];
    return x[0] - std::log(x[0]);
  };
  EXPECT_NEAR(minimise(barrier, {1e-3}, 1e-12, 200).x[0], 1, 1e-4);
  EXPECT_NEAR(minimise(barrier, {50}, 1e-12, 200).x[0], 1, 1e-4);
}

TEST(Minimise, EndsWhereTheGradientIsZeroOrNothingIsBelow) {
  const auto flat = [](std::span<const double>, std::span<double> gradient) {
    gradient[0] = 0;
    return 3.0;
  };
  EXPECT_EQ(minimise(flat, {5}, 1e-9, 100).calls, 1);
  const auto falling = [](std::span<const double> x, std::span<double> gradient) {
    gradient[0] = -1;
    return -x[0];
  };
  EXPECT_GT(minimise(falling, {0}, 1e-9, 10).x[0], 1e3);
}

}  // namespace
}  // namespace tidecast
