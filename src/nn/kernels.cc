#include "nn/kernels.h"

namespace tidecast::nn {

bool has_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

template <typename Real>
const Kernels<Real>& best_kernels() {
  return has_avx2() ? avx2_kernels<Real>() : portable_kernels<Real>();
}
template const Kernels<float>& best_kernels<float>();
template const Kernels<double>& best_kernels<double>();

}  // namespace tidecast::nn
