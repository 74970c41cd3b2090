#include "tracking/numbers.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>

#include "base/rng.h"

namespace tidecast {
namespace {

using Rows = std::vector<std::vector<double>>;

std::string blob_of(const Rows& rows) {
  std::string blob;
  for (const auto& row : rows) append_row(blob, row);
  return blob;
}

std::vector<std::vector<std::uint64_t>> bits_of(const Rows& rows) {
  std::vector<std::vector<std::uint64_t>> bits;
  for (const auto& row : rows) {
    bits.emplace_back();
    for (const double number : row) bits.back().push_back(std::bit_cast<std::uint64_t>(number));
  }
  return bits;
}

TEST(Numbers, LieInTheBlobAsDocumented) {
  EXPECT_EQ(blob_of({{1.0}, {}}), std::string("\x01\0\0\0"
                                              "\0\0\0\0\0\0\xf0\x3f"
                                              "\0\0\0\0",
                                              16));
}

TEST(Numbers, OfAnyBitsComeBackTheSame) {
  const std::uint64_t seed = 3;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Rng rng(seed);
  for (int trial = 0; trial < 300; ++trial) {
    Rows rows(rng.below(6));
    for (auto& row : rows)
      for (std::uint64_t i = rng.below(40); i > 0; --i) row.push_back(std::bit_cast<double>(rng.next()));  // NaNs too.
    const Result<Rows> read = read_rows(blob_of(rows));
    ASSERT_TRUE(read.ok()) << read.message();
    ASSERT_EQ(bits_of(*read), bits_of(rows));
  }
}

TEST(Numbers, OfABlobThatWasCutAreDataLossOrWholeRows) {
  const std::string blob = blob_of({{1, 2, 3}, {4}});
  for (std::size_t size = 0; size < blob.size(); ++size) {
    const Result<Rows> read = read_rows(std::string_view(blob).substr(0, size));
    if (size == 0 || size == 4 + 3 * 8)
      EXPECT_EQ(read->size(), size == 0 ? 0u : 1u);
    else
      EXPECT_EQ(read.code(), Code::kDataLoss) << size;
  }
}

TEST(Numbers, ALengthBeyondTheBlobIsRefusedBeforeAnythingIsAllocated) {
  EXPECT_EQ(read_rows(std::string("\xff\xff\xff\xff", 4)).code(), Code::kDataLoss);
}

}  // namespace
}  // namespace tidecast
