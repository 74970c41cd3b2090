#pragma once
// Points of the unit square that cover it evenly, for the paths of one step of a forecast: Sobol's sequence in two
// dimensions with Owen's scrambling by hashes, in an order of its own for every step (Burley, "Practical hash-based
// Owen scrambling", Journal of Computer Graphics Techniques 9(4), 2020; the hash is Vegdahl's, "Building a better LK
// hash", 2021).
//
// Over the seeds every point alone is uniform, and independent of the points of other steps.  Of one step the first 2^m
// have one point in every interval of length 2^-m in either dimension, and in every rectangle of that area whose sides
// are powers of two.

#include <array>
#include <cstdint>

#include "base/rng.h"

namespace tidecast::nn {

class StepPoints {
 public:
  StepPoints(std::uint64_t seed, std::uint32_t step)
      : keys_(philox4x32({step, 0, 0, 1}, {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)})) {
  }

  // In fractions of 2^32.
  std::array<std::uint32_t, 2> of(std::uint32_t path) const {
    const std::uint32_t i = reversed(scrambled(reversed(path), keys_[0]));
    return {reversed(scrambled(i, keys_[1])), reversed(scrambled(second(i), keys_[2]))};
  }

 private:
  static std::uint32_t reversed(std::uint32_t x) {
    x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
    x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
    x = (x >> 4 & 0x0f0f0f0f) | (x & 0x0f0f0f0f) << 4;
    return __builtin_bswap32(x);
  }

  // A bit of the result depends on the bits of x at its place and below alone: Owen's scrambling of the reversed x.
  static std::uint32_t scrambled(std::uint32_t x, std::uint32_t key) {
    x ^= x * 0x3d20adea;
    x += key;
    x *= key >> 16 | 1;
    x ^= x * 0x05526c56;
    x ^= x * 0x53a22864;
    return x;
  }

  // Sobol's second matrix is Pascal's triangle modulo 2: bit j of the result is the parity of those bits k of i for
  // which C(k, j) is odd, that is, where j's binary digits are all among k's.
  static std::uint32_t second(std::uint32_t i) {
    i ^= i >> 16;
    i ^= i >> 8 & 0x00ff00ff;
    i ^= i >> 4 & 0x0f0f0f0f;
    i ^= i >> 2 & 0x33333333;
    i ^= i >> 1 & 0x55555555;
    return i;
  }

  std::array<std::uint32_t, 4> keys_;
};

}  // namespace tidecast::nn
