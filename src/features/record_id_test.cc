#include "features/record_id.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

const std::vector<FeatureKey> kStationAndName{{"station", FieldType::kInteger}, {"name", FieldType::kText}};

TEST(RecordId, AKeyIsReadAsItIsWritten) {
  for (const char* text : {R"(7,a)", R"(7,)", R"(\N,\N)", R"(7,a\,b)", R"(7,\\)", R"(7,\\N)", R"(7,\,)", R"(-7,N)"}) {
    const auto id = parse_key(kStationAndName, text);
    ASSERT_TRUE(id.ok()) << text << ": " << id.message();
    EXPECT_EQ(key_text(kStationAndName, *id), text);
  }
}

TEST(RecordId, AnEscapeThatThereIsNotIsNamedWithThoseThereAre) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"(7,a\q)", R"(\q)"}, {R"(7,\)", R"(\)"},     {R"(7,a\N)", R"(\N)"},
      {R"(7,\Na)", R"(\N)"}, {R"(7,\N\N)", R"(\N)"}, {R"(7,\é)", R"(\é)"},
  };
  for (const auto& [text, escape] : cases)
    EXPECT_EQ(parse_key(kStationAndName, text).message(),
              "key '" + text + "': found '" + escape + R"(', allowed: '\,' and '\\' in a text, '\N' alone for null)");
}

}  // namespace
}  // namespace tidecast
