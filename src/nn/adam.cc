#include "nn/adam.h"

#include <algorithm>
#include <cmath>

#include "base/result.h"

namespace tidecast::nn {

template <typename Real>
double Adam<Real>::step(double rate, double average_keep, std::span<const Real> gradient, std::span<Real> parameters,
                        std::span<Real> average) {
  CHECK(gradient.size() == first_.size() && parameters.size() == first_.size() && average.size() == first_.size());
  double squares = 0;
  for (const Real g : gradient) squares += static_cast<double>(g) * static_cast<double>(g);
  const double norm = std::sqrt(squares);
  if (!std::isfinite(norm)) return norm;
  const AdamStep step{.rate = rate,
                      .step = ++steps_,
                      .weight_decay = weight_decay_,
                      .gradient_scale = std::min(1.0, clip_norm_ / (norm + 1e-6)),
                      .average_keep = average_keep};
  kernels_.adam(static_cast<int>(gradient.size()), step, gradient.data(), parameters.data(), first_.data(),
                second_.data(), average.data());
  return norm;
}

template class Adam<float>;
template class Adam<double>;

}  // namespace tidecast::nn
