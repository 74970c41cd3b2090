#include "stream/json_scanner.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/rng.h"
#include "flow/event.h"

namespace tidecast {
namespace {

// Scans text that is followed by another record, as in a batch: what stands behind a record must not matter.
class Scan {
 public:
  explicit Scan(std::vector<std::string> pointers, std::string_view behind = R"({"next":[1,"two"]})")
      : scanner_(PointerTree::compile(pointers).value()), behind_(behind) {}

  bool operator()(std::string_view record) {
    padded_ = std::string(record) + behind_ + std::string(kRawPadding, '\0');
    return scanner_.scan(std::string_view(padded_).substr(0, record.size()));
  }
  std::string raw(std::size_t slot) { return std::string(scanner_.value(slot).raw); }
  std::optional<std::string> text(std::size_t slot) {
    const auto text = scanner_.text(scanner_.value(slot));
    return text ? std::optional(std::string(*text)) : std::nullopt;
  }
  JsonKind kind(std::size_t slot) { return scanner_.value(slot).kind; }
  const std::string& error() { return scanner_.error(); }

 private:
  JsonScanner scanner_;
  std::string behind_, padded_;
};

TEST(JsonScanner, FindsValuesInAnyOrderAndAtAnyDepth) {
  Scan scan({"/hash", "/x/time", "/out/1/value", "/none", "/x"});
  ASSERT_TRUE(scan(R"( { "x" : {"time":17 , "more":[{}]}, "out":[{"value":1},{"value":-2.5}], "hash":"ab" } )"))
      << scan.error();
  EXPECT_EQ(scan.raw(0), "\"ab\"");
  EXPECT_EQ(scan.raw(1), "17");
  EXPECT_EQ(scan.raw(2), "-2.5");
  EXPECT_EQ(scan.kind(3), JsonKind::kMissing);
  EXPECT_EQ(scan.kind(4), JsonKind::kObject);
}

TEST(JsonScanner, TellsKindsApart) {
  Scan scan({"/a", "/b", "/c", "/d", "/e", "/f", "/g"});
  ASSERT_TRUE(scan(R"({"a":null,"b":true,"c":false,"d":-1,"e":"x","f":{},"g":[]})"));
  const JsonKind kinds[] = {JsonKind::kNull, JsonKind::kBoolean, JsonKind::kBoolean, JsonKind::kNumber,
                            JsonKind::kText, JsonKind::kObject,  JsonKind::kArray};
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(scan.kind(i), kinds[i]) << i;
}

TEST(JsonScanner, LetsTheLastOfTwoEqualKeysCount) {
  Scan scan({"/a", "/o/b"});
  ASSERT_TRUE(scan(R"({"a":1,"o":{"b":1},"a":2})"));
  EXPECT_EQ(scan.raw(0), "2");
  EXPECT_EQ(scan.raw(1), "1");
  ASSERT_TRUE(scan(R"({"o":{"b":1,"b":3},"o":{"c":2}})"));
  EXPECT_EQ(scan.kind(1), JsonKind::kMissing);  // The second "o" has no "b".
}

TEST(JsonScanner, ReadsEscapedKeysAndTexts) {
  Scan scan({"/fee", "/a~1b"});
  ASSERT_TRUE(scan(R"({"\u0066ee":"x\"\\\u00e9\ud83d\ude00","a\/b":"plain"})")) << scan.error();
  EXPECT_EQ(scan.text(0), "x\"\\\u00e9\U0001F600");
  EXPECT_EQ(scan.text(1), "plain");
  ASSERT_TRUE(scan(R"({"fee":"\ud83d"})"));
  EXPECT_EQ(scan.text(0), std::nullopt);  // Half a pair stands for nothing.
}

TEST(JsonScanner, SaysWhatIsWrongAndWhere) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "not JSON: empty"},
      {"   ", "not JSON: empty"},
      {"<html>", "not JSON: byte 0: expected an object"},
      {"[1]", "not JSON: byte 0: expected an object"},
      {"17", "not JSON: byte 0: expected an object"},
      {R"({"a":1)", "not JSON: cut off, or something follows the object"},
      {R"({"a":1} x)", "not JSON: cut off, or something follows the object"},
      {R"({"a":1}{"b":2})", "not JSON: byte 7: expected nothing after the object"},
      {R"({"a":{"b":1})", "not JSON: cut off"},
      {R"({"a":"b)", "not JSON: a text does not end"},
      {"{\"a\":\"\xff\"}", "not JSON: invalid UTF-8"},
      {"{\"a\":\"\n\"}", "not JSON: a control character inside a text"},
      {R"({"a" 1})", "not JSON: byte 1: expected a key and a colon"},
      {R"({a:1})", "not JSON: byte 1: expected a key and a colon"},
      {R"({"a":1,})", "not JSON: byte 7: expected a key and a colon"},
      {R"({"a":[1,]})", "not JSON: byte 8: expected a value"},
      {R"({"a":[}})", "not JSON: byte 6: expected a value"},
      {R"({"a":[1}})", "not JSON: byte 7: expected a comma or the closing bracket"},
      {R"({"a":nil})", "not JSON: byte 5: expected a value"},
      {R"({"a":truest})", "not JSON: byte 5: expected a value"},
      {R"({"a":NaN})", "not JSON: byte 5: expected a value"},
      {R"({"a":"\q"})", "not JSON: byte 6: no such escape"},
      {R"({"a":"\u12g4"})", "not JSON: byte 6: no such escape"},
      {R"({"a":1 "b":2})", "not JSON: byte 7: expected a comma or a closing brace"},
  };
  Scan scan({"/fee"});
  for (const auto& [record, error] : cases) {
    EXPECT_FALSE(scan(record)) << record;
    EXPECT_EQ(scan.error(), error) << record;
  }
}

TEST(JsonScanner, RefusesBottomlessNesting) {
  Scan scan({"/fee"});
  const auto nested = [](int n) { return "{\"a\":" + std::string(n, '[') + std::string(n, ']') + "}"; };
  EXPECT_TRUE(scan(nested(63)));
  EXPECT_FALSE(scan(nested(64)));
  EXPECT_FALSE(scan(nested(100'000)));
  EXPECT_NE(scan.error().find("at most 64 levels"), std::string::npos) << scan.error();
}

TEST(JsonScanner, ForgetsTheRecordBefore) {
  Scan scan({"/a"});
  ASSERT_TRUE(scan(R"({"a":1})"));
  ASSERT_TRUE(scan(R"({"b":1})"));
  EXPECT_EQ(scan.kind(0), JsonKind::kMissing);
}

// simdjson's DOM parser validates everything; we leave out the tails of numbers, which these mutations do not touch.
TEST(JsonScanner, AgreesWithAFullParserOnDamagedRecords) {
  const std::string_view sample =
      R"({"hash":"ab","time":1,"x":{"n":[1,2,{"k":null}],"t":true},"esc":"\u0041\n","out":[{"value":3},{}],"e":[]})";
  constexpr std::string_view kBytes = "{}[],:\" \\tn\x01\xc3\xa9";
  constexpr std::uint64_t kSeed = 20261123;
  SCOPED_TRACE(kSeed);
  Rng rng(kSeed);
  Scan scan({"/hash", "/x/n/2/k", "/out/0/value"});
  simdjson::dom::parser full;
  int valid = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string record(sample);
    for (std::uint64_t edits = 1 + rng.below(3); edits > 0 && !record.empty(); --edits) {
      const std::size_t at = rng.below(record.size());
      switch (rng.below(4)) {
        case 0: record.erase(at, 1 + rng.below(4)); break;
        case 1: record.insert(at, 1, kBytes[rng.below(kBytes.size())]); break;
        case 2: record[at] = kBytes[rng.below(kBytes.size())]; break;
        default: record.resize(at + 1); break;
      }
    }
    simdjson::dom::element document;
    const auto code = full.parse(simdjson::padded_string(record)).get(document);
    bool expected = code == simdjson::SUCCESS && document.is_object();
    if (code == simdjson::STRING_ERROR) continue;  // It also refuses half a surrogate pair, which the grammar allows.
    valid += expected;
    const bool scanned = scan(record);
    // A number's tail runs to the next comma, bracket or space: 1t, 1\ and 1"... are not looked at unless mapped.
    if (code == simdjson::NUMBER_ERROR && scanned) continue;
    ASSERT_EQ(scanned, expected) << record << "\n" << scan.error() << " / " << simdjson::error_message(code);
  }
  EXPECT_GT(valid, 1'000);
}

}  // namespace
}  // namespace tidecast
