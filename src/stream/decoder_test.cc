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

EventBatch decode(const EventMapping& event, std::initializer_list<std::string_view> records) {
  RawBatch batch;
  for (const std::string_view record : records) batch.append(record, kArrival);
  batch.pad();
  EventBatch events;
  Decoder::compile(event).value().decode(batch, events);
  return events;
}

std::string reason(const EventMapping& event, std::string_view record) {
  const EventBatch events = decode(event, {record});
  return events.rejected.empty() ? "" : events.rejected[0].reason;
}

TEST(Decoder, FillsColumns) {
  const EventBatch events =
      decode(mapping(), {R"({"id":"a","t":1600000000000,"fee":7,"rate":1.5,"label":"x","rbf":false})",
                         R"({"fee":-8,"t":1600000000001,"id":"b","rate":null})"});
  EXPECT_TRUE(events.rejected.empty());
  EXPECT_EQ(events.time[1].ms(), 1600000000001);
  EXPECT_EQ(events.key[0], record_key("a"));
  EXPECT_EQ(events.key[1], record_key("b"));
  EXPECT_EQ(events.columns[0].integers, (std::vector<std::int64_t>{7, -8}));
  EXPECT_EQ(events.columns[1].numbers[0], 1.5);
  for (std::size_t c = 0; c < 4; ++c) EXPECT_EQ(events.columns[c].present[0], 1) << c;
  EXPECT_EQ(events.columns[0].present[1], 1);
  for (std::size_t c = 1; c < 4; ++c) EXPECT_EQ(events.columns[c].present[1], 0) << c;
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
      {R"({"id":"a","t":0,"fee":1,"label":5})", "/label: found number 5, expected text"},
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

TEST(Decoder, KeepsALetterAmongTheLivingInItsPlace) {
  const EventBatch events =
      decode(mapping(), {R"({"id":"a","t":0,"fee":1})", R"({"id":"a","t":0,"fee":)", R"({"id":"c","t":0,"fee":3})"});
  EXPECT_EQ(events.alive, (std::vector<std::uint8_t>{1, 0, 1}));
  ASSERT_EQ(events.rejected.size(), 1u);
  EXPECT_EQ(events.rejected[0].record, 1u);
  EXPECT_EQ(events.columns[0].integers[2], 3);
}

TEST(Decoder, TakesAnIntegerIdByItsDigits) {
  const EventBatch events = decode(mapping(), {R"({"id":17,"t":0,"fee":1})", R"({"id":"17","t":0,"fee":1})",
                                               R"({"id":123456789012345678901234567890,"t":0,"fee":1})"});
  EXPECT_EQ(events.key[0], events.key[1]);
  EXPECT_EQ(events.key[2], record_key("123456789012345678901234567890"));
}

TEST(Decoder, JoinsSeveralIds) {
  EventMapping event = mapping();
  event.id = {"/bike", "/id"};
  const EventBatch events =
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

}  // namespace
}  // namespace tidecast
