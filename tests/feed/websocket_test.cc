// open_websocket() against everything that a feed can do to it, with and without the HTTP API beside it.
#include "sources/websocket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "poll_rig.h"

namespace tidecast {
namespace {

using Kind = SocketFault::Kind;
using State = SourceHealth::State;

constexpr const char* kSubscribe = R"({"op":"unconfirmed_sub"})";

// A feed that goes on by `step` whenever somebody looks; faults by script, then none.
class SocketRig {
 public:
  struct Options {
    std::vector<SocketFault> faults = {};
    std::vector<Fault> poll_faults = {};
    bool fill = true;
    Milliseconds step{300};
    Milliseconds read_timeout = 1h;  // Longer than any delay of a busy machine in fast motion.
    double speed = 1000;
    const TestCertificates* certificates = nullptr;
    std::filesystem::path ca_file{};
    std::string host = "127.0.0.1";
  };

  explicit SocketRig(const Options& options)
      : clock_(kFeedStart, SystemClock().now(), options.speed), step_ms_(options.step.count()) {
    set_log_level(LogLevel::kOff);
    feed = FeedServer::start(
               {.recording = recording(),
                .records = 100,
                .now = [this] { return ProcessingTime::from_ms(feed_now_ms_ += step_ms_); },
                .fault = [faults = options.poll_faults](
                             std::uint64_t request) { return request < faults.size() ? faults[request] : Fault{}; },
                .socket_fault =
                    [faults = options.faults](std::uint64_t socket) {
                      return socket < faults.size() ? faults[socket] : SocketFault{};
                    },
                .certificates = options.certificates})
               .value();
    WebSocketOptions socket{.name = "blockchain",
                            .url = feed->socket_url(options.host),
                            .subscribe = {kSubscribe},
                            .record = "/x",
                            .only = {{"/op", "utx"}},
                            .read_timeout = options.read_timeout,
                            .ca_file = options.ca_file,
                            .fill_every = 20s,
                            .seed = 1};
    if (options.fill)
      socket.fill = HttpPollOptions{.url = feed->url(options.host), .records = "/txs", .ca_file = options.ca_file};
    source = open_websocket(std::move(socket)).value();
    CHECK(source->seek("").ok());
  }
  ~SocketRig() { source.reset(); }

  void start() {
    const Status status = source->start(clock_, [this] {
      const std::lock_guard lock(mutex_);
      ++woken_;
      changed_.notify_all();
    });
    ASSERT_TRUE(status.ok()) << status.message();
  }

  // Goes on taking until `good`.
  SourceHealth take_until(const std::function<bool(const SourceHealth&)>& good) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      std::unique_lock lock(mutex_);
      const std::uint64_t before = woken_;
      lock.unlock();
      take();
      const SourceHealth health = *source->health();
      if (good(health)) return health;
      lock.lock();
      if (!changed_.wait_until(lock, deadline, [&] { return woken_ != before; })) {
        ADD_FAILURE() << "never came; health: " << name_of(health.state) << " " << health.text << ", replies "
                      << health.replies << ", failures " << health.failures << ", taken " << taken.size();
        return health;
      }
    }
  }
  SourceHealth take_records(std::size_t more) {
    return take_until([this, enough = taken.size() + more](const SourceHealth&) { return taken.size() >= enough; });
  }
  // The feed stands still; all that it has said and shows is taken.
  SourceHealth settle() {
    step_ms_ = 0;
    const std::uint64_t now = feed->requests() + 2;
    return take_until([&](const SourceHealth&) { return feed->requests() >= now; });
  }

  // All that was new is all that entered, each once, in the order of entering but for what the fill brought later.
  void expect_nothing_lost() {
    std::vector<std::string> all = taken, shown = feed->shown();
    std::sort(all.begin(), all.end()), std::sort(shown.begin(), shown.end());
    EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
    EXPECT_EQ(all, shown);
    EXPECT_EQ(shown.size(), feed->entered());
  }

  ScaledClock clock_;
  std::atomic<std::int64_t> feed_now_ms_ = kFeedStart.ms(), step_ms_;
  std::unique_ptr<FeedServer> feed;
  std::unique_ptr<Source> source;
  std::vector<std::string> taken, odd;  // Ids in the order in which they were new; records that are no transactions.
  std::size_t most_records = 0, overlapping = 0;

 private:
  void take() {
    for (;;) {
      const ProcessingTime found_at = clock_.now();
      const auto arrival = source->next_arrival().value();
      if (!arrival) {
        empty_at_ = found_at;
        return;
      }
      EXPECT_GE(*arrival, empty_at_);  // Nothing comes before a time at which nothing had come.
      const RawBatch batch = source->read(ProcessingTime::max(), 7).value();
      EXPECT_FALSE(batch.empty());
      EXPECT_TRUE(batch.cursor.starts_with("websocket:"));
      Taken it{.records = batch.records.size()};
      for (std::size_t i = 0; i < batch.records.size(); ++i) {
        EXPECT_GE(batch.records[i].arrival, last_arrival_);
        last_arrival_ = batch.records[i].arrival;
        if (!batch.raw(i).starts_with("{\"hash\":\""))
          odd.emplace_back(batch.raw(i));
        else if (known_.insert(id_of(batch.raw(i))).second)
          taken.push_back(id_of(batch.raw(i)));
        else
          ++it.known;
      }
      if (batch.overlapping) {
        it.gap = overlapping++ > 0 && it.known == 0;
      } else {
        most_records = std::max(most_records, batch.records.size());
      }
      source->on_taken(it);
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t woken_ = 0;
  std::set<std::string> known_;
  ProcessingTime empty_at_ = ProcessingTime::min(), last_arrival_ = ProcessingTime::min();
};

TEST(WebSocket, BringsAllThatEntersOnceAndInOrder) {
  SocketRig rig({.fill = false});
  EXPECT_EQ(rig.source->health()->state, State::kStarting);
  rig.start();
  rig.take_records(300);
  EXPECT_EQ(rig.feed->subscription(), kSubscribe);
  const SourceHealth health = *rig.source->health();
  EXPECT_EQ(health.state, State::kOk);
  EXPECT_EQ(health.text, "");
  EXPECT_EQ(health.failures + health.skipped, 0u);
  rig.step_ms_ = 0;
  rig.take_until([&](const SourceHealth&) { return rig.taken.size() == rig.feed->entered(); });
  EXPECT_EQ(rig.taken, rig.feed->shown());
  EXPECT_EQ(rig.taken.size(), rig.feed->entered());
  EXPECT_EQ(rig.overlapping, 0u);
  EXPECT_LE(rig.most_records, 7u);
  EXPECT_TRUE(rig.odd.empty());
}

TEST(WebSocket, SendsPingsAndReadsMessagesMeanwhile) {
  SocketRig rig({.fill = false});
  rig.start();
  rig.take_until([&](const SourceHealth&) { return rig.feed->pings() >= 3 && rig.taken.size() >= 100; });
  EXPECT_EQ(rig.feed->sockets(), 1u);
}

struct Case {
  const char* name;
  SocketFault fault;
  const char* text;  // Of health while it lasts, or nothing where it is no failure.
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class WebSocketFault : public testing::TestWithParam<Case> {};

TEST_P(WebSocketFault, IsGotOverWithNothingLostOrDoubled) {
  const Case& c = GetParam();
  const bool silent = c.fault.kind == Kind::kSilent;
  SocketRig rig({.faults = {c.fault}, .step = 100ms, .read_timeout = silent ? Milliseconds(60s) : 1h, .speed = 300});
  rig.start();
  std::set<std::string> texts;
  const SourceHealth after = rig.take_until([&](const SourceHealth& health) {
    if (health.state == State::kRetrying) texts.insert(health.text);
    return rig.taken.size() >= 250 && health.state == State::kOk && (c.text == nullptr || rig.feed->sockets() >= 2);
  });
  rig.settle();
  rig.expect_nothing_lost();
  EXPECT_EQ(after.state, State::kOk) << after.text;
  EXPECT_EQ(after.gaps, 0u);
  if (silent)
    EXPECT_GE(after.failures, 1u);
  else
    EXPECT_EQ(after.failures, c.text == nullptr ? 0u : 1u);
  EXPECT_EQ(after.skipped, c.fault.kind == Kind::kStatus ? 1u : 0u);
  EXPECT_EQ(rig.odd, c.fault.kind == Kind::kGarbage ? std::vector<std::string>{"{oops"} : std::vector<std::string>{});
  for (const std::string& text : texts) EXPECT_NE(text.find(c.text == nullptr ? "none" : c.text), text.npos) << text;
  EXPECT_TRUE(c.text != nullptr || texts.empty());  // A short one may be over before we look.
}

INSTANTIATE_TEST_SUITE_P(
    All, WebSocketFault,
    testing::Values(Case{"Refused", {Kind::kRefuse}, ": no WebSocket there: HTTP 503"},
                    Case{"SilentFromTheBeginning", {Kind::kSilent, 0}, "no message for 1min"},
                    Case{"SilentLater", {Kind::kSilent, 40}, "no message for 1min"},
                    Case{"Closed", {Kind::kClose, 40}, "closed by the server, code 1001: going away"},
                    Case{"Reset", {Kind::kReset, 40}, "the server closed the connection without a word"},
                    Case{"Huge", {Kind::kHuge, 40}, "a message is larger than 8388608 bytes"},
                    Case{"Garbage", {Kind::kGarbage, 40}, nullptr}, Case{"Status", {Kind::kStatus, 40}, nullptr},
                    Case{"Slow", {Kind::kSlow, 40}, nullptr}, Case{"Skipped", {Kind::kSkip, 40}, nullptr}),
    [](const testing::TestParamInfo<Case>& test) { return test.param.name; });

TEST(WebSocket, PollsWhileItIsDownAndBacksOff) {
  SocketRig rig({.faults = std::vector<SocketFault>(4, SocketFault{Kind::kRefuse}), .step = 1s});
  rig.start();
  const SourceHealth down = rig.take_until([](const SourceHealth& h) { return h.failures >= 3 && h.replies >= 1; });
  EXPECT_TRUE(down.state == State::kOk || down.text.find("in a row") != std::string::npos) << down.text;
  rig.take_until([&](const SourceHealth& h) { return h.state == State::kOk && rig.taken.size() >= 300; });
  const SourceHealth after = rig.settle();
  EXPECT_EQ(after.failures, 4u);
  rig.expect_nothing_lost();
}

TEST(WebSocket, TellsOfAGapThatTheListIsTooShortToFill) {
  SocketRig rig({.faults = {{Kind::kClose, 40}}, .step = 100ms});
  rig.start();
  rig.take_records(130);
  rig.take_until([&](const SourceHealth& h) {
    if (h.state == State::kRetrying) rig.feed_now_ms_ += 300'000;  // Five minutes are many lists.
    return rig.feed->sockets() >= 2 && h.gaps > 0;
  });
  rig.settle();
  EXPECT_GE(rig.source->health()->gaps, 1u);
  EXPECT_LT(rig.taken.size(), rig.feed->entered());
}

TEST(WebSocket, GoesOnWithoutTheListAndSaysThatGapsCannotBeFilled) {
  SocketRig rig({.poll_faults = {{Fault::Kind::kTooMany, 300}}, .step = 100ms});
  rig.start();
  const SourceHealth health =
      rig.take_until([&](const SourceHealth& h) { return h.failures >= 1 && rig.taken.size() >= 20; });
  if (rig.feed->requests() == 1) {
    EXPECT_EQ(health.state, State::kOk);
    EXPECT_EQ(health.text, "gaps cannot be filled: HTTP 429, Retry-After 300 s");
  }
  rig.take_until([](const SourceHealth& h) { return h.text.empty(); });
  EXPECT_GE(rig.clock_.now(), *health.next_poll_at);
  rig.settle();
  EXPECT_EQ(rig.source->health()->failures, 1u);
}

TEST(WebSocket, StopsListeningWhileTooMuchWaitsAndLosesNothing) {
  SocketRig rig({.fill = false, .step = 20s});
  rig.start();
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (rig.source->health()->text != "waits: 10000 records are not taken yet" &&
         std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_EQ(rig.source->health()->text, "waits: 10000 records are not taken yet");
  rig.step_ms_ = 0;
  rig.take_until([&](const SourceHealth&) { return rig.taken.size() == rig.feed->entered(); });
  EXPECT_GE(rig.taken.size(), 10'000u);
  EXPECT_EQ(rig.taken, rig.feed->shown());
}

TEST(WebSocket, EndsAtOnceWhateverItWaitsFor) {
  for (const SocketFault fault : {SocketFault{}, SocketFault{Kind::kSilent, 0}, SocketFault{Kind::kRefuse}}) {
    SocketRig rig({.faults = {fault}, .fill = false, .step = 0ms, .speed = 1});
    rig.start();
    while (rig.feed->sockets() == 0) std::this_thread::yield();
    const auto began = std::chrono::steady_clock::now();
    rig.source.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
  }
}

TEST(WebSocket, ComesOverTls) {
  const TestCertificates ours("DNS:localhost");
  const auto ca = std::filesystem::path(testing::TempDir()) / fmt::format("socket-ca-{}.pem", ::getpid());
  std::ofstream(ca) << ours.ca_pem();
  {
    SocketRig rig({.step = 100ms, .certificates = &ours, .ca_file = ca, .host = "localhost"});
    rig.start();
    rig.take_records(150);
    rig.settle();
    rig.expect_nothing_lost();
  }
  std::filesystem::remove(ca);
}

TEST(WebSocket, GoesOnCountingButNotFromAnotherSourcesPlace) {
  SocketRig rig({});
  EXPECT_EQ(rig.source->seek("http_poll:3").code(), Code::kFailedPrecondition);
  EXPECT_TRUE(rig.source->seek("websocket:3").ok());
  EXPECT_EQ(open_websocket({.url = "https://x"}).code(), Code::kInvalidArgument);
  EXPECT_EQ(open_websocket({.url = "ws://x", .record = "x"}).code(), Code::kInvalidArgument);
  EXPECT_EQ(open_websocket({.url = "ws://x", .ping_every = 0ms}).code(), Code::kInvalidArgument);
  EXPECT_EQ(open_websocket({.url = "ws://x", .headers = {{.name = "A b"}}}).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tidecast
