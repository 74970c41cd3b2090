#include "net/problem.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

TEST(Problem, GivesEachCodeItsStatus) {
  EXPECT_EQ(problem(invalid_argument("x")).status, 400);
  EXPECT_EQ(problem(not_found("x")).status, 404);
  EXPECT_EQ(problem(failed_precondition("x")).status, 409);
  EXPECT_EQ(problem(unavailable("x")).status, 503);
  EXPECT_EQ(problem(cancelled("x")).status, 503);
  EXPECT_EQ(problem(data_loss("x")).status, 500);
  EXPECT_EQ(problem(internal_error("x")).status, 500);
}

TEST(Problem, IsProblemJsonWithItsMembers) {
  const HttpResponse response = problem(404, "no \"such\" thing", {{"where", "/series"}});
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(response.body, R"({"title":"Not Found","status":404,"detail":"no \"such\" thing","where":"/series",)"
                           R"("message":"no \"such\" thing"})"
                           "\n");
}

}  // namespace
}  // namespace tidecast
