#include "stream/sketch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"

namespace tidecast {
namespace {

std::string bytes_of(const QuantileSketch& sketch) {
  std::string bytes;
  sketch.write(bytes);
  return bytes;
}

void expect_near(const QuantileSketch& sketch, std::vector<double> values, double error) {
  std::ranges::sort(values);
  for (const double q : {0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0}) {
    const double rank = std::max(1.0, std::ceil(q * static_cast<double>(values.size())));
    const double exact = values[static_cast<std::size_t>(rank) - 1];
    EXPECT_LE(std::abs(sketch.quantile(q) - exact), error * std::abs(exact) * (1 + 1e-9))
        << "q " << q << ", exact " << exact;
  }
  EXPECT_EQ(sketch.quantile(0), values.front());
  EXPECT_EQ(sketch.quantile(1), values.back());
}

TEST(QuantileSketch, IsWithinOnePercentOfTheExactQuantile) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    QuantileSketch sketch;
    std::vector<double> values;
    const double scale = std::exp(20 * rng.normal());
    for (std::uint64_t n = 1 + rng.below(3'000); n > 0; --n) {
      values.push_back(rng.below(10) == 0 ? 0 : scale * rng.normal() * std::exp(rng.normal()));
      sketch.add(values.back());
    }
    expect_near(sketch, values, QuantileSketch::kError);
  }
}

TEST(QuantileSketch, NeverAnswersBelowTheLeastNorAboveTheGreatest) {
  for (double value = 1; value < 3; value *= 1.001) {
    QuantileSketch sketch;
    for (int i = 0; i < 3; ++i) sketch.add(value);
    EXPECT_EQ(sketch.quantile(0.5), value);
    QuantileSketch negative;
    for (int i = 0; i < 3; ++i) negative.add(-value);
    EXPECT_EQ(negative.quantile(0.5), -value);
  }
}

TEST(QuantileSketch, DependsOnTheValuesAloneNotOnTheirOrderNorOnMerging) {
  Rng rng(3);
  std::vector<double> values;
  for (int i = 0; i < 20'000; ++i)
    values.push_back(rng.normal() * std::exp(60 * rng.normal()));  // Too wide for 1 %, or even 4 %.
  std::vector<std::string> all;
  for (const std::size_t parts : {1, 2, 7}) {
    std::vector<QuantileSketch> sketches(parts);
    rng.shuffle(std::span(values));
    for (const double value : values) sketches[rng.below(parts)].add(value);
    QuantileSketch whole;
    for (const QuantileSketch& sketch : sketches) whole.merge(sketch);
    EXPECT_LE(whole.buckets(), QuantileSketch::kMostBuckets);
    expect_near(whole, values, 0.08);
    all.push_back(bytes_of(whole));
  }
  EXPECT_EQ(all[0], all[1]);
  EXPECT_EQ(all[0], all[2]);
}

TEST(QuantileSketch, HoldsEveryIntegerWithoutLosingPrecision) {
  QuantileSketch sketch;
  std::vector<double> values;
  for (double x = 1; x < 9.3e18; x = std::max(x + 1, std::floor(x * 1.005)))
    for (const double value : {x, -x}) {
      values.push_back(value);
      sketch.add(value);
    }
  expect_near(sketch, values, QuantileSketch::kError);
}

TEST(QuantileSketch, TakesTheSmallestAndTheGreatestDoubles) {
  QuantileSketch sketch;
  for (const double value : {5e-324, -5e-324, 1.7e308, -1.7e308, 0.0, -0.0}) sketch.add(value);
  EXPECT_EQ(sketch.quantile(0), -1.7e308);
  EXPECT_EQ(sketch.quantile(0.5), 0);
  EXPECT_EQ(sketch.quantile(1), 1.7e308);
}

TEST(QuantileSketch, ComesBackFromItsBytes) {
  QuantileSketch sketch;
  for (int i = -50; i < 100; ++i) sketch.add(i * 1.5);
  const std::string bytes = bytes_of(sketch);
  PieceReader piece(bytes);
  EXPECT_EQ(bytes_of(QuantileSketch::read(piece)), bytes);
  EXPECT_TRUE(piece.at_end());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    PieceReader cut(std::string_view(bytes).substr(0, size));
    QuantileSketch::read(cut);
    EXPECT_FALSE(cut.ok()) << size;
  }
}

}  // namespace
}  // namespace tidecast
