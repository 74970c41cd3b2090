#include "scenario.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tidecast {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class Scenario : public testing::TestWithParam<fs::path> {};

TEST_P(Scenario, BecomesWhatIsWritten) {
  const std::string written = read(GetParam());
  const auto transcript = transcript_of(written, Restarts::kNone);
  ASSERT_TRUE(transcript.ok()) << GetParam() << ": " << transcript.message();
  const char* mode = std::getenv("TIDECAST_GOLDEN");
  if (mode != nullptr && std::string_view(mode) == "update") std::ofstream(GetParam()) << transcript.value();
  EXPECT_EQ(transcript.value(), read(GetParam())) << GetParam();
}

TEST_P(Scenario, BecomesTheSameWithARestartBeforeEachRecord) {
  const auto transcript = transcript_of(read(GetParam()), Restarts::kBeforeEachRecord);
  ASSERT_TRUE(transcript.ok()) << GetParam() << ": " << transcript.message();
  EXPECT_EQ(transcript.value(), read(GetParam())) << GetParam();
}

std::vector<fs::path> scenarios() {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(fs::path(TIDECAST_ROOT) / "tests/golden/windows"))
    if (entry.path().extension() == ".txt") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

INSTANTIATE_TEST_SUITE_P(Windows, Scenario, testing::ValuesIn(scenarios()),
                         [](const auto& scenario) { return scenario.param.stem().string(); });

TEST(Scenarios, AreThere) { EXPECT_GE(scenarios().size(), 9u); }

}  // namespace
}  // namespace tidecast
