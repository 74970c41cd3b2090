#pragma once
// The memory that this process holds, and the most that it has held so far, in MB.

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace tidecast {

inline double peak_memory_mb() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

inline double resident_memory_mb() {
  std::ifstream file("/proc/self/statm");
  double whole = 0, resident = 0;
  file >> whole >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

}  // namespace tidecast
