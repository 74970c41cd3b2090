#include "nn/heads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "nn/kernels.h"

namespace tidecast::nn {
namespace {

constexpr Head kHeads[] = {Head::kStudentT, Head::kGaussian, Head::kLaplace, Head::kNegativeBinomial,
                           Head::kPoisson,  Head::kBeta,     Head::kGamma,   Head::kPoint};

template <typename Real>
std::vector<const Kernels<Real>*> tables() {
  std::vector<const Kernels<Real>*> all{&portable_kernels<Real>()};
  if (best_kernels<Real>().name != all[0]->name) all.push_back(&best_kernels<Real>());
  return all;
}

long double softplus(long double x) { return std::max(x, 0.0L) + std::log1p(std::exp(-std::abs(x))); }

// -log density as the textbooks write it, by lgamma, in what long double holds.  p: head_parameters.
long double textbook_loss(Head head, const long double* p, long double y) {
  const long double z = (y - p[0]) / p[1];
  switch (head) {
    case Head::kStudentT: {
      const long double t = (y - p[1]) / p[2];
      return std::lgamma(p[0] / 2) - std::lgamma((p[0] + 1) / 2) + std::log(p[0] * M_PIl) / 2 + std::log(p[2]) +
             (p[0] + 1) / 2 * std::log1p(t * t / p[0]);
    }
    case Head::kGaussian: return z * z / 2 + std::log(p[1]) + std::log(2 * M_PIl) / 2;
    case Head::kLaplace: return std::abs(z) + std::log(2 * p[1]);
    case Head::kNegativeBinomial:
      return std::lgamma(p[0]) + std::lgamma(y + 1) - std::lgamma(p[0] + y) + p[0] * std::log1p(p[1] / p[0]) +
             y * std::log1p(p[0] / p[1]);
    case Head::kPoisson: return p[0] - y * std::log(p[0]) + std::lgamma(y + 1);
    case Head::kBeta:
      return std::lgamma(p[0]) + std::lgamma(p[1]) - std::lgamma(p[0] + p[1]) - (p[0] - 1) * std::log(y) -
             (p[1] - 1) * std::log1p(-y);
    case Head::kGamma: return std::lgamma(p[0]) - p[0] * std::log(p[1]) - (p[0] - 1) * std::log(y) + p[1] * y;
    case Head::kPoint: return std::abs(y - p[0]);
  }
  return 0;
}

// Numbers for one call of the kernels, by lane.
template <typename Real>
struct Step {
  Head head;
  bool gated;
  std::vector<Real> raw, candidates, scale, target, weight, loss, gradient;

  Step(Head h, bool with_gate, std::size_t lanes)
      : head(h),
        gated(with_gate),
        raw(static_cast<std::size_t>(gated ? gated_outputs(h) : head_outputs(h)) * lanes),
        candidates(kCandidates * lanes),
        scale(lanes, Real(1)),
        target(lanes),
        weight(lanes, Real(1)),
        loss(lanes),
        gradient(raw.size()) {
    CHECK(lanes % kLaneAlign == 0);
  }

  std::size_t lanes() const { return target.size(); }
  HeadStep<Real> step() const {
    return {static_cast<int>(lanes()), raw.data(), gated ? candidates.data() : nullptr, scale.data()};
  }
  void run(const Kernels<Real>& kernels, Real gradient_scale = 1) {
    kernels.head_loss(head, step(), target.data(), weight.data(), gradient_scale, loss.data(), gradient.data());
  }
  std::vector<Real> parameters(const Kernels<Real>& kernels) const {
    std::vector<Real> out(static_cast<std::size_t>(head_outputs(head)) * lanes());
    kernels.head_parameters(head, step(), out.data());
    return out;
  }
  long double at(std::size_t row, std::size_t lane) const { return raw[row * lanes() + lane]; }
};

template <typename Real>
Step<Real> random_step(Head head, bool gated, std::size_t lanes, std::uint64_t seed) {
  Step<Real> s(head, gated, lanes);
  Rng rng(seed);
  const auto within = [&](double low, double high) { return static_cast<Real>(low + (high - low) * rng.uniform()); };
  for (Real& x : s.raw) x = within(-3, 3);
  for (Real& x : s.candidates) x = is_count(head) ? within(0, 3) : within(-4, 4);
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    s.scale[lane] = within(0.5, 20);
    s.target[lane] = is_count(head)                            ? std::floor(within(0, 30))
                     : target_unit(head) == TargetUnit::kRatio ? within(0.05, 5)
                     : head == Head::kBeta                     ? within(0.01, 0.99)
                                                               : within(-5, 5);
    s.weight[lane] = within(0.2, 1.5);
  }
  return s;
}

// The maps of heads.h in long double.
std::vector<long double> textbook_parameters(const auto& s, std::size_t lane) {
  long double total = 0, copied = 0;
  const auto own = static_cast<std::size_t>(head_outputs(s.head));
  if (s.gated && has_gate(s.head)) {
    for (std::size_t j = 0; j <= kCandidates; ++j) total += std::exp(s.at(own + j, lane));
    for (std::size_t j = 0; j < kCandidates; ++j)
      copied += std::exp(s.at(own + j, lane)) / total * s.candidates[j * s.lanes() + lane];
  }
  constexpr long double kEps = 0x1p-23L, kFloor = kSigmaFloor;
  const long double a = s.at(0, lane), b = own > 1 ? s.at(1, lane) : 0, scale = s.scale[lane];
  const auto gated_mean = [&](long double location) { return scale * softplus(5 * location) / 5 + 1e-6L; };
  switch (s.head) {
    case Head::kStudentT: return {2 + softplus(a), b + copied, std::max(softplus(s.at(2, lane)), kFloor)};
    case Head::kGaussian:
    case Head::kLaplace: return {a + copied, std::max(softplus(b), kFloor)};
    case Head::kNegativeBinomial:
      if (s.gated) return {1 / (softplus(a) + 1e-4L), gated_mean(b + copied)};
      return {std::max(softplus(a), kEps), std::max(softplus(a), kEps) * scale * std::exp(b)};
    case Head::kPoisson:
      if (s.gated) return {gated_mean(a + copied)};
      return {scale * std::max(softplus(a), kEps)};
    case Head::kBeta:
    case Head::kGamma: return {softplus(a) + kEps, softplus(b) + kEps};
    case Head::kPoint: return {a + copied};
  }
  return {};
}

template <typename Real>
class Heads : public testing::Test {};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(Heads, Reals);

TYPED_TEST(Heads, ParametersAreTheMapsOfTheRawOutputs) {
  using Real = TypeParam;
  for (const auto* kernels : tables<Real>())
    for (const Head head : kHeads)
      for (const bool gated : {false, true}) {
        auto s = random_step<Real>(head, gated, 256, 1);
        for (std::size_t row = 0; row < static_cast<std::size_t>(head_outputs(head)); ++row)
          s.raw[row * s.lanes()] = -40, s.raw[row * s.lanes() + 1] = 40;  // Floors and far up.
        const auto ours = s.parameters(*kernels);
        std::vector<Real> mean(s.lanes());
        head_mean(head, static_cast<int>(s.lanes()), ours.data(), mean.data());
        for (std::size_t lane = 0; lane < s.lanes(); ++lane) {
          const auto p = textbook_parameters(s, lane);
          for (std::size_t i = 0; i < p.size(); ++i) {
            const bool is_location = target_unit(head) == TargetUnit::kShifted && i == (head == Head::kStudentT);
            const double exact = static_cast<double>(p[i]), reach = std::abs(exact) + (is_location ? 5 : 0);
            ASSERT_NEAR(static_cast<double>(ours[i * s.lanes() + lane]), exact,
                        (sizeof(Real) == 8 ? 1e-13 : 4e-6) * reach)
                << kernels->name << " " << name_of(head) << " gated " << gated << " parameter " << i << " lane "
                << lane;
          }
          const long double expected = head == Head::kBeta    ? p[0] / (p[0] + p[1])
                                       : head == Head::kGamma ? p[0] / p[1]
                                                              : p[head == Head::kStudentT || p.size() == 2 ? 1 : 0];
          if (head != Head::kGaussian && head != Head::kLaplace) {
            ASSERT_NEAR(static_cast<double>(mean[lane] / expected), 1, 1e-5) << name_of(head);
          } else {
            ASSERT_EQ(mean[lane], ours[lane]);
          }
        }
      }
}

TYPED_TEST(Heads, LossIsTheNegativeLogDensityOfTheTextbooks) {
  using Real = TypeParam;
  for (const auto* kernels : tables<Real>())
    for (const Head head : kHeads)
      for (const bool gated : {false, true}) {
        auto s = random_step<Real>(head, gated, 512, 2);
        s.weight[3] = 0;
        s.run(*kernels);
        const auto ours = s.parameters(*kernels);
        for (std::size_t lane = 0; lane < s.lanes(); ++lane) {
          long double p[kHeadOutputsMax] = {};
          for (std::size_t i = 0; i < ours.size() / s.lanes(); ++i) p[i] = ours[i * s.lanes() + lane];
          const long double expected = textbook_loss(head, p, s.target[lane]) * s.weight[lane];
          ASSERT_NEAR(static_cast<double>(s.loss[lane]), static_cast<double>(expected),
                      (sizeof(Real) == 8 ? 1e-9 : 4e-6) * static_cast<double>(1 + std::abs(expected)))
              << kernels->name << " " << name_of(head) << " gated " << gated << " lane " << lane << " of "
              << s.target[lane];
        }
        EXPECT_EQ(s.gradient[3], 0) << "an unobserved value teaches nothing";
      }
}

// Means and counts from one to a thousand million: float keeps its digits where lgamma would have lost them all.
TYPED_TEST(Heads, LossOfCountsKeepsItsDigitsForLargeCounts) {
  using Real = TypeParam;
  for (const auto* kernels : tables<Real>())
    for (const Head head : {Head::kNegativeBinomial, Head::kPoisson})
      for (const double magnitude : {1., 10., 1e3, 1e6, 1e9})
        for (const double size : {-12., -3., 0., 20., 45.}) {
          Step<Real> s(head, head == Head::kNegativeBinomial, 48);
          for (std::size_t lane = 0; lane < s.lanes(); ++lane) {
            s.scale[lane] = static_cast<Real>(magnitude);
            s.raw[lane] = static_cast<Real>(head == Head::kPoisson ? 0.5413 : size);  // softplus(.5413) = 1
            if (s.gated) s.raw[s.lanes() + lane] = 1;
            s.target[lane] = static_cast<Real>(std::round(magnitude * (0.05 * static_cast<double>(lane))));
          }
          s.run(*kernels);
          const auto ours = s.parameters(*kernels);
          for (std::size_t lane = 0; lane < s.lanes(); ++lane) {
            long double p[2] = {};
            for (std::size_t i = 0; i < ours.size() / s.lanes(); ++i) p[i] = ours[i * s.lanes() + lane];
            const double expected = static_cast<double>(textbook_loss(head, p, s.target[lane]));
            ASSERT_NEAR(static_cast<double>(s.loss[lane]), expected,
                        (sizeof(Real) == 8 ? 1e-9 : 3e-6) * (1 + std::abs(expected)))
                << kernels->name << " " << name_of(head) << " " << s.target[lane] << " of mean about " << magnitude
                << ", raw " << size;
          }
        }
}

TEST(HeadGradients, AreTheFiniteDifferencesOfTheLoss) {
  for (const auto* kernels : tables<double>())
    for (const Head head : kHeads)
      for (const bool gated : {false, true}) {
        auto s = random_step<double>(head, gated, 256, 3);
        s.run(*kernels, 0.25);
        const auto gradient = s.gradient;
        const std::size_t rows = head != Head::kBeta && head != Head::kGamma ? s.raw.size() / s.lanes() : 2;
        for (std::size_t row = 0; row < rows; ++row) {
          auto above = s, below = s;
          constexpr double kStep = 1e-5;
          for (std::size_t lane = 0; lane < s.lanes(); ++lane) {
            above.raw[row * s.lanes() + lane] += kStep;
            below.raw[row * s.lanes() + lane] -= kStep;
          }
          above.run(*kernels), below.run(*kernels);
          for (std::size_t lane = 0; lane < s.lanes(); ++lane) {
            const double expected = 0.25 * (above.loss[lane] - below.loss[lane]) / (2 * kStep);
            ASSERT_NEAR(gradient[row * s.lanes() + lane], expected, 2e-7 * (1 + std::abs(expected)))
                << kernels->name << " " << name_of(head) << " gated " << gated << " row " << row;
          }
        }
      }
}

// Float's gradients against double's, whose digits are checked above.
TEST(HeadGradients, OfFloatAreThoseOfDouble) {
  for (const auto* kernels : tables<float>())
    for (const Head head : kHeads)
      for (const bool gated : {false, true}) {
        auto s = random_step<float>(head, gated, 256, 4);
        Step<double> exact(head, gated, 256);
        std::ranges::copy(s.raw, exact.raw.begin());
        std::ranges::copy(s.candidates, exact.candidates.begin());
        std::ranges::copy(s.scale, exact.scale.begin());
        std::ranges::copy(s.target, exact.target.begin());
        std::ranges::copy(s.weight, exact.weight.begin());
        s.run(*kernels);
        exact.run(portable_kernels<double>());
        for (std::size_t i = 0; i < s.gradient.size(); ++i)
          ASSERT_NEAR(s.gradient[i], exact.gradient[i], 2e-5 * (1 + std::abs(exact.gradient[i])))
              << kernels->name << " " << name_of(head) << " gated " << gated << " row " << i / s.lanes();
      }
}

TEST(HeadDensities, OfWholeNumbersSumToOne) {
  for (const auto* kernels : tables<double>())
    for (const Head head : {Head::kNegativeBinomial, Head::kPoisson})
      for (const bool gated : {false, true})
        for (const double scale : {0.5, 7.}) {
          Step<double> s(head, gated, 4000);
          for (std::size_t y = 0; y < s.lanes(); ++y) s.target[y] = static_cast<double>(y), s.scale[y] = scale;
          std::fill_n(s.raw.begin(), s.lanes() * static_cast<std::size_t>(head_outputs(head)), 0.7);
          s.run(*kernels);
          double sum = 0, mean = 0;
          for (std::size_t y = 0; y < s.lanes(); ++y) {
            sum += std::exp(-s.loss[y]);
            mean += s.target[y] * std::exp(-s.loss[y]);
          }
          EXPECT_NEAR(sum, 1, 1e-10) << kernels->name << " " << name_of(head) << " gated " << gated;
          EXPECT_NEAR(mean, s.parameters(*kernels)[head == Head::kPoisson ? 0 : s.lanes()], 1e-7) << name_of(head);
        }
}

// Over u with y = sinh u, e^u or 1 / (1 + e^-u): even steps in u reach far tails.
TEST(HeadDensities, OfRealNumbersIntegrateToOne) {
  constexpr std::size_t kPoints = 1 << 16;
  for (const auto* kernels : tables<double>())
    for (const Head head : {Head::kStudentT, Head::kGaussian, Head::kLaplace, Head::kBeta, Head::kGamma})
      for (const double raw : {0.9, 3.}) {
        Step<double> s(head, false, kPoints);
        std::ranges::fill(s.raw, raw);
        const double reach = head == Head::kBeta ? 13.5 : 16;
        std::vector<double> slope(kPoints);
        for (std::size_t i = 0; i < kPoints; ++i) {
          const double u = reach * (2 * (static_cast<double>(i) + 0.5) / kPoints - 1);
          const double unit = 1 / (1 + std::exp(-u));
          s.target[i] = head == Head::kBeta ? unit : head == Head::kGamma ? std::exp(u) : std::sinh(u);
          slope[i] = head == Head::kBeta ? unit * (1 - unit) : head == Head::kGamma ? std::exp(u) : std::cosh(u);
        }
        s.run(*kernels);
        double sum = 0;
        for (std::size_t i = 0; i < kPoints; ++i) sum += std::exp(-s.loss[i]) * slope[i] * 2 * reach / kPoints;
        EXPECT_NEAR(sum, 1, 1e-6) << kernels->name << " " << name_of(head) << " raw " << raw;
      }
}

TYPED_TEST(Heads, StayFiniteAtTheEdges) {
  using Real = TypeParam;
  const double raws[] = {-50, -15.9, 0, 50};
  for (const auto* kernels : tables<Real>())
    for (const Head head : kHeads)
      for (const bool gated : {false, true})
        for (const double scale : {1e-10, 1., 1e9})
          for (const double copied : {-1e6, 0., 1e6})
            for (const double target : {-1e6, 0., 1e-30, 0.5, 1., 1e6, 1e9}) {
              if (std::abs(target) > 1e6 && !is_count(head)) continue;
              Step<Real> s(head, gated, 256);  // Every four of the first outputs, the gate's first with the last.
              for (std::size_t i = 0; i < s.raw.size(); ++i)
                s.raw[i] = static_cast<Real>(raws[(i % 256) >> (2 * std::min<std::size_t>(i / 256, 3)) & 3]);
              std::ranges::fill(s.candidates, static_cast<Real>(copied));
              std::ranges::fill(s.scale, static_cast<Real>(scale));
              std::ranges::fill(s.target, static_cast<Real>(target));
              s.run(*kernels);
              auto all = s.parameters(*kernels);
              std::vector<Real> mean(s.lanes());
              head_mean(head, 256, all.data(), mean.data());
              for (const auto* some : {&s.loss, &s.gradient, &mean}) all.insert(all.end(), some->begin(), some->end());
              for (std::size_t i = 0; i < all.size(); ++i)
                ASSERT_TRUE(std::isfinite(all[i])) << kernels->name << " " << name_of(head) << " gated " << gated
                                                   << " scale " << scale << " target " << target << " number " << i;
            }
}

TYPED_TEST(Heads, ABrokenNumberShowsInTheLoss) {
  using Real = TypeParam;
  for (const auto* kernels : tables<Real>())
    for (const Head head : kHeads)
      for (std::size_t row = 0; row < static_cast<std::size_t>(head_outputs(head)); ++row) {
        auto s = random_step<Real>(head, false, kLaneAlign, 5);
        s.raw[row * s.lanes() + 2] = static_cast<Real>(std::nan(""));
        s.target[2] = static_cast<Real>(0.5);
        s.run(*kernels);
        EXPECT_TRUE(std::isnan(s.loss[2])) << kernels->name << " " << name_of(head) << " row " << row;
        EXPECT_FALSE(std::isnan(s.loss[1]));
      }
}

TEST(HeadNames, AreSageMakersAndGluonTssInAnyCase) {
  for (const Head head : kHeads) EXPECT_EQ(head_of(name_of(head)).value(), head);
  const struct {
    const char* name;
    Head head;
  } others[] = {{"student-t", Head::kStudentT},    {"StudentTOutput", Head::kStudentT},
                {"GAUSSIAN", Head::kGaussian},     {"NormalOutput", Head::kGaussian},
                {"LaplaceOutput", Head::kLaplace}, {"NegativeBinomialOutput", Head::kNegativeBinomial},
                {"PoissonOutput", Head::kPoisson}, {"negative_binomial", Head::kNegativeBinomial},
                {"BetaOutput", Head::kBeta},       {"GammaOutput", Head::kGamma},
                {"Deterministic-L1", Head::kPoint}};
  for (const auto& other : others) EXPECT_EQ(head_of(other.name).value(), other.head) << other.name;
  const auto wrong = head_of("cauchy");
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.code(), Code::kInvalidArgument);
  EXPECT_EQ(wrong.message(),
            "no likelihood is called \"cauchy\"; allowed: student-T, gaussian, laplace, negative-binomial, poisson, "
            "beta, gamma, deterministic-L1");
}

}  // namespace
}  // namespace tidecast::nn
