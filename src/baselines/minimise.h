#pragma once
// Minimises a smooth function of a few dozen variables: BFGS with a weak Wolfe line search by bisection (Nocedal and
// Wright, "Numerical optimization", chapter 6; Lewis and Overton, Math. Programming 141, 2013).  Deterministic.

#include <functional>
#include <span>
#include <vector>

namespace tidecast {

struct Minimum {
  std::vector<double> x;
  double value = 0;
  int calls = 0;  // Of the function.
};

// function(x, gradient): the value at x, infinity where x is not allowed; writes the gradient where it is finite.
// Starts at `x`, where it must be finite.  Ends after three steps in a row that each gain less than `tolerance`, when
// no step gains anything, or after `steps_max` steps.
Minimum minimise(const std::function<double(std::span<const double>, std::span<double>)>& function,
                 std::vector<double> x, double tolerance, int steps_max);

}  // namespace tidecast
