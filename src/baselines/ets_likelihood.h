#pragma once
// The likelihood of an ETS model (ets.h) and its gradient, by the adjoint of the recursion: about three times the cost
// of the likelihood alone, for any number of states.

#include <span>
#include <vector>

#include "baselines/ets.h"

namespace tidecast::ets {

// Derivatives by the parameters and by the initial state, all of the season's states taken as free.
struct Gradient {
  EtsParameters parameters;
  EtsState initial;
};

// Keeps room for a series' intermediate values: one thread at a time.  `y` must outlive it.
class Likelihood {
 public:
  Likelihood(const EtsForm& form, std::span<const double> y);

  // n log(sum e^2 + n kFloor) + 2 sum log f (error M), over the n observed values: -2 log likelihood, up to constants.
  // Infinity where something multiplies that is not above 0.  `gradient`, if any, is written where the value is finite.
  double operator()(const EtsParameters& parameters, const EtsState& initial, Gradient* gradient);

  // After the call: of the last parameters.
  const EtsState& last() const { return last_; }
  double squares() const { return squares_; }      // Sum e^2.
  double log_means() const { return log_means_; }  // Sum log f; 0 for error A.
  int observed() const { return observed_; }

  // Errors below 1e-10 of the values (which the fit brings to about 1) are rounding: a perfect fit is no infinity.
  static constexpr double kFloor = 1e-20;

 private:
  struct Step {
    double slope, base, season, miss;  // b, q, s and y - f (NaN: no y).
  };
  template <EtsError error, EtsSeason season>
  bool forward(const EtsParameters& p, const EtsState& initial);
  template <EtsError error, EtsSeason season>
  void backward(const EtsParameters& p, Gradient& gradient) const;

  EtsForm form_;
  std::span<const double> y_;
  int observed_ = 0;
  std::vector<Step> steps_;  // [n]
  EtsState last_;
  double squares_ = 0, log_means_ = 0;
};

}  // namespace tidecast::ets
