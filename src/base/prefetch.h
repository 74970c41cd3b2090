#pragma once

namespace tidecast {

// Fetches what lies at `address`, which need not be valid, into the cache.  GCC 12 takes a function that does nothing
// else for one without effect and drops the calls of it; the statement that is none keeps it from that.
inline void prefetch(const void* address) {
  __builtin_prefetch(address);
  asm volatile("");
}

}  // namespace tidecast
