#include "net/descriptors.h"

#include <sys/resource.h>

#include <algorithm>

#include "base/log.h"

namespace tidecast {
namespace {

constexpr std::size_t kForOthers = 256;
constexpr std::size_t kLeast = 16;  // Connections, and streams, in any case.

}  // namespace

void fit_descriptors(std::size_t& connections, std::size_t& streams, std::size_t more) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = connections + streams + more + kForOthers;
  if (limit.rlim_cur >= wanted) return;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  if (limit.rlim_cur >= wanted) return;
  const std::size_t ours = limit.rlim_cur > kForOthers + more ? limit.rlim_cur - kForOthers - more : 0;
  const double share = static_cast<double>(ours) / static_cast<double>(connections + streams);
  const auto fit = [share](std::size_t number) {
    return std::max(std::min(number, kLeast), static_cast<std::size_t>(static_cast<double>(number) * share));
  };
  connections = fit(connections);
  streams = fit(streams);
  log_warning("net", "the process may open {} files only: at most {} connections and {} event streams",
              static_cast<std::size_t>(limit.rlim_cur), connections, streams);
}

}  // namespace tidecast
