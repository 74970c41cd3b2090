#include "feed_server.h"

#include <gtest/gtest.h>

#include <set>

#include "net/client.h"

namespace tidecast {
namespace {

RecordingOptions recording(std::int64_t minutes) {
  RecordingOptions options;
  options.bodies = TIDECAST_ROOT "/data/bitcoin/blockchain_info_transactions_1020.ndjson.zst";
  options.schedule = TIDECAST_ROOT "/data/bitcoin/schedule_7d.csv.zst";
  options.first_minute = 2880;
  options.minutes = minutes;
  return options;
}

// New records of a batch, by their whole text.
void append_new(const RawBatch& batch, std::set<std::string>& known, std::vector<std::string>& all) {
  for (std::size_t i = 0; i < batch.records.size(); ++i)
    if (known.emplace(batch.raw(i)).second) all.emplace_back(batch.raw(i));
}

std::vector<std::string> replayed(const RecordingOptions& options) {
  const auto source = open_recording(options).value();
  std::set<std::string> known;
  std::vector<std::string> all;
  for (;;) {
    const RawBatch batch = source->read(ProcessingTime::max(), 1000).value();
    if (batch.empty()) return all;
    append_new(batch, known, all);
  }
}

TEST(Feed, GivesWhoPollsItOftenEnoughWhatAReplayGives) {
  const RecordingOptions options = recording(20);
  const auto feed = Feed::open(options, 100).value();
  std::set<std::string> known;
  std::vector<std::string> all;
  for (ProcessingTime t = ProcessingTime::from_ms(parse_rfc3339("2026-05-06T00:00:00Z").value()); t <= feed->end();
       t += 7s) {
    feed->advance(std::min(t, feed->end()));
    std::size_t first = 0;
    RawBatch batch;
    ASSERT_TRUE(split_reply(feed->reply(100, first), "/txs", ReplyOrder::kNewestFirst, t, batch).ok());
    append_new(batch, known, all);
  }
  feed->advance(feed->end());
  std::size_t first = 0;
  RawBatch batch;
  ASSERT_TRUE(split_reply(feed->reply(100, first), "/txs", ReplyOrder::kNewestFirst, feed->end(), batch).ok());
  append_new(batch, known, all);
  EXPECT_GT(all.size(), 2500u);
  EXPECT_EQ(all, replayed(options));
  EXPECT_EQ(feed->entered(), all.size());
}

TEST(Feed, StandsWhereItStoodWhenItIsOpenedAnew) {
  const ProcessingTime when = ProcessingTime::from_ms(parse_rfc3339("2026-05-06T00:14:33Z").value());
  const auto once = Feed::open(recording(20), 100).value(), anew = Feed::open(recording(20), 100).value();
  for (ProcessingTime t = when - 14min; t <= when; t += 1s) once->advance(t);
  anew->advance(when);
  std::size_t first = 0;
  EXPECT_EQ(once->reply(100, first), anew->reply(100, first));
  EXPECT_EQ(once->reply(7, first), anew->reply(7, first));
  EXPECT_LT(anew->entered(), 400u);  // It did not begin at the beginning.
}

TEST(FeedServer, FaultsOfASeedAreThoseAfterWhichNothingIsMissed) {
  std::set<Fault::Kind> kinds;
  int bad = 0;
  for (std::uint64_t i = 0; i < 6000; ++i) {
    const Fault fault = random_fault(7, i), again = random_fault(7, i);
    EXPECT_EQ(fault.kind, again.kind);
    kinds.insert(fault.kind);
    bad += fault.kind != Fault::Kind::kNone;
  }
  EXPECT_NEAR(bad, 1000, 120);
  EXPECT_EQ(kinds.size(), 10u);
  EXPECT_FALSE(kinds.contains(Fault::Kind::kJump) || kinds.contains(Fault::Kind::kStall));
}

TEST(FeedServer, HasAnETag) {
  const ProcessingTime when = ProcessingTime::from_ms(parse_rfc3339("2026-05-06T00:05:00Z").value());
  FeedServerOptions options{.recording = recording(10), .now = [when] { return when; }};
  options.etag = true;
  const auto server = FeedServer::start(std::move(options)).value();
  const auto client = HttpClient::make({}).value();
  const HttpAnswer first = client->get(server->url()).value();
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(server->shown().size(), 100u);
  EXPECT_EQ(client->get(server->url(), {{"If-None-Match", first.headers.at("etag")}})->status, 304);
  EXPECT_EQ(client->get(server->url(), {{"If-None-Match", "\"0\""}})->status, 200);
}

}  // namespace
}  // namespace tidecast
