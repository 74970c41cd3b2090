// `tidecast run` against the feed server: restarts, kills, commands beside it, its supervisor.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <random>

#include "base/json.h"
#include "base/time.h"
#include "net/http.h"
#include "program.h"

namespace tidecast::e2e {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kFirstMinute = 2880;  // Of the schedule: 2026-05-06T00:00Z.
constexpr const char* kStart = "2026-05-06T00:00:00Z";

std::string now_text() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return to_rfc3339(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

// The recording as a live feed: simulated `kStart` is the moment when it was made, and its clock runs `speed` times as
// fast as the wall's.
class Feed {
 public:
  Feed(int minutes, double speed, int records)
      : anchor_(now_text()),
        speed_(fmt::format("{}", speed)),
        server_(TIDECAST_FEED_SERVER,
                {"--first-minute", std::to_string(kFirstMinute), "--minutes", std::to_string(minutes), "--records",
                 std::to_string(records), "--start", kStart, "--anchor", anchor_, "--speed", speed_, "--port", "0"}) {
    const std::optional<std::string> line = server_.line_with("");
    if (!line) throw std::runtime_error("the feed server did not start: " + server_.output());
    port_ = *line;
  }
  std::string url() const { return "http://127.0.0.1:" + port_ + "/unconfirmed-transactions?format=json"; }
  std::string clock() const { return fmt::format("{},{},{}", kStart, anchor_, speed_); }

 private:
  std::string anchor_, speed_, port_;
  Running server_;
};

// The recording's definition (program.h) with the feed as its source.
std::string live_definition(const Feed& feed, const std::string& every, const std::string& more) {
  std::string text = definition(1, "", more);
  const std::size_t from = text.find("  - name:"), until = text.find("event:");
  return text.replace(from, until - from,
                      "  - name: recording\n    kind: http_poll\n    url: " + feed.url() + "\n    every: " + every +
                          "\n    records: /txs\n");
}

json::value json_of(const std::filesystem::path& file, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"-c", file.string(), "--json"});
  const Finished finished = tidecast(arguments);
  EXPECT_EQ(finished.code, 0) << arguments[0] << ": " << finished.err;
  return finished.code == 0 ? parse_json(finished.out).value() : json::value();
}

// Windows and their values, without the times of their writing.
std::string rows_of(const std::filesystem::path& file) {
  std::string text;
  const json::value rows = json_of(file, {"features", "--last", "0"});
  for (json::value row : rows.as_array()) {
    row.as_object().erase("write_time");
    text += to_text(row) + "\n";
  }
  return text;
}

constexpr const char* kAnyPort = "server: { listen: \"127.0.0.1:0\" }\n";

struct Plan {
  int minutes;
  double speed;
  int restarts;
  std::string every;
  std::string more;
};

// Minutes of a stream and restarts at random moments of it, half of them by SIGKILL, half by SIGTERM.
void expect_rows_equal_to_an_undisturbed_replay(const Plan& plan) {
  const Folder folder;
  const std::uint64_t seed = std::random_device()();
  std::mt19937_64 random(seed);
  SCOPED_TRACE(fmt::format("seed {}", seed));
  const Feed feed(plan.minutes, plan.speed, 2000);
  write(folder / "live.yaml", "data: ./live\n" + live_definition(feed, plan.every, plan.more));
  write(folder / "replay.yaml", "data: ./replay\n" + definition(plan.minutes, "", kAnyPort));

  const auto whole = std::chrono::duration<double>(plan.minutes * 60 / plan.speed);
  const auto began = std::chrono::steady_clock::now();
  std::vector<double> moments;
  for (int i = 0; i < plan.restarts; ++i)
    moments.push_back(std::uniform_real_distribution<double>(0.02, 0.98)(random) * whole.count());
  std::sort(moments.begin(), moments.end());
  for (int i = 0; i <= plan.restarts; ++i) {
    Running run(own_binary(), {"run", "-c", (folder / "live.yaml").string(), "--clock", feed.clock()});
    ASSERT_TRUE(run.line_with("Console: ")) << run.output();
    const bool last = i == plan.restarts;
    const double moment = last ? whole.count() + 60 / plan.speed + 3 : moments[static_cast<std::size_t>(i)];
    const auto until =
        began + std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::duration<double>(moment));
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (wait > 0ms) {
      const std::optional<int> ended = run.end(wait);
      ASSERT_FALSE(ended) << "it ended by itself: " << run.output();
    }
    const bool kill = !last && random() % 2 == 0;
    run.signal(kill ? SIGKILL : SIGTERM);
    const std::optional<int> code = run.end(5s);
    ASSERT_TRUE(code) << "SIGTERM does not end it within 5 s: " << run.output();
    EXPECT_EQ(*code, kill ? 128 + SIGKILL : 0) << run.output();
  }
  ASSERT_EQ(tidecast({"replay", "--quiet", "-c", (folder / "replay.yaml").string()}).code, 0);

  const json::value live = json_of(folder / "live.yaml", {"status"}),
                    replay = json_of(folder / "replay.yaml", {"status"});
  EXPECT_EQ(live.at("balance"), "ok");
  EXPECT_EQ(live.at("gaps").to_number<int>(), 0) << "the feed shows enough for no restart to miss any";
  for (const char* count : {"stored", "late", "dead"})
    EXPECT_EQ(live.at("events").at(count), replay.at("events").at(count)) << count;
  const std::string rows = rows_of(folder / "live.yaml");
  EXPECT_EQ(rows, rows_of(folder / "replay.yaml"));
  EXPECT_GT(std::count(rows.begin(), rows.end(), '\n'), plan.minutes - 5);
}

TEST(Run, RestartedAndKilledGivesTheRowsOfAnUndisturbedReplay) {
  expect_rows_equal_to_an_undisturbed_replay(
      {.minutes = 40, .speed = 240, .restarts = 5, .every = "20s", .more = kAnyPort});
}

// Half an hour: TIDECAST_LONG=1 build/tests/e2e_test --gtest_filter='Run.*'
TEST(Run, HalfAnHourAt60TimesTheSpeedWithTwentyRestarts) {
  if (std::getenv("TIDECAST_LONG") == nullptr) GTEST_SKIP() << "half an hour; TIDECAST_LONG=1 runs it";
  expect_rows_equal_to_an_undisturbed_replay({.minutes = 30 * 60,
                                              .speed = 60,
                                              .restarts = 20,
                                              .every = "10s",
                                              .more = "forecast: { target: tx_metrics.avg_fee_1min, horizon: 30 }\n"
                                                      "deployment: { approval: auto }\n" +
                                                      std::string(kAnyPort)});
}

// A live loop on a feed of 30 minutes at 60 times the speed, for what is asked beside it.
class Beside : public testing::Test {
 protected:
  void SetUp() override {
    write(file(), "data: ./data\n" + live_definition(feed_, "5s", kAnyPort));
    start();
  }
  void start(std::vector<std::string> environment = {}) {
    run_ = std::make_unique<Running>(own_binary(),
                                     std::vector<std::string>{"run", "-c", file().string(), "--clock", feed_.clock()},
                                     std::move(environment));
    const std::optional<std::string> url = run_->line_with("Console: http://");
    ASSERT_TRUE(url) << run_->output();
    address_ = *url;
  }
  std::filesystem::path file() const { return folder_ / "tidecast.yaml"; }
  Finished command(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-c", file().string()});
    return tidecast(arguments);
  }

  Folder folder_;
  Feed feed_{30, 60, 1000};
  std::unique_ptr<Running> run_;
  std::string address_;
};

TEST_F(Beside, CommandsGoThroughTheServerAndMeanTheSameWithoutIt) {
  const json::value running = json_of(file(), {"status"});
  EXPECT_EQ(running.at("mode"), "live");
  EXPECT_EQ(json_of(file(), {"status", "--server", address_}).at("mode"), "live");
  EXPECT_EQ(command({"features", "nowhere"}).code, 3);
  EXPECT_EQ(command({"sql", "DROP TABLE tx_metrics"}).code, 2);
  EXPECT_EQ(command({"approve", "1"}).code, 3);
  run_->signal(SIGTERM);
  EXPECT_EQ(run_->end(5s), 0);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "data/server.json"));
  const json::value stopped = json_of(file(), {"status"});
  EXPECT_EQ(stopped.at("mode"), "offline");
  EXPECT_EQ(stopped.at("answer").at("state"), "stopped");
  EXPECT_GE(stopped.at("events").at("read").to_number<int>(), running.at("events").at("read").to_number<int>());
  EXPECT_EQ(command({"features", "nowhere"}).code, 3);
  EXPECT_EQ(command({"sql", "DROP TABLE tx_metrics"}).code, 2);
}

TEST_F(Beside, ASecondOneIsRefusedAndAKilledOnesFileMisleadsNobody) {
  EXPECT_EQ(command({"run", "--clock", feed_.clock()}).code, 5);
  run_->signal(SIGSTOP);
  const Finished deaf = command({"status"});
  run_->signal(SIGCONT);
  EXPECT_EQ(deaf.code, 5) << deaf.out;
  EXPECT_NE(deaf.err.find("no answer"), std::string::npos) << deaf.err;
  run_->signal(SIGKILL);
  ASSERT_EQ(run_->end(5s), 128 + SIGKILL);
  ASSERT_TRUE(std::filesystem::exists(folder_ / "data/server.json"));
  EXPECT_EQ(json_of(file(), {"status"}).at("mode"), "offline");
  start();
  EXPECT_EQ(json_of(file(), {"status"}).at("mode"), "live");
}

TEST_F(Beside, SigtermEndsItWithinSecondsAlsoWhileALongQueryRuns) {
  Running query(own_binary(), {"sql", "SELECT count(*) FROM range(100000000000)", "-c", file().string()});
  const json::value running = json_of(file(), {"status"});  // Another lane: it is answered meanwhile.
  EXPECT_EQ(running.at("mode"), "live");
  EXPECT_FALSE(query.end(500ms)) << "the query is over too soon for this test: " << query.output();
  run_->signal(SIGTERM);
  EXPECT_EQ(run_->end(5s), 0);
  EXPECT_NE(query.end(5s), 0);
}

TEST_F(Beside, ATakenPortIsRefusedBecauseNobodyWouldLookForItElsewhere) {
  write(folder_ / "other.yaml",
        "data: ./other\n" + live_definition(feed_, "5s", "server: { listen: \"" + address_ + "\" }\n"));
  const Finished taken = tidecast({"run", "-c", (folder_ / "other.yaml").string(), "--clock", feed_.clock()});
  EXPECT_EQ(taken.code, 5);
  EXPECT_NE(taken.err.find(address_), std::string::npos) << taken.err;
}

TEST_F(Beside, ASupervisorHearsThatItIsReadyAndThatItEnds) {
  run_->signal(SIGTERM);
  ASSERT_EQ(run_->end(5s), 0);
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = (folder_ / "notify").string();
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const timeval limit{10, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const auto heard = [socket] {
    char buffer[500];
    const ssize_t count = ::recv(socket, buffer, sizeof buffer, 0);
    return std::string(buffer, static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  };
  start({"NOTIFY_SOCKET=" + path});
  EXPECT_EQ(heard().substr(0, 8), "READY=1\n");
  run_->signal(SIGTERM);
  EXPECT_EQ(heard(), "STOPPING=1");
  EXPECT_EQ(run_->end(5s), 0);
  ::close(socket);
}

TEST(Run, RefusesWhatIsNotLive) {
  const Folder folder;
  write(folder / "tidecast.yaml", definition(2, "", kAnyPort));
  const Finished recorded = tidecast({"run", "-c", (folder / "tidecast.yaml").string()});
  EXPECT_EQ(recorded.code, 4);
  EXPECT_NE(recorded.err.find("tidecast replay"), std::string::npos) << recorded.err;
  const Feed feed(10, 60, 100);
  write(folder / "live.yaml", live_definition(feed, "5s", kAnyPort));
  const Finished live = tidecast({"replay", "-c", (folder / "live.yaml").string()});
  EXPECT_EQ(live.code, 4);
  EXPECT_NE(live.err.find("tidecast run"), std::string::npos) << live.err;
}

}  // namespace
}  // namespace tidecast::e2e
