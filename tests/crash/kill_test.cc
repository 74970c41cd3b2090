// The real program killed at any moment, and started again: in the end everything is as if nothing had happened.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "../e2e/program.h"
#include "base/json.h"
#include "base/rng.h"

namespace tidecast::e2e {
namespace {

// Two and a half hours of readings of some probes, with everything that may be wrong with one.
std::string readings() {
  std::string lines;
  Rng rng(5);
  for (int i = 0; i < 40'000; ++i) {
    const int id = rng.below(12) == 0 ? std::max(0, i - 1 - static_cast<int>(rng.below(300))) : i;  // A duplicate.
    const int late = rng.below(30) == 0 ? static_cast<int>(rng.below(600)) : 0;
    const std::string value = rng.below(500) == 0 ? "\"broken\"" : std::to_string(rng.below(10'000));
    lines += fmt::format("{{\"id\":{},\"t\":{},\"probe\":\"p{}\",\"x\":{}}}\n", id, 1'778'000'400 + i / 4 - late,
                         rng.below(20), value);
  }
  return lines;
}

constexpr const char* kDefinition =
    "project: probes\n"
    "sources: [ { name: probes, kind: file, path: readings.ndjson } ]\n"
    "event:\n"
    "  id: /id\n"
    "  time: { from: /t, unit: s }\n"
    "  fields: { x: { from: /x, type: integer } }\n"
    "  deduplicate_for: 1h\n"
    "features:\n"
    "  - group: probes_1min\n"
    "    lateness: 30s\n"
    "    columns: { readings: count(), sum_x: sum(x), mean_x: avg(x) }\n";

// A folder with a definition, and the program on it.
struct Project {
  explicit Project(const std::string& definition) { write(folder / "tidecast.yaml", definition); }

  std::vector<std::string> on_it(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(),
                     {"-c", (folder / "tidecast.yaml").string(), "--data", (folder / "data").string()});
    return arguments;
  }
  std::vector<std::string> replay() const {
    return on_it({"replay", "--quiet", "--report", (folder / "report.json").string()});
  }
  // Goes on to the end; then everything that must not depend on what happened on the way.
  std::string outcome() const {
    const Finished last = tidecast(replay());
    if (last.code != 0) return last.out + last.err;
    std::string all = to_text(parse_json(read(folder / "report.json")).value().at("events")) + "\n";
    for (const char* query : {"SELECT * FROM probes_1min_history", "SELECT * FROM dead_letters"})
      all += tidecast(on_it({"sql", query, "--format", "csv"})).out;
    return all + archive(folder / "data");
  }

  Folder folder;
};

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

// Where two outcomes part.
std::string difference(const std::string& is, const std::string& was) {
  if (is == was) return "";
  const auto at = static_cast<std::size_t>(std::ranges::mismatch(is, was).in1 - is.begin());
  const std::size_t from = at - std::min<std::size_t>(at, 200);
  return fmt::format("they part at byte {} of {} and {}:\n{}\n-- undisturbed:\n{}", at, is.size(), was.size(),
                     is.substr(from, 400), was.substr(from, 400));
}

TEST_F(Kill, AtRandomMomentsGivesTheSameRowsArchiveDeadLettersAndCounters) {
  constexpr std::uint64_t kSeed = 20261126;
  const int kKills = std::getenv("TIDECAST_LONG") != nullptr ? 1'000 : 50;
  const Project undisturbed(definition_);
  const auto began = std::chrono::steady_clock::now();
  ASSERT_EQ(tidecast(undisturbed.replay()).code, 0);
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
  const std::string expected = undisturbed.outcome();
  for (const char* part : {"\"verdict\":\"late\"", "\"verdict\":\"stored\"", "broken", "2026-05-05T18:59:00Z"})
    ASSERT_NE(expected.find(part), expected.npos) << part << "\n" << expected.substr(0, 2'000);

  // Each attempt goes on where the one before was killed; one that comes to the end is followed by a new folder.
  Rng rng(kSeed);
  int kills = 0, folders = 0, most = 0;
  for (; kills < kKills && folders < 20 * kKills; ++folders) {
    const Project project(definition_);
    int here = 0;
    while (kills < kKills && !wait_or_kill(start(project.replay()),
                                           static_cast<long>(rng.below(static_cast<std::uint64_t>(whole.count()) / 2))))
      ++kills, ++here;
    most = std::max(most, here);
    EXPECT_EQ(difference(project.outcome(), expected), "") << "seed " << kSeed << ", after " << kills << " kills";
    if (HasFailure()) return;
  }
  EXPECT_EQ(kills, kKills) << "seed " << kSeed;
  RecordProperty("folders", folders);
  RecordProperty("most_kills_of_one", most);
}

// Runs it with a crash point; true if it died there.
bool dies_at(const Project& project, const std::string& point) {
  ::setenv("TIDECAST_CRASH_AT", point.c_str(), 1);
  const int code = tidecast(project.replay()).code;
  ::unsetenv("TIDECAST_CRASH_AT");
  EXPECT_TRUE(code == 0 || code == 128 + 9) << point << ": exit code " << code;
  return code == 128 + 9;
}

TEST_F(Kill, RightAfterAnyCommitOrFileGivesTheSame) {
  const Project undisturbed(definition_);
  const std::string expected = undisturbed.outcome();
  for (const std::string point : {"state", "publish"}) {
    int n = 1, died = 0;
    for (const int step = std::getenv("TIDECAST_LONG") != nullptr ? 1 : 7;; n += step) {
      const Project project(definition_);
      if (!dies_at(project, fmt::format("{}:{}", point, n))) break;
      ++died;
      EXPECT_EQ(difference(project.outcome(), expected), "") << point << ":" << n;
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
    const Finished last = tidecast(project.replay());
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
  const bool all = std::getenv("TIDECAST_LONG") != nullptr;
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
