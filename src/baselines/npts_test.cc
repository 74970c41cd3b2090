#include "baselines/npts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/rng.h"

namespace tidecast {
namespace {

using Values = std::vector<double>;

Npts make(const Values& history, int horizon, const NptsOptions& options = {}) {
  auto npts = Npts::make(history, horizon, options);
  EXPECT_TRUE(npts.ok()) << npts.message();
  return std::move(npts).value();
}

// The probability of each position at each step, [step][position]: a history of one 1 among zeros has it as its mean.
std::vector<Values> shares(Values history, int horizon, const NptsOptions& options = {}) {
  std::vector<Values> shares(static_cast<std::size_t>(horizon), Values(history.size()));
  for (std::size_t t = 0; t < history.size(); ++t) {
    if (std::isnan(history[t])) continue;
    Values one = history;
    for (double& y : one)
      if (!std::isnan(y)) y = 0;
    one[t] = 1;
    const Values mean = make(one, horizon, options).mean();
    for (std::size_t k = 0; k < mean.size(); ++k) shares[k][t] = mean[k];
  }
  return shares;
}

// GluonTS 0.17.0, NPTS.compute_weights normalised: six hourly values, the third missing, horizon 3, not seasonal,
// alpha 3. A step's own draws before it stand at the end.
const std::vector<Values> kGluonts{
    {0.060467840452408314, 0.08798018871875726, 0, 0.18625406097919536, 0.27099805966250423, 0.39429985018713476},
    {0.038423923966255484, 0.05590647948684428, 0, 0.1183540180024055, 0.17220408007906804, 0.25055545807726926,
     0.36455604038815737},
    {0.02510668680039021, 0.03653001374407588, 0, 0.07733403970306986, 0.11252036382570978, 0.16371616333612415,
     0.2382056120882918, 0.3465871205023382}};

TEST(Npts, WeighsThePastAsGluontsDoes) {
  const auto found = shares({0, 1, NAN, 3, 4, 5}, 3, {.alpha = 3});
  std::vector<Values> expected = kGluonts;
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t t = 0; t < 6; ++t) {
      for (std::size_t j = 0; j < k; ++j) expected[k][t] += expected[k][6 + j] * expected[j][t];
      EXPECT_NEAR(found[k][t], expected[k][t], 1e-14) << "step " << k << ", position " << t;
    }
}

TEST(Npts, WithASeasonDrawsFromTheSamePhaseAsGluontsDoes) {
  // GluonTS 0.17.0, 50 hourly values from midnight, horizon 2, all defaults: weights above 1e-15, of steps 0 and 1.
  const auto found = shares(Values(50), 2, {.season = 24});
  for (const std::size_t k : {0u, 1u}) {
    EXPECT_NEAR(found[k][2 + k], 0.38447702565679054, 1e-14);
    EXPECT_NEAR(found[k][26 + k], 0.6155229743432095, 1e-14);
    EXPECT_NEAR(std::accumulate(found[k].begin(), found[k].end(), 0.0), 1, 1e-14);
  }
}

TEST(Npts, WithTheUniformKernelAndASeasonIsTheClimateOfThePhase) {
  const NptsOptions options{.kernel = NptsKernel::kUniform, .season = 3};
  const auto found = shares(Values(8), 5, options);
  EXPECT_EQ(found[0], (Values{0, 0, 0.5, 0, 0, 0.5, 0, 0}));  // Position 8 has phase 2.
  const Values last = found[3];  // So has position 11, which may draw position 8's draw too: the same mixture.
  EXPECT_NEAR(last[2], 0.5, 1e-15);
  EXPECT_NEAR(last[5], 0.5, 1e-15);
  const auto even = shares(Values(4), 3, {.kernel = NptsKernel::kUniform});
  for (const double share : even[2]) EXPECT_NEAR(share, 0.25, 1e-15);
}

TEST(Npts, ComparesPhasesRoundTheirCycle) {
  const Values history(48);
  const auto found = shares(history, 1, {.season = 24, .scale = 10});
  // The neighbours before and after are equally far in phase; only their age differs, by two steps of 48.
  EXPECT_NEAR(found[0][25] / found[0][23], std::exp(2.0 / 48), 1e-12);
  // Where the history begins does not matter.
  Values shifted(history);
  shifted.insert(shifted.begin(), 5, 0);
  const auto later = shares(shifted, 1, {.season = 24, .scale = 10, .context = 48});
  for (std::size_t t = 0; t < 48; ++t) EXPECT_EQ(later[0][t + 5], found[0][t]);
}

TEST(Npts, DrawsFromAllWhereThePhaseWasNeverObserved) {
  const auto found = shares({1, NAN, 3, 4, NAN, 6, 7}, 2, {.kernel = NptsKernel::kUniform, .season = 3});
  for (const std::size_t t : {0u, 2u, 3u, 5u, 6u}) EXPECT_NEAR(found[0][t], 0.2, 1e-15);  // Position 7: phase 1.
  EXPECT_NEAR(found[1][2], 0.5, 1e-15);
}

TEST(Npts, SeesItsContextAlone) {
  const Values history{1e9, 1e9, 1, 2, 3};
  EXPECT_EQ(make(history, 4, {.context = 3}).mean(), make({1, 2, 3}, 4).mean());
}

TEST(Npts, ItsQuantileIsTheLeastValueThatHoldsTheShare) {
  const Npts npts = make({30, 10, 20, 10}, 1, {.kernel = NptsKernel::kUniform});
  for (const auto& [tau, value] : {std::pair{0.01, 10.0}, {0.5, 10.0}, {0.51, 20.0}, {0.75, 20.0}, {0.76, 30.0}})
    EXPECT_EQ(npts.quantile(tau), Values{value}) << tau;
}

TEST(Npts, PathsHaveTheSharesOfTheExactDistribution) {
  Values history;
  for (int t = 0; t < 30; ++t) history.push_back(std::sin(t) + 0.1 * t);
  history[7] = NAN;
  constexpr int kHorizon = 6, kPaths = 40'000;
  const Npts npts = make(history, kHorizon, {.season = 4, .alpha = 5, .scale = 0.5});
  const Values paths = npts.paths(kPaths, 11), mean = npts.mean(), median = npts.quantile(0.5);
  for (std::size_t k = 0; k < kHorizon; ++k) {
    double sum = 0, below = 0, under = 0;
    for (std::size_t path = 0; path < kPaths; ++path) {
      const double drawn = paths[path * kHorizon + k];
      sum += drawn;
      below += drawn <= median[k];
      under += drawn < median[k];
    }
    EXPECT_NEAR(sum / kPaths, mean[k], 0.03) << k;  // Four standard errors of values that spread by 1.2.
    EXPECT_GT(below / kPaths, 0.49);
    EXPECT_LT(under / kPaths, 0.51);
  }
}

TEST(Npts, APathIsItsSeedsAndNumbersAlone) {
  const Npts npts = make({1, 2, 3, 4, 5, 6, 7, 8}, 5);
  const Values few = npts.paths(3, 9), many = npts.paths(50, 9);
  EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin()));
  EXPECT_NE(npts.paths(50, 10), many);
  EXPECT_FALSE(std::equal(many.begin(), many.begin() + 5, many.begin() + 5));
}

TEST(Npts, ForecastsOfAnyObservedPastAreValuesOfIt) {
  for (const Values& history : {Values{5}, Values{NAN, 5, NAN}, Values{0, 0, 0}, Values{1e-9, 1e12, -1e12}})
    for (const NptsKernel kernel : {NptsKernel::kExponential, NptsKernel::kUniform})
      for (const int season : {1, 2, 24}) {
        const Npts npts = make(history, 3, {.kernel = kernel, .season = season, .alpha = 1e6});
        for (const double x : npts.quantile(0.9)) EXPECT_NE(std::ranges::find(history, x), history.end());
        for (const double x : npts.paths(5, 1)) EXPECT_NE(std::ranges::find(history, x), history.end());
        for (const double x : npts.mean()) EXPECT_TRUE(std::isfinite(x));
      }
  EXPECT_TRUE(make({1}, 0).mean().empty());
}

TEST(Npts, SaysWhatIsWrong) {
  const Values history{1, 2};
  const auto message = [&](const NptsOptions& options) { return Npts::make(history, 1, options).message(); };
  EXPECT_EQ(message({.season = 0}), "season 0; allowed: 1 or more");
  EXPECT_EQ(message({.alpha = -1}), "alpha -1; allowed: 0 or more");
  EXPECT_EQ(message({.scale = 0}), "scale 0; allowed: above 0");
  EXPECT_EQ(message({.context = 0}), "context 0; allowed: 1 or more");
  EXPECT_EQ(Npts::make(history, -1).message(), "horizon -1; allowed: 0 or more");
  EXPECT_EQ(Npts::make(Values{1, NAN}, 1, {.context = 1}).message(), "not one observed value among the last 1");
  EXPECT_EQ(Npts::make(Values{INFINITY}, 1).message(), "an infinite value among the last 1");
}

}  // namespace
}  // namespace tidecast
