#include "sources/websocket_message.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

// The records, one a line, or "skipped".
std::string read(std::string message, std::string record, std::vector<WebSocketOptions::Match> only = {}) {
  MessageReader reader = MessageReader::make(std::move(record), std::move(only)).value();
  RawBatch batch;
  if (!reader.read(std::move(message), batch)) return batch.empty() ? "skipped" : "skipped, but appended";
  std::string out;
  for (std::size_t i = 0; i < batch.records.size(); ++i) out += fmt::format("{}\n", batch.raw(i));
  return out;
}

TEST(MessageReader, FindsTheRecordWhereverItStands) {
  EXPECT_EQ(read(R"({"op":"utx","x":{"hash":"a", "n": [1]} })", "/x"), "{\"hash\":\"a\", \"n\": [1]}\n");
  EXPECT_EQ(read(R"({"x":{"hash":"a"},"op":"utx"})", "/x", {{"/op", "utx"}}), "{\"hash\":\"a\"}\n");
  EXPECT_EQ(read(R"({"d":{"list":[{"a":1}, {"b":2}]}})", "/d/list"), "{\"a\":1}\n{\"b\":2}\n");
  EXPECT_EQ(read(" {\"a\":1}\n", ""), "{\"a\":1}\n");
  EXPECT_EQ(read(R"({"x":7})", "/x"), "7\n");
}

TEST(MessageReader, SkipsWhatIsNoRecord) {
  const std::vector<WebSocketOptions::Match> utx = {{"/op", "utx"}};
  EXPECT_EQ(read(R"({"op":"status","msg":"hello"})", "/x", utx), "skipped");
  EXPECT_EQ(read(R"({"event":"pong"})", "/x", utx), "skipped");
  EXPECT_EQ(read(R"({"event":"pong"})", "/x"), "skipped");
  EXPECT_EQ(read(R"({"x":[]})", "/x"), "skipped");
  EXPECT_EQ(read(" ", "/x"), "skipped");
  EXPECT_EQ(read("[1]", "/x", utx), "skipped");
}

TEST(MessageReader, ComparesTextsNumbersAndWords) {
  EXPECT_EQ(read(R"({"a":"\u0062","n":1.50,"t":true,"z":null})", "",
                 {{"/a", "b"}, {"/n", "1.50"}, {"/t", "true"}, {"/z", "null"}})
                .substr(0, 4),
            "{\"a\"");
  EXPECT_EQ(read(R"({"n":1.50})", "", {{"/n", "1.5"}}), "skipped");
}

TEST(MessageReader, LeavesWhatItCannotReadToTheDecoder) {
  const std::vector<WebSocketOptions::Match> utx = {{"/op", "utx"}};
  for (const std::string broken : {"{oops", "<html>", R"({"op":"utx","x":{"hash":"a")", R"({"op":"utx"})", "\x7f\x01"})
    EXPECT_EQ(read(broken, "/x", utx), broken + "\n");
}

TEST(MessageReader, NeedsPointers) {
  EXPECT_EQ(MessageReader::make("x", {}).code(), Code::kInvalidArgument);
  EXPECT_EQ(MessageReader::make("/x", {{"op", "utx"}}).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tidecast
