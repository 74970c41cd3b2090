#include "stream/predicate.h"

#include <gtest/gtest.h>

#include "stream/decoder.h"

namespace tidecast {
namespace {

EventMapping mapping() {
  EventMapping event;
  event.time_pointer = "/t";
  event.fields = {{"fee", "/fee", FieldType::kInteger, true},
                  {"rate", "/rate", FieldType::kNumber, true},
                  {"kind", "/kind", FieldType::kText, true},
                  {"member", "/member", FieldType::kBoolean, true}};
  return event;
}

bool matches(std::string_view where, std::string_view fields) {
  const auto predicate = Predicate::parse(where, mapping());
  if (!predicate.ok()) return ADD_FAILURE() << where << ": " << predicate.message(), false;
  RawBatch batch;
  batch.append(fmt::format(R"({{"t":0{}{}}})", fields.empty() ? "" : ",", fields), ProcessingTime());
  batch.pad();
  DecodedBatch decoded;
  Decoder::compile(mapping()).value().decode(batch, 0, decoded);
  EXPECT_TRUE(decoded.rejected.empty()) << fields;
  return predicate->matches(decoded.events[0], 0);
}

TEST(Predicate, ComparesFieldsWithLiteralsAndEachOther) {
  const std::pair<const char*, bool> cases[] = {{"fee = 7", true},
                                                {"fee <> 7", false},
                                                {"fee != 8", true},
                                                {"fee < 8", true},
                                                {"fee < 7", false},
                                                {"fee <= 7", true},
                                                {"fee > 6", true},
                                                {"fee > 7", false},
                                                {"fee >= 7", true},
                                                {"7 = fee", true},
                                                {"fee > -1", true},
                                                {"fee > 6.5", true},
                                                {"fee = 7.0", true},
                                                {"rate = 1.5", true},
                                                {"rate > 1", true},
                                                {"rate < fee", true},
                                                {"fee > 1e0", true},
                                                {"kind = 'trip'", true},
                                                {"kind = 'Trip'", false},
                                                {"kind > 'tri'", true},
                                                {"kind < 'triq'", true},
                                                {"member", true},
                                                {"NOT member", false},
                                                {"member = TRUE", true},
                                                {"member <> false", true},
                                                {"TRUE", true},
                                                {"FALSE", false},
                                                {"fee IN (1, 7)", true},
                                                {"fee IN (1, 8)", false},
                                                {"fee NOT IN (1, 8)", true},
                                                {"rate IN (1, 1.5)", true},
                                                {"kind IN ('a','trip')", true},
                                                {"fee BETWEEN 7 AND 7", true},
                                                {"fee BETWEEN 8 AND 9", false},
                                                {"fee NOT BETWEEN 8 AND 9", true},
                                                {"kind BETWEEN 'a' AND 'z' AND fee = 7", true},
                                                {"fee IS NULL", false},
                                                {"fee IS NOT NULL", true},
                                                {"not not (fee=7)", true},
                                                {"fee=7 and(kind='x'or member)", true},
                                                {"fee = 7 OR fee = 8 AND fee = 9", true},
                                                {"(fee = 7 OR fee = 8) AND fee = 9", false}};
  for (const auto& [where, expected] : cases)
    EXPECT_EQ(matches(where, R"("fee":7,"rate":1.5,"kind":"trip","member":true)"), expected) << where;
}

TEST(Predicate, ComparesIntegersExactlyAndTextsByTheirBytes) {
  EXPECT_FALSE(matches("fee = 9007199254740992", R"("fee":9007199254740993)"));
  EXPECT_TRUE(matches("fee = -9223372036854775808", R"("fee":-9223372036854775808)"));
  EXPECT_TRUE(matches("kind > 'z'", R"("kind":"\u00e9")"));
  EXPECT_TRUE(matches("kind = 'it''s'", R"("kind":"it's")"));
  EXPECT_TRUE(matches("kind = ''", R"("kind":"")"));
}

// A row counts only if the condition is true: false and unknown are told apart by NOT.
TEST(Predicate, KnowsUnknownAsSqlDoes) {
  const auto truth = [](const std::string& where) {
    const bool is = matches(where, R"("kind":"a")"), is_not = matches("NOT (" + where + ")", R"("kind":"a")");
    return is ? "true" : is_not ? "false" : "unknown";
  };
  const std::pair<const char*, const char*> cases[] = {{"fee = 1", "unknown"},
                                                       {"fee <> 1", "unknown"},
                                                       {"fee IS NULL", "true"},
                                                       {"fee IS NOT NULL", "false"},
                                                       {"member", "unknown"},
                                                       {"fee IN (1, 2)", "unknown"},
                                                       {"fee NOT IN (1, 2)", "unknown"},
                                                       {"fee BETWEEN 1 AND 2", "unknown"},
                                                       {"fee = 1 AND kind = 'a'", "unknown"},
                                                       {"fee = 1 AND kind = 'b'", "false"},
                                                       {"kind = 'b' AND fee = 1", "false"},
                                                       {"fee = 1 OR kind = 'a'", "true"},
                                                       {"kind = 'a' OR fee = 1", "true"},
                                                       {"fee = 1 OR kind = 'b'", "unknown"},
                                                       {"fee = rate", "unknown"}};
  for (const auto& [where, expected] : cases) EXPECT_EQ(truth(where), std::string(expected)) << where;
}

TEST(Predicate, ReadsTheSameAsSql) {
  const auto sql = [](std::string_view where, char quote = '"') {
    return Predicate::parse(where, mapping()).value().sql(quote);
  };
  EXPECT_EQ(sql("fee>0 and (kind='it''s' or not member)"), R"(("fee" > 0 AND ("kind" = 'it''s' OR (NOT "member"))))");
  EXPECT_EQ(sql("fee > 0", '`'), "`fee` > 0");
  EXPECT_EQ(sql("fee > 1.5"), R"(CAST("fee" AS DOUBLE) > CAST(1.5 AS DOUBLE))");
  EXPECT_EQ(sql("rate > 1"), R"("rate" > CAST(1 AS DOUBLE))");
  EXPECT_EQ(sql("fee NOT IN (-1, 2)"), R"((NOT "fee" IN (-1, 2)))");
  EXPECT_EQ(sql("fee BETWEEN 1 AND 2"), R"(("fee" >= 1 AND "fee" <= 2))");
  EXPECT_EQ(sql("kind IS NOT NULL"), R"((NOT "kind" IS NULL))");
  EXPECT_EQ(sql("member != true"), R"("member" <> TRUE)");
}

TEST(Predicate, SaysWhereItIsWrongAndWhatIsAllowed) {
  struct Wrong {
    std::string_view where;
    std::size_t offset, length;
    std::string_view message;
  };
  const Wrong cases[] = {
      {"fees > 0", 0, 4, "'fees' is no field of event.fields; allowed: fee, rate, kind, member"},
      {"fee > 'a'", 6, 3, "'a' is text, compared with integer; allowed: integer, number"},
      {"kind = 1", 7, 1, "1 is integer, compared with text; allowed: text"},
      {"fee", 0, 3, "fee alone is no condition, but integer; allowed: a comparison, or a boolean"},
      {"", 0, 0, "it ends too early; allowed: fee, rate, kind, member, a number, a 'text', TRUE, FALSE"},
      {"fee >", 5, 0, "it ends too early; allowed: fee, rate, kind, member, a number, a 'text', TRUE, FALSE"},
      {"fee = 1 kind", 8, 4, "found kind; allowed: AND, OR, or the end"},
      {"(fee = 1", 8, 0, "it ends too early; allowed: AND, OR, )"},
      {"fee LIKE 1", 4, 4, "found LIKE; allowed: = <> < <= > >=, IS, IN, BETWEEN, NOT IN, NOT BETWEEN"},
      {"fee IS 1", 7, 1, "found 1; allowed: NULL, NOT NULL"},
      {"fee NOT 1", 8, 1, "found 1; allowed: IN, BETWEEN"},
      {"fee IN 1", 7, 1, "found 1; allowed: ("},
      {"fee IN (1", 9, 0, "it ends too early; allowed: , )"},
      {"fee IN (rate)", 8, 4, "found the field rate; allowed: numbers, 'texts', TRUE, FALSE"},
      {"fee BETWEEN 1 OR 2", 14, 2, "found OR; allowed: AND"},
      {"kind = 'a", 7, 2, "a text does not end; allowed: 'text'"},
      {"fee = 1; DROP", 7, 1, "found ;; allowed: fields, numbers, 'texts', = <> < <= > >= ( ) , and words of SQL"},
      {"fee = 9223372036854775808", 6, 19, "9223372036854775808 is no integer of 64 bits; allowed: numbers"},
      {"fee = 1x", 6, 2, "1x is no integer of 64 bits; allowed: numbers"},
      {"fee = 1e999", 6, 5, "1e999 is no number; allowed: as 1, 1.5, 1e6"},
      {"member > FALSE", 14, 0, "booleans have no order; allowed: = <>"}};
  for (const Wrong& wrong : cases) {
    Predicate::Fault fault;
    const auto predicate = Predicate::parse(wrong.where, mapping(), &fault);
    EXPECT_EQ(predicate.code(), Code::kInvalidArgument) << wrong.where;
    EXPECT_EQ(predicate.message(), wrong.message) << wrong.where;
    EXPECT_EQ(fault.offset, wrong.offset) << wrong.where;
    EXPECT_EQ(fault.length, wrong.length) << wrong.where;
  }
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += '(';
  EXPECT_EQ(Predicate::parse(deep, mapping()).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tidecast
