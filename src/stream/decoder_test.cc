#include "stream/decoder.h"

#include <gtest/gtest.h>

#include "stream/record_key.h"

namespace tidecast {
namespace {

constexpr ProcessingTime kArrival = ProcessingTime::from_ms(1'600'000'000'000);

EventMapping mapping() {
  EventMapping event;
  event.id = {"/id"};
  event.time_pointer = "/t";
  event.time.unit = TimeUnit::kMilliseconds;
  event.fields = {{"fee", "/fee", FieldType::kInteger, false, "satoshi"},
                  {"rate", "/rate", FieldType::kNumber, true, ""},
                  {"label", "/label", FieldType::kText, true, ""},
                  {"rbf", "/rbf", FieldType::kBoolean, true, ""}};
  return event;
}

DecodedBatch decode(const EventMapping& event, std::initializer_list<std::string_view> records) {
  RawBatch batch;
  for (const std::string_view record : records) batch.append(record, kArrival);
  batch.pad();
  static RawBatch kept;  // Texts are views into it.
  kept = std::move(batch);
  DecodedBatch events;
  Decoder::compile(event).value().decode(kept, 0, events);
  return events;
}

std::string reason(const EventMapping& event, std::string_view record) {
  const DecodedBatch events = decode(event, {record});
  return events.rejected.empty() ? "" : events.rejected[0].reason;
}

TEST(Decoder, FillsColumns) {
  const DecodedBatch events =
      decode(mapping(), {R"({"id":"a","t":1600000000000,"fee":7,"rate":1.5,"label":"x","rbf":false})",
                         R"({"fee":-8,"t":1600000000001,"id":"b","rate":null})"});
  EXPECT_TRUE(events.rejected.empty());
  EXPECT_EQ(events.events[0].time[1].ms(), 1600000000001);
  EXPECT_EQ(events.key[0], record_key("a"));
  EXPECT_EQ(events.key[1], record_key("b"));
  EXPECT_EQ(events.events[0].columns[0].integers, (std::vector<std::int64_t>{7, -8}));
  EXPECT_EQ(events.events[0].columns[1].numbers[0], 1.5);
  for (std::size_t c = 0; c < 4; ++c) EXPECT_EQ(events.events[0].columns[c].present[0], 1) << c;
  EXPECT_EQ(events.events[0].columns[0].present[1], 1);
  for (std::size_t c = 1; c < 4; ++c) EXPECT_EQ(events.events[0].columns[c].present[1], 0) << c;
}

TEST(Decoder, SaysWhereWhatAndWhatInstead) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"id":"a","t":0,"fee":"abc"})", R"(/fee: found text "abc", expected integer)"},
      {R"({"id":"a","t":0,"fee":1.5})", "/fee: found number 1.5, expected integer"},
      {R"({"id":"a","t":0,"fee":1e3})", "/fee: found number 1e3, expected integer"},
      {R"({"id":"a","t":0,"fee":9223372036854775808})",
       "/fee: found number 9223372036854775808, expected integer of 64 bits"},
      {R"({"id":"a","t":0,"fee":12abc})", "/fee: found 12abc, expected integer"},
      {R"({"id":"a","t":0,"fee":null})", "/fee: found null, expected integer"},
      {R"({"id":"a","t":0})", "/fee: found nothing, expected integer"},
      {R"({"id":"a","t":0,"fee":true})", "/fee: found true, expected integer"},
      {R"({"id":"a","t":0,"fee":{"sat":1}})", "/fee: found an object, expected integer"},
      {R"({"id":"a","t":0,"fee":1,"rate":"1.5"})", R"(/rate: found text "1.5", expected number)"},
      {R"({"id":"a","t":0,"fee":1,"rate":1e999})", "/rate: found number 1e999, expected number of 64 bits"},
      {R"({"id":"a","t":0,"fee":1,"label":{"a":5}})", "/label: found an object, expected text"},
      {R"({"id":"a","t":0,"fee":1,"label":05})", "/label: found 05, expected text"},
      {R"({"id":"a","t":0,"fee":1,"label":"\ud800"})",
       R"(/label: found text "\ud800", expected text without half a character)"},
      {R"({"id":"a","t":0,"fee":1,"rbf":"yes"})", R"(/rbf: found text "yes", expected boolean)"},
      {R"({"id":null,"t":0,"fee":1})", "/id: found null, expected an id: a text that is not empty, or an integer"},
      {R"({"t":0,"fee":1})", "/id: found nothing, expected an id: a text that is not empty, or an integer"},
      {R"({"id":"","t":0,"fee":1})", R"(/id: found text "", expected an id: a text that is not empty, or an integer)"},
      {R"({"id":1.5,"t":0,"fee":1})", "/id: found number 1.5, expected an id: a text that is not empty, or an integer"},
      {R"({"id":"a","t":"0","fee":1})",
       R"(/t: found text "0", expected milliseconds since 1970 as an integer, from 0001-01-08 to 9999-12-24)"},
      {R"({"id":"a","fee":1})",
       "/t: found nothing, expected milliseconds since 1970 as an integer, from 0001-01-08 to 9999-12-24"},
      {R"({"id":"a","t":0,"fee":1)", "not JSON: cut off, or something follows the object"},
  };
  for (const auto& [record, expected] : cases) EXPECT_EQ(reason(mapping(), record), expected) << record;
}

TEST(Decoder, SaysOfALineThatWasCutHowLongItIsAndMayBe) {
  EXPECT_EQ(reason(mapping(), cut_line(4, 101, 100, "xxx; its first")),
            "a line of 101 bytes from byte 4 on, allowed: 100 bytes");
  EXPECT_EQ(reason(mapping(), "a line of 101 bytes"), "not JSON: byte 0: expected an object");
}

TEST(Decoder, KeepsALetterAmongTheLivingInItsPlace) {
  const DecodedBatch events =
      decode(mapping(), {R"({"id":"a","t":0,"fee":1})", R"({"id":"a","t":0,"fee":)", R"({"id":"c","t":0,"fee":3})"});
  using Fate = DecodedBatch::Fate;
  EXPECT_EQ(events.fate, (std::vector<Fate>{Fate::kAlive, Fate::kDead, Fate::kAlive}));
  ASSERT_EQ(events.rejected.size(), 1u);
  EXPECT_EQ(events.rejected[0].record, 1u);
  EXPECT_EQ(events.events[0].columns[0].integers[2], 3);
}

TEST(Decoder, TakesAnIntegerIdByItsDigits) {
  const DecodedBatch events = decode(mapping(), {R"({"id":17,"t":0,"fee":1})", R"({"id":"17","t":0,"fee":1})",
                                                 R"({"id":123456789012345678901234567890,"t":0,"fee":1})"});
  EXPECT_EQ(events.key[0], events.key[1]);
  EXPECT_EQ(events.key[2], record_key("123456789012345678901234567890"));
}

TEST(Decoder, JoinsSeveralIds) {
  EventMapping event = mapping();
  event.id = {"/bike", "/id"};
  const DecodedBatch events =
      decode(event, {R"({"id":"1","bike":"23","t":0,"fee":1})", R"({"id":"31","bike":"2","t":0,"fee":1})",
                     R"({"bike":23,"id":1,"t":0,"fee":1})"});
  EXPECT_NE(events.key[0], events.key[1]);
  EXPECT_EQ(events.key[0], events.key[2]);
}

TEST(Decoder, NeedsNoId) {
  EventMapping event = mapping();
  event.id = {};
  EXPECT_EQ(reason(event, R"({"t":0,"fee":1})"), "");
}

TEST(Decoder, GuardsAgainstTimesFarFromTheArrival) {
  EventMapping event = mapping();
  event.max_ahead = 60s;
  event.max_behind = 1h;
  EXPECT_EQ(reason(event, R"({"id":"a","t":1600000060000,"fee":1})"), "");
  EXPECT_EQ(reason(event, R"({"id":"a","t":1600000060001,"fee":1})"),
            "/t: 2020-09-13T12:27:40.001Z is 60001ms ahead of its arrival, allowed are 1min");
  EXPECT_EQ(reason(event, R"({"id":"a","t":1599996400000,"fee":1})"), "");
  EXPECT_EQ(reason(event, R"({"id":"a","t":1599996399999,"fee":1})"),
            "/t: 2020-09-13T11:26:39.999Z is 3600001ms behind its arrival, allowed are 1h");
}

TEST(Decoder, RefusesAMappingThatIsNone) {
  EventMapping event = mapping();
  event.fields[0].pointer = "fee";
  EXPECT_EQ(Decoder::compile(event).code(), Code::kInvalidArgument);
}

// ---- texts and booleans -----------------------------------------------------------------------------------------

std::string label(std::string_view json) {
  const DecodedBatch events = decode(mapping(), {fmt::format(R"({{"id":"a","t":0,"fee":1,"label":{}}})", json)});
  return events.rejected.empty() ? std::string(events.events[0].columns[2].texts[0]) : events.rejected[0].reason;
}

TEST(Decoder, TakesTextsAsTheyMeanAndNumbersAndBooleansByTheirCharacters) {
  EXPECT_EQ(label(R"("JC014")"), "JC014");
  EXPECT_EQ(label(R"("")"), "");
  EXPECT_EQ(label(R"("a\"b\u00e9\n")"), "a\"b\u00e9\n");
  EXPECT_EQ(label("3207.10"), "3207.10");
  EXPECT_EQ(label("-1e3"), "-1e3");
  EXPECT_EQ(label("true"), "true");
}

TEST(Decoder, KeepsEveryTextOfABatch) {
  std::vector<std::string> records;
  for (int i = 0; i < 100; ++i)
    records.push_back(fmt::format(R"({{"id":"{0}","t":0,"fee":1,"label":"\u0041{0}","rbf":{1}}})", i, i % 3 == 0));
  RawBatch batch;
  for (const std::string& record : records) batch.append(record, kArrival);
  batch.pad();
  DecodedBatch events;
  Decoder::compile(mapping()).value().decode(batch, 0, events);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(events.events[0].columns[2].texts[i], fmt::format("A{}", i));
    EXPECT_EQ(events.events[0].columns[3].booleans[i], i % 3 == 0);
  }
}

// Each of them alone is decoded by the caller's thread; all together are large enough for two.
TEST(Decoder, ReadsALargeBatchAsItReadsItsRecordsOneByOne) {
  std::vector<std::string> records;
  for (int i = 0; i < 2'001; ++i) {
    const std::string_view label =
        i % 3 == 0 ? R"(\u0041 label of some length, so that the batch becomes a large one)" : "x";
    const std::string_view end = i % 7 == 0 ? "" : i % 11 == 0 ? R"(,"t":"soon"})" : "}";
    records.push_back(fmt::format(R"({{"id":"{0}","t":{0},"fee":{0},"label":"{1} {0}"{2})", i, label, end));
  }
  RawBatch batch;
  for (const std::string& record : records) batch.append(record, kArrival);
  batch.append(std::string(64 << 10, ' '), kArrival);
  batch.pad();
  ASSERT_GT(batch.bytes.size(), 128u << 10);
  Decoder decoder = Decoder::compile(mapping()).value();
  DecodedBatch together;
  for (int round = 0; round < 2; ++round) decoder.decode(batch, 0, together);
  std::size_t rejected = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const DecodedBatch alone = decode(mapping(), {records[i]});
    ASSERT_EQ(alone.fate[0], together.fate[i]) << i;
    if (alone.fate[0] == DecodedBatch::Fate::kAlive) {
      ASSERT_EQ(alone.key[0], together.key[i]) << i;
      ASSERT_EQ(alone.events[0].time[0], together.events[0].time[i]) << i;
      ASSERT_EQ(alone.events[0].columns[0].integers[0], together.events[0].columns[0].integers[i]) << i;
      ASSERT_EQ(alone.events[0].columns[2].texts[0], together.events[0].columns[2].texts[i]) << i;
    } else {
      ASSERT_EQ(together.rejected.at(rejected).record, i);
      ASSERT_EQ(alone.rejected.at(0).reason, together.rejected[rejected++].reason) << i;
    }
  }
  EXPECT_EQ(together.rejected.size(), rejected + 1);
}

// ---- fields that are computed where they are missing --------------------------------------------------------------

EventMapping transaction() {  // As a websocket gives it: no fee, but what goes in and what comes out.
  EventMapping event = mapping();
  event.fields = {{"fee", "/fee", FieldType::kInteger, false, "satoshi", {"/in/*/prev_out/value"}, {"/out/*/value"}}};
  return event;
}

std::string fee(std::string_view rest, FieldType type = FieldType::kInteger) {
  EventMapping event = transaction();
  event.fields[0].type = type;
  const DecodedBatch events = decode(event, {fmt::format(R"({{"id":"a","t":0,{}}})", rest)});
  if (!events.rejected.empty()) return events.rejected[0].reason;
  const EventColumn& column = events.events[0].columns[0];
  return type == FieldType::kInteger ? std::to_string(column.integers[0]) : fmt::format("{}", column.numbers[0]);
}

TEST(Decoder, ComputesWhatIsMissing) {
  const char* both =
      R"("in":[{"prev_out":{"value":70}},{"n":1,"prev_out":{"x":[{}],"value":50}}],"out":[{"value":100}])";
  EXPECT_EQ(fee(both), "20");
  EXPECT_EQ(fee(std::string(R"("fee":null,)") + both), "20");
  EXPECT_EQ(fee(std::string(R"("fee":7,)") + both), "7");
  EXPECT_EQ(fee(R"("out":[{"value":1}],"in":[{"prev_out":{"value":3}}])"), "2");
  EXPECT_EQ(fee(R"("in":[{"prev_out":{"value":9,"value":3}}],"out":[{"v\u0061lue":1}])"), "2");
  EXPECT_EQ(fee(R"("in":[],"out":[{"value":3}])"), "-3");
  EXPECT_EQ(fee(R"("in":[{"prev_out":{"value":1.5}}],"out":[{"value":1}])", FieldType::kNumber), "0.5");
}

TEST(Decoder, NeverTakesAbsentForZero) {
  const auto missing = [](std::string_view part) {
    return fmt::format("/fee: found nothing, expected integer, and to compute it {} is missing", part);
  };
  EXPECT_EQ(fee(R"("x":1)"), missing("/in/*/prev_out/value"));
  EXPECT_EQ(fee(R"("in":[{"prev_out":{"value":3}}])"), missing("/out/*/value"));
  EXPECT_EQ(fee(R"("in":[{"prev_out":{"value":3}},{"prev_out":null}],"out":[])"), missing("/in/*/prev_out/value"));
  EXPECT_EQ(fee(R"("in":[{"prev_out":{"value":3}},{}],"out":[])"), missing("/in/*/prev_out/value"));
  EXPECT_EQ(fee(R"("in":[{"prev_out":{"value":null}}],"out":[])"), missing("/in/*/prev_out/value"));
  EXPECT_EQ(fee(R"("in":[{"prev_out":{"value":1.5}}],"out":[])"), missing("/in/*/prev_out/value"));
  EXPECT_EQ(fee(R"("in":{"0":{"prev_out":{"value":3}}},"out":[])"), missing("/in/*/prev_out/value"));
  EXPECT_EQ(fee(R"("in":[{"prev_out":{"value":9223372036854775807}},{"prev_out":{"value":1}}],"out":[])"),
            missing("a sum that fits"));
  EXPECT_EQ(fee(R"("in":[{"prev_out":{"value":9223372036854775807}},{"prev_out":{"value":1}}],"out":[{"value":1}])"),
            "9223372036854775807");
  EventMapping event = transaction();
  event.fields[0].optional = true;
  EXPECT_EQ(decode(event, {R"({"id":"a","t":0})"}).events[0].columns[0].present[0], 0);
}

// ---- routing ----------------------------------------------------------------------------------------------------

TEST(Decoder, GivesARecordToTheFirstMappingWhoseRuleItMeets) {
  std::vector<EventMapping> events(3, mapping());
  events[0].name = "blocks";
  events[0].when = {{"/kind", {"block"}}, {"/v", {"1", "2"}}};
  events[1].name = "trips";
  events[1].sources = {1};
  events[2].name = "rest";
  events[2].when = {{"/kind", {"block", "null", "true"}}};
  Decoder decoder = Decoder::compile(events).value();
  const auto route = [&](std::string_view rest, std::size_t source) {
    RawBatch batch;
    batch.append(fmt::format(R"({{"id":"a","t":0,"fee":1,{}}})", rest), kArrival);
    batch.pad();
    DecodedBatch decoded;
    decoder.decode(batch, source, decoded);
    EXPECT_TRUE(decoded.rejected.empty());
    return decoded.fate[0] == DecodedBatch::Fate::kUnmatched ? "none" : events[decoded.event[0]].name;
  };
  EXPECT_EQ(route(R"("kind":"block","v":1)", 0), "blocks");
  EXPECT_EQ(route(R"("kind":"block","v":"2")", 0), "blocks");
  EXPECT_EQ(route(R"("kind":"block","v":3)", 0), "rest");
  EXPECT_EQ(route(R"("kind":"block","v":3)", 1), "trips");
  EXPECT_EQ(route(R"("kind":"blo\u0063k","v":1)", 1), "blocks");
  EXPECT_EQ(route(R"("kind":null)", 0), "rest");
  EXPECT_EQ(route(R"("kind":true)", Decoder::kNoSource), "rest");
  EXPECT_EQ(route(R"("kind":false)", 0), "none");
  EXPECT_EQ(route(R"("kind":["block"])", 0), "none");
  EXPECT_EQ(route(R"("x":1)", 0), "none");
}

TEST(Decoder, TellsIdsOfTwoMappingsApart) {
  std::vector<EventMapping> events(2, mapping());
  events[0].when = {{"/kind", {"a"}}};
  events[1].name = "b";
  RawBatch batch;
  batch.append(R"({"id":"x","t":0,"fee":1,"kind":"a"})", kArrival);
  batch.append(R"({"id":"x","t":0,"fee":1,"kind":"b"})", kArrival);
  batch.append(R"({"id":"x","t":1,"fee":1,"kind":"b"})", kArrival);
  batch.pad();
  DecodedBatch decoded;
  Decoder::compile(events).value().decode(batch, 0, decoded);
  EXPECT_EQ(decoded.key[0], record_key("x"));
  EXPECT_NE(decoded.key[0], decoded.key[1]);
  EXPECT_EQ(decoded.key[1], decoded.key[2]);
}

TEST(Decoder, RefusesTimeFormatsAndSumsThatAreNone) {
  EventMapping event = mapping();
  event.time = {TimeUnit::kFormat, "%Y-%m-%d", "Mars"};
  EXPECT_EQ(Decoder::compile(event).message(),
            "event: /t: no time zone 'Mars'; allowed: UTC, an offset as +03:00, a name as America/New_York");
  event = transaction();
  event.fields[0].else_plus = {"/*/value"};
  EXPECT_EQ(Decoder::compile(event).message(), "event: '/*/value' begins with '*', but a record is an object");
}

}  // namespace
}  // namespace tidecast
