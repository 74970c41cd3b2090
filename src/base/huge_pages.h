#pragma once
// Memory for large tables that are read at random.  In pages of 4 KiB such a table has more pages than the processor
// keeps addresses of, and in a virtual machine finding one costs more than the memory itself; in pages of 2 MiB it has
// a few, and 512 times fewer faults on the way to being filled.  A hint: a kernel that has no such pages, or may not
// give them (/sys/kernel/mm/transparent_hugepage/enabled), gives others.

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace tidecast {

inline constexpr std::size_t kHugePage = 2 << 20;

// What is left behind the last whole huge page stays in small ones, so no memory is taken that is not used.
inline void hint_huge_pages(void* from, std::size_t bytes) {
  ::madvise(from, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
}

// An allocator for std::vector; what is smaller than a huge page comes from where all else does.  The rest comes from
// the kernel and goes back to it at once: malloc would keep the gaps that such an alignment leaves.
template <typename T>
struct HugePages {
  using value_type = T;
  HugePages() = default;
  template <typename U>
  HugePages(const HugePages<U>&) {}

  T* allocate(std::size_t n) {
    const std::size_t bytes = n * sizeof(T);
    if (bytes < kHugePage) return std::allocator<T>().allocate(n);
    void* const mapped = ::mmap(nullptr, bytes + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    const auto first = reinterpret_cast<std::uintptr_t>(mapped),
               begin = (first + kHugePage - 1) / kHugePage * kHugePage;
    const std::uintptr_t end = begin + whole_pages(bytes);
    if (begin > first) ::munmap(mapped, begin - first);
    if (const std::uintptr_t last = first + whole_pages(bytes) + kHugePage; last > end)
      ::munmap(reinterpret_cast<void*>(end), last - end);
    hint_huge_pages(reinterpret_cast<void*>(begin), bytes);
    return reinterpret_cast<T*>(begin);
  }
  void deallocate(T* memory, std::size_t n) {
    if (n * sizeof(T) < kHugePage)
      std::allocator<T>().deallocate(memory, n);
    else
      ::munmap(memory, whole_pages(n * sizeof(T)));
  }
  bool operator==(const HugePages&) const = default;

 private:
  static std::size_t whole_pages(std::size_t bytes) {
    static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return (bytes + page - 1) / page * page;
  }
};

template <typename T>
using LargeVector = std::vector<T, HugePages<T>>;

}  // namespace tidecast
