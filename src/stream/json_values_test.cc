#include "stream/json_values.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

JsonValue number(std::string_view raw) { return {JsonKind::kNumber, raw}; }

TEST(JsonValues, TakesIntegersExactlyOrNotAtAll) {
  EXPECT_EQ(integer_of(number("0")), 0);
  EXPECT_EQ(integer_of(number("-0")), 0);
  EXPECT_EQ(integer_of(number("9223372036854775807")), INT64_MAX);
  EXPECT_EQ(integer_of(number("-9223372036854775808")), INT64_MIN);
  for (const char* wrong :
       {"9223372036854775808", "-9223372036854775809", "1.0", "1e3", "007", "-01", "1x", "-", "1\"a\""})
    EXPECT_EQ(integer_of(number(wrong)), std::nullopt) << wrong;
  EXPECT_EQ(integer_of({JsonKind::kText, "\"1\""}), std::nullopt);
}

TEST(JsonValues, TakesNumbersByTheGrammarOfJson) {
  EXPECT_EQ(number_of(number("-2.5e-1")), -0.25);
  EXPECT_EQ(number_of(number("9007199254740993")), 9007199254740992.0);
  for (const char* wrong : {"01", "1.", ".5", "1e", "+1", "1.5x", "0x10", "1e999", "--1"})
    EXPECT_EQ(number_of(number(wrong)), std::nullopt) << wrong;
}

TEST(JsonValues, KnowsTheFormOfANumber) {
  EXPECT_EQ(form_of("-17"), NumberForm::kInteger);
  EXPECT_EQ(form_of("0.50"), NumberForm::kDecimal);
  EXPECT_EQ(form_of("1E+9"), NumberForm::kExponent);
  EXPECT_EQ(form_of("1.5e9"), NumberForm::kExponent);
  EXPECT_EQ(form_of(""), NumberForm::kNone);
}

TEST(JsonValues, DescribesWhatStandsThere) {
  EXPECT_EQ(describe({}), "nothing");
  EXPECT_EQ(describe({JsonKind::kNull, "null"}), "null");
  EXPECT_EQ(describe({JsonKind::kBoolean, "true"}), "true");
  EXPECT_EQ(describe({JsonKind::kText, "\"abc\""}), "text \"abc\"");
  EXPECT_EQ(describe(number("1.5")), "number 1.5");
  EXPECT_EQ(describe(number("12abc")), "12abc");
  EXPECT_EQ(describe({JsonKind::kObject, "{"}), "an object");
  EXPECT_EQ(describe({JsonKind::kArray, "["}), "an array");
}

TEST(JsonValues, CutsLongTextBetweenCharacters) {
  const std::string long_text = "\"" + std::string(58, 'x') + "\u00e9\u00e9\"";  // Bytes 59, 60: the first.
  EXPECT_EQ(describe({JsonKind::kText, long_text}), "text \"" + std::string(58, 'x') + "...");
}

}  // namespace
}  // namespace tidecast
