#pragma once
// The non-parametric forecaster NPTS: every step of the future is one of the values seen before, drawn by weight.
//
// Definition: that of GluonTS 0.17 (gluonts.model.npts.NPTSPredictor); the algorithm is also one of Amazon Forecast's.
// Of n past values (the context's), step T = n + k of a horizon h draws position t < T with probability q_T(t) / sum
// q_T:
//   exponential   q_T(t) = exp(-sum_i alpha |f_i(t) - f_i(T)|)
//   uniform       q_T(t) = 1 where all features are equal, else 0
// Features: with the exponential kernel, time itself: f_1(t) = t / (n + h - 1); with a season m > 1, the phase too:
// f_2(t) = scale (t mod m) / (m - 1), so that other phases hardly count.  Positions n .. T - 1 are the path's own
// draws. Missing values weigh nothing; where nothing else weighs anything, all observed positions and draws weigh the
// same.
//
// Two things differ.  Phases are compared round their cycle (GluonTS: hour 23 and hour 0 are 23 hours apart), so that
// it does not matter where the history begins.  And the phase is that of the season in steps, whatever the calendar.
//
// Which position is drawn does not depend on the values drawn before, so the distribution of each step is known: a
// weighting of the past values.  Mean and quantiles are exact; paths are for what depends on several steps.
// Pure; objects are immutable, for any number of threads.

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace tidecast {

enum class NptsKernel { kExponential, kUniform };

struct NptsOptions {
  NptsKernel kernel = NptsKernel::kExponential;
  int season = 1;       // Steps, >= 1; 1: no phase ("non-seasonal NPTS", with the uniform kernel "climatological").
  double alpha = 1;     // >= 0; the larger, the more the recent past counts.
  double scale = 1000;  // > 0; GluonTS's feature_scale.
  int context = 1100;   // Values that are drawn from, >= 1; older ones are not seen.
};

class Npts {
 public:
  // Forecasts `horizon` steps after the end of `history` (oldest first, NaN where missing).
  // Errors: kInvalidArgument - an option out of range, an infinite value, no observed value in the context.
  static Result<Npts> make(std::span<const double> history, int horizon, const NptsOptions& options = {});

  std::vector<double> mean() const;  // [horizon]
  // [horizon]; the least past value that at least tau of the weight is not above.  0 < tau < 1.
  std::vector<double> quantile(double tau) const;
  // [path * horizon + step]; path k is a function of `seed` and k alone (Philox).
  std::vector<double> paths(int paths, std::uint64_t seed) const;

 private:
  Npts() = default;

  std::vector<double> values_;                   // The observed ones of the context, ascending; [n].
  std::vector<std::vector<double>> cumulative_;  // [step][n + step]: of the draw's weights, the last is their sum.
  std::vector<std::vector<double>> share_;       // [step][n]: the weight of each past value; sums to 1.
};

}  // namespace tidecast
