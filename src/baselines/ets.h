#pragma once
// Automatic exponential smoothing: the state space models ETS(error, trend, season), chosen by AICc.
//
// Sources: Hyndman, Koehler, Ord, Snyder, "Forecasting with exponential smoothing: the state space approach" (Springer,
// 2008): models (chapter 2), likelihood and initial states (5), variances (6); Hyndman and Khandakar, "Automatic time
// series forecasting: the forecast package for R" (J. Stat. Software 27(3), 2008): the selection.  With q = l + phi b
// and s the season's state m steps ago, a step forecasts f and learns from the observation y:
//   season N, A:  f = q + s   u = v = y - f                     l' = q + alpha u,  b' = phi b + beta u,  s' = s + gamma
//   v season M:     f = q s     u = (y - f) / s, v = (y - f) / q error A:  y = f + e       error M:  y = f (1 + e) e
//   normal, mean 0, variance sigma2
// beta is R's (alpha beta* in books).  Bounds: those of R: .0001 <= beta <= alpha <= .9999, .0001 <= gamma <= 1 -
// alpha, .8 <= phi <= .98.
//
// Forms: R's default.  No multiplicative trend; no additive error with a multiplicative season (its variance is
// infinite); multiplicative error or season only where every value is above 0.
// Season: up to 24 steps it is part of the model, as in R.  A longer one would be more states than a search can find:
// it is taken off by classical additive decomposition, as M4's benchmarks do (Makridakis et al., Int. J. Forecasting
// 36, 2020), its m - 1 free values counting as parameters, where the history holds two seasons and AICc is lower for
// it. Missing values: a step without a value is forecast and taught by nothing; the likelihood counts what was observed
// (that the step after a gap is less sure is not counted).  R keeps the longest stretch without a gap instead.
// Few values: where AICc is undefined (below 5 values), the last value, with the variance of the steps seen.
//
// Pure, deterministic; values are copied.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace tidecast {

enum class EtsError { kAdditive, kMultiplicative };
enum class EtsTrend { kNone, kAdditive, kDamped };
enum class EtsSeason { kNone, kAdditive, kMultiplicative };

struct EtsForm {
  EtsError error = EtsError::kAdditive;
  EtsTrend trend = EtsTrend::kNone;
  EtsSeason season = EtsSeason::kNone;

  std::string name() const;  // "ETS(M,Ad,M)"
  bool operator==(const EtsForm&) const = default;
};

struct EtsParameters {
  double alpha = 0, beta = 0, gamma = 0;  // Of level, slope and season; 0 where the form has none.
  double phi = 1;                         // The damping; 1 where there is none.
};

// What a model knows before a step.  In the series' unit, but for a multiplicative season's, which has none.
struct EtsState {
  double level = 0, slope = 0;
  std::vector<double> season;  // [m], the coming step's first; empty without a season.
};

constexpr int kEtsSeasonMax = 24;  // Steps; longer ones are decomposed.

struct EtsModel {
  EtsForm form;
  EtsParameters parameters;
  EtsState initial, last;  // Before the first and after the last observed value.
  std::vector<double>
      figure;   // [m] or empty: what a decomposed season adds, first to the step after the last observed.
  int gap = 0;  // Steps at the history's end without a value.
  int observed = 0;
  double sigma2 = 0;          // Of the one-step errors: their squares' sum over observed - parameters; unit: e's.
  double log_likelihood = 0;  // As R prints it: -(n log(sum e^2) + 2 sum log f of error M) / 2, no constants.
  double aic = 0, aicc = 0, bic = 0;

  // The forecast when every coming error is 0, as R's; the mean but for a multiplicative season, where it is close.
  std::vector<double> point(int horizon) const;  // [horizon]
  // [path * horizon + step]; path k is a function of `seed` and k alone (Philox).  Errors below -1 are -1 where they
  // multiply, as in R.
  std::vector<double> paths(int paths, int horizon, std::uint64_t seed) const;
  // [level * horizon + step]; 0 < level < 1.  Error A: normal, the variance by formula (book, table 6.1), `seed` is
  // not asked.  Error M: order statistics of 5,000 paths (R's number), index round_half_even(4999 level).
  std::vector<double> quantiles(std::span<const double> levels, int horizon, std::uint64_t seed) const;
};

// The best model of `history` (oldest first, NaN where missing) with `season` steps, 1 for none.
// Errors: kInvalidArgument - season < 1, no observed value, a value that is infinite or beyond 1e100 in size.
Result<EtsModel> fit_ets(std::span<const double> history, int season);

// Whether the season is taken off beforehand; of a form without a season.
enum class EtsDecomposition { kNone, kAdditive };

// The best of one form: a choice made before, fitted to other values.  Errors, besides: kInvalidArgument - a form
// outside the above, a seasonal one with a season of 1 or above 24, too few values for its AICc, values not above 0
// where something multiplies, a decomposition of a season up to 24 steps or of less than two seasons.
Result<EtsModel> fit_ets(std::span<const double> history, int season, const EtsForm& form,
                         EtsDecomposition decomposition = EtsDecomposition::kNone);

// The model of given parameters and initial state.  Errors, besides: kInvalidArgument - the season's states are not as
// many as the season; a forecast that is not above 0 where something multiplies.
Result<EtsModel> run_ets(std::span<const double> history, const EtsForm& form, const EtsParameters& parameters,
                         const EtsState& initial);

}  // namespace tidecast
