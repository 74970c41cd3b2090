// What the fuzzers found worth keeping, once more and without them.

#include <gtest/gtest.h>

#include "fuzz.h"

namespace tidecast::fuzz {
namespace {

class Corpus : public testing::TestWithParam<const Target*> {};
INSTANTIATE_TEST_SUITE_P(Fuzz, Corpus, testing::ValuesIn(targets()),
                         [](const auto& target) { return target.param->name; });

TEST_P(Corpus, IsSurvived) {
  const auto inputs = corpus(*GetParam());
  ASSERT_FALSE(inputs.empty());
  for (const std::string& input : inputs) GetParam()->run(input);
}

}  // namespace
}  // namespace tidecast::fuzz
