#include "base/rng.h"

#include <bit>
#include <cmath>

namespace tidecast {

Rng::Rng(std::uint64_t seed, std::uint64_t stream) {
  std::uint64_t x = mix64(seed) ^ mix64(stream + 0x632be59bd9b4e019u);
  for (auto& word : state_) word = x = mix64(x);
}

std::uint64_t Rng::next() {
  const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Rng::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

std::uint64_t Rng::below(std::uint64_t bound) {
  const std::uint64_t reject_from =
      UINT64_MAX - UINT64_MAX % bound;  // A multiple of bound; above it some values would win.
  std::uint64_t x = next();
  while (x >= reject_from) x = next();
  return x % bound;
}

double Rng::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_normal_;
  }
  for (;;) {
    const double u = 2 * uniform() - 1, v = 2 * uniform() - 1, s = u * u + v * v;
    if (s >= 1 || s == 0) continue;
    const double factor = std::sqrt(-2 * std::log(s) / s);
    spare_normal_ = v * factor;
    has_spare_ = true;
    return u * factor;
  }
}

double Rng::exponential() { return -std::log1p(-uniform()); }

std::uint64_t Rng::poisson(double mean) {
  std::uint64_t count = 0;
  for (; mean > 30; mean -= 30) count += poisson(30);  // A sum of Poisson numbers is one of the summed mean.
  const double limit = std::exp(-mean);
  for (double product = uniform(); product > limit; product *= uniform()) ++count;
  return count;
}

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> c, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * c[0], b = std::uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ key[0], static_cast<std::uint32_t>(b),
         static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return c;
}

}  // namespace tidecast
