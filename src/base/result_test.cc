#include "base/result.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return invalid_argument("{} is odd", number);
  return number / 2;
}

Result<int> quarter(int number) {
  const int once = TRY(half(number));
  return TRY(half(once).in("second half"));
}

Status all_even(int a, int b) {
  TRY(half(a));
  TRY(half(b).status());
  return ok();
}

TEST(Result, HoldsItsValue) { EXPECT_EQ(quarter(12).value(), 3); }

TEST(Result, TryReturnsTheErrorFromTheEnclosingFunction) {
  EXPECT_EQ(quarter(7).message(), "7 is odd");
  EXPECT_EQ(quarter(7).code(), Code::kInvalidArgument);
}

TEST(Result, ContextStandsBeforeTheMessage) { EXPECT_EQ(quarter(6).message(), "second half: 3 is odd"); }

TEST(Status, TryWorksOnAStatusToo) {
  EXPECT_TRUE(all_even(2, 4).ok());
  EXPECT_EQ(all_even(2, 5).message(), "5 is odd");
}

TEST(Status, ContextLeavesSuccessAsItIs) { EXPECT_EQ(ok().in("anywhere").message(), ""); }

TEST(ResultDeathTest, ReadingTheValueOfAnErrorIsABugAndAborts) { EXPECT_DEATH((void)half(1).value(), "CHECK"); }

}  // namespace
}  // namespace tidecast
