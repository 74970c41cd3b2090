#include "stream/event_time_reader.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

std::optional<std::int64_t> ms(TimeUnit unit, const std::string& json) {
  EventMapping event;
  event.time_pointer = "/t";
  event.time.unit = unit;
  const auto time = EventTimeReader(event).read("{\"t\":" + json + "}");
  return time ? std::optional(time->ms()) : std::nullopt;
}

TEST(EventTime, ReadsEachUnit) {
  EXPECT_EQ(ms(TimeUnit::kSeconds, "1600059321"), 1600059321000);
  EXPECT_EQ(ms(TimeUnit::kMilliseconds, "1600059321123"), 1600059321123);
  EXPECT_EQ(ms(TimeUnit::kMicroseconds, "1600059321123999"), 1600059321123);
  EXPECT_EQ(ms(TimeUnit::kNanoseconds, "1600059321123999999"), 1600059321123);
  EXPECT_EQ(ms(TimeUnit::kRfc3339, "\"2020-09-14T04:55:21.1239Z\""), 1600059321123);
  EXPECT_EQ(ms(TimeUnit::kRfc3339, "\"2020-09-14T06:55:21+02:00\""), 1600059321000);
}

TEST(EventTime, CutsDecimalSecondsExactly) {
  EXPECT_EQ(ms(TimeUnit::kSeconds, "1600059321.5"), 1600059321500);
  EXPECT_EQ(ms(TimeUnit::kSeconds, "1600059321.1239999999"), 1600059321123);
  EXPECT_EQ(ms(TimeUnit::kSeconds, "1600059321.001"), 1600059321001);
}

TEST(EventTime, RoundsDownBefore1970Too) {
  EXPECT_EQ(ms(TimeUnit::kSeconds, "-0.5"), -500);
  EXPECT_EQ(ms(TimeUnit::kSeconds, "-1.0001"), -1001);
  EXPECT_EQ(ms(TimeUnit::kMicroseconds, "-1"), -1);
  EXPECT_EQ(ms(TimeUnit::kMicroseconds, "-1000"), -1);
  EXPECT_EQ(ms(TimeUnit::kMicroseconds, "-1001"), -2);
}

TEST(EventTime, RefusesWhatIsNoTime) {
  for (const char* wrong :
       {"null", "true", "\"1600059321\"", "1e9", "1.5e9", "1.", "01", "[]", "{}", "253401696000", "-62134992001"})
    EXPECT_EQ(ms(TimeUnit::kSeconds, wrong), std::nullopt) << wrong;
  EXPECT_EQ(ms(TimeUnit::kMilliseconds, "1600059321123.5"), std::nullopt);
  EXPECT_EQ(ms(TimeUnit::kRfc3339, "1600059321"), std::nullopt);
  EXPECT_EQ(ms(TimeUnit::kRfc3339, "\"2020-09-14 at five\""), std::nullopt);
}

TEST(EventTime, StaysAWindowsWidthWithinTheCalendar) {
  EXPECT_EQ(ms(TimeUnit::kRfc3339, "\"0001-01-08T00:00:00Z\""), kCalendarBeginMs + kWidestWindow.count());
  EXPECT_EQ(ms(TimeUnit::kRfc3339, "\"9999-12-24T23:59:59.999Z\""), kCalendarEndMs - kWidestWindow.count() - 1);
  EXPECT_EQ(ms(TimeUnit::kRfc3339, "\"0001-01-07T23:59:59.999Z\""), std::nullopt);
  EXPECT_EQ(ms(TimeUnit::kRfc3339, "\"9999-12-25T00:00:00Z\""), std::nullopt);
}

TEST(EventTime, NeedsARecordThatIsJsonAndAPointer) {
  EventMapping event;
  EXPECT_EQ(EventTimeReader(event).read(R"({"time":1600059321)"), std::nullopt);
  EXPECT_EQ(EventTimeReader(event).read(R"({"when":1600059321})"), std::nullopt);
  event.time_pointer = "time";
  EXPECT_EQ(EventTimeReader(event).read(R"({"time":1600059321})"), std::nullopt);
}

TEST(EventTime, ReaderIsReusable) {
  EventTimeReader reader((EventMapping()));
  EXPECT_EQ(reader.read(R"({"time":1})"), EventTime::from_ms(1000));
  EXPECT_EQ(reader.read("garbage"), std::nullopt);
  EXPECT_EQ(reader.read(R"({"time":2})"), EventTime::from_ms(2000));
}

}  // namespace
}  // namespace tidecast
