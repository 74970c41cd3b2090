#pragma once
// The most memory that this process has held so far, in MB.

#include <sys/resource.h>

namespace tidecast {

inline double peak_memory_mb() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace tidecast
