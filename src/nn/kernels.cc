#include "nn/kernels.h"

#include <cstdlib>

#include "nn/instruction_sets.h"

namespace tidecast::nn {
namespace {

// The only variable that is read here: which instructions to run is a property of the process, not of a model.
const char* wished() { return std::getenv("TIDECAST_KERNELS"); }

}  // namespace

bool has_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

bool has_avx512() {
#if defined(__x86_64__)
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

template <typename Real>
std::vector<const Kernels<Real>*> available_kernels() {
  std::vector<const Kernels<Real>*> tables{&portable_kernels<Real>()};
  if (has_avx2()) tables.push_back(&avx2_kernels<Real>());
  if (has_avx512()) tables.push_back(&avx512_kernels<Real>());
  return tables;
}

template <typename Real>
Result<const Kernels<Real>*> kernels_named(std::string_view name) {
  std::string allowed;
  for (const Kernels<Real>* kernels : available_kernels<Real>()) {
    if (kernels->name == name) return kernels;
    allowed += (allowed.empty() ? "" : ", ") + std::string(kernels->name);
  }
  return invalid_argument("kernels '{}'; this processor can run: {}", name, allowed);
}

Status check_kernels_choice() {
  if (const char* name = wished()) TRY(kernels_named<float>(name).in("TIDECAST_KERNELS"));
  return ok();
}

template <typename Real>
const Kernels<Real>& best_kernels() {
  static const Kernels<Real>& chosen = [&]() -> const Kernels<Real>& {
    const char* name = wished();
    const auto named = kernels_named<Real>(name ? name : "");
    return named.ok() ? *named.value() : *available_kernels<Real>().back();
  }();
  return chosen;
}

template std::vector<const Kernels<float>*> available_kernels();
template std::vector<const Kernels<double>*> available_kernels();
template Result<const Kernels<float>*> kernels_named(std::string_view);
template Result<const Kernels<double>*> kernels_named(std::string_view);
template const Kernels<float>& best_kernels<float>();
template const Kernels<double>& best_kernels<double>();

}  // namespace tidecast::nn
