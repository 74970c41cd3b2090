#pragma once
// Which of the kernels' tables this processor can run, by name.  Apart from kernels.h, which is compiled for each
// instruction set and must not bring in functions of the standard library.

#include <string_view>
#include <vector>

#include "base/result.h"
#include "nn/kernels.h"

namespace tidecast::nn {

// The slowest first: portable, avx2, avx512.
template <typename Real>
std::vector<const Kernels<Real>*> available_kernels();

// Errors: kInvalidArgument - not the name of one that this processor can run.
template <typename Real>
Result<const Kernels<Real>*> kernels_named(std::string_view name);

// For a program's start: whether best_kernels() are what the environment variable TIDECAST_KERNELS asks for.  Errors:
// kInvalidArgument - it names none that this processor can run.
Status check_kernels_choice();

}  // namespace tidecast::nn
