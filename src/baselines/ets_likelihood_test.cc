#include "baselines/ets_likelihood.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "baselines/series_testing.h"

namespace tidecast::ets {
namespace {

std::vector<EtsForm> all_forms() {
  std::vector<EtsForm> forms;
  for (const EtsError error : {EtsError::kAdditive, EtsError::kMultiplicative})
    for (const EtsTrend trend : {EtsTrend::kNone, EtsTrend::kAdditive, EtsTrend::kDamped})
      for (const EtsSeason season : {EtsSeason::kNone, EtsSeason::kAdditive, EtsSeason::kMultiplicative})
        forms.push_back({error, trend, season});
  return forms;
}

struct Point {
  EtsParameters parameters;
  EtsState state;
};

// A place within the bounds, away from any optimum.
Point some_point(const EtsForm& form) {
  Point at{.parameters = {.alpha = 0.35}, .state = {.level = 27}};
  if (form.trend != EtsTrend::kNone) at.parameters.beta = 0.07, at.state.slope = 0.4;
  if (form.trend == EtsTrend::kDamped) at.parameters.phi = 0.93;
  if (form.season != EtsSeason::kNone) at.parameters.gamma = 0.2;
  if (form.season == EtsSeason::kAdditive) at.state.season = {4, -5, -1, 2};
  if (form.season == EtsSeason::kMultiplicative) at.state.season = {1.2, 0.8, 0.95, 1.05};
  return at;
}

std::vector<double*> variables_of(EtsParameters& p, EtsState& s) {
  std::vector<double*> variables{&p.alpha, &p.beta, &p.gamma, &p.phi, &s.level, &s.slope};
  for (double& x : s.season) variables.push_back(&x);
  return variables;
}

TEST(EtsLikelihood, ItsGradientIsThatOfFiniteDifferences) {
  std::vector<double> y = kTourists;
  y[9] = y[10] = y[11] = y[12] = y[30] = NAN;
  for (const EtsForm& form : all_forms()) {
    SCOPED_TRACE(form.name());
    Likelihood likelihood(form, y);
    Point at = some_point(form);
    Gradient gradient;
    ASSERT_TRUE(std::isfinite(likelihood(at.parameters, at.state, &gradient)));
    const auto found = variables_of(gradient.parameters, gradient.initial);
    const auto variables = variables_of(at.parameters, at.state);
    ASSERT_EQ(found.size(), variables.size());
    for (std::size_t i = 0; i < variables.size(); ++i) {
      // Without a season gamma means nothing; the other parameters are the formula's even where the form has none.
      if (form.season == EtsSeason::kNone && i == 2) continue;
      constexpr double kStep = 1e-5;
      const double x = *variables[i];
      *variables[i] = x + kStep;
      const double above = likelihood(at.parameters, at.state, nullptr);
      *variables[i] = x - kStep;
      const double below = likelihood(at.parameters, at.state, nullptr);
      *variables[i] = x;
      EXPECT_NEAR(*found[i], (above - below) / (2 * kStep), 1e-5 * std::max(1.0, std::abs(*found[i])))
          << "variable " << i;
    }
  }
}

TEST(EtsLikelihood, AStepWithoutAValueTeachesNothing) {
  for (const EtsForm& form : all_forms()) {
    SCOPED_TRACE(form.name());
    const Point at = some_point(form);
    std::vector<double> y(kTourists.begin(), kTourists.begin() + 8);
    Likelihood before(form, y);
    const double value = before(at.parameters, at.state, nullptr);
    y.push_back(NAN);
    Likelihood after(form, y);
    EXPECT_EQ(after(at.parameters, at.state, nullptr), value);
    EXPECT_EQ(after.last().level, before.last().level + at.parameters.phi * before.last().slope);
    EXPECT_EQ(after.last().slope, at.parameters.phi * before.last().slope);
    auto season = before.last().season;
    if (!season.empty()) std::rotate(season.begin(), season.begin() + 1, season.end());
    EXPECT_EQ(after.last().season, season);
  }
}

TEST(EtsLikelihood, IsInfiniteWhereAForecastThatMultipliesIsNotAboveZero) {
  const std::vector<double> y{5, 4, 3, 2};
  Likelihood level({.error = EtsError::kMultiplicative}, y);
  EXPECT_EQ(level({.alpha = 0.5}, {.level = 0}, nullptr), INFINITY);
  EXPECT_EQ(level({.alpha = 0.5}, {.level = -1}, nullptr), INFINITY);
  Likelihood season({EtsError::kMultiplicative, EtsTrend::kNone, EtsSeason::kMultiplicative}, y);
  EXPECT_EQ(season({.alpha = 0.5, .gamma = 0.1}, {.level = -4, .season = {-1, -1}}, nullptr), INFINITY);
}

}  // namespace
}  // namespace tidecast::ets
