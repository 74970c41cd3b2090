#include "sources/reply.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/rng.h"

namespace tidecast {
namespace {

constexpr ProcessingTime kArrival = ProcessingTime::from_ms(1234);

std::vector<std::string> texts(const RawBatch& batch) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < batch.records.size(); ++i) all.emplace_back(batch.raw(i));
  return all;
}

Result<std::vector<std::string>> split(std::string_view reply, std::string_view pointer,
                                       ReplyOrder order = ReplyOrder::kOldestFirst) {
  RawBatch batch;
  TRY(split_reply(reply, pointer, order, kArrival, batch));
  return texts(batch);
}

using Texts = std::vector<std::string>;

TEST(SplitReply, GivesTheTextOfEachElementUnchanged) {
  const auto records = split(R"( {"n":2, "txs" : [ {"a": [1, 2 ], "b":"}]"} ,
    {"a":[]}, [ ] ,{}, -1.5e3 , "x\"]" ,null,true ] , "more":{} } )",
                             "/txs");
  ASSERT_TRUE(records.ok()) << records.message();
  EXPECT_EQ(*records,
            (Texts{R"({"a": [1, 2 ], "b":"}]"})", R"({"a":[]})", "[ ]", "{}", "-1.5e3", R"("x\"]")", "null", "true"}));
}

TEST(SplitReply, TurnsANewestFirstReplyRound) {
  EXPECT_EQ(*split("[[1,2,3]]", "/0", ReplyOrder::kNewestFirst), (Texts{"3", "2", "1"}));
}

TEST(SplitReply, AppendsBehindWhatIsThereWithTheArrival) {
  RawBatch batch;
  batch.append("before", ProcessingTime::from_ms(1));
  ASSERT_TRUE(split_reply(R"({"x":[{"a":1}]})", "/x", ReplyOrder::kOldestFirst, kArrival, batch).ok());
  EXPECT_EQ(texts(batch), (Texts{"before", R"({"a":1})"}));
  EXPECT_EQ(batch.records[1].arrival, kArrival);
}

TEST(SplitReply, TakesTheWholeDocumentAsOneRecord) {
  EXPECT_EQ(*split(" {\"op\":\"utx\", \"x\":{}}\n", ""), (Texts{R"({"op":"utx", "x":{}})"}));
  EXPECT_EQ(*split("[1, 2] ", ""), (Texts{"[1, 2]"}));
  EXPECT_EQ(*split(" 17 ", ""), (Texts{"17"}));
  EXPECT_EQ(*split("\"a b\"", ""), (Texts{"\"a b\""}));
}

TEST(SplitReply, FollowsAnyPointer) {
  const std::string_view reply = R"({"a":{"b":[0,{"c/d":[1],"~":[2],"":[3],"\u0065":[4]}]},"a2":[5]})";
  EXPECT_EQ(*split(reply, "/a/b/1/c~1d"), (Texts{"1"}));
  EXPECT_EQ(*split(reply, "/a/b/1/~0"), (Texts{"2"}));
  EXPECT_EQ(*split(reply, "/a/b/1/"), (Texts{"3"}));
  EXPECT_EQ(*split(reply, "/a/b/1/e"), (Texts{"4"}));
  EXPECT_EQ(*split(reply, "/a2"), (Texts{"5"}));
}

TEST(SplitReply, AnEmptyArrayHasNoRecords) { EXPECT_EQ(*split(R"({"txs":[ ]})", "/txs"), Texts{}); }

TEST(SplitReply, SaysWhatIsWrongAndAppendsNothing) {
  struct Case {
    std::string_view reply, pointer, message;
  };
  const Case cases[] = {
      {"", "/txs", "byte 0: not JSON: the reply is empty"},
      {"  \n", "", "byte 0: not JSON: the reply is empty"},
      {"<html>Too many requests</html>", "/txs", "byte 0: not JSON: it begins with '<html>Too many reque'"},
      {R"({"txs":{"a":1}})", "/txs", "/txs: not an array but an object"},
      {R"({"txs":17})", "/txs", "/txs: not an array but a number"},
      {R"({"txs":null})", "/txs", "/txs: not an array but null"},
      {R"({"error":"limit"})", "/txs", "/txs: not found"},
      {R"({"txs":[]})", "/txs/0", "/txs/0: not found"},
      {R"({"txs":[[1]]})", "/txs/x", "/txs/x: not found"},
      {R"({"txs":[[1]]})", "/txs/00", "/txs/00: not found"},
      {R"({"txs":3})", "/txs/x", "/txs/x: not found"},
      {"17", "/txs", "/txs: not found, the reply is a number"},
      {R"({"txs":[1]})", "txs", "records: 'txs' is no JSON Pointer; it begins with / or is empty"},
      {R"({"txs":[1]})", "/t~xs", "records: '/t~xs': after ~ only 0 and 1 are allowed"},
  };
  for (const Case& c : cases) {
    RawBatch batch;
    batch.append("before", kArrival);
    const Status status = split_reply(c.reply, c.pointer, ReplyOrder::kOldestFirst, kArrival, batch);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << c.reply;
    EXPECT_EQ(status.message(), c.message) << c.reply;
    EXPECT_EQ(texts(batch), Texts{"before"});
  }
}

TEST(SplitReply, RefusesWhatIsNotOneJsonDocument) {
  for (const std::string_view reply :
       {R"({"txs":[1,2})", R"({"txs":[1,2)", R"({"txs":[1 2]})", R"({"txs":[1,]})", R"({"txs":[,1]})", R"({"txs" [1]})",
        R"({"txs":[1]}})", R"({"txs":[1]} {"txs":[2]})", R"({"txs":[1]} 7)", R"({"txs":[1],"a")",
        R"({"txs":[1] "a":2})", R"({"txs":["a]})", R"({"txs":[x]})", R"({"txs":[{"a":1}})", "{\"txs\":[\"\xff\"]}"}) {
    const auto records = split(reply, "/txs");
    EXPECT_EQ(records.code(), Code::kInvalidArgument) << reply;
    EXPECT_NE(records.message().find("not JSON"), std::string::npos) << reply << ": " << records.message();
  }
  for (const std::string_view reply : {"{\"a\":1", "[1,2", "1 2", "nul", "-", "\"a", "{} {}"}) {
    EXPECT_EQ(split(reply, "").code(), Code::kInvalidArgument) << reply;
  }
}

// Random JSON, written with random white space.
class RandomJson {
 public:
  explicit RandomJson(std::uint64_t seed) : rng_(seed) {}

  std::string space() {
    static constexpr std::string_view kSpaces[] = {"", "", "", " ", "\n", "\t ", "  \r\n", "          "};
    return std::string(kSpaces[rng_.below(std::size(kSpaces))]);
  }
  std::string text() {
    static constexpr std::string_view kParts[] = {"a", "{",     "}",     "[",         "]",        ",",
                                                  ":", R"(\")", R"(\\)", R"(\u0041)", "\xc3\xa9", " "};
    std::string text = "\"";
    for (std::uint64_t n = rng_.below(12); n > 0; --n) text += kParts[rng_.below(std::size(kParts))];
    return text + '"';
  }
  std::string value(int depth) {
    switch (rng_.below(depth > 0 ? 8 : 5)) {
      case 0: return fmt::format("{}", static_cast<std::int64_t>(rng_.next()) >> rng_.below(60));
      case 1: return shortest(rng_.normal());
      case 2: return text();
      case 3: return rng_.below(2) != 0 ? "true" : "false";
      case 4: return "null";
      case 5: return array(depth - 1, nullptr);
      default: return object(depth - 1);
    }
  }
  std::string object(int depth) {
    std::string made = "{" + space();
    for (std::uint64_t i = 0, n = rng_.below(5); i < n; ++i) {
      if (i > 0) made += "," + space();
      made += fmt::format("\"k{}\"{}:{}{}{}", i, space(), space(), value(depth), space());
    }
    return made + "}";
  }
  std::string array(int depth, std::vector<std::string>* elements) {
    std::string made = "[" + space();
    for (std::uint64_t i = 0, n = rng_.below(8); i < n; ++i) {
      if (i > 0) made += "," + space();
      const std::string element = value(depth);
      if (elements) elements->push_back(element);
      made += element + space();
    }
    return made + "]";
  }
  Rng& rng() { return rng_; }

 private:
  Rng rng_;
};

TEST(SplitReply, AgreesWithAFullParserOnRandomDocuments) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE(seed);
    RandomJson random(seed);
    std::vector<std::string> elements;
    const std::string array = random.array(4, &elements);
    const std::string reply = random.space() + "{" + random.space() + "\"a\":" + random.value(2) +
                              ",\"txs\":" + random.space() + array + ",\"z\":" + random.value(2) + "}" + random.space();
    const auto parsed = parse_json(reply);
    ASSERT_TRUE(parsed.ok()) << reply;
    const auto records = split(reply, "/txs");
    ASSERT_TRUE(records.ok()) << records.message() << "\n" << reply;
    EXPECT_EQ(*records, elements);
    const json::array& expected = parsed->at("txs").as_array();
    ASSERT_EQ(records->size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(*parse_json((*records)[i]), expected[i]);

    std::vector<std::string> turned = *split(reply, "/txs", ReplyOrder::kNewestFirst);
    std::reverse(turned.begin(), turned.end());
    EXPECT_EQ(turned, elements);
  }
}

TEST(SplitReply, RefusesEveryReplyThatIsCutShort) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    const std::string reply = R"({"n":1,"txs":)" + RandomJson(seed).array(3, nullptr) + R"(,"z":{"a":[]}})";
    ASSERT_TRUE(split(reply, "/txs").ok());
    for (std::size_t length = 0; length < reply.size(); ++length) {
      EXPECT_FALSE(split(reply.substr(0, length), "/txs").ok()) << reply.substr(0, length);
    }
  }
}

TEST(SplitReply, IsUnharmedByDamagedBytesAndRightWhereTheyLeaveJson) {
  for (std::uint64_t seed = 1; seed <= 20000; ++seed) {
    RandomJson random(seed);
    std::string reply = R"({"txs":)" + random.array(2, nullptr) + "}";
    for (std::uint64_t n = 1 + random.rng().below(2); n > 0; --n) {
      reply[random.rng().below(reply.size())] = R"({}[]",:1 tx\)"[random.rng().below(12)];
    }
    const auto records = split(reply, "/txs");
    const auto parsed = parse_json(reply);
    if (!parsed.ok()) continue;
    const json::value* const array = parsed->is_object() ? parsed->get_object().if_contains("txs") : nullptr;
    ASSERT_EQ(records.ok(), array != nullptr && array->is_array()) << reply;
    if (!records.ok()) continue;
    ASSERT_EQ(records->size(), array->get_array().size()) << reply;
    for (std::size_t i = 0; i < records->size(); ++i) ASSERT_EQ(*parse_json((*records)[i]), array->at(i)) << reply;
  }
}

}  // namespace
}  // namespace tidecast
