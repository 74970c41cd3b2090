#include "base/crash_point.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

namespace tidecast {
namespace {

struct Planned {
  std::string name;
  long nth = 0;
};

Planned planned() {
  const char* const text = std::getenv("TIDECAST_CRASH_AT");
  const std::string_view plan = text == nullptr ? "" : text;
  const std::size_t colon = plan.rfind(':');
  if (colon == plan.npos) return {};
  return {std::string(plan.substr(0, colon)), std::atol(plan.data() + colon + 1)};
}

}  // namespace

void crash_point(std::string_view name) {
  static const Planned plan = planned();
  if (plan.nth <= 0) return;
  static std::atomic<long> passed = 0;
  if (name.substr(name.rfind('/') + 1) == plan.name && ++passed == plan.nth) std::raise(SIGKILL);
}

}  // namespace tidecast
