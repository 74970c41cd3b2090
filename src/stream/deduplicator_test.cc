#include "stream/deduplicator.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

ProcessingTime at(std::int64_t ms) { return ProcessingTime::from_ms(ms); }
RecordKey key(std::uint8_t n) { return RecordKey{n}; }

TEST(Deduplicator, KnowsAKeyForEver) {
  Deduplicator known(std::nullopt);
  EXPECT_TRUE(known.is_new(key(1), at(0)));
  EXPECT_FALSE(known.is_new(key(1), at(0)));
  EXPECT_TRUE(known.is_new(key(2), at(5)));
  EXPECT_FALSE(known.is_new(key(1), at(1'000'000'000'000)));
  EXPECT_EQ(known.size(), 2u);
}

TEST(Deduplicator, ForgetsAtTheMillisecond) {
  Deduplicator known(100ms);
  EXPECT_TRUE(known.is_new(key(1), at(1000)));
  EXPECT_FALSE(known.is_new(key(1), at(1099)));
  EXPECT_TRUE(known.is_new(key(1), at(1100)));
  EXPECT_FALSE(known.is_new(key(1), at(1199)));  // Counted from the second first sight.
  EXPECT_TRUE(known.is_new(key(1), at(1200)));
}

TEST(Deduplicator, IsNotProlongedByADuplicate) {
  Deduplicator known(100ms);
  EXPECT_TRUE(known.is_new(key(1), at(0)));
  EXPECT_FALSE(known.is_new(key(1), at(99)));
  EXPECT_TRUE(known.is_new(key(1), at(100)));
}

TEST(Deduplicator, HoldsOnlyWhatHasNotExpired) {
  Deduplicator known(100ms);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(known.is_new(key(static_cast<std::uint8_t>(i)), at(i)));
  EXPECT_EQ(known.size(), 100u);
}

TEST(Deduplicator, GoesOnAfterARestart) {
  // Key 1 was forgotten and seen again before the restart, so the store has it twice.
  const std::vector<KeySeen> stored = {{key(1), at(0)}, {key(2), at(50)}, {key(1), at(120)}};
  Deduplicator known(100ms);
  known.restore(stored);
  EXPECT_FALSE(known.is_new(key(1), at(130)));
  EXPECT_FALSE(known.is_new(key(2), at(149)));
  EXPECT_TRUE(known.is_new(key(2), at(150)));
  EXPECT_FALSE(known.is_new(key(1), at(219)));
  EXPECT_TRUE(known.is_new(key(1), at(220)));
}

}  // namespace
}  // namespace tidecast
