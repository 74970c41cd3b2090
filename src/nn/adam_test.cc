#include "nn/adam.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace tidecast::nn {
namespace {

// The first two steps by hand, from the paper's algorithm with g + decay * p for the gradient.
TEST(Adam, FollowsThePapersAlgorithmWithCoupledL2AndAnAverage) {
  Adam<double> adam(1, 1e9, 0.1, best_kernels<double>());
  std::vector<double> p{2}, average{2};
  double m = 0, v = 0, x = 2, mean = 2;
  for (int t = 1; t <= 2; ++t) {
    const std::vector<double> g{0.5 * t};
    const double whole = g[0] + 0.1 * x;
    m = 0.9 * m + 0.1 * whole;
    v = 0.999 * v + 0.001 * whole * whole;
    x -= 0.01 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
    mean = 0.75 * mean + 0.25 * x;
    EXPECT_DOUBLE_EQ(adam.step(0.01, 0.75, g, p, average), g[0]);
    EXPECT_NEAR(p[0], x, 1e-12);
    EXPECT_NEAR(average[0], mean, 1e-12);
  }
}

TEST(Adam, CutsAGradientToTheNormAndReportsWhatItWas) {
  const std::vector<float> large{300, 400}, small{6, 8};
  std::vector<float> a{0, 0}, b{0, 0}, average{0, 0};
  Adam<float> cut(2, 10, 0, best_kernels<float>()), whole(2, 10, 0, best_kernels<float>());
  EXPECT_NEAR(cut.step(1e-3, 0, large, a, average), 500, 1e-3);
  EXPECT_NEAR(whole.step(1e-3, 0, small, b, average), 10, 1e-5);
  EXPECT_NEAR(a[0], b[0], 1e-9f);
  // A tenfold gradient next shows how much of the first one was kept.
  cut.step(1e-3, 0, small, a, average);
  whole.step(1e-3, 0, small, b, average);
  EXPECT_NEAR(a[0], b[0], 1e-8f);
}

TEST(Adam, ABrokenGradientChangesNothing) {
  Adam<float> adam(2, 10, 0, best_kernels<float>());
  std::vector<float> p{1, 2}, average{1, 2};
  const std::vector<float> broken{1, std::nanf("")};
  EXPECT_TRUE(std::isnan(adam.step(1e-3, 0.5, broken, p, average)));
  EXPECT_EQ(p, (std::vector<float>{1, 2}));
  EXPECT_EQ(average, (std::vector<float>{1, 2}));
}

}  // namespace
}  // namespace tidecast::nn
