#pragma once
// A block of numbers on a cache line's border, zero at first, for what the kernels read and write.

#include <cstddef>
#include <memory>
#include <new>

namespace tidecast::nn {

template <typename Real>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size) : size_(size) {
    if (size == 0) return;
    data_.reset(static_cast<Real*>(::operator new(size * sizeof(Real), kLine)));
    clear();
  }
  Real* data() { return data_.get(); }
  const Real* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  Real& operator[](std::size_t i) { return data_[i]; }
  const Real& operator[](std::size_t i) const { return data_[i]; }
  void clear() {
    for (std::size_t i = 0; i < size_; ++i) data_[i] = 0;
  }

 private:
  static constexpr std::align_val_t kLine{64};
  struct Free {
    void operator()(Real* p) const { ::operator delete(p, kLine); }
  };
  std::unique_ptr<Real[], Free> data_;
  std::size_t size_ = 0;
};

}  // namespace tidecast::nn
