#pragma once
// A queue of plain values by their places: the n-th that ever came has place n.  In chunks of 2 MiB, so that what is
// there never moves, and what has left gives its memory back.  One thread.

#include <cstdint>
#include <deque>
#include <memory>
#include <type_traits>

#include "base/huge_pages.h"

namespace tidecast {

template <typename T>
class PlaceQueue {
 public:
  static constexpr std::uint64_t kChunk = kHugePage / sizeof(T);  // Values.
  static_assert(std::is_trivially_copyable_v<T> && (kChunk & (kChunk - 1)) == 0);

  // Places [first, end) are there.
  std::uint64_t first() const { return first_; }
  std::uint64_t end() const { return end_; }
  bool empty() const { return first_ == end_; }

  // By the lower 32 bits of its place, since fewer than 2^32 are there at a time.
  const T& operator[](std::uint64_t place) const {
    const std::uint32_t i = static_cast<std::uint32_t>(place) - static_cast<std::uint32_t>(base_);
    return chunks_[i / kChunk]->values()[i % kChunk];
  }
  const T& front() const { return (*this)[first_]; }
  const T& back() const { return last_[(end_ - 1) % kChunk]; }

  void push_back(const T& value) {
    if (end_ % kChunk == 0) add_chunk();
    last_[end_++ % kChunk] = value;
  }
  void pop_front() {
    if (++first_ - base_ < kChunk) return;
    chunks_.pop_front();
    base_ += kChunk;
  }

 private:
  // Bytes, since values would be made at once, and so take memory before they come.
  struct alignas(kHugePage) Chunk {
    std::byte bytes[kHugePage];
    T* values() { return reinterpret_cast<T*>(bytes); }
  };

  // The first is not worth it: of few values a huge page would be empty for the most part.
  void add_chunk() {
    chunks_.push_back(std::make_unique_for_overwrite<Chunk>());
    if (chunks_.size() > 1) hint_huge_pages(chunks_.back().get(), sizeof(Chunk));
    last_ = chunks_.back()->values();
  }

  std::deque<std::unique_ptr<Chunk>> chunks_;
  T* last_ = nullptr;  // The last chunk's values.
  std::uint64_t base_ = 0, first_ = 0, end_ = 0;  // Places; of the first chunk's first value, a multiple of kChunk.
};

}  // namespace tidecast
