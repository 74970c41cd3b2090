#include "stream/place_queue.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

TEST(PlaceQueue, ValuesKeepTheirPlacesAsTheFirstLeave) {
  PlaceQueue<std::uint64_t> queue;
  constexpr std::uint64_t kChunk = PlaceQueue<std::uint64_t>::kChunk;
  EXPECT_TRUE(queue.empty());
  for (std::uint64_t i = 0; i < 3 * kChunk + 7; ++i) queue.push_back(i * i);
  const std::uint64_t* const there = &queue[kChunk + 5];
  for (std::uint64_t i = 0; i < kChunk + 3; ++i) queue.pop_front();
  EXPECT_EQ(queue.first(), kChunk + 3);
  EXPECT_EQ(queue.end(), 3 * kChunk + 7);
  for (std::uint64_t place = queue.first(); place < queue.end(); ++place) ASSERT_EQ(queue[place], place * place);
  EXPECT_EQ(&queue[kChunk + 5], there);
  EXPECT_EQ(&queue[(std::uint64_t{1} << 32) + kChunk + 5], there) << "the lower 32 bits of a place are enough";
}

TEST(PlaceQueue, IsEmptyAndFilledAgainAtTheEndOfAChunk) {
  PlaceQueue<std::uint64_t> queue;
  for (std::uint64_t round = 1; round <= 3; ++round) {
    for (std::uint64_t i = 0; i < PlaceQueue<std::uint64_t>::kChunk; ++i) queue.push_back(round);
    EXPECT_EQ(queue.front(), round);
    EXPECT_EQ(queue.back(), round);
    while (!queue.empty()) queue.pop_front();
    EXPECT_EQ(queue.first(), round * PlaceQueue<std::uint64_t>::kChunk);
  }
}

}  // namespace
}  // namespace tidecast
