#include "net/descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>

#include "base/log.h"

namespace tidecast {
namespace {

// In a child process, because a hard limit cannot be raised again.
template <typename Body>
void under_limits(rlim_t soft, rlim_t hard, Body body) {
  const auto child = [&] {
    set_log_level(LogLevel::kOff);
    const rlimit limit{.rlim_cur = soft, .rlim_max = hard};
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) std::_Exit(2);
    std::size_t connections = 1024, streams = 512;
    fit_descriptors(connections, streams, 64);
    rlimit after{};
    ::getrlimit(RLIMIT_NOFILE, &after);
    std::_Exit(body(connections, streams, after.rlim_cur) ? 0 : 1);
  };
  EXPECT_EXIT(child(), testing::ExitedWithCode(0), "");
}

TEST(FitDescriptors, RaisesTheSoftLimitAsFarAsIsNeeded) {
  under_limits(256, 4096, [](std::size_t connections, std::size_t streams, rlim_t limit) {
    return connections == 1024 && streams == 512 && limit == 1024 + 512 + 64 + 256;
  });
}

TEST(FitDescriptors, TakesFewerConnectionsWhereTheHardLimitIsLow) {
  under_limits(256, 1024, [](std::size_t connections, std::size_t streams, rlim_t limit) {
    return connections == 469 && streams == 234 && limit == 1024;
  });
  under_limits(64, 64, [](std::size_t connections, std::size_t streams, rlim_t limit) {
    return connections == 16 && streams == 16 && limit == 64;
  });
}

}  // namespace
}  // namespace tidecast
