// open_http_poll() against everything that a feed can do to it.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "base/rng.h"
#include "features/store.h"
#include "poll_rig.h"
#include "stream/pipeline.h"

namespace tidecast {
namespace {

using Kind = Fault::Kind;
using State = SourceHealth::State;
using Steady = std::chrono::steady_clock;

// ---- one fault at a time
// ---------------------------------------------------------------------------------------------

struct Case {
  const char* name;
  Fault fault;
  const char* text;  // Of health while it lasts, or nothing where it is no failure.
  Milliseconds timeout = 10s;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class HttpPollFault : public testing::TestWithParam<Case> {};

// Good replies, then the fault, then good ones.
TEST_P(HttpPollFault, IsGotOverWithNothingLostOrDoubled) {
  const Case& c = GetParam();
  Rig rig({.faults = {{}, {}, {}, c.fault}, .poll = {.every = 2s, .timeout = c.timeout}, .speed = 200});
  rig.start();
  SourceHealth during;
  bool failed = false;
  SourceHealth after = rig.take_until([&](const SourceHealth& health) {
    if (health.state == State::kRetrying) during = health, failed = true;
    return health.replies >= 9 && (c.text == nullptr || health.failures > 0);
  });
  after = rig.settle();
  EXPECT_EQ(rig.taken, rig.feed->shown());
  EXPECT_EQ(rig.taken.size(), rig.feed->entered());
  EXPECT_GT(rig.taken.size(), 150u);
  EXPECT_EQ(after.state, State::kOk) << after.text;
  EXPECT_EQ(after.gaps, 0u);
  if (c.text == nullptr) {
    EXPECT_EQ(after.failures, 0u);
  } else {
    EXPECT_EQ(after.failures, 1u);
    if (failed) {  // It may have been over before we looked.
      std::string text = during.text;
      const std::size_t port = text.find("127.0.0.1:");
      if (port == 0) text.erase(0, text.find(": ") + 2);
      EXPECT_EQ(text.substr(0, std::string_view(c.text).size()), c.text);
      EXPECT_GE(*during.next_poll_at, during.since);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, HttpPollFault,
    testing::Values(Case{"TooManyRequests", {Kind::kTooMany, 39}, "HTTP 429, Retry-After 39 s"},
                    Case{"TooManyWithoutRetryAfter", {Kind::kTooMany}, "HTTP 429"},
                    Case{"ServerError", {Kind::kServerError}, "HTTP 500"},
                    Case{"HtmlPage", {Kind::kHtml}, "status 200 but the body is no JSON: an HTML page"},
                    Case{"CutBody", {Kind::kCut, 40}, "the body was cut after "},
                    Case{"PausedBody", {Kind::kPause, 60}, "the body was cut after "},
                    Case{"StalledBody", {Kind::kStall, 60}, "only ", 300ms},
                    Case{"NoBody", {Kind::kStall, 0}, "only 0 of ", 300ms},
                    Case{"StalledConnect", {Kind::kStallConnect}, "no answer within ", 300ms},
                    Case{"Garbage", {Kind::kGarbage}, "status 200 but the body is no JSON: byte 0: it begins with"},
                    Case{"Empty", {Kind::kEmpty}, nullptr}, Case{"Stale", {Kind::kStale}, nullptr}),
    [](const testing::TestParamInfo<Case>& test) { return test.param.name; });

TEST(HttpPoll, TakesAResetForAConnectionThatWasClosedAndAsksAgain) {
  Rig rig({.faults = {{}, {}, {Kind::kReset}, {}, {Kind::kReset}, {Kind::kReset}}});
  rig.start();
  rig.take_until([](const SourceHealth& health) { return health.replies >= 8; });
  EXPECT_EQ(rig.settle().failures, 1u);  // Of the two in a row.
  EXPECT_EQ(rig.taken, rig.feed->shown());
}

TEST(HttpPoll, HonoursRetryAfter) {
  Rig rig({.faults = {{}, {Kind::kTooMany, 390}}});
  rig.start();
  const SourceHealth during = rig.take_until([](const SourceHealth& h) { return h.state == State::kRetrying; });
  EXPECT_EQ(during.text, "HTTP 429, Retry-After 390 s");
  const Milliseconds wait = *during.next_poll_at - during.since;
  EXPECT_GE(wait, 390s);
  EXPECT_LE(wait, 400s);
  const SourceHealth after = rig.take_until([](const SourceHealth& h) { return h.state == State::kOk; });
  EXPECT_GE(*after.last_reply_at - during.since, 390s);
  EXPECT_EQ(after.text, "");
}

TEST(HttpPoll, BacksOffWhileFailuresGoOnAndSaysHowMany) {
  const Fault error{Kind::kServerError}, page{Kind::kHtml};
  Rig rig({.faults = {{}, error, error, page, {}, {}, {Kind::kGarbage}}, .speed = 200});
  rig.start();
  std::set<std::string> texts;
  const SourceHealth after = rig.take_until([&](const SourceHealth& health) {
    if (health.state == State::kRetrying) texts.insert(health.text);
    return health.replies >= 4;
  });
  EXPECT_EQ(after.failures, 4u);
  const std::string no_json = "status 200 but the body is no JSON: ";
  const std::set<std::string> expected = {"HTTP 500", "HTTP 500; failure 2 in a row",
                                          no_json + "an HTML page; failure 3 in a row",
                                          no_json + "byte 0: it begins with '.ELF....'"};  // A row of its own.
  for (const std::string& text : texts) EXPECT_TRUE(expected.contains(text)) << text;
  EXPECT_GE(texts.size(), 2u);  // A short one may be over before we look.
}

// ---- gaps
// ------------------------------------------------------------------------------------------------------------

TEST(HttpPoll, LosesOnlyWhatWasNeverShownAndAsksMoreOftenThen) {
  // 100 records are about half a minute: at 5 minutes a request, most of them are never shown.
  Rig rig({.step = 5min, .poll = {.every = 5s}});
  rig.start();
  SourceHealth health = rig.take_until([](const SourceHealth& h) { return h.gaps >= 3; });
  EXPECT_EQ(health.interval, 1s);
  EXPECT_EQ(health.text, "polls every 1s: a reply had no record of the one before");
  EXPECT_LT(rig.taken.size(), rig.feed->entered());
  rig.step_ = 1s;  // A fifth of the list is new once in five replies.
  health = rig.take_until([](const SourceHealth& h) { return h.interval == 5s; });
  EXPECT_EQ(health.text, "");
  rig.settle();
  EXPECT_EQ(rig.taken, rig.feed->shown());
}

TEST(HttpPoll, TakesAReplyThatJumpsForWhatItIs) {
  // Only the newest 5 of some 20 new ones; the next reply has the rest, behind them.
  Rig rig({.faults = {{}, {}, {Kind::kJump, 5}, {}, {}}});
  rig.start();
  rig.take_until([](const SourceHealth& h) { return h.replies >= 5; });
  rig.settle();
  std::vector<std::string> taken = rig.taken, shown = rig.feed->shown();
  EXPECT_NE(taken, shown);  // Some entered late.
  std::sort(taken.begin(), taken.end()), std::sort(shown.begin(), shown.end());
  EXPECT_EQ(taken, shown);
  EXPECT_EQ(shown.size(), rig.feed->entered());
}

// ---- nothing new
// -----------------------------------------------------------------------------------------------------

TEST(HttpPoll, CallsAListThatNoLongerMovesSilentUntilItMovesAgain) {
  for (const bool etag : {false, true}) {
    Rig rig({.etag = etag, .poll = {.every = 10s}});
    rig.start();
    rig.take_until([](const SourceHealth& h) { return h.replies >= 3; });
    rig.frozen_ = true;
    const SourceHealth silent = rig.take_until([](const SourceHealth& h) { return h.state == State::kSilent; });
    EXPECT_GE(silent.since - *silent.last_new_at, 5min);
    EXPECT_TRUE(silent.text.starts_with("replies come, but nothing new since 2026-05-06T00:")) << silent.text;
    rig.frozen_ = false;
    const SourceHealth well = rig.take_until([](const SourceHealth& h) { return h.state == State::kOk; });
    EXPECT_GT(*well.last_new_at, silent.since);
    rig.settle();
    EXPECT_EQ(rig.taken, rig.feed->shown());
  }
}

TEST(HttpPoll, IsSpared304sAsBatches) {
  Rig rig({.step = 0ms, .etag = true, .speed = 200});
  rig.start();
  rig.take_until([](const SourceHealth& h) { return h.replies >= 5; });
  EXPECT_EQ(rig.batches, 1u);
  EXPECT_EQ(rig.source->health()->state, State::kOk);
}

// ---- the thread, the queue, the end
// ------------------------------------------------------------------------------------

TEST(HttpPoll, StopsAskingWhileFourRepliesWait) {
  Rig rig({});
  EXPECT_EQ(rig.source->health()->state, State::kStarting);
  EXPECT_EQ(rig.source->next_arrival().value(), std::nullopt);
  rig.start();
  SourceHealth full = rig.wait_for([](const SourceHealth& h) { return h.replies >= 4; });
  EXPECT_EQ(full.text, "waits: 4 replies are not taken yet");
  EXPECT_EQ(full.state, State::kOk);
  const ProcessingTime later = rig.clock_.now() + 100s;  // Twenty intervals.
  while (rig.clock_.wall_until(later) > 0ns) continue;
  EXPECT_EQ(rig.feed->requests(), 4u);
  EXPECT_EQ(rig.source->read(kFeedStart - 1ms, 1000)->records.size(), 0u);
  rig.take();
  rig.take_until([](const SourceHealth& h) { return h.replies >= 6; });
  rig.settle();
  EXPECT_EQ(rig.taken, rig.feed->shown());
}

TEST(HttpPoll, KeepsOneConnection) {
  Rig rig({});
  rig.start();
  rig.take_until([](const SourceHealth& h) { return h.replies >= 20; });
  EXPECT_EQ(rig.feed->connections(), 1);
  EXPECT_GT(rig.source->health()->bytes, 1'000'000u);
}

TEST(HttpPoll, EndsAtOnceWhateverItWaitsFor) {
  for (const std::vector<Fault>& faults : {std::vector<Fault>{{Kind::kStall, 50}},  // A body.
                                           std::vector<Fault>{{Kind::kTooMany, 3600}}, std::vector<Fault>{}}) {
    Rig rig({.faults = faults, .speed = 1});
    rig.start();
    if (!faults.empty() && faults[0].kind == Kind::kStall)
      while (rig.feed->requests() == 0) std::this_thread::yield();
    else
      rig.wait_for([](const SourceHealth& h) { return h.replies + h.failures > 0; });
    const auto began = Steady::now();
    rig.source.reset();
    EXPECT_LT(Steady::now() - began, 2s);  // Of the ten of its timeout.  docs: 200 ms, on a machine with time to spare.
  }
}

TEST(HttpPoll, GoesOnCountingButNotFromAnotherSourcesPlace) {
  Rig rig({});
  EXPECT_EQ(rig.source->seek("recording 123 reply 9").code(), Code::kFailedPrecondition);
  EXPECT_EQ(rig.source->seek("http_poll:x").code(), Code::kFailedPrecondition);
  EXPECT_EQ(rig.source->seek("http_poll:").code(), Code::kFailedPrecondition);
  ASSERT_TRUE(rig.source->seek("http_poll:41").ok());
  rig.start();
  rig.wait_for([](const SourceHealth& h) { return h.replies >= 1; });
  EXPECT_EQ(rig.source->read(ProcessingTime::max(), 1)->cursor, "http_poll:42");
  EXPECT_TRUE(rig.source->live());
  EXPECT_EQ(rig.source->progress(), 0);
  EXPECT_EQ(rig.source->total_records(), std::nullopt);
}

TEST(HttpPoll, IsNotOpenedWithOptionsThatAreWrong) {
  EXPECT_EQ(open_http_poll({.url = "ftp://x"}).code(), Code::kInvalidArgument);
  EXPECT_EQ(open_http_poll({.url = "http://x", .records = "txs"}).code(), Code::kInvalidArgument);
  EXPECT_EQ(open_http_poll({.url = "http://x", .ca_file = "/nowhere.pem"}).code(), Code::kNotFound);
}

// ---- TLS
// -------------------------------------------------------------------------------------------------------------

TEST(HttpPoll, PollsOverTlsAndRefusesWhomItCannotTrust) {
  const TestCertificates ours("DNS:localhost"), others("DNS:localhost");
  const auto file_of = [](const TestCertificates& certificates, const char* name) {
    const auto path = std::filesystem::path(testing::TempDir()) / fmt::format("feed-{}-{}.pem", name, ::getpid());
    std::ofstream(path) << certificates.ca_pem();
    return path;
  };
  const auto ca = file_of(ours, "ours"), wrong_ca = file_of(others, "others");
  {
    Rig rig({.certificates = &ours, .poll = {.ca_file = ca}});
    const std::string url = rig.feed->url("localhost");
    Rig by_name({.poll = {.url = url, .ca_file = ca}});
    by_name.start();
    const SourceHealth health = by_name.take_until([](const SourceHealth& h) { return h.replies >= 5; });
    EXPECT_EQ(health.failures, 0u);
    EXPECT_EQ(rig.feed->connections(), 1);

    rig.start();  // By 127.0.0.1, which the certificate does not name.
    const std::string text = rig.wait_for([](const SourceHealth& h) { return h.failures > 0; }).text;
    EXPECT_NE(text.find("certificate of 127.0.0.1: IP address mismatch"), std::string::npos) << text;

    Rig distrustful({.poll = {.url = url, .ca_file = wrong_ca}});
    distrustful.start();
    const std::string why = distrustful.wait_for([](const SourceHealth& h) { return h.failures > 0; }).text;
    EXPECT_NE(why.find("certificate of localhost: "), std::string::npos) << why;
    EXPECT_EQ(distrustful.source->health()->replies, 0u);
  }
  std::filesystem::remove(ca), std::filesystem::remove(wrong_ca);
}

// ---- all of it at random, through the pipeline
// -------------------------------------------------------------------------

Fault any_fault(Rng& rng) {
  if (rng.below(3) != 0) return {};
  static constexpr Kind kKinds[] = {Kind::kTooMany, Kind::kServerError, Kind::kHtml,         Kind::kCut,
                                    Kind::kPause,   Kind::kReset,       Kind::kStallConnect, Kind::kGarbage,
                                    Kind::kEmpty,   Kind::kStale,       Kind::kJump,         Kind::kJump};
  const Kind kind = kKinds[rng.below(std::size(kKinds))];
  if (kind == Kind::kStallConnect && rng.below(4) != 0) return {};  // It costs a timeout.
  return {kind, static_cast<int>(1 + rng.below(kind == Kind::kTooMany ? 20 : 99))};
}

TEST(HttpPoll, KeepsTheBooksInBalanceAndAllThatWasEverShownWhateverHappens) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const auto folder =
        std::filesystem::path(testing::TempDir()) / fmt::format("feed-property-{}-{}", seed, ::getpid());
    PipelineOptions pipeline_options;
    pipeline_options.sources = {{"blockchain"}};
    pipeline_options.events[0].id = {"/hash"};
    pipeline_options.events[0].fields = {{"fee", "/fee", FieldType::kInteger, false, "satoshi"}};
    pipeline_options.groups = {
        {"tx", 1min, 1min, {{"n", AggregateKind::kCount, {}}, {"fees", AggregateKind::kSum, 0}}}};
    const auto store =
        FeatureStore::open({.directory = folder,
                            .groups = {feature_group_of(pipeline_options.groups[0], pipeline_options.events[0])},
                            .sync = false})
            .value();
    const auto pipeline = Pipeline::open(pipeline_options, *store).value();

    Rng rng(seed), steps(seed, 1);
    Rig rig({.fault = [&rng](std::uint64_t) { return any_fault(rng); },
             .etag = seed % 2 == 0,
             .poll = {.every = Milliseconds(1000 + 1000 * static_cast<int>(seed)), .timeout = 1s}});
    std::uint64_t read = 0;
    rig.ingest = [&](const RawBatch& batch) {
      rig.step_ = Milliseconds(steps.below(10) == 0 ? 180'000 : 1 + steps.below(9'000));
      const Books before = store->books();
      const auto closed = pipeline->ingest(0, batch);
      EXPECT_TRUE(closed.ok()) << closed.status().message();
      read += batch.records.size();
      const Books after = store->books();
      EXPECT_TRUE(after.balanced());
      const std::size_t known = after.duplicate - before.duplicate;
      return Taken{batch.records.size(), known, before.read > 0 && known == 0};
    };
    rig.start();
    rig.take_until([&](const SourceHealth&) { return rig.feed->requests() >= 120; });
    const SourceHealth health = rig.settle();

    EXPECT_EQ(store->books().read, read);
    EXPECT_GT(health.failures, 5u);
    std::vector<std::string> ids;
    EXPECT_TRUE(store
                    ->visit_archive([&](std::string_view line) {
                      ids.push_back(id_of(parse_archived(line)->raw));
                      return true;
                    })
                    .ok());
    EXPECT_EQ(ids.size(), store->books().stored + store->books().late);
    std::set<std::string> kept(ids.begin(), ids.end());
    EXPECT_EQ(kept.size(), ids.size());  // Nothing twice.
    for (const DeadLetter& letter : store->dead_letters(SIZE_MAX).value()) kept.insert(id_of(letter.raw));
    const std::vector<std::string> shown = rig.feed->shown();
    EXPECT_EQ(kept, std::set<std::string>(shown.begin(), shown.end()));
    EXPECT_GT(shown.size(), 1000u);
    EXPECT_LT(shown.size(), rig.feed->entered());  // Some were never shown.
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
}

}  // namespace
}  // namespace tidecast
