#include "app/definition_errors.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

DefinitionError error_at(int column, int width, std::string allowed, std::string source) {
  return {.line = 1,
          .column = column,
          .width = width,
          .path = "",
          .found = "wrong",
          .allowed = std::move(allowed),
          .nearest = "",
          .source = std::move(source)};
}

const std::vector<std::string_view> kWords = {"count", "sum", "min", "max", "avg", "max_behind", "integer"};

TEST(NearestWord, IsOneSlipAway) {
  EXPECT_EQ(nearest_word("cuont", kWords), "count");
  EXPECT_EQ(nearest_word("coun", kWords), "count");
  EXPECT_EQ(nearest_word("summ", kWords), "sum");
  EXPECT_EQ(nearest_word("AVG", kWords), "avg");
  EXPECT_EQ(nearest_word("max-behind", kWords), "max_behind");
}

TEST(NearestWord, IsWhatAWordAbbreviatesOrMeans) {
  EXPECT_EQ(nearest_word("int", kWords), "integer");
  EXPECT_EQ(nearest_word("mean", kWords, {{"mean", "avg"}}), "avg");
}

TEST(NearestWord, IsNothingWhereNothingIsNear) {
  EXPECT_EQ(nearest_word("quantile", kWords), "");
  EXPECT_EQ(nearest_word("", kWords), "");
  EXPECT_EQ(nearest_word("x", kWords), "");
  EXPECT_EQ(nearest_word(std::string(10'000, 'a'), kWords), "");
}

TEST(DefinitionErrorText, LooksAsTheSpecificationShowsIt) {
  const DefinitionError error{.line = 31,
                              .column = 16,
                              .width = 4,
                              .path = "features[0].columns.avg_fee",
                              .found = "'mean' is no aggregate of mine",
                              .allowed = "count, sum, min, max, avg",
                              .nearest = "avg",
                              .source = "      avg_fee: mean(fee)"};
  EXPECT_EQ(to_text(error, "tidecast.yaml"),
            "tidecast.yaml:31:16: features[0].columns.avg_fee: 'mean' is no aggregate of mine\n"
            "    avg_fee: mean(fee)\n"
            "             ^~~~ allowed: count, sum, min, max, avg. Did you mean 'avg'?");
}

TEST(DefinitionErrorText, MarksCharactersNotBytes) {
  EXPECT_EQ(to_text(error_at(8, 2, "b", "\tä: é, ü€ x"), "f"), "f:1:8: wrong\n    ä: é, ü€ x\n          ^~ allowed: b");
}

TEST(DefinitionErrorText, ShowsOfALongLineWhatStandsRoundTheMark) {
  const std::string line = std::string(200, 'a') + "bad" + std::string(200, 'c');
  const std::string shown = "    ... " + std::string(50, 'a') + "bad" + std::string(47, 'c') + " ...\n";
  EXPECT_EQ(to_text(error_at(201, 3, "", line), "f"), "f:1:201: wrong\n" + shown + std::string(58, ' ') + "^~~");
}

TEST(DefinitionErrorText, MarksNoFurtherThanItsLineGoes) {
  EXPECT_EQ(to_text(error_at(4, 90, "", "ab cd"), "f"), "f:1:4: wrong\n    ab cd\n       ^~");
  EXPECT_EQ(to_text(error_at(9, 5, "", "ab"), "f"), "f:1:9: wrong\n    ab\n            ^");
}

TEST(DefinitionErrorText, StandsWithoutALineWhereNothingIsWritten) {
  EXPECT_EQ(to_text(error_at(1, 1, "a", ""), "f"), "f:1:1: wrong\n    allowed: a");
}

}  // namespace
}  // namespace tidecast
