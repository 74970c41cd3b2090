#include "api/arguments.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "api/fake_commands_testing.h"
#include "api/operations.h"

namespace tidecast {
namespace {

// What is wrong with a request to record this one trial; empty: nothing.
std::string wrong_with(const json::object& trial) {
  static const std::vector<Operation> operations = make_operations();
  const auto record = std::ranges::find(operations, "recordTrials", &Operation::id);
  const json::object body{{"as_of", "2026-05-06"}, {"seed", 1}, {"trials", json::array{trial}}};
  const Checked checked =
      check_request(*record, {.method = "POST", .path = "/api/v1/trials", .body = to_text(body)}, {});
  if (checked.refusal) return std::string(parse_json(checked.refusal->body)->at("detail").as_string());
  EXPECT_EQ(checked.arguments.value("trials"), json::array{trial});
  return "";
}

TEST(Arguments, ObjectsInABodyAreCheckedMemberByMember) {
  EXPECT_EQ(wrong_with(a_trial()), "");
  json::object without = a_trial(), text = a_trial(), other = a_trial(), number = a_trial();
  without.erase("steps");
  text["differs"] = json::object{{"num_cells", "many"}};
  other["colour"] = 3;
  number["hyperparameters"] = 3;
  for (const json::object& wrong : {without, text, other, number}) {
    const std::string said = wrong_with(wrong);
    EXPECT_TRUE(said.starts_with("/trials: found [{")) << said;
    EXPECT_TRUE(said.ends_with("allowed: a list of objects as the OpenAPI document says")) << said;
  }
}

}  // namespace
}  // namespace tidecast
