#include "base/json.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "base/hash.h"
#include "base/rng.h"

namespace tidecast {
namespace {

TEST(Json, PrintsOnOneLineAndReadsBack) {
  const json::value value = json::object{{"a", json::array{1, 2.5, nullptr, true}}, {"b", "say \"hi\"\n"}};
  EXPECT_EQ(to_text(value), R"({"a":[1,2.5,null,true],"b":"say \"hi\"\n"})");
  EXPECT_EQ(parse_json(to_text(value)).value(), value);
  EXPECT_EQ(parse_json(to_pretty_text(value)).value(), value);
}

TEST(Json, SaysWhereTheTextIsWrong) {
  EXPECT_FALSE(parse_json("").ok());
  EXPECT_FALSE(parse_json("{\"a\":1").ok());
  EXPECT_FALSE(parse_json("{\"a\":nan}").ok());
  EXPECT_EQ(parse_json("[1] x").status().code(), Code::kInvalidArgument);
  EXPECT_NE(parse_json("[1] x").message().find("byte 4"), std::string::npos) << parse_json("[1] x").message();
  EXPECT_FALSE(parse_json(std::string(1000, '[')).ok());
}

TEST(Json, EveryDoubleReadsBackAsItself) {
  constexpr std::uint64_t kSeed = 5;
  Rng rng(kSeed);
  for (int i = 0; i < 20'000; ++i) {
    const double value = std::bit_cast<double>(rng.next());
    if (!std::isfinite(value)) continue;
    ASSERT_EQ(parse_json(shortest(value)).value().to_number<double>(), value) << "seed " << kSeed;
  }
  EXPECT_EQ(shortest(std::nan("")), "null");
}

TEST(Hash, GivesTheKnownDigestOfAbc) {  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace tidecast
