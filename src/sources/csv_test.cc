#include "sources/csv.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace tidecast {
namespace {

// The fields of a row with a bar between them, or what is wrong with it.
std::string fields_of(std::string_view row, char delimiter = ',') {
  CsvRow fields(delimiter);
  switch (fields.parse(row)) {
    case CsvRow::State::kOpen: return "open";
    case CsvRow::State::kBroken: return "broken";
    case CsvRow::State::kWhole: break;
  }
  std::string all;
  for (std::size_t i = 0; i < fields.size(); ++i) all += (i == 0 ? "" : "|") + std::string(fields.field(row, i));
  return all;
}

TEST(CsvRow, TakesFieldsApartAsRfc4180Says) {
  EXPECT_EQ(fields_of("a,b,c"), "a|b|c");
  EXPECT_EQ(fields_of("a,,"), "a||");
  EXPECT_EQ(fields_of(","), "|");
  EXPECT_EQ(fields_of(" a , b"), " a | b");
  EXPECT_EQ(fields_of(R"("a","b,c",d)"), "a|b,c|d");
  EXPECT_EQ(fields_of(R"("say ""hi""",x)"), R"(say "hi"|x)");
  EXPECT_EQ(fields_of(R"("""","")"), R"("|)");
  EXPECT_EQ(fields_of("\"two\r\nlines\",x"), "two\r\nlines|x");
  EXPECT_EQ(fields_of("a;b,c", ';'), "a|b,c");
  EXPECT_EQ(fields_of("a\tb c", '\t'), "a|b c");
}

TEST(CsvRow, SaysWhatIsOpenAndWhatIsBroken) {
  EXPECT_EQ(fields_of(R"(a,"b)"), "open");
  EXPECT_EQ(fields_of(R"(a,")"), "open");
  EXPECT_EQ(fields_of(R"(a,"b"")"), "open");
  EXPECT_EQ(fields_of(R"(a,"b"c)"), "broken");
  EXPECT_EQ(fields_of(R"(a,"b" ,c)"), "broken");
  EXPECT_EQ(fields_of(R"(a,5" pipe)"), "broken");
}

TEST(CsvRow, GoesOnWhereALineEndedInsideOfQuotes) {
  const std::string row = "1,\"a\nb\"\"\n\",2";
  CsvRow fields(',');
  EXPECT_EQ(fields.parse(row.substr(0, 4)), CsvRow::State::kOpen);
  EXPECT_EQ(fields.parse(row.substr(0, 8)), CsvRow::State::kOpen);
  EXPECT_EQ(fields.parse(row), CsvRow::State::kWhole);
  ASSERT_EQ(fields.size(), 3u);
  EXPECT_EQ(fields.field(row, 1), "a\nb\"\n");
}

std::string object_of(std::vector<std::string> columns, std::string_view row) {
  CsvRow fields(',');
  EXPECT_EQ(fields.parse(row), CsvRow::State::kWhole);
  std::string object;
  CsvObject(std::move(columns)).append(row, fields, object);
  EXPECT_TRUE(parse_json(object).ok()) << object;
  return object;
}

TEST(CsvObject, AValueIsANumberOnlyByJsonsGrammar) {
  const struct {
    std::string_view value, json;
  } cases[] = {
      {"0", "0"},         {"-12", "-12"},         {"1.50", "1.50"},     {"1e5", "1e5"},       {"-0.1E-7", "-0.1E-7"},
      {"007", "\"007\""}, {"+1", "\"+1\""},       {".5", "\".5\""},     {"1.", "\"1.\""},     {"0x1f", "\"0x1f\""},
      {"1e", "\"1e\""},   {"-", "\"-\""},         {"NaN", "\"NaN\""},   {"1 ", "\"1 \""},     {"1,2", "\"1,2\""},
      {"true", "true"},   {"false", "false"},     {"True", "\"True\""}, {"null", "\"null\""}, {"", "null"},
      {"-01", "\"-01\""}, {"1.5.2", "\"1.5.2\""},
  };
  for (const auto& [value, json] : cases)
    EXPECT_EQ(object_of({"a"}, "\"" + std::string(value) + "\""), fmt::format("{{\"a\":{}}}", json)) << value;
  EXPECT_TRUE(is_json_number("12345678901234567890123"));  // Whoever wants an integer will say that it is too long.
}

TEST(CsvObject, TextsAndNamesAreEscaped) {
  EXPECT_EQ(object_of({"a\"b", "c"}, "x,\"tab\t quote\"\" line\r\n back\\ bell\x07\""),
            R"({"a\"b":"x","c":"tab\t quote\" line\r\n back\\ bell\u0007"})");
  EXPECT_EQ(object_of({"größe"}, "naïve 😀"), R"({"größe":"naïve 😀"})");
}

TEST(CsvObject, EmptyAndRepeatedNamesGetNamesOfTheirOwn) {
  EXPECT_EQ(object_of({"", "a", "a", "a_2", "a"}, "1,2,3,4,5"), R"({"c1":1,"a":2,"a_2":3,"a_2_2":4,"a_3":5})");
}

}  // namespace
}  // namespace tidecast
