#include "nn/draw.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/math/distributions.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "nn/instruction_sets.h"

namespace tidecast::nn {
namespace {

constexpr std::uint64_t kSeed = 20261126;
constexpr float kLimit = 1e12f;

std::vector<float> draws(Head head, std::vector<float> parameters, std::size_t count, DrawSource source = {kSeed, 0, 3},
                         float limit = kLimit) {
  std::vector<float> rows, out(count);
  for (const float p : parameters) rows.insert(rows.end(), count, p);
  draw(head, static_cast<int>(count), rows.data(), source, limit, best_kernels<float>(), out.data());
  return out;
}

// What draws are held against.
struct Law {
  Head head;
  std::vector<float> parameters;
  std::function<double(double)> cdf;
  double mean, variance, kurtosis;
};

template <typename Distribution>
Law law(Head head, std::vector<float> parameters, Distribution d, double shift = 0, double stretch = 1) {
  const bool heavy = head == Head::kStudentT && parameters[0] <= 4;
  return {head,
          std::move(parameters),
          [=](double y) { return boost::math::cdf(d, (y - shift) / stretch); },
          boost::math::mean(d) * stretch + shift,
          boost::math::variance(d) * stretch * stretch,
          heavy ? std::numeric_limits<double>::infinity() : boost::math::kurtosis(d)};
}

std::vector<Law> laws() {
  using namespace boost::math;
  std::vector<Law> all;
  for (const float df : {2.5f, 5.f, 300.f})
    all.push_back(law(Head::kStudentT, {df, 3, 2}, students_t(static_cast<double>(df)), 3, 2));
  all.push_back(law(Head::kGaussian, {-1, 0.5}, normal(-1, 0.5)));
  all.push_back(law(Head::kLaplace, {4, 0.25}, laplace(4, 0.25)));
  for (const float shape : {0.25f, 1.f, 3.5f, 400.f})
    all.push_back(law(Head::kGamma, {shape, 2}, gamma_distribution<>(static_cast<double>(shape), 0.5)));
  for (const auto& [c1, c0] : {std::pair(0.25f, 0.5f), {0.5f, 3.f}, {2.f, 2.f}, {300.f, 40.f}})
    all.push_back(law(Head::kBeta, {c1, c0}, beta_distribution<>(static_cast<double>(c1), static_cast<double>(c0))));
  for (const float mean : {0.125f, 2.f, 9.75f, 10.f, 14.f, 40.f, 3000.f})
    all.push_back(law(Head::kPoisson, {mean}, poisson(static_cast<double>(mean))));
  for (const auto& [r, mean] : {std::pair(0.25f, 3.f), {1.f, 0.5f}, {8.f, 40.f}, {100.f, 900.f}})
    all.push_back(
        law(Head::kNegativeBinomial, {r, mean},
            negative_binomial(static_cast<double>(r), static_cast<double>(r) / static_cast<double>(r + mean))));
  return all;
}

std::string text_of(const Law& law) {
  std::string text(name_of(law.head));
  for (const float p : law.parameters) text += " " + std::to_string(p);
  return text + ", seed " + std::to_string(kSeed);
}

// Kolmogorov and Smirnov: the empirical distribution of independent draws is further than 1.95 / sqrt(n) from the true
// one once in a thousand times; of ours, which are more even, and of whole numbers more rarely.
TEST(Draw, FollowsItsDistribution) {
  constexpr std::size_t kCount = 40'000;
  for (const Law& law : laws()) {
    std::vector<float> sorted = draws(law.head, law.parameters, kCount);
    std::ranges::sort(sorted);
    double furthest = 0;
    for (std::size_t i = 0; i < kCount;) {
      std::size_t end = i + 1;
      while (end < kCount && sorted[end] == sorted[i]) ++end;
      const double y = static_cast<double>(sorted[i]), n = kCount, at = law.cdf(y);
      furthest = std::max(furthest, std::abs(at - static_cast<double>(end) / n));
      if (!is_count(law.head)) furthest = std::max(furthest, std::abs(at - static_cast<double>(i) / n));
      i = end;
    }
    EXPECT_LT(furthest * std::sqrt(kCount), 1.95) << text_of(law);
  }
}

TEST(Draw, HasItsMeanAndVariance) {
  constexpr std::size_t kCount = 40'000;
  for (const Law& law : laws()) {
    double sum = 0, squares = 0;
    for (const float y : draws(law.head, law.parameters, kCount))
      sum += y - law.mean, squares += std::pow(y - law.mean, 2);
    EXPECT_NEAR(sum / kCount, 0, 5 * std::sqrt(law.variance / kCount)) << text_of(law);
    if (std::isfinite(law.kurtosis)) {
      EXPECT_NEAR(squares / kCount / law.variance, 1, 5 * std::sqrt((law.kurtosis - 1) / kCount)) << text_of(law);
    }
  }
}

// Pearson's sum over every number that is expected twenty times: what rejection accepts wrongly is a small share.
TEST(Draw, OfCountsHasTheProbabilityOfEveryNumber) {
  constexpr std::size_t kCount = 1'000'000;
  for (const float mean : {10.f, 40.f}) {
    std::vector<double> seen(200);
    for (const float y : draws(Head::kPoisson, {mean}, kCount))
      ++seen[std::min<std::size_t>(static_cast<std::size_t>(y), 199)];
    double sum = 0, freedom = -1;
    for (std::size_t k = 0; k < seen.size(); ++k) {
      const double expected =
          kCount * boost::math::pdf(boost::math::poisson(static_cast<double>(mean)), static_cast<double>(k));
      if (expected < 20) continue;
      sum += std::pow(seen[k] - expected, 2) / expected;
      ++freedom;
    }
    EXPECT_LT(sum, freedom + 4 * std::sqrt(2 * freedom)) << mean << ", seed " << kSeed;
  }
}

// A Poisson number of a large mean is nearly normal.
TEST(Draw, OfLargeCountsIsNormal) {
  constexpr std::size_t kCount = 40'000;
  for (const float mean : {1e6f, 1e8f}) {
    const double m = static_cast<double>(mean);
    std::vector<double> z;
    for (const float y : draws(Head::kPoisson, {mean}, kCount))
      z.push_back((static_cast<double>(y) - m) / std::sqrt(m));
    std::ranges::sort(z);
    for (const double p : {0.01, 0.1, 0.5, 0.9, 0.99}) {
      const double share = boost::math::cdf(boost::math::normal(), z[static_cast<std::size_t>(p * kCount)]);
      EXPECT_NEAR(share, p, 4 * std::sqrt(p * (1 - p) / kCount) + 1e-3) << mean << ", seed " << kSeed;
    }
  }
}

// The cdf of one path's draws over the seeds is uniform, also together with the next step's.
TEST(Draw, OfAPathAloneIsASampleOfTheDistribution) {
  constexpr int kSeeds = 20'000, kSide = 8;
  const boost::math::laplace law(4, 0.25);
  for (const std::uint32_t path : {0u, 1u, 51u, 99u}) {
    std::vector<double> seen(kSide * kSide);
    for (int seed = 0; seed < kSeeds; ++seed) {
      int cell = 0;
      for (const std::uint32_t step : {7u, 8u}) {
        const float y =
            draws(Head::kLaplace, {4, 0.25f}, 1, {mix64(kSeed + static_cast<std::uint64_t>(seed)), path, step})[0];
        cell = cell * kSide + static_cast<int>(boost::math::cdf(law, static_cast<double>(y)) * kSide);
      }
      ++seen[static_cast<std::size_t>(cell)];
    }
    constexpr double kExpected = static_cast<double>(kSeeds) / (kSide * kSide), kFreedom = kSide * kSide - 1;
    double sum = 0;
    for (const double count : seen) sum += std::pow(count - kExpected, 2) / kExpected;
    EXPECT_LT(sum, kFreedom + 4 * std::sqrt(2 * kFreedom)) << "path " << path << ", seeds from " << kSeed;
  }
}

TEST(StepPoints, PutOneOfTheFirstIntoEveryRectangleOfTheirArea) {
  for (const auto* kernels : available_kernels<float>())
    for (const std::uint32_t step : {0u, 3u, 500u}) {
      const auto keys = philox4x32({step, 0, 0, 1}, {kSeed, 0});
      std::vector<std::uint32_t> x(1024), y(1024);
      kernels->step_points(1024, 0, keys.data(), x.data(), y.data());
      for (int m = 0; m <= 10; ++m)
        for (int wide = 0; wide <= m; ++wide) {
          std::vector<int> seen(std::size_t{1} << m);
          for (std::size_t path = 0; path < seen.size(); ++path) {
            const auto column = std::uint64_t{x[path]} << wide >> 32, row = std::uint64_t{y[path]} << (m - wide) >> 32;
            ++seen[column << (m - wide) | row];
          }
          EXPECT_EQ(std::ranges::count(seen, 1), std::ssize(seen)) << "step " << step << ", 2^" << m << ", 2^" << wide;
        }
    }
}

TEST(StepPoints, AreTheSameByEveryInstructionSet) {
  const auto keys = philox4x32({7, 0, 0, 1}, {kSeed, 0});
  std::vector<std::vector<std::uint32_t>> seen;
  for (const auto* kernels : available_kernels<float>()) {
    std::vector<std::uint32_t> points(2 * 77);  // No multiple of any vector.
    kernels->step_points(77, 4'000'000'000u, keys.data(), points.data(), points.data() + 77);
    seen.push_back(points);
    EXPECT_EQ(points, seen.front()) << kernels->name;
  }
}

// What one step's paths have in common: of the first 2^m there is one in every 2^m-th part of the distribution.
TEST(Draw, OfTheFirstPathsCoversTheDistributionEvenly) {
  const boost::math::laplace law(4, 0.25);
  for (const std::uint32_t step : {0u, 1u, 29u})
    for (const std::size_t count : {4u, 16u, 64u, 256u}) {
      std::vector<int> seen(count);
      for (const float y : draws(Head::kLaplace, {4, 0.25f}, count, {kSeed, 0, step}))
        ++seen[static_cast<std::size_t>(boost::math::cdf(law, static_cast<double>(y)) * static_cast<double>(count))];
      EXPECT_EQ(std::ranges::count(seen, 1), static_cast<std::ptrdiff_t>(count)) << "step " << step << ": " << count;
    }
}

// Of one step: the .1 and .9 quantiles of a hundred paths are as good as those of 500 independent ones, the median is
// as that of 5,000.
TEST(Draw, OfAHundredPathsHasTheQuantilesOfHundreds) {
  constexpr int kSeeds = 400, kPaths = 100;
  const boost::math::students_t law(5.);
  for (const double p : {0.1, 0.5, 0.9}) {
    double squares = 0;
    for (int seed = 0; seed < kSeeds; ++seed) {
      auto sorted = draws(Head::kStudentT, {5, 0, 1}, 112, {kSeed + static_cast<std::uint64_t>(seed), 0, 3});
      sorted.resize(kPaths);
      std::ranges::sort(sorted);
      const auto at = static_cast<std::size_t>(p * kPaths);
      const double quantile = static_cast<double>(sorted[at - 1] + sorted[at]) / 2;
      squares += std::pow(boost::math::cdf(law, quantile) - p, 2);
    }
    EXPECT_LT(squares / kSeeds, p * (1 - p) / (p == 0.5 ? 5000 : 500)) << p;
  }
}

// A path's numbers at two steps have nothing to do with each other, nor have two seeds'.
TEST(Draw, OfOnePathIsIndependentFromStepToStep) {
  constexpr std::size_t kCount = 4096;
  const auto at = [](std::uint64_t seed, std::uint32_t step) {
    return draws(Head::kGaussian, {0, 1}, kCount, {seed, 0, step});
  };
  const auto first = at(kSeed, 0);
  for (const auto& other : {at(kSeed, 1), at(kSeed, 2), at(kSeed + 1, 0)}) {
    double sum = 0;
    for (std::size_t i = 0; i < kCount; ++i) sum += static_cast<double>(first[i]) * static_cast<double>(other[i]);
    EXPECT_NEAR(sum / kCount, 0, 4 / std::sqrt(kCount));
  }
}

TEST(Draw, IsTheSameWhateverTheLaneTheCountAndTheOrder) {
  for (const Law& law : laws()) {
    constexpr std::size_t kCount = 112, kPart = kLaneAlign;
    const auto all = draws(law.head, law.parameters, kCount);
    for (std::size_t first = kCount; first >= kPart; first -= kPart) {  // The last first.
      const auto part = draws(law.head, law.parameters, kPart, {kSeed, static_cast<std::uint32_t>(first - kPart), 3});
      EXPECT_TRUE(std::ranges::equal(part, std::span(all).subspan(first - kPart, kPart))) << text_of(law);
    }
    EXPECT_NE(draws(law.head, law.parameters, kCount, {kSeed, 0, 4}), all) << "another step: " << text_of(law);
    EXPECT_NE(draws(law.head, law.parameters, kCount, {kSeed + 1, 0, 3}), all) << "another seed: " << text_of(law);
  }
}

TEST(Draw, StaysFiniteAndInItsSupportAtTheEdges) {
  const float positive[] = {1e-7f, 1.2e-7f, 1e-3f, 1, 50, 1e4f}, means[] = {1e-28f, 1e-6f, 9.999f, 10, 1e9f, 1e29f};
  const auto check = [](Head head, float first, float second) {
    for (const float y : draws(head, {first, second, 1e6f}, 256, {kSeed, 0, 1}, 1e9f)) {
      EXPECT_LE(std::abs(y), 1e9f) << name_of(head) << " " << first << " " << second;  // A NaN is not.
      if (is_count(head)) {
        EXPECT_EQ(y, std::floor(y));
      }
      if (is_count(head) || head == Head::kGamma || head == Head::kBeta) {
        EXPECT_GE(y, 0);
      }
      if (head == Head::kBeta) {
        EXPECT_LE(y, 1);
      }
    }
  };
  for (const float first : positive) {
    for (const float second : positive) check(Head::kBeta, first, second), check(Head::kGamma, first, second);
    for (const float mean : means) check(Head::kNegativeBinomial, first, mean), check(Head::kPoisson, mean, 0);
    for (const float location : {-1e9f, 0.f, 1e9f})
      for (const Head head : {Head::kGaussian, Head::kLaplace})
        check(head, location, first), check(head, location, 1e9f);
  }
  for (const float df : {2.f, 50.f, 1e6f}) check(Head::kStudentT, df, -1e9f);
  EXPECT_EQ(draws(Head::kPoint, {7}, 1)[0], 7) << "a value without a distribution";
}

}  // namespace
}  // namespace tidecast::nn
