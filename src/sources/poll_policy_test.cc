#include "sources/poll_policy.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tidecast {
namespace {

constexpr Taken kGap{100, 0, true};
constexpr Taken kCalm{100, 75, false};
constexpr Taken kBusy{100, 74, false};

PollPolicy policy(Milliseconds every) { return PollPolicy(every, Rng(1)); }

TEST(PollPolicy, HalvesTheIntervalAtEveryGapButNeverBelowASecond) {
  PollPolicy polls = policy(5s);
  std::vector<std::int64_t> seen;
  for (int i = 0; i < 4; ++i) {
    polls.on_taken(kGap);
    seen.push_back(polls.interval().count());
  }
  EXPECT_EQ(seen, (std::vector<std::int64_t>{2500, 1250, 1000, 1000}));
}

TEST(PollPolicy, LeavesAnIntervalBelowASecondAsItIs) {
  PollPolicy polls = policy(200ms);
  polls.on_taken(kGap);
  EXPECT_EQ(polls.interval(), 200ms);
}

TEST(PollPolicy, DoublesItAgainAfterTenCalmRepliesInARow) {
  PollPolicy polls = policy(5s);
  for (int i = 0; i < 3; ++i) polls.on_taken(kGap);
  for (int i = 0; i < 9; ++i) polls.on_taken(kCalm);
  EXPECT_EQ(polls.interval(), 1s);
  polls.on_taken(kBusy);  // Begins to count anew.
  for (int i = 0; i < 9; ++i) polls.on_taken(kCalm);
  EXPECT_EQ(polls.interval(), 1s);
  polls.on_taken(kCalm);
  EXPECT_EQ(polls.interval(), 2s);
  for (int i = 0; i < 20; ++i) polls.on_taken(kCalm);
  EXPECT_EQ(polls.interval(), 5s);  // Never above `every`.
  for (int i = 0; i < 100; ++i) polls.on_taken(kCalm);
  EXPECT_EQ(polls.interval(), 5s);
}

TEST(PollPolicy, AGapOrAFailureBreaksTheRow) {
  for (const bool gap : {true, false}) {
    PollPolicy polls = policy(8s);
    polls.on_taken(kGap), polls.on_taken(kGap), polls.on_taken(kGap);
    for (int i = 0; i < 9; ++i) polls.on_taken(kCalm);
    if (gap)
      polls.on_taken(kGap);
    else
      (void)polls.on_failure(std::nullopt);
    polls.on_taken(kCalm);
    EXPECT_EQ(polls.interval(), 1s);
  }
}

// The longest wait of many seeds is where the jitter's range ends, the shortest where it begins.
TEST(PollPolicy, WaitsAfterFailuresTwiceAsLongEachTimeUpToFiveMinutes) {
  const struct {
    Milliseconds every;
    std::vector<std::int64_t> most_s;
    Milliseconds least;
  } cases[] = {{5s, {5, 10, 20, 40, 80, 160, 300, 300, 300}, 1s},
               {1s, {1, 2, 4, 8}, 1s},
               {200ms, {1, 2, 4}, 200ms},
               {1h, {3600, 3600}, 1s}};
  for (const auto& c : cases) {
    std::vector<Milliseconds> longest(c.most_s.size(), 0ms), shortest(c.most_s.size(), 10h);
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
      PollPolicy polls(c.every, Rng(seed));
      for (std::size_t i = 0; i < c.most_s.size(); ++i) {
        const Milliseconds wait = polls.on_failure(std::nullopt);
        longest[i] = std::max(longest[i], wait);
        shortest[i] = std::min(shortest[i], wait);
      }
      EXPECT_EQ(polls.failures(), c.most_s.size());
    }
    for (std::size_t i = 0; i < c.most_s.size(); ++i) {
      EXPECT_LE(longest[i], std::chrono::seconds(c.most_s[i]));
      EXPECT_GE(longest[i], std::chrono::seconds(c.most_s[i]) * 99 / 100) << i;
      EXPECT_GE(shortest[i], c.least);
      EXPECT_LE(shortest[i], std::max(c.least, Milliseconds(c.most_s[i] * 10))) << i;  // A hundredth.
    }
  }
}

TEST(PollPolicy, BeginsTheBackOffAnewAfterAReply) {
  PollPolicy polls = policy(1s);
  for (int i = 0; i < 8; ++i) (void)polls.on_failure(std::nullopt);
  polls.on_reply();
  EXPECT_EQ(polls.failures(), 0u);
  EXPECT_EQ(polls.on_failure(std::nullopt), 1s);
}

TEST(PollPolicy, NeverAsksBeforeARetryAfterUpToAnHour) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    PollPolicy polls(5s, Rng(seed));
    EXPECT_EQ(polls.on_failure(390s), 390s);
    EXPECT_EQ(polls.on_failure(24h), 1h);
    EXPECT_GE(polls.on_failure(1s), 1s);
  }
}

TEST(PollPolicy, ReadsRetryAfterInBothForms) {
  const ProcessingTime now = ProcessingTime::from_ms(parse_rfc3339("1994-11-06T08:40:00Z").value());
  const std::string date = "Sun, 06 Nov 1994 08:49:37 GMT";
  EXPECT_EQ(parse_retry_after("390", "", now), Milliseconds(390s));
  EXPECT_EQ(parse_retry_after(" 0 ", "", now), Milliseconds(0s));
  EXPECT_EQ(parse_retry_after("99999999999999", "", now), Milliseconds(1h));
  EXPECT_EQ(parse_retry_after(date, "", now), Milliseconds(577s));
  EXPECT_EQ(parse_retry_after(date, "Sun, 06 Nov 1994 08:49:00 GMT", now), Milliseconds(37s));  // By its own clock.
  EXPECT_EQ(parse_retry_after(date, "", now + 1h), Milliseconds(0s));
  for (const char* none : {"", "soon", "-1", "1.5", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT"})
    EXPECT_EQ(parse_retry_after(none, "", now), std::nullopt) << none;
  EXPECT_EQ(parse_http_date(date), parse_rfc3339("1994-11-06T08:49:37Z").value());
}

TEST(PollPolicy, SaysWhatFailed) {
  const auto text = [](HttpAnswer answer) {
    const auto failure = failure_of(answer, ProcessingTime::epoch());
    return failure ? failure->text : "none";
  };
  EXPECT_EQ(text({.status = 200, .body = R"({"txs":[]})"}), "none");
  EXPECT_EQ(text({.status = 304}), "none");
  EXPECT_EQ(text({.status = 429, .headers = {{"retry-after", "390"}}}), "HTTP 429, Retry-After 390 s");
  EXPECT_EQ(text({.status = 429, .headers = {{"retry-after", "soon"}}}), "HTTP 429");
  EXPECT_EQ(text({.status = 500}), "HTTP 500");
  EXPECT_EQ(text({.status = 204}), "HTTP 204");
  EXPECT_EQ(text({.status = 301, .headers = {{"location", "https://b/"}}}),
            "HTTP 301, moved to https://b/ (write that as url)");
  EXPECT_EQ(text({.status = 200, .body = "\n <!DOCTYPE html><title>x"}),
            "status 200 but the body is no JSON: an HTML page");
  EXPECT_EQ(failure_of({.status = 503, .headers = {{"retry-after", "7"}}}, ProcessingTime::epoch())->retry_after,
            Milliseconds(7s));

  const auto of_body = [](std::string_view body) {
    RawBatch batch;
    const Status status = split_reply(body, "/txs", ReplyOrder::kNewestFirst, ProcessingTime::epoch(), batch);
    return failure_text(status, body);
  };
  EXPECT_EQ(of_body(" "), "status 200 but the body is empty");
  EXPECT_EQ(of_body("\x01\x02"), "status 200 but the body is no JSON: byte 0: it begins with '..'");
  EXPECT_EQ(of_body(R"({"error":"too many"})"), R"(status 200 but /txs: not found; it begins {"error":"too many"})");
  EXPECT_EQ(
      of_body(R"({"txs":{}, "x":")" + std::string(99, 'x') + "\"}"),
      R"(status 200 but /txs: not an array but an object; it begins {"txs":{}, "x":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...)");
}

}  // namespace
}  // namespace tidecast
