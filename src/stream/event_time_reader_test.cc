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

// ---- formats ------------------------------------------------------------------------------------------------------

std::string read(const std::string& format, const std::string& zone, const std::string& json) {
  auto reader = EventTimeReader::compile("/t", {TimeUnit::kFormat, format, zone});
  if (!reader.ok()) return reader.message();
  const auto time = reader->read("{\"t\":" + json + "}");
  return time ? to_rfc3339(*time) : "none";
}

TEST(EventTimeFormat, ReadsWhatStrptimeWouldWithFractions) {
  EXPECT_EQ(read("%d/%m/%Y %H:%M:%S", "UTC", R"("31/01/2020 23:59:58")"), "2020-01-31T23:59:58Z");
  EXPECT_EQ(read("%Y-%m-%d %H:%M:%E*S", "UTC", R"("2020-01-31 23:59:58.1239")"), "2020-01-31T23:59:58.123Z");
  EXPECT_EQ(read("%Y-%m-%d %H:%M:%E*S", "UTC", R"("1969-12-31 23:59:59.9991")"), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(read("%b %e, %Y %I:%M %p", "UTC", R"("Jan 5, 2020 12:07 AM")"), "2020-01-05T00:07:00Z");
  EXPECT_EQ(read("%Y-%m-%d", "UTC", R"("2020-01-31")"), "2020-01-31T00:00:00Z");
  EXPECT_EQ(read("%Y%m%d", "UTC", "20200131"), "2020-01-31T00:00:00Z");  // A number by its characters.
  EXPECT_EQ(read("%d/%b/%Y:%H:%M:%S %z", "Asia/Tokyo", R"("31/Jan/2020:10:00:00 -0700")"), "2020-01-31T17:00:00Z");
  EXPECT_EQ(read("%d/%m/%Y", "UTC", R"("01\/02\/2020")"), "2020-02-01T00:00:00Z");
  EXPECT_EQ(read("%F %T", "UTC", R"("2020-01-31 23:59:58")"), "2020-01-31T23:59:58Z");
}

TEST(EventTimeFormat, ReadsLocalTimesOfItsZone) {
  EXPECT_EQ(read("%Y-%m-%d %H:%M", "+03:00", R"("2020-07-01 02:30")"), "2020-06-30T23:30:00Z");
  EXPECT_EQ(read("%Y-%m-%d %H:%M", "-05:30", R"("2020-07-01 02:30")"), "2020-07-01T08:00:00Z");
  EXPECT_EQ(read("%Y-%m-%d %H:%M", "America/New_York", R"("2020-07-01 02:30")"), "2020-07-01T06:30:00Z");
  EXPECT_EQ(read("%Y-%m-%d %H:%M", "America/New_York", R"("2020-01-01 02:30")"), "2020-01-01T07:30:00Z");
}

TEST(EventTimeFormat, ALocalTimeThatComesTwiceIsTheFirst) {
  EXPECT_EQ(read("%Y-%m-%d %H:%M", "America/New_York", R"("2020-11-01 00:59")"), "2020-11-01T04:59:00Z");
  EXPECT_EQ(read("%Y-%m-%d %H:%M", "America/New_York", R"("2020-11-01 01:00")"), "2020-11-01T05:00:00Z");
  EXPECT_EQ(read("%Y-%m-%d %H:%M", "America/New_York", R"("2020-11-01 01:59")"), "2020-11-01T05:59:00Z");
  EXPECT_EQ(read("%Y-%m-%d %H:%M", "America/New_York", R"("2020-11-01 02:00")"), "2020-11-01T07:00:00Z");
}

TEST(EventTimeFormat, ALocalTimeThatNeverComesLiesAsLongAfterTheClocksWentForward) {
  EXPECT_EQ(read("%Y-%m-%d %H:%M", "Europe/Berlin", R"("2021-03-28 01:59")"), "2021-03-28T00:59:00Z");
  EXPECT_EQ(read("%Y-%m-%d %H:%M", "Europe/Berlin", R"("2021-03-28 02:00")"), "2021-03-28T01:00:00Z");
  EXPECT_EQ(read("%Y-%m-%d %H:%M", "Europe/Berlin", R"("2021-03-28 02:30")"), "2021-03-28T01:30:00Z");
  EXPECT_EQ(read("%Y-%m-%d %H:%M", "Europe/Berlin", R"("2021-03-28 03:00")"), "2021-03-28T01:00:00Z");
}

TEST(EventTimeFormat, RefusesWhatIsNoTime) {
  for (const char* wrong : {"null", "true", R"("")", R"("2020-13-01")", R"("2020-02-30")", R"("2020-01-01 10")", "[]",
                            R"("infinite-future")", R"("0000-01-01")", R"("9999-12-31")"})
    EXPECT_EQ(read("%Y-%m-%d", "UTC", wrong), "none") << wrong;
}

TEST(EventTimeFormat, RefusesZonesAndFormatsThatAreNone) {
  const std::string zones = "; allowed: UTC, an offset as +03:00, a name as America/New_York";
  for (const char* zone : {"", "Mars/Olympus", "localtime", "/etc/localtime", "../UTC", "+3", "+25:00", "+03:00x"})
    EXPECT_EQ(read("%Y-%m-%d", zone, "0"), fmt::format("no time zone '{}'{}", zone, zones));
  EXPECT_EQ(read("%Y-%m-%d %Q", "UTC", "0").substr(0, 25), "'%Y-%m-%d %Q' has %Q; all");
  EXPECT_EQ(read("%Y-%m-%d %", "UTC", "0").substr(0, 23), "'%Y-%m-%d %' has %; all");
  for (const char* format : {"", "%d/%m", "%H:%M:%S", "%Y-%m-%d %I:%M", "%Y"})
    EXPECT_EQ(read(format, "UTC", "0"),
              fmt::format("'{}' does not say year, month and day, or not which half of the day", format));
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
