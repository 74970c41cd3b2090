#pragma once
// A hard bound on the memory that DuckDB takes on a thread.
//
// DuckDB's own memory_limit counts what its buffer manager hands out, and not the vectors between operators: a single
// value may take what it likes (list_sum(range(100000000)): 800 MB).  So its allocator - a jemalloc of its own, used by
// nobody else in the process - and operator new are asked through us: what would go beyond the bound gets no memory,
// which DuckDB takes as "Out of Memory Error".

#include <cstddef>
#include <cstdint>

namespace tidecast::duck {

// While it lives, DuckDB holds at most `bytes` that it allocated on this thread meanwhile; a session that works on its
// caller's thread alone (one thread) is so bounded wholly.  Make it before the session, which must be gone first.
// Of memory by operator new, whoever asks for it, only single requests are bounded: strings and vectors double, so that
// a huge one is one at last.
class MemoryBound {
 public:
  explicit MemoryBound(std::size_t bytes);
  ~MemoryBound();
  MemoryBound(const MemoryBound&) = delete;
  MemoryBound& operator=(const MemoryBound&) = delete;

 private:
  std::size_t previous_bytes_;
  std::uint64_t previous_start_;
};

}  // namespace tidecast::duck
