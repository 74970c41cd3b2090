#include "sources/arrival.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"

namespace tidecast {
namespace {

TEST(SlidingMedian, IsTheMiddleOfWhatIsInItAsIfSortedEachTime) {
  constexpr std::uint64_t kSeed = 5;
  Rng rng(kSeed);
  SlidingMedian median;
  std::vector<std::int64_t> values;
  for (int step = 0; step < 20'000; ++step) {
    if (values.size() < 101 && (values.empty() || rng.below(2) != 0)) {
      values.push_back(static_cast<std::int64_t>(rng.below(50)) - 25);  // Many are equal, some negative.
      median.insert(values.back());
    } else {
      const auto place = values.begin() + static_cast<std::ptrdiff_t>(rng.below(values.size()));
      median.erase(*place);
      values.erase(place);
    }
    ASSERT_EQ(median.empty(), values.empty());
    if (values.empty()) continue;
    std::vector<std::int64_t> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(median.median(), sorted[(sorted.size() - 1) / 2]) << "seed " << kSeed << ", step " << step;
  }
}

TEST(ArrivalRule, IsTheMedianOfWhatWasEnteredAndNeverEarlierThanBefore) {
  ArrivalRule rule;
  const auto at = [](std::int64_t ms) { return EventTime::from_ms(ms); };
  for (const std::int64_t ms : {50, 10, 20, 30, 5}) rule.enter(at(ms));
  EXPECT_EQ(rule.arrival(at(50)), ProcessingTime::from_ms(20));
  rule.leave(at(50), ProcessingTime::from_ms(20));
  EXPECT_EQ(rule.arrival(at(10)), ProcessingTime::from_ms(20));  // Though the median fell to 10, of 5 10 20 30.
}

TEST(ArrivalRule, ARecordWithoutATimeArrivesWithTheOneBefore) {
  ArrivalRule rule(ProcessingTime::from_ms(7));
  rule.enter(EventTime::from_ms(100));
  EXPECT_EQ(rule.arrival(std::nullopt), ProcessingTime::from_ms(7));
}

TEST(ArrivalRule, TheFirstRecordWithoutATimeArrivesAtTheFirstKnownMedian) {
  ArrivalRule rule;
  rule.enter(std::nullopt);
  EXPECT_EQ(rule.arrival(std::nullopt), std::nullopt);
  rule.enter(EventTime::from_ms(100));
  EXPECT_EQ(rule.arrival(std::nullopt), ProcessingTime::from_ms(100));
}

}  // namespace
}  // namespace tidecast
