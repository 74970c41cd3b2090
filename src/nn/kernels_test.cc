#include "nn/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "base/rng.h"
#include "nn/instruction_sets.h"

namespace tidecast::nn {

template <typename Real>
const Kernels<Real>& wide_kernels();  // kernels_wide_test.cc

namespace {

template <typename Real>
std::vector<const Kernels<Real>*> tables() {
  std::vector<const Kernels<Real>*> all = available_kernels<Real>();
  all.push_back(&wide_kernels<Real>());
  return all;
}

template <typename Real>
std::vector<Real> random_values(std::size_t count, std::uint64_t seed, double reach = 1) {
  Rng rng(seed);
  std::vector<Real> values(count);
  for (Real& v : values) v = static_cast<Real>(reach * (2 * rng.uniform() - 1));
  return values;
}

double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

template <typename Real>
class KernelsOf : public testing::Test {};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(KernelsOf, Reals);

TYPED_TEST(KernelsOf, ElementaryFunctionsAgreeWithLibm) {
  using Real = TypeParam;
  const struct {
    Elementwise function;
    double (*exact)(double);
    double low, high, relative, absolute;
  } cases[] = {
      {kExp, [](double x) { return std::exp(x); }, -80, 80, 3e-7, 0},
      {kLog, [](double x) { return std::log(x); }, 1e-30, 50, 2e-7, 2e-7},
      {kTanh, [](double x) { return std::tanh(x); }, -12, 12, 5e-7, 0},
      {kSigmoid, sigmoid, -20, 20, 0, 2e-7},
      {kSoftplus, softplus, -60, 60, 5e-7, 0},
  };
  for (const auto* kernels : tables<Real>())
    for (const auto& c : cases)
      for (double x = c.low; x < c.high; x += (c.high - c.low) / 9973) {
        const Real in = static_cast<Real>(x);
        Real out = 0;
        kernels->elementwise(1, c.function, &in, &out);
        const double exact = c.exact(static_cast<double>(in));
        ASSERT_NEAR(static_cast<double>(out), exact, c.absolute + c.relative * std::abs(exact))
            << kernels->name << ", function " << c.function << " of " << x;
      }
}

TYPED_TEST(KernelsOf, NotANumberStaysOneThroughEveryFunction) {
  using Real = TypeParam;
  for (const auto* kernels : tables<Real>())
    for (const int function : {kExp, kLog, kTanh, kSigmoid, kSoftplus}) {
      const Real in = static_cast<Real>(std::nan(""));
      Real out = 0;
      kernels->elementwise(1, function, &in, &out);
      EXPECT_TRUE(std::isnan(out)) << kernels->name << ", function " << function;
    }
}

TYPED_TEST(KernelsOf, HalfStepOfLgammaAgreesWithLibm) {
  using Real = TypeParam;
  for (const auto* kernels : tables<Real>())
    for (double x = 1; x < 1e5; x *= 1.013) {
      const Real in = static_cast<Real>(x);
      Real value = 0, slope = 0;
      kernels->lgamma_half_step(1, &in, &value, &slope);
      const double at = static_cast<double>(in), tolerance = sizeof(Real) == 8 ? 1e-10 : 1e-6;
      ASSERT_NEAR(static_cast<double>(value), std::lgamma(at + 0.5) - std::lgamma(at),
                  tolerance * 10 + 1e-15 * at * std::log(at))
          << x;
      const double exact_slope = 0.5 / at + 0.125 / (at * at);  // To 1/at^4.
      ASSERT_NEAR(static_cast<double>(slope), exact_slope, tolerance + 1 / (at * at * at * at)) << x;
    }
}

TYPED_TEST(KernelsOf, LinearIsTheSumOfBothProductsAndTheBiasForAnySizes) {
  using Real = TypeParam;
  for (const auto* kernels : tables<Real>())
    for (const int lanes : {8, 16, 24, 32, 48, 56, 112, 192})
      for (const int outputs : {1, 3, 5, 8, 14, 29})
        for (const int k2 : {0, 7}) {
          if (lanes % kernels->lanes != 0) continue;  // Of narrower vectors alone.
          const int k1 = 3;
          const auto a = random_values<Real>(static_cast<std::size_t>(k1 * lanes), 1),
                     b = random_values<Real>(static_cast<std::size_t>(k2 * lanes), 2);
          const auto u = random_values<Real>(static_cast<std::size_t>(k1 * outputs), 3),
                     v = random_values<Real>(static_cast<std::size_t>(k2 * outputs), 4);
          const auto bias = random_values<Real>(static_cast<std::size_t>(outputs), 5);
          std::vector<Real> out(static_cast<std::size_t>(outputs * lanes), Real(7));
          // The first weight is [out][in], the second [in][out].
          const Product<Real> first{a.data(), u.data(), 1, k1, k1}, second{b.data(), v.data(), outputs, 1, k2};
          kernels->linear(lanes, outputs, first, second, bias.data(), nullptr, out.data());
          kernels->linear(lanes, outputs, first, {}, nullptr, out.data(), out.data());  // Once more on top.
          for (int n = 0; n < outputs; ++n)
            for (int lane = 0; lane < lanes; ++lane) {
              double expected = static_cast<double>(bias[static_cast<std::size_t>(n)]);
              for (int k = 0; k < k1; ++k)
                expected += 2.0 * static_cast<double>(a[static_cast<std::size_t>(k * lanes + lane)]) *
                            static_cast<double>(u[static_cast<std::size_t>(n * k1 + k)]);
              for (int k = 0; k < k2; ++k)
                expected += static_cast<double>(b[static_cast<std::size_t>(k * lanes + lane)]) *
                            static_cast<double>(v[static_cast<std::size_t>(k * outputs + n)]);
              ASSERT_NEAR(static_cast<double>(out[static_cast<std::size_t>(n * lanes + lane)]), expected, 3e-6)
                  << kernels->name << lanes << outputs;
            }
        }
}

// A weight's gradient: errors [step][row][lane], transposed, times what was fed [step][column][lane].
TYPED_TEST(KernelsOf, ATransposedProductInBlocksSumsOverStepsAndLanes) {
  using Real = TypeParam;
  const int lanes = 16, steps = 5, pitch = 32, fed_rows = 9;
  for (const auto* kernels : tables<Real>())
    for (const int rows : {1, 4, 7, 13, 32})
      for (const int columns : {1, 2, 5, 8}) {
        const auto left = random_values<Real>(static_cast<std::size_t>(steps * rows * lanes), 1),
                   right = random_values<Real>(static_cast<std::size_t>(steps * fed_rows * lanes), 2);
        std::vector<Real> turned(static_cast<std::size_t>(steps * lanes * pitch)),
            out(static_cast<std::size_t>(columns * pitch), Real(1)), sums(static_cast<std::size_t>(rows), Real(1));
        for (int t = 0; t < steps; ++t)
          kernels->transpose(rows, lanes, left.data() + t * rows * lanes, lanes, turned.data() + t * lanes * pitch,
                             pitch);
        kernels->linear(pitch, columns,
                        {.input = turned.data(),
                         .weight = right.data(),
                         .stride_k = 1,
                         .stride_n = lanes,
                         .k = steps * lanes,
                         .block = lanes,
                         .block_stride = fed_rows * lanes},
                        {}, nullptr, out.data(), out.data());
        kernels->row_sum(steps, lanes, left.data(), rows, rows * lanes, sums.data());
        for (int i = 0; i < rows; ++i) {
          const auto error = [&](int t, int lane) {
            return static_cast<double>(left[static_cast<std::size_t>((t * rows + i) * lanes + lane)]);
          };
          double sum = 1;
          for (int t = 0; t < steps; ++t)
            for (int lane = 0; lane < lanes; ++lane) sum += error(t, lane);
          ASSERT_NEAR(static_cast<double>(sums[static_cast<std::size_t>(i)]), sum, 2e-5);
          for (int j = 0; j < columns; ++j) {
            double product = 1;
            for (int t = 0; t < steps; ++t)
              for (int lane = 0; lane < lanes; ++lane)
                product += error(t, lane) *
                           static_cast<double>(right[static_cast<std::size_t>((t * fed_rows + j) * lanes + lane)]);
            ASSERT_NEAR(static_cast<double>(out[static_cast<std::size_t>(j * pitch + i)]), product, 2e-5)
                << kernels->name << " " << rows << " x " << columns;
          }
        }
      }
}

TYPED_TEST(KernelsOf, TheWayBackThroughACellAddsItsErrorsToTheSums) {
  using Real = TypeParam;
  constexpr std::size_t kN = 5 * 16;
  for (const auto* kernels : tables<Real>()) {
    auto gates = random_values<Real>(4 * kN, 1), dc = random_values<Real>(kN, 2);
    const auto c = random_values<Real>(kN, 3), squashed = random_values<Real>(kN, 4), dh = random_values<Real>(kN, 5);
    const auto before = random_values<Real>(4 * kN, 6);
    auto sums = before;
    kernels->cell_back(kN, gates.data(), c.data(), squashed.data(), dh.data(), dc.data(), sums.data());
    for (std::size_t i = 0; i < sums.size(); ++i) ASSERT_EQ(sums[i], before[i] + gates[i]) << kernels->name;
  }
}

TYPED_TEST(KernelsOf, DropoutKeepsTheMeanAndFallsTheSameForTheSameKey) {
  using Real = TypeParam;
  const std::size_t n = 80'000;
  const std::vector<Real> ones(n, Real(1));
  for (const auto* kernels : tables<Real>()) {
    std::vector<Real> a(n), b(n), c(n);
    kernels->dropout(static_cast<int>(n), 0.1, 42, 0, ones.data(), a.data());
    kernels->dropout(static_cast<int>(n), 0.1, 42, 0, ones.data(), b.data());
    kernels->dropout(static_cast<int>(n), 0.1, 43, 0, ones.data(), c.data());
    EXPECT_EQ(a, b);
    const auto fell = std::ranges::count(a, Real(0));
    EXPECT_NEAR(static_cast<double>(fell) / static_cast<double>(n), 0.1, 5 * std::sqrt(0.09 / static_cast<double>(n)));
    EXPECT_NEAR(static_cast<double>(*std::ranges::max_element(a)), 1 / 0.9, 1e-6);
    double both = 0;  // Another key falls independently.
    for (std::size_t i = 0; i < n; ++i) both += a[i] == 0 && c[i] == 0;
    EXPECT_NEAR(both / static_cast<double>(n), 0.01, 5 * std::sqrt(0.01 / static_cast<double>(n)));
  }
}

TYPED_TEST(KernelsOf, ZoneoutKeepsTheElementsThatDropoutDropsAndSendsTheirErrorsBack) {
  using Real = TypeParam;
  constexpr std::size_t kN = 1'000;
  const std::vector<Real> ones(kN, Real(1)), before = random_values<Real>(kN, 7), fresh = random_values<Real>(kN, 8),
                                             errors = random_values<Real>(kN, 9);
  for (const auto* kernels : tables<Real>()) {
    std::vector<Real> dropped(kN), now = fresh, now_errors = errors, before_errors(kN, Real(2));
    kernels->dropout(kN, 0.3, 42, 5, ones.data(), dropped.data());
    kernels->zoneout(kN, 0.3, 42, 5, before.data(), now.data());
    kernels->zoneout_back(kN, 0.3, 42, 5, now_errors.data(), before_errors.data());
    for (std::size_t i = 0; i < kN; ++i) {
      const bool kept = dropped[i] == 0;
      ASSERT_EQ(now[i], kept ? before[i] : fresh[i]);
      ASSERT_EQ(now_errors[i], kept ? Real(0) : errors[i]);
      ASSERT_EQ(before_errors[i], kept ? Real(2) + errors[i] : Real(2));
    }
  }
}

// -log of the density, written with lgamma as in the textbook.
double student_t_nll(double y, double df, double location, double scale) {
  const double z = (y - location) / scale;
  return std::lgamma(df / 2) - std::lgamma((df + 1) / 2) + 0.5 * std::log(df * M_PI) + std::log(scale) +
         (df + 1) / 2 * std::log1p(z * z / df);
}

TYPED_TEST(KernelsOf, StudentTLossIsTheNegativeLogDensityWithTheGatesLocation) {
  using Real = TypeParam;
  constexpr int kLanes = 16;
  const auto raw = random_values<Real>(gated_outputs(Head::kStudentT) * kLanes, 11, 3),
             candidates = random_values<Real>(kCandidates * kLanes, 12, 5);
  const auto target = random_values<Real>(kLanes, 13, 4);
  std::vector<Real> weight(kLanes, Real(1)), loss(kLanes), gradient(raw.size());
  weight[3] = 0;
  for (const auto* kernels : tables<Real>())
    for (const bool gated : {false, true}) {
      kernels->head_loss(Head::kStudentT, {kLanes, raw.data(), gated ? candidates.data() : nullptr}, target.data(),
                         weight.data(), Real(1), loss.data(), gradient.data());
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const auto r = [&](std::size_t row) { return static_cast<double>(raw[row * kLanes + lane]); };
        double location = r(1), total = 0;
        for (std::size_t j = 0; j <= kCandidates; ++j) total += std::exp(r(3 + j));
        if (gated)
          for (std::size_t j = 0; j < kCandidates; ++j)
            location += std::exp(r(3 + j)) / total * static_cast<double>(candidates[j * kLanes + lane]);
        const double expected =
            lane == 3 ? 0
                      : student_t_nll(static_cast<double>(target[lane]), 2 + softplus(r(0)), location, softplus(r(2)));
        EXPECT_NEAR(static_cast<double>(loss[lane]), expected, sizeof(Real) == 8 ? 1e-9 : 2e-5)
            << kernels->name << " lane " << lane;
        if (lane == 3) {
          EXPECT_EQ(gradient[lane], 0) << "an unobserved value teaches nothing";
        }
      }
    }
}

TEST(StudentTLoss, StaysFiniteAtTheEdgesOfFloat) {
  constexpr int kLanes = 16;
  for (const auto* kernels : tables<float>()) {
    std::vector<float> raw(head_outputs(Head::kStudentT) * kLanes, 0.f), target(kLanes, 0.f), weight(kLanes, 1.f),
        loss(kLanes), gradient(raw.size());
    const float extremes[kLanes] = {1e6f, -1e6f, 1e6f, 0, 1e6f, -1e6f, 0, 1};
    for (std::size_t i = 0; i < kLanes; ++i) {
      target[i] = extremes[i];
      raw[i] = i % 2 ? 1e5f : -1e5f;               // Degrees of freedom: 2 or very many.
      raw[2 * kLanes + i] = i % 3 ? -1e5f : 50.f;  // Scale: at its floor, or large.
    }
    kernels->head_loss(Head::kStudentT, {kLanes, raw.data(), nullptr}, target.data(), weight.data(), 1.f, loss.data(),
                       gradient.data());
    for (const float x : loss) EXPECT_TRUE(std::isfinite(x)) << kernels->name;
    for (const float x : gradient) EXPECT_TRUE(std::isfinite(x)) << kernels->name;
  }
}

// Exact quantiles of |t| for 2 degrees of freedom: P(|t| <= q) = q / sqrt(2 + q^2); for very many it is the normal's.
TEST(StudentTDraw, FollowsTheDistributionForFewAndManyDegreesOfFreedom) {
  constexpr std::size_t kCount = 200'000;
  Rng rng(5);
  std::vector<float> u(kCount), v(kCount), out(kCount), location(kCount, 3.f), scale(kCount, 2.f);
  for (std::size_t i = 0; i < kCount; ++i)
    u[i] = static_cast<float>(rng.uniform()) + 1e-8f, v[i] = static_cast<float>(rng.uniform());
  const auto draw = [&](const Kernels<float>& kernels, float df) {
    const std::vector<float> dfs(kCount, df);
    kernels.student_t_draw(kCount, dfs.data(), location.data(), scale.data(), u.data(), v.data(), 1e6f, out.data());
    std::vector<double> t;
    for (const float x : out) t.push_back((static_cast<double>(x) - 3) / 2);
    std::ranges::sort(t);
    return t;
  };
  for (const auto* kernels : tables<float>()) {
    const auto heavy = draw(*kernels, 2), light = draw(*kernels, 1e6f);
    for (const double p : {0.05, 0.25, 0.5, 0.75, 0.95}) {
      const auto at = static_cast<std::size_t>(p * kCount);
      const double a = 2 * p - 1, exact_heavy = std::copysign(std::sqrt(2 * a * a / (1 - a * a)), a);
      EXPECT_NEAR(heavy[at], exact_heavy, 0.03 * (1 + exact_heavy * exact_heavy)) << p;
      const double exact_light = p == 0.5 ? 0 : (p < 0.5 ? -1 : 1) * (std::abs(p - 0.5) == 0.25 ? 0.67449 : 1.64485);
      EXPECT_NEAR(light[at], exact_light, 0.02) << p;
    }
  }
}

template <typename Real>
void check_cell_state(double tolerance) {
  constexpr int kN = 4096;
  for (const auto* kernels : tables<Real>()) {
    const auto gates = random_values<Real>(4 * kN, 31, 25), before = random_values<Real>(kN, 32, 6);
    auto c = before;
    std::vector<Real> h(kN);
    kernels->cell_state(kN, gates.data(), c.data(), h.data());
    const auto sigmoid = [&](std::size_t i) { return 1 / (1 + std::exp(-static_cast<double>(gates[i]))); };
    for (std::size_t i = 0; i < kN; ++i) {
      const double next = sigmoid(kN + i) * static_cast<double>(before[i]) +
                          sigmoid(i) * std::tanh(static_cast<double>(gates[2 * kN + i]));
      ASSERT_NEAR(c[i], next, tolerance * (1 + std::abs(static_cast<double>(before[i])))) << kernels->name;
      ASSERT_NEAR(h[i], sigmoid(3 * kN + i) * std::tanh(next), 2 * tolerance) << kernels->name;
    }
  }
}
TEST(CellState, IsThatOfTheFormula) {
  check_cell_state<float>(1e-6);
  check_cell_state<double>(1e-15);
}

TEST(CellState, IsRightWhereGatesAreEndless) {
  constexpr int kN = 16;
  for (const auto* kernels : tables<float>())
    for (const float wide : {30.f, 1e30f, std::numeric_limits<float>::infinity()}) {
      std::vector<float> gates(4 * kN, wide), c(kN, 0.25f), h(kN);
      std::fill_n(gates.begin() + kN, kN, -wide);  // Forgets all, takes all, shows all.
      kernels->cell_state(kN, gates.data(), c.data(), h.data());
      EXPECT_NEAR(c[0], 1, 1e-6) << kernels->name << " " << wide;
      EXPECT_NEAR(h[0], std::tanh(1.0), 1e-6) << kernels->name << " " << wide;
    }
}

TEST(CellState, IsNoNumberWhereAGateOrTheStateIsNone) {
  constexpr int kN = 16;
  for (const auto* kernels : tables<float>())
    for (int broken = 0; broken < 5; ++broken) {
      std::vector<float> gates(4 * kN, 0.5f), c(kN, 0.5f), h(kN);
      (broken < 4 ? gates[static_cast<std::size_t>(broken) * kN + 3] : c[3]) = std::nanf("");
      kernels->cell_state(kN, gates.data(), c.data(), h.data());
      EXPECT_TRUE(std::isnan(h[3])) << kernels->name << ", " << broken;
      EXPECT_TRUE(std::isfinite(h[4]));
    }
}

TEST(Kernels, InstructionSetsAgreeToRounding) {
  constexpr int kN = 40 * 16;
  std::vector<std::vector<float>> results;
  for (const auto* kernels : tables<float>()) {
    auto gates = random_values<float>(4 * kN, 21, 4), c = random_values<float>(kN, 22);
    std::vector<float> next(kN), squashed(kN), h(kN), sums(4 * kN);
    kernels->cell(kN, gates.data(), c.data(), next.data(), squashed.data(), h.data());
    auto dc = random_values<float>(kN, 23);
    const auto dh = random_values<float>(kN, 24);
    kernels->cell_back(kN, gates.data(), c.data(), squashed.data(), dh.data(), dc.data(), sums.data());
    std::vector<float> all = h;
    all.insert(all.end(), gates.begin(), gates.end());
    const auto others = random_values<float>(4 * kN, 25, 4);
    kernels->cell_state(kN, others.data(), c.data(), h.data());
    all.insert(all.end(), h.begin(), h.end());
    all.insert(all.end(), c.begin(), c.end());
    all.insert(all.end(), dc.begin(), dc.end());
    results.push_back(std::move(all));
  }
  for (const auto& result : results)
    for (std::size_t i = 0; i < result.size(); ++i) ASSERT_NEAR(results[0][i], result[i], 2e-6f);
}

TEST(Kernels, AreChosenByNameAndRefusedWithTheNamesThatCanRun) {
  for (const auto* kernels : available_kernels<float>())
    EXPECT_EQ(kernels_named<float>(kernels->name).value(), kernels);
  const auto refused = kernels_named<float>("sse9");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.code(), Code::kInvalidArgument);
  EXPECT_EQ(refused.message().substr(0, 52),
            "kernels 'sse9'; this processor can run: portable" + std::string(has_avx2() ? ", av" : ""));
}

TEST(Kernels, TheBestAreTheFastestOrThoseTheEnvironmentNames) {
  const char* wish = std::getenv("TIDECAST_KERNELS");
  EXPECT_STREQ(best_kernels<float>().name, wish ? wish : available_kernels<float>().back()->name);
  EXPECT_TRUE(check_kernels_choice().ok());
}

}  // namespace
}  // namespace tidecast::nn
