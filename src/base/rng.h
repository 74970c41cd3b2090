#pragma once
// Seeded randomness that gives the same numbers on every machine and compiler, unlike std::*_distribution.
//
// Rng is a sequence (xoshiro256++, Blackman and Vigna, https://prng.di.unimi.it).  philox4x32 is counter-based (Salmon
// et al., "Parallel random numbers: as easy as 1, 2, 3", SC11): a pure function of key and counter, for work whose
// result must not depend on the order or the number of threads.

#include <array>
#include <cstdint>
#include <span>
#include <utility>

namespace tidecast {

// Scrambles 64 bits (SplitMix64's finaliser); also combines a seed with the number of a stream.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

class Rng {
 public:
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0);

  std::uint64_t next();                      // 64 random bits.
  double uniform();                          // [0, 1), 53 bits.
  std::uint64_t below(std::uint64_t bound);  // Uniform in 0 .. bound - 1, without bias; bound > 0.
  double normal();                           // Mean 0, standard deviation 1 (polar method).
  double exponential();                      // Mean 1.
  std::uint64_t poisson(double mean);        // Knuth below 30, sums of smaller ones above; mean >= 0.

  template <typename T>
  void shuffle(std::span<T> items) {  // Fisher-Yates.
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::array<std::uint64_t, 4> state_;
  double spare_normal_ = 0;
  bool has_spare_ = false;
};

// Ten rounds of Philox 4x32: 128 random bits that belong to this counter under this key.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

}  // namespace tidecast
