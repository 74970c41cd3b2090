// open_rawblocks() against a server of blocks, and what can go wrong with one.
#include "sources/rawblocks.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/log.h"
#include "block_server.h"

namespace tidecast {
namespace {

using Kind = Fault::Kind;

EventTime at(const char* text) { return EventTime::from_ms(parse_rfc3339(text).value()); }

RecordingOptions recording() {
  RecordingOptions options;
  options.bodies = TIDECAST_ROOT "/data/bitcoin/blockchain_info_transactions_1020.ndjson.zst";
  options.schedule = TIDECAST_ROOT "/data/bitcoin/schedule_7d.csv.zst";
  options.first_minute = 2880;
  options.minutes = 120;
  return options;
}

const std::vector<TestTransaction>& all_transactions() {
  static const std::vector<TestTransaction> all = transactions_of(recording());
  return all;
}

// A block every 10 minutes or so from an hour and a half before the recording on; a transaction waits up to `longest`.
std::vector<TestBlock> chain(std::uint64_t seed, Milliseconds longest) {
  Rng rng(seed);
  std::vector<TestBlock> blocks;
  EventTime time = at("2026-05-05T22:30:00Z");
  const EventTime end = at("2026-05-06T06:00:00Z");
  for (std::int64_t height = 900'000; time < end; ++height) {
    blocks.push_back({height, time});
    time += std::chrono::seconds(60 + rng.below(1080));
  }
  for (const TestTransaction& transaction : all_transactions()) {
    const EventTime mined = transaction.time + Milliseconds(rng.below(static_cast<std::uint64_t>(longest.count())));
    const auto block = std::find_if(blocks.begin(), blocks.end(), [&](const TestBlock& b) { return b.time > mined; });
    block->transactions.push_back(transaction);
  }
  for (TestBlock& block : blocks) rng.shuffle(std::span(block.transactions));
  return blocks;
}

std::multiset<std::string> in_range(EventTime from, EventTime until) {
  std::multiset<std::string> out;
  for (const TestTransaction& transaction : all_transactions())
    if (transaction.time >= from && transaction.time < until) out.insert(transaction.raw);
  return out;
}

struct Read {
  std::vector<std::string> raw;
  std::vector<ProcessingTime> arrivals;
  std::vector<std::string> cursors;  // After each batch; and so many records.
  std::vector<std::size_t> counts;
  Status error;
};

Read read_all(Source& source, std::size_t batch_size, std::size_t batches = SIZE_MAX) {
  Read out;
  for (std::size_t b = 0; b < batches; ++b) {
    const auto batch = source.read(ProcessingTime::max(), batch_size);
    if (!batch.ok()) {
      out.error = batch.status();
      break;
    }
    if (batch->empty()) break;
    out.cursors.push_back(batch->cursor);
    for (std::size_t i = 0; i < batch->records.size(); ++i) {
      out.raw.emplace_back(batch->raw(i));
      out.arrivals.push_back(batch->records[i].arrival);
    }
    out.counts.push_back(out.raw.size());
  }
  return out;
}

class RawBlocks : public testing::Test {
 protected:
  RawBlocks() { set_log_level(LogLevel::kOff); }

  RawBlockOptions options(const BlockServer& server) {
    return {.url = server.url() + "/",
            .from = at("2026-05-06T00:10:00Z"),
            .until = at("2026-05-06T01:30:00Z"),
            .settle = 2h,
            .seed = 1};
  }
  std::unique_ptr<Source> open(RawBlockOptions options) { return open_rawblocks(std::move(options), clock).value(); }

  SimulatedClock clock{ProcessingTime::from_ms(at("2026-05-07T00:00:00Z").ms())};
};

TEST_F(RawBlocks, GivesEveryTransactionOfTheRangeOnceInTheOrderOfItsTime) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const BlockServer server(chain(seed, 100min));
    const auto source = open(options(server));
    EXPECT_FALSE(source->live());
    EXPECT_EQ(source->progress(), 0);
    const Read read = read_all(*source, 100);
    ASSERT_TRUE(read.error.ok()) << read.error.message();
    const auto expected = in_range(at("2026-05-06T00:10:00Z"), at("2026-05-06T01:30:00Z"));
    EXPECT_GT(expected.size(), 5000u);
    EXPECT_EQ(std::multiset<std::string>(read.raw.begin(), read.raw.end()), expected);
    EXPECT_TRUE(std::is_sorted(read.arrivals.begin(), read.arrivals.end()));
    for (std::size_t i = 0; i < read.raw.size(); ++i)
      ASSERT_NE(read.raw[i].find(fmt::format("\"time\":{}", read.arrivals[i].ms() / 1000)), std::string::npos) << i;
    EXPECT_EQ(source->progress(), 1);
    EXPECT_EQ(source->next_arrival().value(), std::nullopt);
  }
}

TEST_F(RawBlocks, FindsTheFirstBlockInAFewQuestionsAndAsksNeverMoreOftenThanItMay) {
  const BlockServer server(chain(1, 1h));
  RawBlockOptions wanted = options(server);
  const ProcessingTime began = clock.now();
  const auto source = open(wanted);
  ASSERT_NE(source->next_arrival().value(), std::nullopt);
  const auto asked = server.asked();
  EXPECT_EQ(asked[0], "/latestblock");
  const auto by_height =
      std::count_if(asked.begin(), asked.end(), [](auto& path) { return path.starts_with("/block-h"); });
  EXPECT_LE(by_height, 7);  // Of 45 blocks; the last is the first of the blocks that are read.
  EXPECT_GE(clock.now() - began, static_cast<int>(asked.size() - 1) * 10s);
  read_all(*source, 1000);
  const auto more = server.asked();
  EXPECT_GE(clock.now() - began, static_cast<int>(more.size() - 1) * 10s);
  EXPECT_TRUE(more.back().starts_with("/rawblock/")) << more.back();
}

TEST_F(RawBlocks, GoesOnFromEveryCursorWithTheSameRecords) {
  const BlockServer server(chain(4, 100min));
  const Read whole = read_all(*open(options(server)), 300);
  ASSERT_GT(whole.cursors.size(), 15u);
  for (std::size_t b = 0; b < whole.cursors.size(); b += b < 3 ? 1 : 5) {
    SCOPED_TRACE(fmt::format("after batch {}: {}", b, whole.cursors[b]));
    const auto source = open(options(server));
    const std::size_t taken = whole.counts[b];
    ASSERT_TRUE(source->seek(whole.cursors[b]).ok());
    const Read rest = read_all(*source, 300);
    ASSERT_TRUE(rest.error.ok()) << rest.error.message();
    EXPECT_EQ(rest.raw,
              std::vector<std::string>(whole.raw.begin() + static_cast<std::ptrdiff_t>(taken), whole.raw.end()));
    EXPECT_EQ(rest.arrivals,
              std::vector(whole.arrivals.begin() + static_cast<std::ptrdiff_t>(taken), whole.arrivals.end()));
  }
}

TEST_F(RawBlocks, BringsOneThatWaitedTooLongLateButBringsIt) {
  const BlockServer server(chain(5, 100min));
  RawBlockOptions wanted = options(server);
  wanted.settle = 30min;
  const Read read = read_all(*open(wanted), 100);
  EXPECT_TRUE(std::is_sorted(read.arrivals.begin(), read.arrivals.end()));
  std::size_t late = 0;
  for (std::size_t i = 0; i < read.raw.size(); ++i)
    late += read.raw[i].find(fmt::format("\"time\":{}", read.arrivals[i].ms() / 1000)) == std::string::npos;
  EXPECT_GT(late, 100u);
  const auto in_time = in_range(wanted.from, wanted.until);
  EXPECT_LT(read.raw.size(), in_time.size());  // Some came in blocks more than half an hour after `until`.
  EXPECT_GT(read.raw.size(), in_time.size() / 2);
}

TEST_F(RawBlocks, GetsOverWhatGoesWrong) {
  const BlockServer well(chain(6, 1h));
  const Read expected = read_all(*open(options(well)), 500);
  const BlockServer server(chain(6, 1h), {{Kind::kTooMany, 600},
                                          {},
                                          {Kind::kServerError},
                                          {Kind::kHtml},
                                          {Kind::kEmpty},
                                          {},
                                          {Kind::kCut},
                                          {},
                                          {},
                                          {},
                                          {Kind::kTooMany, 30},
                                          {Kind::kServerError}});
  const auto source = open(options(server));
  const ProcessingTime began = clock.now();
  const Read read = read_all(*source, 500);
  ASSERT_TRUE(read.error.ok()) << read.error.message();
  EXPECT_EQ(read.raw, expected.raw);
  EXPECT_GE(source->health()->failures, 6u);
  EXPECT_EQ(source->health()->state, SourceHealth::State::kOk);
  EXPECT_GE(clock.now() - began, 600s);
}

TEST_F(RawBlocks, GivesUpAfterSoManyAttemptsAndTriesAgainWhenAskedAgain) {
  const BlockServer server(chain(6, 1h), {{}, {Kind::kServerError}, {Kind::kServerError}, {Kind::kServerError}});
  RawBlockOptions wanted = options(server);
  wanted.attempts = 3;
  const auto source = open(wanted);
  const auto first = source->read(ProcessingTime::max(), 10);
  EXPECT_EQ(first.code(), Code::kUnavailable);
  EXPECT_NE(first.message().find("HTTP 500, 3 times in a row"), std::string::npos) << first.message();
  EXPECT_EQ(source->health()->state, SourceHealth::State::kRetrying);
  EXPECT_EQ(source->read(ProcessingTime::max(), 10)->records.size(), 10u);
}

TEST_F(RawBlocks, StopsWhenItIsToldTo) {
  std::atomic<bool> stop = false;
  {
    const BlockServer server(chain(6, 1h), {{}, {}, {Kind::kStall}});
    RawBlockOptions wanted = options(server);
    std::atomic<int> questions = 0;
    wanted.stop = [&] { return stop || (server.asked().size() >= 3 && ++questions > 3); };
    EXPECT_EQ(open(wanted)->read(ProcessingTime::max(), 10).code(), Code::kCancelled);  // In the middle of an answer.
  }
  const BlockServer server(chain(6, 1h));
  RawBlockOptions wanted = options(server);
  wanted.stop = [&] { return stop.load(); };
  stop = true;
  EXPECT_EQ(open(wanted)->read(ProcessingTime::max(), 10).code(), Code::kCancelled);
  EXPECT_TRUE(server.asked().empty());
}

TEST_F(RawBlocks, EndsAtTheNewestBlock) {
  std::vector<TestBlock> blocks = chain(7, 1h);
  std::erase_if(blocks, [](const TestBlock& block) { return block.time > at("2026-05-06T01:00:00Z"); });
  const BlockServer server(blocks);
  std::multiset<std::string> expected;
  for (const TestBlock& block : blocks)
    for (const TestTransaction& transaction : block.transactions)
      if (transaction.time >= at("2026-05-06T00:10:00Z")) expected.insert(transaction.raw);
  const Read read = read_all(*open(options(server)), 200);
  EXPECT_EQ(std::multiset<std::string>(read.raw.begin(), read.raw.end()), expected);
  RawBlockOptions later = options(server);
  later.from = at("2026-05-06T01:20:00Z");
  EXPECT_EQ(open(later)->next_arrival().code(), Code::kNotFound);
}

TEST_F(RawBlocks, GivesARoundAgainWhoseBlockIsAnotherOneByNow) {
  const std::vector<TestBlock> blocks = chain(8, 100min);
  BlockServer server(blocks);
  const Read begun = read_all(*open(options(server)), 300, 9);
  const std::string& cursor = begun.cursors.back();
  std::int64_t height = 0;
  {
    std::istringstream fields(cursor);
    std::string field;
    for (int i = 0; i < 5 && std::getline(fields, field, ':'); ++i) height = std::stoll(i == 4 ? field : "0");
  }
  TestBlock other = blocks[static_cast<std::size_t>(height - 900'000)];
  other.salt = "b";
  server.replace(static_cast<std::size_t>(height - 900'000), other);
  const auto source = open(options(server));
  ASSERT_TRUE(source->seek(cursor).ok());
  const Read rest = read_all(*source, 300);
  std::set<std::string> all(begun.raw.begin(), begun.raw.end());
  all.insert(rest.raw.begin(), rest.raw.end());
  const auto expected = in_range(at("2026-05-06T00:10:00Z"), at("2026-05-06T01:30:00Z"));
  EXPECT_EQ(all, std::set<std::string>(expected.begin(), expected.end()));
  EXPECT_GE(rest.arrivals.front(), begun.arrivals.back());
}

TEST_F(RawBlocks, ReadsABlockThatHasNoTimesOfItsTransactionsOwn) {
  std::vector<TestBlock> blocks;
  for (std::int64_t i = 0; i < 4; ++i) blocks.push_back({603'964 + i, at("2019-11-15T22:40:00Z") + i * 10min});
  for (int i = 0; i < 12; ++i)
    blocks[2].transactions.push_back(
        {blocks[2].time, fmt::format(R"({{"hash":"{:064}","time":{},"fee":1}})", i, blocks[2].time.ms() / 1000)});
  const BlockServer server(blocks);
  RawBlockOptions wanted = options(server);
  wanted.from = at("2019-11-15T22:45:00Z"), wanted.until = at("2019-11-16T00:00:00Z");
  const auto source = open(wanted);
  const Read read = read_all(*source, 100);
  EXPECT_EQ(read.raw.size(), 12u);
  EXPECT_EQ(std::set(read.arrivals.begin(), read.arrivals.end()).size(), 1u);
}

TEST_F(RawBlocks, KnowsItsCursorsAndItsOptions) {
  const BlockServer server(chain(9, 1h));
  const auto source = open(options(server));
  for (const char* cursor : {"http_poll:3", "rawblocks:", "rawblocks:1:2:3", "rawblocks:x:0:0:0:0:0:a"})
    EXPECT_EQ(source->seek(cursor).code(), Code::kFailedPrecondition) << cursor;
  const std::string done = read_all(*source, 1000).cursors.back();
  EXPECT_TRUE(source->seek(done).ok());
  EXPECT_EQ(source->next_arrival().value(), std::nullopt);
  RawBlockOptions other = options(server);
  other.until += 1h;
  EXPECT_EQ(open(other)->seek(done).message(), "blocks: the backfill is finished, up to 2026-05-06T01:30:00Z");
  other.from += 1h;
  EXPECT_EQ(open(other)->seek(done).code(), Code::kFailedPrecondition);
  other.until = other.from;
  EXPECT_EQ(open_rawblocks(other, clock).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tidecast
