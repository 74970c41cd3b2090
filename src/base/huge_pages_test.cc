#include "base/huge_pages.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace tidecast {
namespace {

bool begins_a_huge_page(const void* address) { return reinterpret_cast<std::uintptr_t>(address) % kHugePage == 0; }

TEST(HugePages, ALargeVectorBeginsOneAndKeepsItsContentAsItGrows) {
  LargeVector<std::uint64_t> values;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) {
    values.push_back(i);
    const bool large = values.capacity() * sizeof(i) >= kHugePage;
    ASSERT_TRUE(!large || begins_a_huge_page(values.data())) << i;
  }
  for (std::uint64_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], i);
  const LargeVector<std::uint64_t> copy = values;
  EXPECT_EQ(copy, values);
  values = {};
  values.shrink_to_fit();
  EXPECT_EQ(values.capacity(), 0u);
}

}  // namespace
}  // namespace tidecast
