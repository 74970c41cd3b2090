#include "sources/push.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <atomic>
#include <future>

namespace tidecast {
namespace {

std::string zstd(std::string_view text) {
  std::string out(::ZSTD_compressBound(text.size()), '\0');
  out.resize(::ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string gzip(std::string_view text) {
  z_stream stream{};
  CHECK(::deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(::deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

// Records, one a line; or what is wrong.
std::string parsed(std::string_view body, std::string_view encoding = "") {
  const auto batch = parse_push(std::string(body), encoding);
  if (!batch.ok()) return batch.message();
  std::string out;
  for (std::size_t i = 0; i < batch->records.size(); ++i) out += fmt::format("{}\n", batch->raw(i));
  return out;
}

TEST(PushBody, IsLinesOrAnArray) {
  EXPECT_EQ(parsed("{\"a\":1}\n\n  {\"a\": 2} \r\n{\"a\":3}"), "{\"a\":1}\n{\"a\": 2}\n{\"a\":3}\n");
  EXPECT_EQ(parsed(" [ {\"a\":[1, 2]} ,{\"b\":\"]\"},7 ]\n"), "{\"a\":[1, 2]}\n{\"b\":\"]\"}\n7\n");
  for (const char* nothing : {"", " \n\r\n", "[]"}) EXPECT_EQ(parsed(nothing), "");
}

TEST(PushBody, LeavesABadRecordBetweenTwoGoodOnesToTheDecoder) {
  EXPECT_EQ(parsed("{\"a\":1}\n{oops\n{\"a\":3}\n"), "{\"a\":1}\n{oops\n{\"a\":3}\n");
  EXPECT_EQ(parsed("{\"a\":1\n{\"a\":3}\n"), "{\"a\":1\n{\"a\":3}\n");
}

TEST(PushBody, IsUnpacked) {
  const std::string lines = "{\"a\":1}\n{\"a\":2}\n";
  for (const char* encoding : {"gzip", "x-gzip"}) EXPECT_EQ(parsed(gzip(lines), encoding), lines);
  EXPECT_EQ(parsed(zstd(lines), "zstd"), lines);
  EXPECT_EQ(parsed(zstd("{\"a\":1}\n") + zstd("{\"a\":2}\n"), "zstd"), lines);  // Two frames.
  EXPECT_EQ(parsed(lines, "identity"), lines);
}

TEST(PushBody, IsRefusedWithTheLineOrTheByte) {
  EXPECT_EQ(parsed("\n<html>\n</html>"),
            "line 2: no JSON object, and none of the 2 lines is one; allowed: one object a line, or an array");
  EXPECT_EQ(parsed("{\n  \"a\": 1\n}").substr(0, 7), "line 1:");
  EXPECT_EQ(parsed("[{\"a\":1},{\"a\":2}").substr(0, 5), "byte ");
  EXPECT_NE(parsed("[{\"a\":1} {\"a\":2}]").find("in record 2 of the array: not JSON"), std::string::npos)
      << parsed("[{\"a\":1} {\"a\":2}]");
  EXPECT_NE(parsed("[1] 2").find("not JSON"), std::string::npos);
  EXPECT_EQ(parsed("{}", "br"), "Content-Encoding 'br'; allowed: identity, gzip, zstd");
  EXPECT_FALSE(is_push_encoding("br"));
  EXPECT_EQ(parsed("{}", "gzip").substr(0, 25), "the gzip body is damaged:");
  EXPECT_EQ(parsed("", "zstd"), "the zstd body is cut short");
  EXPECT_EQ(parsed("what is this", "zstd").substr(0, 25), "the zstd body is damaged:");
  const std::string packed = zstd("{\"a\":1}\n");
  EXPECT_EQ(parsed(packed.substr(0, packed.size() - 1), "zstd"), "the zstd body is cut short");
}

TEST(PushBody, IsRefusedIfItUnpacksToTooMuch) {
  const std::string large(kPushBodyMax + 1, ' ');
  const std::string text = "the body has more than 64 MB unpacked, the most that is allowed; send it in parts";
  EXPECT_EQ(parsed(large), text);
  EXPECT_EQ(parsed(zstd(large), "zstd"), text);
  EXPECT_EQ(parsed(gzip(large), "gzip"), text);
}

// ---- the source -----------------------------------------------------------------------------------------------------

RawBatch records(int count) {
  std::string body;
  for (int i = 0; i < count; ++i) body += fmt::format("{{\"n\":{}}}\n", i);
  return parse_push(body, "").value();
}

struct Rig {
  explicit Rig(PushOptions options = {}) : source(open_push(std::move(options)).value()) {
    CHECK(source->seek("").ok());
    CHECK(source->start(clock, [this] { ++woken; }).ok());
  }
  void offer(int count) {
    const Status status = source->offer(records(count), [this](Result<Taken> taken) {
      answers += taken.ok() ? fmt::format("{} ", taken->stored) : fmt::format("[{}] ", taken.message());
    });
    answers += status.ok() ? "" : fmt::format("[{}] ", status.message());
  }
  // As the loop does it.
  std::size_t take() {
    const RawBatch batch = source->read(ProcessingTime::max(), 1).value();
    if (batch.empty()) return 0;
    cursor = batch.cursor;
    source->on_taken({.records = batch.records.size(), .stored = batch.records.size()});
    return batch.records.size();
  }

  SimulatedClock clock{ProcessingTime::from_ms(1'000'000)};
  std::atomic<int> woken = 0;
  std::string answers, cursor;
  std::unique_ptr<PushSource> source;
};

TEST(Push, IsAnsweredAfterTheCommitAndGivenOutWhole) {
  Rig rig;
  rig.offer(3);
  rig.offer(2);
  EXPECT_EQ(rig.woken, 2);
  EXPECT_EQ(rig.answers, "");
  EXPECT_EQ(rig.source->next_arrival().value(), ProcessingTime::from_ms(1'000'000));
  EXPECT_EQ(rig.take(), 3u);
  EXPECT_EQ(rig.answers, "3 ");
  EXPECT_EQ(rig.take(), 2u);
  EXPECT_EQ(rig.answers, "3 2 ");
  EXPECT_EQ(rig.cursor, "push:2");
  EXPECT_EQ(rig.take(), 0u);
}

TEST(Push, AnswersSeveralThatWereReadBeforeTheFirstCommitInTheirOrder) {
  Rig rig;
  rig.offer(3);
  rig.offer(2);
  ASSERT_EQ(rig.source->read(ProcessingTime::max(), 1)->records.size(), 3u);
  ASSERT_EQ(rig.source->read(ProcessingTime::max(), 1)->records.size(), 2u);
  rig.source->on_taken({.stored = 3});
  EXPECT_EQ(rig.answers, "3 ");
  rig.source->on_taken({.stored = 2});
  EXPECT_EQ(rig.answers, "3 2 ");
}

TEST(Push, OfNothingIsAnsweredAtOnce) {
  Rig rig;
  rig.offer(0);
  EXPECT_EQ(rig.answers, "0 ");
  EXPECT_EQ(rig.source->next_arrival().value(), std::nullopt);
}

TEST(Push, IsRefusedWhileTooMuchWaitsForItsCommit) {
  Rig rig({.name = "events", .records_max = 5});
  rig.offer(9);  // Alone it may have more.
  EXPECT_EQ(rig.answers, "");
  rig.offer(1);
  const std::string full = "[events: 9 records wait for their commit; allowed: 5, or 134217728 bytes] ";
  EXPECT_EQ(rig.answers, full);
  EXPECT_EQ(rig.source->offer(records(1), {}).code(), Code::kUnavailable);
  ASSERT_EQ(rig.source->read(ProcessingTime::max(), 1)->records.size(), 9u);
  rig.offer(1);  // It is read, but not committed yet.
  EXPECT_EQ(rig.answers, full + full);
  rig.source->on_taken({.stored = 9});
  rig.offer(4);
  rig.offer(1);
  rig.take(), rig.take();
  EXPECT_EQ(rig.answers, full + full + "9 4 1 ");
  EXPECT_EQ(rig.source->health()->failures, 3u);
}

TEST(Push, EndsAllThatWaitWhenItEnds) {
  Rig rig({.name = "events"});
  rig.offer(3);
  rig.offer(2);
  ASSERT_EQ(rig.source->read(ProcessingTime::max(), 1)->records.size(), 3u);
  rig.source->close();
  const std::string ended = "[events: it ended before the commit was known of] ";
  EXPECT_EQ(rig.answers, ended + ended);
  rig.source->on_taken({.stored = 3});  // Comes too late for anybody.
  EXPECT_EQ(rig.answers, ended + ended);
  rig.offer(1);
  EXPECT_EQ(rig.answers, ended + ended + "[events: it has ended] ");
}

TEST(Push, WaitsOnAThreadOfItsOwnForTheAnswer) {
  Rig rig({.name = "events"});
  auto answer = std::async(std::launch::async, [&] { return rig.source->push(records(4), 20s); });
  while (rig.take() == 0) std::this_thread::yield();
  EXPECT_EQ(answer.get()->stored, 4u);
  EXPECT_EQ(rig.source->push(records(1), 1ms).message(), "events: not committed within 1ms, but may still be");
  EXPECT_EQ(rig.take(), 1u);  // It was; nobody waits for the answer.
  auto last = std::async(std::launch::async, [&] { return rig.source->push(records(1), 20s).code(); });
  while (rig.woken < 3) std::this_thread::yield();
  rig.source.reset();
  EXPECT_EQ(last.get(), Code::kCancelled);
}

TEST(Push, SaysHowItIs) {
  Rig rig;
  EXPECT_EQ(rig.source->health()->text, "nothing was pushed since the start, 1970-01-01T00:16:40Z");
  rig.offer(3);
  EXPECT_EQ(rig.source->health()->text, "3 records wait for their commit");
  rig.take();
  EXPECT_EQ(rig.source->health()->state, SourceHealth::State::kOk);
  EXPECT_EQ(rig.source->health()->text, "");
  rig.clock.wait_until(rig.clock.now() + 5min);
  EXPECT_EQ(rig.source->health()->state, SourceHealth::State::kOk);
  EXPECT_EQ(rig.source->health()->text, "nothing new was pushed since 1970-01-01T00:16:40Z");
}

TEST(Push, IsNotTakenBeforeItIsStarted) {
  const auto source = open_push({.name = "events"}).value();
  EXPECT_EQ(source->offer(records(1), {}).message(), "events: not started yet");
  EXPECT_EQ(source->seek("http_poll:1").code(), Code::kFailedPrecondition);
  EXPECT_EQ(open_push({.records_max = 0}).code(), Code::kInvalidArgument);
}

TEST(PushBody, OfMoreRecordsThanMayComeAtOnceIsRefusedAsALineOrAnArray) {
  std::string lines, array = "[";
  for (std::size_t i = 0; i < kPushRecordsMax; ++i) lines += "{}\n", array += "{},";
  EXPECT_EQ(parse_push(lines, "").value().records.size(), kPushRecordsMax);
  for (const std::string& body : {lines + "{}", array + "{}]"}) {
    EXPECT_EQ(parse_push(body, "").code(), Code::kFailedPrecondition);
    EXPECT_NE(parse_push(body, "").message().find("more than 500000 records"), std::string::npos);
  }
}

}  // namespace
}  // namespace tidecast
