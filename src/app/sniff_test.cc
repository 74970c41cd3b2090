#include "app/sniff.h"

#include <gtest/gtest.h>

#include "app/sniff_words.h"

namespace tidecast {
namespace {

using Records = std::vector<std::string>;

std::string written(const json::value& value) {
  const auto guess = guess_time(std::vector<json::value>(3, value));
  if (!guess) return "no time";
  return fmt::format("{}{} {}{}", guess->unit, guess->format, to_rfc3339(guess->ms[0].value()),
                     guess->zone ? " local" : "");
}

TEST(GuessTime, KnowsUnitsByTheirMagnitudeAndTextsByTheirForm) {
  const struct {
    json::value value;
    std::string_view expected;
  } cases[] = {
      {1'778'025'600, "s 2026-05-06T00:00:00Z"},
      {1'778'025'600.5, "s 2026-05-06T00:00:00.500Z"},
      {1'778'025'600'123, "ms 2026-05-06T00:00:00.123Z"},
      {1'778'025'600'123'456, "us 2026-05-06T00:00:00.123Z"},
      {1'778'025'600'123'456'789, "ns 2026-05-06T00:00:00.123Z"},
      {"2026-05-06T07:08:09.5Z", "rfc3339 2026-05-06T07:08:09.500Z"},
      {"2026-05-06 07:08:09+02:00", "rfc3339 2026-05-06T05:08:09Z"},
      {"2026-05-06", "rfc3339 2026-05-06T00:00:00Z"},
      {"2018-06-01 07:07:00.2990", "%Y-%m-%d %H:%M:%E*S 2018-06-01T07:07:00.299Z local"},
      {"2023-11-16T18:17:03", "%Y-%m-%dT%H:%M:%E*S 2023-11-16T18:17:03Z local"},
      {"2026-05-06 07:08", "%Y-%m-%d %H:%M 2026-05-06T07:08:00Z local"},
      {"2026-05-06 07:08:09 UTC", "%Y-%m-%d %H:%M:%E*S UTC 2026-05-06T07:08:09Z"},
      {"31/12/2026 23:59", "%d/%m/%Y %H:%M 2026-12-31T23:59:00Z local"},
      {"12/31/2026 11:59:00 PM", "%m/%d/%Y %I:%M:%S %p 2026-12-31T23:59:00Z local"},
      {"6.5.2026 07:08:09", "%d.%m.%Y %H:%M:%E*S 2026-05-06T07:08:09Z local"},
      {"10/Oct/2000:13:55:36 -0700", "%d/%b/%Y:%H:%M:%S %z 2000-10-10T20:55:36Z"},
      {"Wed, 06 May 2026 07:08:09 GMT", "%a, %d %b %Y %H:%M:%S GMT 2026-05-06T07:08:09Z"},
      {"31/06/2026", "no time"},
      {"07:08", "no time"},
      {12, "no time"},
      {true, "no time"},
      {nullptr, "no time"},
      {"2026", "no time"},
  };
  for (const auto& [value, expected] : cases) EXPECT_EQ(written(value), expected) << to_text(value);
}

TEST(GuessTime, TakesTheOrderOfDayAndMonthThatKeepsTheTimesTogether) {
  EXPECT_EQ(guess_time({"01/06/2026 10:00", "01/07/2026 10:00", "01/08/2026 10:00"})->format, "%m/%d/%Y %H:%M");
  EXPECT_EQ(guess_time({"06/01/2026 10:00", "07/01/2026 10:00", "08/01/2026 10:00"})->format, "%d/%m/%Y %H:%M");
  EXPECT_TRUE(guess_time({"06/01/2026 10:00"})->day_or_month);
  EXPECT_FALSE(guess_time({"06/01/2026 10:00", "13/01/2026 10:00"})->day_or_month);
}

TEST(Words, OfANameInAnyStyle) {
  using Words = std::vector<std::string>;
  for (const char* name : {"started_at", "startedAt", "Started At", "STARTED-AT"})
    EXPECT_EQ(words_of(name), (Words{"started", "at"})) << name;
}

TEST(PlainName, IsOneThatSqlAndYamlTakeAsItIs) {
  EXPECT_EQ(plain_name("Trip Duration (s)"), "Trip_Duration_s");
  EXPECT_EQ(plain_name("2nd"), "_2nd");
  EXPECT_EQ(plain_name("größe"), "gr_e");
  EXPECT_EQ(plain_name("null"), "null_");
  EXPECT_EQ(plain_name("###"), "x");
  EXPECT_EQ(plain_name("my.file", true), "my-file");
}

// `count` records; {i} is the number, {s} the seconds of a time that rises by `step_s`.
Records made(std::size_t count, std::int64_t step_s, const std::string& pattern) {
  Records records;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t s = 1'778'025'600 + static_cast<std::int64_t>(i) * step_s;
    records.push_back(fmt::format(fmt::runtime(pattern), fmt::arg("i", i), fmt::arg("s", s),
                                  fmt::arg("t", to_rfc3339(s * 1000)),
                                  fmt::arg("later", to_rfc3339(s * 1000 + 60'000))));
  }
  return records;
}

DefinitionGuess guessed(const Records& records, SniffedSource source = {.place = "f"}) {
  auto guess = guess_definition(source, records);
  EXPECT_TRUE(guess.ok()) << guess.message();
  return guess.ok() ? std::move(guess).value() : DefinitionGuess{};
}

TEST(GuessDefinition, FindsIdTimeFieldsAndNulls) {
  auto records =
      made(100, 10, R"({{"hash":"h{i}","kind":"tx","time":{s},"fee":{i},"rate":1.5,"index":16{s}00000,"note":null}})");
  for (std::size_t i = 0; i < 25; ++i)
    records[i] = fmt::format(R"({{"hash":"h{}","time":{},"fee":null}})", i, 1'778'025'600 + i * 10);
  const auto guess = guessed(records);
  EXPECT_EQ(guess.id, "/hash");
  EXPECT_EQ(guess.time.pointer, "/time");
  EXPECT_EQ(guess.time.how.unit, "s");
  ASSERT_EQ(guess.fields.size(), 3u);
  EXPECT_EQ(guess.fields[0].pointer, "/fee");
  EXPECT_EQ(guess.fields[0].type, FieldType::kInteger);
  EXPECT_NEAR(guess.fields[0].null_rate, 0.25, 1e-12);
  EXPECT_EQ(guess.fields[1].type, FieldType::kNumber);
  EXPECT_EQ(guess.others, (std::vector<std::string>{"/kind (text)"}));
  ASSERT_EQ(guess.aggregates.size(), 3u) << "a constant is not worth an average";
  EXPECT_EQ(guess.aggregates[1].call, "sum(fee)");
  EXPECT_EQ(guess.aggregates[2].call, "avg(fee)");
}

TEST(GuessDefinition, AnIdentifierMustBeUnique) {
  EXPECT_EQ(guessed(made(10, 10, R"({{"id":7,"time":{s}}})")).id, "");
  EXPECT_EQ(guessed(made(10, 10, R"({{"id":7,"trip_id":{i},"time":{s}}})")).id, "/trip_id");
}

TEST(GuessDefinition, TheWindowFollowsTheDensity) {
  const struct {
    std::int64_t step_s;
    Milliseconds window;
  } cases[] = {{1, 1min}, {12, 1min}, {60, 15min}, {600, 1h}, {3600, 24h}, {100'000, 24h}};
  for (const auto& [step_s, window] : cases)
    EXPECT_EQ(guessed(made(200, step_s, R"({{"time":{s}}})")).window, window) << step_s;
}

TEST(GuessDefinition, ALaterTimeIsTheArrivalAndAFileOutOfItsOrderIsSorted) {
  Records records = made(200, 60, R"({{"created":"{t}","updated":"{later}","expires":"2030-01-01T00:00:00Z"}})");
  auto guess = guessed(records);
  EXPECT_EQ(guess.time.pointer, "/created");
  ASSERT_TRUE(guess.arrival);
  EXPECT_EQ(guess.arrival->pointer, "/updated");
  EXPECT_FALSE(guess.sort);
  std::reverse(records.begin(), records.end());
  guess = guessed(records);
  EXPECT_TRUE(guess.sort);
  EXPECT_EQ(guess.lateness, 60s);
}

TEST(GuessDefinition, ALaterTimeOfDaysAfterwardsIsNoArrival) {
  Records records;
  for (std::int64_t i = 0; i < 200; ++i) {
    const std::int64_t ms = 1'778'025'600'000 + i * 3'600'000, review = ms + (i * 37 % 20) * 86'400'000 + 1;
    records.push_back(fmt::format(R"({{"time":"{}","updated":"{}"}})", to_rfc3339(ms), to_rfc3339(review)));
  }
  const auto guess = guessed(records);
  ASSERT_TRUE(guess.arrival);
  EXPECT_EQ(guess.arrival->pointer, "/time");
  EXPECT_FALSE(guess.sort);
  EXPECT_EQ(guess.lateness, 60s);
}

TEST(GuessDefinition, AFileNewestFirstIsSortedByItsOnlyTime) {
  Records records = made(200, 60, R"({{"time":{s}}})");
  EXPECT_FALSE(guessed(records).arrival);
  std::reverse(records.begin(), records.end());
  const auto guess = guessed(records);
  ASSERT_TRUE(guess.arrival);
  EXPECT_EQ(guess.arrival->pointer, "/time");
  EXPECT_TRUE(guess.sort);
}

TEST(GuessDefinition, OfAReplyTheOrderIsSeen) {
  const SniffedSource reply{.kind = SniffedSource::Kind::kHttpPoll, .place = "http://h/", .records = "/txs"};
  Records records = made(20, 1, R"({{"time":{s}}})");
  EXPECT_FALSE(guessed(records, reply).newest_first);
  std::reverse(records.begin(), records.end());
  EXPECT_TRUE(guessed(records, reply).newest_first);
  EXPECT_FALSE(guessed(records, reply).arrival) << "what is polled arrives when it comes";
}

TEST(GuessDefinition, SaysWhatIsMissing) {
  const auto message = [](const Records& records) {
    const auto guess = guess_definition({.place = "f.ndjson"}, records);
    EXPECT_EQ(guess.code(), Code::kInvalidArgument);
    return guess.message();
  };
  EXPECT_EQ(message({}), "f.ndjson: no records; a few are needed to guess from");
  EXPECT_NE(message({"\x01\x02", "\x7f"}).find("2 of the first 2 records are no JSON objects"), std::string::npos);
  const std::string no_time = message({R"({"a":1,"b":{"c":"x"},"volume":1778025600})"});
  EXPECT_NE(no_time.find("no field looks like a time"), std::string::npos);
  EXPECT_NE(no_time.find("/a (number), /b/c (text)"), std::string::npos) << no_time;
}

TEST(FindRecords, TakesTheLargestListOfObjects) {
  const auto found = [](std::string_view text) { return find_records(parse_json(text).value()).value_or("none"); };
  EXPECT_EQ(found(R"({"txs":[{"a":1},{"a":2}],"notes":[{"b":1}]})"), "/txs");
  EXPECT_EQ(found(R"({"data":{"a/b":[{"x":1}]},"n":[1,2,3]})"), "/data/a~1b");
  EXPECT_EQ(found(R"([{"a":1}])"), "");
  EXPECT_EQ(found(R"({"a":1,"list":[]})"), "none");
}

TEST(DefinitionText, QuotesWhatYamlWouldTakeForSomethingElse) {
  const SniffedSource source{.name = "my trips", .place = "my: #trips.csv", .delimiter = "\t", .header = false};
  const std::string text =
      definition_text(source, guessed(made(50, 60, R"({{"Started At: #1, {{":"{t}","x":{i}}})"), source));
  EXPECT_NE(text.find("path: \"my: #trips.csv\""), std::string::npos) << text;
  EXPECT_NE(text.find("delimiter: \"\\t\""), std::string::npos) << text;
  EXPECT_NE(text.find("from: \"/Started At: #1, {\""), std::string::npos) << text;
  EXPECT_NE(text.find("project: my-trips\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace tidecast
