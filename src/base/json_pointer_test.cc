#include "base/json_pointer.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

TEST(JsonPointer, IsTakenApartAtItsSlashes) {
  using Tokens = std::vector<std::string>;
  EXPECT_EQ(split_pointer("").value(), Tokens());
  EXPECT_EQ(split_pointer("/").value(), Tokens{""});
  EXPECT_EQ(split_pointer("/a//b/0").value(), (Tokens{"a", "", "b", "0"}));
  EXPECT_EQ(split_pointer("/a~1b/~01").value(), (Tokens{"a/b", "~1"}));
}

TEST(JsonPointer, RefusesWhatIsNone) {
  EXPECT_EQ(split_pointer("a").message(), "'a' is no JSON Pointer; it begins with / or is empty");
  for (const char* wrong : {"/~", "/~2", "/a~/b"})
    EXPECT_EQ(split_pointer(wrong).message(), fmt::format("'{}': after ~ only 0 and 1 are allowed", wrong));
}

TEST(JsonPointer, ATokenIsAPositionIfItIsDigitsWithoutALeadingZero) {
  EXPECT_EQ(array_index("0"), 0u);
  EXPECT_EQ(array_index("17"), 17u);
  for (const char* none : {"", "007", "00", "-1", "+1", "1x", "-", "18446744073709551616"})
    EXPECT_EQ(array_index(none), std::nullopt) << none;
}

}  // namespace
}  // namespace tidecast
