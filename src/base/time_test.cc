#include "base/time.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace tidecast {
namespace {

TEST(Time, FloorsTowardsThePastForNegativeTimesToo) {
  EXPECT_EQ(floor_to(119'999, 60'000), 60'000);
  EXPECT_EQ(floor_to(120'000, 60'000), 120'000);
  EXPECT_EQ(floor_to(-1, 60'000), -60'000);
  EXPECT_EQ(floor_to(-60'000, 60'000), -60'000);
}

TEST(Time, PrintsAndReadsRfc3339) {
  EXPECT_EQ(to_rfc3339(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(1'778'025'600'123), "2026-05-06T00:00:00.123Z");
  EXPECT_EQ(parse_rfc3339("2026-05-06T02:00:00+02:00").value(), 1'778'025'600'000);
  EXPECT_EQ(parse_rfc3339("2026-05-05 22:30:00.5-01:30").value(), 1'778'025'600'500);
  EXPECT_EQ(parse_rfc3339("2026-05-06").value(), 1'778'025'600'000);
  EXPECT_EQ(parse_rfc3339("1969-12-31T23:59:59.999Z").value(), -1);
}

TEST(Time, CutsWhatIsFinerThanAMillisecond) { EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00.0019999Z").value(), 1); }

TEST(Time, RefusesWhatIsNoTimeAndSaysWhatIs) {
  for (const char* text : {"", "2026", "2026-13-01", "2025-02-29", "2026-05-06T24:00:00Z", "2026-05-06T00:00:00",
                           "2026-05-06T00:00:00.Z", "2026-05-06T00:00:00+2:00", "yesterday", "2026-05-06T00:00:00Zx"}) {
    const auto result = parse_rfc3339(text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_NE(result.message().find("RFC 3339"), std::string::npos) << result.message();
  }
}

TEST(Time, EveryDayOfAThousandYearsGoesThereAndBack) {
  Civil before = civil_of(-800 * 365 * 86'400'000LL);
  for (std::int64_t day = -800 * 365 + 1; day < 200 * 365; ++day) {
    const Civil c = civil_of(day * 86'400'000);
    ASSERT_EQ(ms_of(c), day * 86'400'000);
    ASSERT_EQ(c.weekday, (before.weekday + 1) % 7);
    ASSERT_TRUE(c.day_of_year == before.day_of_year + 1 || (c.day_of_year == 1 && c.month == 1 && c.day == 1));
    before = c;
  }
}

TEST(Time, AnyMillisecondReadsBackFromItsText) {
  constexpr std::uint64_t kSeed = 20261123;
  RecordProperty("seed", std::to_string(kSeed));
  Rng rng(kSeed);
  for (int i = 0; i < 10'000; ++i) {
    const std::int64_t ms = static_cast<std::int64_t>(rng.below(200'000'000'000'000)) - 60'000'000'000'000;
    ASSERT_EQ(parse_rfc3339(to_rfc3339(ms)).value(), ms) << to_rfc3339(ms) << " seed " << kSeed;
  }
}

TEST(Duration, ReadsNumbersWithTheirUnit) {
  EXPECT_EQ(parse_duration("250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("60s").value(), 60s);
  EXPECT_EQ(parse_duration("5min").value(), 5min);
  EXPECT_EQ(parse_duration("5m").value(), 5min);
  EXPECT_EQ(parse_duration("1.5h").value(), 90min);
  EXPECT_EQ(parse_duration("7d").value(), 168h);
}

TEST(Duration, RefusesANumberWithoutUnit) {
  for (const char* text : {"60", "", "s", "-5s", "5 s", "5sec", "1e30d", "nans", "infs", "-nand"})
    EXPECT_FALSE(parse_duration(text).ok()) << text;
}

TEST(Duration, PrintsTheShortestText) {
  EXPECT_EQ(to_text(60'000ms), "1min");
  EXPECT_EQ(to_text(90s), "90s");
  EXPECT_EQ(to_text(86'400s), "1d");
  EXPECT_EQ(to_text(1500ms), "1500ms");
  EXPECT_EQ(to_text(0ms), "0s");
}

}  // namespace
}  // namespace tidecast
