// The real program, killed while it is pushed to: whoever sends again what was not answered has everything there once.

#include <gtest/gtest.h>
#include <signal.h>

#include "kill_project.h"
#include "net/http.h"

namespace tidecast::e2e {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kReadingsOfAPush = 200;

std::string push_body(std::size_t number) {
  static const std::vector<std::string> bodies = [] {
    std::vector<std::string> all(1);
    const std::string lines = readings(crash::long_run() ? 1'000'000 : 200'000);
    std::size_t count = 0;
    for (std::size_t at = 0, end; at < lines.size(); at = end) {
      end = lines.find('\n', at) + 1;
      if (count++ == kReadingsOfAPush) all.emplace_back(), count = 1;
      all.back() += lines.substr(at, end - at);
    }
    return all;
  }();
  CHECK(number < bodies.size());
  return bodies[number];
}

// `tidecast run`, and pushes to it.
class Server {
 public:
  explicit Server(const Project& project) : running_(own_binary(), project.on_it({"run"})) {}
  // False: it did not listen within that time.
  bool listens(std::chrono::milliseconds within) {
    const auto port = running_.line_with("http://127.0.0.1:", within);
    if (port) port_ = static_cast<std::uint16_t>(std::stoi(*port));
    return port.has_value();
  }
  // True: it was answered within that time, and taken.  Right after the start it is refused for a moment.
  bool push(const std::string& body, int within_ms) const {
    for (;;) {
      const auto answer =
          http_call("127.0.0.1", port_, {.method = "POST", .path = "/sources/probes/events", .body = body}, within_ms);
      if (answer.ok() && answer->status == 429) continue;
      EXPECT_EQ(answer.ok() ? answer->status : 200, 200) << answer->body;
      return answer.ok();
    }
  }
  int end(int signal) {
    running_.signal(signal);
    return running_.end(30s).value_or(-1);
  }

 private:
  Running running_;
  std::uint16_t port_ = 0;
};

// What must be there after pushes that were sent again until they were answered: a record that was sent twice is
// counted as a duplicate, and when things arrived is another matter.
std::string outcome(const Project& project) {
  const Finished status = tidecast(project.on_it({"status", "--json"}));
  if (status.code != 0) return status.err;
  const json::value is = parse_json(status.out).value();
  std::string all = "balance " + to_text(is.at("balance")) + "\n";
  for (const char* count : {"stored", "late", "dead"})
    all += fmt::format("{} {}\n", count, to_text(is.at("events").at(count)));
  for (const char* group : {"probes_1min", "hops", "bursts"})
    all += project.csv(fmt::format("SELECT * EXCLUDE (write_time) FROM {}_history", group));
  for (const char* query :
       {"SELECT verdict, record FROM raw ORDER BY number", "SELECT event_time, counted, raw FROM late ORDER BY number",
        "SELECT reason, raw FROM dead_letters ORDER BY number"})
    all += project.csv(query);
  return all + "verify " + std::to_string(tidecast(project.on_it({"verify"})).code) + "\n";
}

TEST(KillPush, AtRandomMomentsLosesNothingThatWasAnsweredAndCountsNothingTwice) {
  constexpr std::uint64_t kSeed = 20261126;
  const int kills_wanted = crash::long_run() ? 200 : 12;
  Rng rng(kSeed);
  const Project project(pushed_definition());
  crash::Progress progress("kills of run while it is pushed to", static_cast<std::uint64_t>(kills_wanted));
  std::size_t answered = 0;
  int kills = 0;
  for (int starts = 0; kills < kills_wanted && starts < 20 * kills_wanted; ++starts) {
    Server server(project);
    // Some die before they listen, most with a push at work, some right after an answer.
    bool dies = !server.listens(rng.below(6) == 0 ? std::chrono::milliseconds(rng.below(300)) : 60s);
    while (!dies) {
      if (server.push(push_body(answered), static_cast<int>(1 + rng.below(20))))
        ++answered, dies = rng.below(8) == 0;
      else
        dies = true;
    }
    EXPECT_EQ(server.end(SIGKILL), 128 + SIGKILL);
    progress.at(static_cast<std::uint64_t>(++kills));
  }
  // To the end, and without a kill.
  const auto rest_of = [](const Project& to, std::size_t from, std::size_t until) {
    Server server(to);
    EXPECT_TRUE(server.listens(60s));
    for (; from < until; ++from) EXPECT_TRUE(server.push(push_body(from), 60'000));
    EXPECT_EQ(server.end(SIGTERM), 0);
  };
  rest_of(project, answered, answered + 2);
  const Project undisturbed(pushed_definition());
  rest_of(undisturbed, 0, answered + 2);
  const std::string expected = outcome(undisturbed), parted = difference(outcome(project), expected);
  EXPECT_NE(expected.find("verify 0\n"), expected.npos) << expected.substr(0, 2'000);
  EXPECT_GT(answered, 0u);
  if (!parted.empty())
    FAIL() << "seed " << kSeed << ", " << kills << " kills, " << answered << " pushes answered, "
           << crash::kept(project.folder / "") << ": " << parted;
  testing::Test::RecordProperty("pushes", static_cast<int>(answered));
}

}  // namespace
}  // namespace tidecast::e2e
