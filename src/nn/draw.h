#pragma once
// Samples of the heads' distributions (nn/heads.h), a function of the seed, path and step alone.
//
// Each path alone is an exact sample; those of one step cover their distribution more evenly than independent ones
// would (Kernels::step_points).

#include <cstdint>

#include "nn/heads.h"
#include "nn/kernels.h"

namespace tidecast::nn {

// Whose draw it is: lane i is path first_path + i of the forecast that `seed` names, at its step `step`.
struct DrawSource {
  std::uint64_t seed = 0;
  std::uint32_t first_path = 0, step = 0;
};

// One sample a lane, in the unit of the head's target, within +-limit.  parameters: [head_outputs(head)][lanes] as
// Kernels::head_parameters writes them, finite; lanes: any number, of the Student-T a multiple of Kernels::lanes.
// kPoint gives its value.  The Student-T is Bailey's (Kernels::student_t_draw); the others are scalar, in double, and
// exact: Box and Muller's normal, gamma by Marsaglia and Tsang ("A simple method for generating gamma variables",
// 2000), beta as a share of two gammas, Poisson by inversion below a mean of 10 and above it by Hoermann's PTRS ("The
// transformed rejection method for generating Poisson random variables", 1993), negative binomial as the Poisson of a
// gamma.
void draw(Head head, int lanes, const float* parameters, const DrawSource& source, float limit,
          const Kernels<float>& kernels, float* out);

}  // namespace tidecast::nn
