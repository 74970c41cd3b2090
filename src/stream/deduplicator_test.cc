#include "stream/deduplicator.h"

#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"

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
  known.end_restore();
  EXPECT_FALSE(known.is_new(key(1), at(130)));
  EXPECT_FALSE(known.is_new(key(2), at(149)));
  EXPECT_TRUE(known.is_new(key(2), at(150)));
  EXPECT_FALSE(known.is_new(key(1), at(219)));
  EXPECT_TRUE(known.is_new(key(1), at(220)));
}

TEST(Deduplicator, KnowsEachOfSoManyKeysThatTwoThreadsRestoreThem) {
  const auto numbered = [](std::uint64_t n) {
    RecordKey key;
    for (std::size_t word = 0; word < 4; ++word) {
      const std::uint64_t bits = mix64(n * 4 + word);
      std::memcpy(key.data() + word * 8, &bits, sizeof bits);
    }
    return key;
  };
  constexpr std::uint64_t kKeys = 150'000;
  Deduplicator known(1h);
  for (std::uint64_t n = 0; n < kKeys; ++n)
    known.restore(std::vector<KeySeen>{{numbered(n % (kKeys - 10)), at(n / 1'000)}});
  known.end_restore();
  for (std::uint64_t n = 0; n < kKeys - 10; ++n) ASSERT_TRUE(known.knows(numbered(n), at(200))) << n;
  for (std::uint64_t n = kKeys; n < 2 * kKeys; ++n) ASSERT_TRUE(known.is_new(numbered(n), at(200))) << n;
}

// Against a map that holds every key with its first sight, through growth, expiry, silences and restarts.
TEST(Deduplicator, EqualsAMapHoweverManyKeysComeAndGo) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Rng rng(seed);
    std::optional<Milliseconds> keep;
    if (rng.below(4) > 0) keep = Milliseconds(1 + rng.below(20'000));
    const std::uint64_t different = 1 + rng.below(60'000), step = 1 + rng.below(3);
    Deduplicator known(keep);
    std::map<std::uint64_t, ProcessingTime> seen;
    std::vector<KeySeen> stored;
    const auto key_of = [](std::uint64_t id) {
      RecordKey key{};
      std::memcpy(key.data() + id % 24, &id, sizeof id);
      return key;
    };
    std::int64_t now = 0;
    for (int i = 0; i < 30'000; ++i) {
      now += static_cast<std::int64_t>(rng.below(5000) == 0 ? rng.below(40'000) : rng.below(step));
      if (rng.below(9000) == 0) {
        known = Deduplicator(keep);
        known.restore(stored);
        known.end_restore();
      }
      const std::uint64_t id = rng.below(different);
      const auto before = seen.find(id);
      const bool fresh = before == seen.end() || (keep && at(now) - before->second >= *keep);
      ASSERT_EQ(known.knows(key_of(id), at(now)), !fresh) << i;
      const auto later = at(now + static_cast<std::int64_t>(rng.below(10'000)));
      ASSERT_EQ(known.knows(key_of(id), later), before != seen.end() && (!keep || later - before->second < *keep)) << i;
      ASSERT_EQ(known.is_new(key_of(id), at(now)), fresh) << i;
      if (!fresh) continue;
      seen[id] = at(now);
      stored.push_back({key_of(id), at(now)});
    }
  }
}

}  // namespace
}  // namespace tidecast
