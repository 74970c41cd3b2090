#include "stream/sketch.h"

#include <algorithm>
#include <cmath>

namespace tidecast {
namespace {

constexpr std::int32_t kBias = 40'000;  // Above the index of any double: ln(2^1074) / ln(g) is 37,222.
constexpr int kMostLevel = 6;           // There all doubles have fewer than kMostBuckets.
constexpr std::uint64_t kMostCount = std::uint64_t{1} << 60;
const double kLogBase = std::log((1 + QuantileSketch::kError) / (1 - QuantileSketch::kError));

}  // namespace

std::int32_t QuantileSketch::key_of(double value, int level) {
  if (value == 0) return 0;
  const auto index = static_cast<std::int32_t>(std::ceil(std::log(std::abs(value)) / kLogBase));
  return coarser(value < 0 ? -(kBias + index) : kBias + index, level);
}

// Of the indexes 2 i - 1 and 2 i, one level up, becomes i.
std::int32_t QuantileSketch::coarser(std::int32_t key, int levels) {
  if (key == 0) return 0;
  const std::int32_t index = std::abs(key) - kBias;
  const std::int32_t above = kBias - (-index >> levels);
  return key < 0 ? -above : above;
}

double QuantileSketch::value_of(std::int32_t key) const {
  if (key == 0) return 0;
  const double log_base = std::ldexp(kLogBase, level_);
  // The value that is equally far, relatively, from both ends: 2 g^i / (g + 1).
  const double log_value = (std::abs(key) - kBias) * log_base - std::log1p(std::exp(log_base)) + std::log(2.0);
  return std::clamp(key < 0 ? -std::exp(log_value) : std::exp(log_value), least_, greatest_);
}

void QuantileSketch::put(std::int32_t key, std::uint64_t count) {
  const auto place = std::ranges::lower_bound(buckets_, key, {}, &Bucket::key);
  if (place != buckets_.end() && place->key == key)
    place->count += count;
  else
    buckets_.insert(place, {key, count});
}

void QuantileSketch::coarsen(int level) {
  std::vector<Bucket> before = std::exchange(buckets_, {});
  for (const Bucket& bucket : before) {  // Their order stays.
    const std::int32_t key = coarser(bucket.key, level - level_);
    if (!buckets_.empty() && buckets_.back().key == key)
      buckets_.back().count += bucket.count;
    else
      buckets_.push_back({key, bucket.count});
  }
  level_ = level;
}

void QuantileSketch::add(double value) {
  least_ = count_ == 0 ? value : std::min(least_, value);
  greatest_ = count_ == 0 ? value : std::max(greatest_, value);
  ++count_;
  put(key_of(value, level_), 1);
  while (buckets_.size() > kMostBuckets) coarsen(level_ + 1);
}

void QuantileSketch::merge(const QuantileSketch& other) {
  if (other.count_ == 0) return;
  least_ = count_ == 0 ? other.least_ : std::min(least_, other.least_);
  greatest_ = count_ == 0 ? other.greatest_ : std::max(greatest_, other.greatest_);
  count_ += other.count_;
  if (level_ < other.level_) coarsen(other.level_);
  for (const Bucket& bucket : other.buckets_) put(coarser(bucket.key, level_ - other.level_), bucket.count);
  while (buckets_.size() > kMostBuckets) coarsen(level_ + 1);
}

double QuantileSketch::quantile(double q) const {
  if (q <= 0) return least_;
  // A product that is a whole number but for the last bit of q, 0.07 * 100, is that number.
  const double exact = q * static_cast<double>(count_) * (1 - 4e-16);
  const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(exact)), 1, count_);
  if (rank == count_) return greatest_;
  if (rank == 1) return least_;
  std::uint64_t below = 0;
  for (const Bucket& bucket : buckets_) {
    below += bucket.count;
    if (below >= rank) return value_of(bucket.key);
  }
  return greatest_;
}

void QuantileSketch::write(std::string& bytes) const {
  put_number(bytes, static_cast<unsigned>(level_));
  put_number(bytes, count_);
  put_double(bytes, least_);
  put_double(bytes, greatest_);
  put_number(bytes, buckets_.size());
  std::int32_t before = -2 * kBias;
  for (const Bucket& bucket : buckets_) {
    put_number(bytes, static_cast<std::uint32_t>(bucket.key - before));
    put_number(bytes, bucket.count);
    before = bucket.key;
  }
}

QuantileSketch QuantileSketch::read(PieceReader& piece) {
  QuantileSketch sketch;
  sketch.level_ = static_cast<int>(piece.number(kMostLevel));
  sketch.count_ = piece.number(kMostCount);
  sketch.least_ = piece.real();
  sketch.greatest_ = piece.real();
  std::int64_t key = -2 * kBias;
  std::uint64_t total = 0;
  for (std::uint64_t left = piece.number(kMostBuckets); left > 0 && piece.ok(); --left) {
    const std::uint64_t step = piece.number(4 * kBias);
    const std::uint64_t count = piece.number(kMostCount - total);
    key += static_cast<std::int64_t>(step);
    total += count;
    if (step == 0 || count == 0 || key > 2 * kBias) piece.fail();
    sketch.buckets_.push_back({static_cast<std::int32_t>(key), count});
  }
  const bool bounds =
      std::isfinite(sketch.least_) && std::isfinite(sketch.greatest_) && sketch.least_ <= sketch.greatest_;
  if (total != sketch.count_ || !bounds) piece.fail();
  return piece.ok() ? sketch : QuantileSketch();
}

}  // namespace tidecast
