#pragma once
// Adam with coupled L2, clipping of the gradient's norm, and the exponential average of the parameters that is kept as
// the model.

#include <span>

#include "nn/buffer.h"
#include "nn/kernels.h"

namespace tidecast::nn {

template <typename Real>
class Adam {
 public:
  // clip_norm: the gradient's L2 norm is cut to it, as torch's clip_grad_norm_ does.
  Adam(std::size_t size, double clip_norm, double weight_decay, const Kernels<Real>& kernels)
      : clip_norm_(clip_norm), weight_decay_(weight_decay), kernels_(kernels), first_(size), second_(size) {}

  // One step; average = keep * average + (1 - keep) * parameters.  Returns the norm before clipping: NaN or infinite if
  // the gradient is, and then nothing is changed.
  double step(double rate, double average_keep, std::span<const Real> gradient, std::span<Real> parameters,
              std::span<Real> average);

  // What a checkpoint keeps beside the parameters: the moments, and how many steps were taken.
  std::span<Real> first_moment() { return {first_.data(), first_.size()}; }
  std::span<Real> second_moment() { return {second_.data(), second_.size()}; }
  int& steps() { return steps_; }

 private:
  double clip_norm_, weight_decay_;
  const Kernels<Real>& kernels_;
  Buffer<Real> first_, second_;
  int steps_ = 0;
};

}  // namespace tidecast::nn
