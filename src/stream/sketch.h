#pragma once
// Approximate quantiles by logarithmic buckets: DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable
// quantile sketch with relative-error guarantees", VLDB 2019), kept small as UDDSketch does (Epicoco et al., 2020).
//
// quantile(q) is off by at most 1 % of the value that exactly has that rank: the ceil(q n)-th of n, at least the first,
// as in SQL's PERCENTILE_DISC.  0 is exact, and so are the least (q = 0) and the greatest (q = 1).
//
// Memory: at most kMostBuckets buckets of 16 bytes.  Integers of 64 bits never need more.  Numbers do only if they lie
// in more than so many, each 2 % wide, which is 38 powers of ten without a hole; then neighbouring buckets become one,
// everywhere, and the error 2 %, 4 %, 8 %, ...  What it answers depends on the values alone, not on their order, nor on
// what was merged with what.

#include <cstdint>
#include <string>
#include <vector>

#include "stream/piece.h"

namespace tidecast {

class QuantileSketch {
 public:
  static constexpr double kError = 0.01;
  static constexpr std::size_t kMostBuckets = 4'400;

  void add(double value);  // Finite.
  void merge(const QuantileSketch& other);

  std::uint64_t count() const { return count_; }
  double quantile(double q) const;  // q from 0 to 1; there is a value.
  std::size_t buckets() const { return buckets_.size(); }

  //   merges of neighbours | count | least, greatest f64 | buckets | per bucket: key - key before (signed, then not),
  //   count
  void write(std::string& bytes) const;
  static QuantileSketch read(PieceReader& piece);  // Fails the piece if it is damaged.

 private:
  // By value: 0 for zero, else +-(kBias + i) for a magnitude in (g^(i-1), g^i], g being what the level makes of it.
  struct Bucket {
    std::int32_t key;
    std::uint64_t count;
  };
  static std::int32_t key_of(double value, int level);
  static std::int32_t coarser(std::int32_t key, int levels);
  double value_of(std::int32_t key) const;
  void coarsen(int level);
  void put(std::int32_t key, std::uint64_t count);

  std::vector<Bucket> buckets_;  // By key.
  int level_ = 0;                // How often neighbours became one.
  std::uint64_t count_ = 0;
  double least_ = 0, greatest_ = 0;
};

}  // namespace tidecast
