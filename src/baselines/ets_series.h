#pragma once
// What running and fitting an ETS model share: the series in the middle of the numbers, and a model from a likelihood.

#include <span>
#include <vector>

#include "baselines/ets.h"
#include "baselines/ets_likelihood.h"

namespace tidecast::ets {

// The values from the first to the last observed one, divided by `unit`: a power of two, so that nothing is rounded,
// that brings their mean size to about 1.
struct Series {
  std::vector<double> y;
  double unit = 1;
  int gap = 0;  // Steps after them.
  int observed = 0;
};

// Errors: kInvalidArgument - no observed value, a value that is infinite or beyond 1e100 in size.
Result<Series> read_series(std::span<const double> history);

EtsState times(EtsState state, double unit, EtsSeason season);

// All that is estimated: smoothing parameters, initial states (a season's sum is fixed), sigma2.
int parameter_count(const EtsForm& form, std::size_t season);

// The model in the series' own unit; `likelihood` has just been asked for these.
EtsModel model_of(const Series& series, const EtsForm& form, const EtsParameters& parameters, const EtsState& initial,
                  const Likelihood& likelihood, int parameters_estimated);

}  // namespace tidecast::ets
