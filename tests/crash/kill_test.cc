// The real program killed at any moment, and started again: in the end everything is as if nothing had happened.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "kill_project.h"

namespace tidecast::e2e {
namespace {

using crash::kept;
using crash::long_run;

// Goes on to the end; then everything that must not depend on what happened on the way.
std::string outcome(const Project& project, const std::vector<std::string>& command) {
  const Finished last = tidecast(project.on_it(command));
  if (last.code != 0) return last.out + last.err;
  const Finished status = tidecast(project.on_it({"status", "--json"}));
  if (status.code != 0) return status.err;
  std::string all = to_text(parse_json(status.out).value().at("events")) + "\n";
  for (const char* query : {"SELECT * FROM probes_1min_history", "SELECT * FROM hops_history",
                            "SELECT * FROM bursts_history", "SELECT * FROM dead_letters", "SELECT * FROM late"})
    all += project.csv(query);
  return all + archive(project.folder / "data");
}
const std::vector<std::string> kReplay{"replay", "--quiet"};

class Kill : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new Folder;
    write(*shared_ / "readings.ndjson", readings());
    definition_ = kDefinition;
    definition_.replace(definition_.find("readings.ndjson"), 15, (*shared_ / "readings.ndjson").string());
  }
  static void TearDownTestSuite() { delete shared_; }

  static inline Folder* shared_ = nullptr;
  static inline std::string definition_;
};

// Kills `command` at random moments, so often; each attempt goes on where the one before was killed, and one that comes
// to the end is followed by a new folder.
void survive_kills(const std::string& definition, const std::vector<std::string>& command, int kills_wanted) {
  constexpr std::uint64_t kSeed = 20261126;
  const Project undisturbed(definition);
  const auto began = std::chrono::steady_clock::now();
  ASSERT_EQ(tidecast(undisturbed.on_it(command)).code, 0);
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
  const std::string expected = outcome(undisturbed, command);
  for (const char* part : {"\"verdict\":\"late\"", "\"verdict\":\"stored\"", "broken", "2026-05-05T18:59:00Z"})
    ASSERT_NE(expected.find(part), expected.npos) << part << "\n" << expected.substr(0, 2'000);

  Rng rng(kSeed);
  crash::Progress progress("kills of " + command[0], static_cast<std::uint64_t>(kills_wanted));
  int kills = 0, folders = 0, most = 0;
  for (; kills < kills_wanted && folders < 20 * kills_wanted; ++folders) {
    const Project project(definition);
    int here = 0;
    while (kills < kills_wanted &&
           !wait_or_kill(start(project.on_it(command)),
                         static_cast<long>(rng.below(static_cast<std::uint64_t>(whole.count()) / 2))))
      ++kills, ++here;
    most = std::max(most, here);
    const std::string parted = difference(outcome(project, command), expected);
    if (!parted.empty())
      FAIL() << "seed " << kSeed << ", after " << kills << " kills, " << here << " of this folder, "
             << kept(project.folder / "") << ": " << parted;
    progress.at(static_cast<std::uint64_t>(kills));
  }
  EXPECT_EQ(kills, kills_wanted) << "seed " << kSeed;
  testing::Test::RecordProperty("folders", folders);
  testing::Test::RecordProperty("most_kills_of_one", most);
}

TEST_F(Kill, AtRandomMomentsGivesTheSameRowsArchiveDeadLettersAndCounters) {
  survive_kills(definition_, kReplay, long_run() ? 1'000 : 20);
}

TEST_F(Kill, OfABackfillAtRandomMomentsGivesTheSame) {
  survive_kills(pushed_definition(), {"backfill", "--file", (*shared_ / "readings.ndjson").string()},
                long_run() ? 200 : 10);
}

// Runs it with a crash point; true if it died there.
bool dies_at(const Project& project, const std::string& point) {
  ::setenv("TIDECAST_CRASH_AT", point.c_str(), 1);
  const int code = tidecast(project.on_it(kReplay)).code;
  ::unsetenv("TIDECAST_CRASH_AT");
  EXPECT_TRUE(code == 0 || code == 128 + 9) << point << ": exit code " << code;
  return code == 128 + 9;
}

TEST_F(Kill, RightAfterAnyCommitOrFileGivesTheSame) {
  const Project undisturbed(definition_);
  const std::string expected = outcome(undisturbed, kReplay);
  for (const std::string point : {"state", "publish"}) {
    int n = 1, died = 0;
    for (const int step = long_run() ? 1 : 20;; n += step) {
      const Project project(definition_);
      if (!dies_at(project, fmt::format("{}:{}", point, n))) break;
      ++died;
      EXPECT_EQ(difference(outcome(project, kReplay), expected), "") << point << ":" << n;
    }
    EXPECT_GE(died, 1) << point;
  }
}

// A quarter of an hour more than the first training needs.
// The registry and the tracking store are two databases: what is in one only is made good from the other.
TEST_F(Kill, BetweenTheCommitsOfTheRegistryAndOfTheTrackingStoreIsMadeGood) {
  const std::string text =
      definition(495, "",
                 "forecast: { target: tx_metrics.avg_fee_1min, horizon: 30, first_training_after: 8h, seed: 7 }\n"
                 "validation: { threshold: { weighted_quantile_loss: 0.24, update_rate: 0.5 } }\n"
                 "deployment: { approval: auto }\n"
                 "monitoring: { every: 1h, alarm: { breaches: 3, of: 3, clear_after: 2 }, retrain: { on: [alarm], "
                 "cool_down: 2h } }\n"
                 "server: { listen: \"127.0.0.2:0\" }\n");
  const auto history = [](const Project& project) {
    const Finished last = tidecast(project.on_it(kReplay));
    EXPECT_EQ(last.code, 0) << last.err;
    std::string all;
    for (const char* table : {"timeline", "scores", "evaluations", "models"}) {
      const Finished found =
          tidecast(project.on_it({"sql", fmt::format("SELECT * FROM {}", table), "--format", "csv"}));
      EXPECT_EQ(found.code, 0) << found.err;
      all += fmt::format("{}\n{}", table, found.out);
    }
    return all;
  };
  const Project undisturbed(text);
  const std::string expected = history(undisturbed);
  // The registry's first commit makes its tables; then come the model, its approval, its two deployments.
  const bool all = long_run();
  const auto through = [&](const std::string& point, int last) {
    int died = 0;
    for (int n = 2; n <= last; ++n) {
      const Project project(text);
      if (!dies_at(project, fmt::format("{}:{}", point, n))) break;
      ++died;
      EXPECT_EQ(difference(history(project), expected), "") << point << ":" << n;
    }
    return died;
  };
  EXPECT_GE(through("registry.db", all ? 1'000 : 3), 2);
  EXPECT_GE(through("tracking.db", all ? 400 : 2), 1);
}

}  // namespace
}  // namespace tidecast::e2e
