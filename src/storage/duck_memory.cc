#include "storage/duck_memory.h"

#include <dlfcn.h>

#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

namespace {

constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();

// Of this thread: how much it may hold, and what it held when the bound began (jemalloc's counters, which wrap).
thread_local std::size_t bound = kUnbounded;
thread_local std::uint64_t start = 0;

template <typename Function>
Function* original(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

std::uint64_t held_by_this_thread() {
  using Mallctl = int(const char*, void*, std::size_t*, void*, std::size_t);
  static Mallctl* const mallctl = original<Mallctl>("duckdb_je_mallctl");
  if (mallctl == nullptr) return 0;
  thread_local std::uint64_t *allocated = nullptr, *freed = nullptr;  // Where jemalloc counts them for this thread.
  std::size_t size = sizeof allocated;
  if (allocated == nullptr && mallctl("thread.allocatedp", &allocated, &size, nullptr, 0) != 0) return 0;
  if (freed == nullptr && mallctl("thread.deallocatedp", &freed, &size, nullptr, 0) != 0) return 0;
  return *allocated - *freed;
}

bool goes_beyond(std::size_t size) {
  if (bound == kUnbounded) return false;
  // Below 0 where it freed what others had allocated.
  const auto held = static_cast<std::int64_t>(held_by_this_thread() - start);
  return size > bound || (held > 0 && static_cast<std::size_t>(held) > bound - size);
}

}  // namespace

// libduckdb.so asks for these by name, and the program's own come first.
extern "C" {
void* duckdb_je_malloc(std::size_t size) {
  static auto* const next = original<void*(std::size_t)>("duckdb_je_malloc");
  return goes_beyond(size) ? nullptr : next(size);
}
void* duckdb_je_realloc(void* memory, std::size_t size) {
  static auto* const next = original<void*(void*, std::size_t)>("duckdb_je_realloc");
  return goes_beyond(size) ? nullptr : next(memory, size);
}
}

#ifndef __SANITIZE_ADDRESS__  // Which brings its own.
void* operator new(std::size_t size) {
  void* memory = size > bound ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace tidecast::duck {

MemoryBound::MemoryBound(std::size_t bytes)
    : previous_bytes_(std::exchange(bound, bytes)), previous_start_(std::exchange(start, held_by_this_thread())) {}

MemoryBound::~MemoryBound() {
  bound = previous_bytes_;
  start = previous_start_;
}

}  // namespace tidecast::duck
