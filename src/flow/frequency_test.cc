#include "flow/frequency.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/rng.h"
#include "flow/series.h"

namespace tidecast {
namespace {

Frequency frequency(const char* text) { return parse_frequency(text).value(); }

EventTime at(std::string_view text) { return EventTime::from_ms(parse_rfc3339(text).value()); }

TEST(Frequency, IsReadAsSageMakerAndPandasWriteIt) {
  const struct {
    const char* texts;  // All the same.
    const char* canonical;
  } table[] = {{"s S 1s 1S 1000ms", "1s"},
               {"10S 10s", "10s"},
               {"min 1min T 1T 60s", "1min"},
               {"5min 5T 300s", "5min"},
               {"15T 15min", "15min"},
               {"h H 1h 1H 60min", "1h"},
               {"D 1D 24h 24H", "1D"},
               {"7D", "7D"},
               {"B 1B", "1B"},
               {"W 1W W-SUN 1W-SUN", "1W"},
               {"2W 2W-SUN", "2W"},
               {"M ME MS 1M 1ME", "1M"},
               {"3M", "3M"},
               {"Q QE QS Q-DEC QE-DEC 1Q", "1Q"},
               {"Y A YE YS AS Y-DEC A-DEC YE-DEC", "1Y"},
               {"250ms", "250ms"}};
  for (const auto& row : table) {
    std::string_view rest = row.texts;
    while (!rest.empty()) {
      const std::string text(rest.substr(0, rest.find(' ')));
      rest.remove_prefix(std::min(rest.size(), text.size() + 1));
      EXPECT_EQ(to_text(frequency(text.c_str())), row.canonical) << text;
    }
    EXPECT_EQ(frequency(row.canonical), frequency(std::string(row.texts, std::strcspn(row.texts, " ")).c_str()));
  }
}

TEST(Frequency, RefusesOthersAndSaysWhatIsAllowed) {
  const auto message = [](const char* text) { return parse_frequency(text).message(); };
  EXPECT_EQ(message("5m"), "frequency '5m': 'm' may mean two things; allowed: min (minutes), M (months)");
  EXPECT_EQ(message("W-MON"), "frequency 'W-MON': allowed weeks: W or W-SUN, from Monday to Sunday");
  EXPECT_EQ(message("Q-NOV"), "frequency 'Q-NOV': allowed quarters and years end in December: Q, Q-DEC, Y, Y-DEC");
  EXPECT_EQ(
      message("fortnight"),
      "'fortnight' is no frequency; allowed: s, min, h, D, B (business days), W, M, Q or Y, with a multiple before "
      "it or not, like 5min");
  EXPECT_EQ(message("0h"), "frequency '0h': allowed: a multiple of 1 or more, steps of at most 100 years");
  EXPECT_EQ(message("-1D"), "frequency '-1D': allowed: a multiple of 1 or more, steps of at most 100 years");
  for (const char* text : {"", "5", "d", "t", "Min", "1.5h", "5 min", "+5min", "min5", "101Y", "99999999999999999999s",
                           "9223372036854775807min"})
    EXPECT_FALSE(parse_frequency(text).ok()) << text;
}

TEST(Frequency, OfAWidthIsCountedInTheCoarsestUnitUpToDays) {
  EXPECT_EQ(to_text(Frequency(90s)), "90s");
  EXPECT_EQ(to_text(Frequency(2500ms)), "2500ms");
  EXPECT_EQ(to_text(Frequency(7 * 24h)), "7D");
  EXPECT_EQ(Frequency(3600s), Frequency(1h));
  EXPECT_NE(Frequency(7 * 24h), frequency("W")) << "these begin on a Monday";
  EXPECT_EQ(Frequency(90s).width(), Milliseconds(90s));
  EXPECT_EQ(frequency("2W").width(), Milliseconds(14 * 24h));
  for (const char* text : {"B", "M", "Q", "Y"}) EXPECT_EQ(frequency(text).width(), std::nullopt) << text;
  EXPECT_EQ(Frequency(0ms).multiple(), 0) << "for its holder to refuse";
}

// Start, next, previous and hundredth next of the period that holds a time, and the day that its calendar fields are
// of. From pandas 3.1.1: p = Period(time, freq); p.start_time, p + 1, p - 1, p + 100, and p.day and p.month.
TEST(Frequency, WalksAlongThePeriodsOfPandas) {
  const struct {
    const char *time, *step, *start, *next, *previous, *hundredth, *calendar_day;
  } table[] = {
      {"2024-02-29", "D", "2024-02-29", "2024-03-01", "2024-02-28", "2024-06-08", "2024-02-29"},
      {"2024-02-29T10:00:00Z", "B", "2024-02-29", "2024-03-01", "2024-02-28", "2024-07-18", "2024-02-29"},
      {"2024-03-02", "B", "2024-03-04", "2024-03-05", "2024-03-01", "2024-07-22", "2024-03-04"},
      {"1750-01-01", "B", "1750-01-01", "1750-01-02", "1749-12-31", "1750-05-21", "1750-01-01"},
      {"2024-02-29T12:00:00Z", "W", "2024-02-26", "2024-03-04", "2024-02-19", "2026-01-26", "2024-03-03"},
      {"2021-01-03", "W", "2020-12-28", "2021-01-04", "2020-12-21", "2022-11-28", "2021-01-03"},
      {"1750-01-01", "W", "1749-12-29", "1750-01-05", "1749-12-22", "1751-11-29", "1750-01-04"},
      {"2024-02-14T05:07:00Z", "M", "2024-02-01", "2024-03-01", "2024-01-01", "2032-06-01", "2024-02-29"},
      {"1750-01-01", "M", "1750-01-01", "1750-02-01", "1749-12-01", "1758-05-01", "1750-01-31"},
      {"1899-12-31", "M", "1899-12-01", "1900-01-01", "1899-11-01", "1908-04-01", "1899-12-31"},
      {"2023-05-01", "2M", "2023-05-01", "2023-07-01", "2023-03-01", "2040-01-01", "2023-05-31"},
      {"2024-08-14", "Q", "2024-07-01", "2024-10-01", "2024-04-01", "2049-07-01", "2024-09-30"},
      {"1750-01-01", "Q", "1750-01-01", "1750-04-01", "1749-10-01", "1775-01-01", "1750-03-31"},
      {"2024-08-14", "Y", "2024-01-01", "2025-01-01", "2023-01-01", "2124-01-01", "2024-12-31"},
      {"1750-01-01", "Y", "1750-01-01", "1751-01-01", "1749-01-01", "1850-01-01", "1750-12-31"},
  };
  for (const auto& row : table) {
    const Frequency step = frequency(row.step);
    const EventTime start = step.floor(at(row.time));
    const std::string what = fmt::format("{} {}", row.time, row.step);
    EXPECT_EQ(start, at(row.start)) << what;
    EXPECT_EQ(step.advance(start, 1), at(row.next)) << what;
    EXPECT_EQ(step.advance(start, -1), at(row.previous)) << what;
    EXPECT_EQ(step.advance(start, 100), at(row.hundredth)) << what;
    EXPECT_EQ(step.calendar_time(at(row.time)), at(row.calendar_day)) << what;
  }
  EXPECT_EQ(frequency("15min").floor(at("2024-02-29T23:59:59Z")), at("2024-02-29T23:59:00Z"))
      << "a multiple is counted from wherever a series starts";
  EXPECT_EQ(frequency("h").floor(at("1749-12-31T23:59:59Z")), at("1749-12-31T23:00:00Z"));
}

// A walk day by day over six centuries, knowing only weekdays and dates.
TEST(Frequency, CountsEveryDayFrom1700To2300) {
  const EventTime first = at("1700-01-01"), end = at("2301-01-01");
  const Frequency business = frequency("B"), week = frequency("W"), month = frequency("M"), quarter = frequency("Q"),
                  year = frequency("Y");
  std::int64_t businesses = 0, weeks = 0, months = 0;
  EventTime week_start = week.floor(first), month_start = first;
  for (EventTime day = first; day < end; day += 24h) {
    const Civil c = civil_of(day.ms());
    if (c.weekday == 0) ++weeks, week_start = day;
    if (c.day == 1 && day != first) ++months, month_start = day;
    ASSERT_EQ(week.floor(day + 13h), week_start) << to_rfc3339(day);
    ASSERT_EQ(month.floor(day + 13h), month_start) << to_rfc3339(day);
    ASSERT_EQ(month.steps_between(first, day), months) << to_rfc3339(day);
    ASSERT_EQ(month.advance(first, months), month_start) << to_rfc3339(day);
    ASSERT_EQ(quarter.steps_between(first, day), months / 3) << to_rfc3339(day);
    ASSERT_EQ(year.steps_between(first, day), months / 12) << to_rfc3339(day);
    ASSERT_EQ(business.steps_between(first, day), businesses) << to_rfc3339(day);
    if (c.weekday >= 5) continue;  // 1700-01-01 was a Friday.
    ASSERT_EQ(business.advance(first, businesses), day) << to_rfc3339(day);
    ++businesses;
  }
  EXPECT_EQ(months, 601 * 12 - 1);
}

TEST(Frequency, StepsBetweenUndoesAdvance) {
  constexpr std::uint64_t kSeed = 20261126;
  RecordProperty("seed", std::to_string(kSeed));
  Rng rng(kSeed);
  const std::int64_t from = at("1700-01-01").ms(), to = at("2300-01-01").ms();
  for (const char* text : {"s", "7s", "5min", "h", "D", "3D", "B", "3B", "W", "2W", "M", "5M", "Q", "2Q", "Y", "4Y"}) {
    const Frequency step = frequency(text);
    for (int i = 0; i < 500; ++i) {
      const EventTime time =
          EventTime::from_ms(from + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(to - from))));
      const std::int64_t n = static_cast<std::int64_t>(rng.below(200)) - 100;
      const std::string what = fmt::format("{} {} steps of {}, seed {}", to_rfc3339(time), n, text, kSeed);
      ASSERT_EQ(step.steps_between(time, step.advance(time, n)), n) << what;
      const EventTime start = step.floor(time);
      ASSERT_EQ(step.floor(start), start) << what;
      ASSERT_EQ(step.floor(step.advance(start, n)), step.advance(start, n)) << what;
      ASSERT_EQ(step.advance(step.advance(start, n), -n), start) << what;
      if (step.unit() == StepUnit::kBusinessDay) continue;  // Their Sunday is the Monday already.
      ASSERT_EQ(step.steps_between(start, step.advance(start, n) - 1ms), n - 1) << what;
    }
  }
}

TEST(Frequency, KeepsTheTimeOfDayAndTheLastDayOfAMonth) {
  const Frequency month = frequency("M"), business = frequency("B");
  EXPECT_EQ(month.advance(at("2024-01-31T18:00:00Z"), 1), at("2024-02-29T18:00:00Z"));
  EXPECT_EQ(month.advance(at("2024-01-31"), 3), at("2024-04-30"));
  EXPECT_EQ(month.advance(at("2024-01-31"), 2), at("2024-03-31")) << "counted from the start, it is not forgotten";
  EXPECT_EQ(frequency("Y").advance(at("2024-02-29"), 1), at("2025-02-28"));
  EXPECT_EQ(business.advance(at("2024-03-01T18:00:00Z"), 1), at("2024-03-04T18:00:00Z"));
}

TEST(TimeSeries, KnowsItsTimesOnACalendar) {
  const TimeSeries months{.start = at("1750-01-01"), .step = frequency("M"), .values = {1, 2, 3}};
  EXPECT_EQ(months.time_of(2), at("1750-03-01"));
  EXPECT_EQ(months.end(), at("1750-04-01"));
  const TimeSeries minutes{.start = at("2026-05-06"), .step = 5min, .values = {1, 2, 3}};
  EXPECT_EQ(minutes.end(), at("2026-05-06T00:15:00Z"));
}

}  // namespace
}  // namespace tidecast
