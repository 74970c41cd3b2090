#include "features/raw_block.h"

#include <gtest/gtest.h>

#include "features/test_store.h"

namespace tidecast {
namespace {

struct Block {
  std::uint64_t first;
  std::string value;
};

std::vector<Block> blocks_of(RawBlockWriter& writer, const std::vector<ArchivedRecord>& records) {
  std::vector<Block> blocks;
  EXPECT_TRUE(writer
                  .write(records,
                         [&](std::uint64_t first, std::string_view value) {
                           blocks.push_back({first, std::string(value)});
                         })
                  .ok());
  return blocks;
}

std::string lines_of(std::string_view frames) {
  std::string lines;
  EXPECT_TRUE(RawLineReader()
                  .visit(frames, "test",
                         [&](std::string_view line) {
                           lines.append(line) += '\n';
                           return true;
                         })
                  .ok());
  return lines;
}

TEST(RawBlock, ARecordIsOneLineWithItsNumberArrivalAndVerdict) {
  RawBlockWriter writer;
  const auto blocks = blocks_of(writer, {{17, arrival_time("2026-05-06T00:00:00.250Z"), "stored", R"({"fee":1})"},
                                         {19, arrival_time("2026-05-06T00:00:01Z"), "late", "{\n \"fee\": 2\n}"}});
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].first, 17u);
  const RawBlock block = decode_raw_block(blocks[0].value).value();
  EXPECT_EQ(block.last_number, 19u);
  EXPECT_EQ(block.records, 2u);
  EXPECT_EQ(lines_of(block.frame),
            R"({"n":17,"arrival":"2026-05-06T00:00:00.250Z","verdict":"stored","record":{"fee":1}})"
            "\n"
            R"({"n":19,"arrival":"2026-05-06T00:00:01Z","verdict":"late","record":{  "fee": 2 }})"
            "\n");
}

TEST(RawBlock, ALineReadBackIsTheRecordAndAnythingElseIsRefused) {
  const std::string line =
      R"({"n":19,"arrival":"2026-05-06T00:00:01.250Z","verdict":"late","record":{"a":"\",\"record\":}"}})";
  const ArchivedRecord record = parse_archived(line).value();
  EXPECT_EQ(record.number, 19u);
  EXPECT_EQ(record.arrival, arrival_time("2026-05-06T00:00:01.250Z"));
  EXPECT_EQ(record.verdict, "late");
  EXPECT_EQ(record.raw, R"({"a":"\",\"record\":}"})");
  for (const char* wrong : {"", "{}", R"({"n":19)", R"({"n":x,"arrival":"2026-05-06","verdict":"late","record":1})",
                            R"({"n":1,"arrival":"soon","verdict":"late","record":1})",
                            R"({"n":1,"arrival":"2026-05-06","verdict":"late","record":1)"})
    EXPECT_EQ(parse_archived(wrong).code(), Code::kDataLoss) << wrong;
}

TEST(RawBlock, ABlockEndsWithTheHourOfArrival) {
  RawBlockWriter writer;
  const auto blocks = blocks_of(writer, {{0, arrival_time("2026-05-06T00:59:59.999Z"), "stored", "1"},
                                         {1, arrival_time("2026-05-06T01:00:00Z"), "stored", "2"},
                                         {2, arrival_time("2026-05-06T01:59:59Z"), "stored", "3"}});
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(decode_raw_block(blocks[0].value)->hour, arrival_time("2026-05-06T00:00:00Z"));
  EXPECT_EQ(decode_raw_block(blocks[1].value)->hour, arrival_time("2026-05-06T01:00:00Z"));
  EXPECT_EQ(blocks[1].first, 1u);
}

TEST(RawBlock, FramesOneAfterTheOtherReadAsOneAndLongLinesSurvive) {
  RawBlockWriter writer;
  const std::string huge = "\"" + std::string(1'000'000, 'x') + "\"";
  std::string frames, expected;
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto blocks = blocks_of(writer, {{2 * i, ProcessingTime::epoch(), "stored", huge},
                                           {2 * i + 1, ProcessingTime::epoch(), "stored", "7"}});
    frames += decode_raw_block(blocks[0].value)->frame;
    expected += fmt::format(R"({{"n":{},"arrival":"1970-01-01T00:00:00Z","verdict":"stored","record":{}}})"
                            "\n",
                            2 * i, huge);
    expected += fmt::format(R"({{"n":{},"arrival":"1970-01-01T00:00:00Z","verdict":"stored","record":7}})"
                            "\n",
                            2 * i + 1);
  }
  EXPECT_EQ(lines_of(frames), expected);
  EXPECT_EQ(lines_of(""), "");
}

TEST(RawBlock, ALargeBlockComesInTwoFramesAndReadsAsOne) {
  RawBlockWriter writer;
  std::vector<ArchivedRecord> records;
  const std::string record = "\"" + std::string(10'000, 'x') + "\"";
  std::string expected;
  for (std::uint64_t i = 0; i < 101; ++i) {
    records.push_back({i, ProcessingTime::epoch(), "stored", record});
    expected += fmt::format(R"({{"n":{},"arrival":"1970-01-01T00:00:00Z","verdict":"stored","record":{}}})"
                            "\n",
                            i, record);
  }
  const auto blocks = blocks_of(writer, records), again = blocks_of(writer, records);
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(lines_of(decode_raw_block(blocks[0].value)->frame), expected);
  EXPECT_EQ(decode_raw_block(blocks[0].value)->records, 101u);
  EXPECT_EQ(blocks[0].value, again[0].value);
}

TEST(RawBlock, ADamagedOrCutFrameIsDataLossNamedByItsOrigin) {
  RawBlockWriter writer;
  const auto blocks = blocks_of(writer, {{0, ProcessingTime::epoch(), "stored", R"({"hash":"0123456789abcdef"})"}});
  const std::string frame(decode_raw_block(blocks[0].value)->frame);
  RawLineReader reader;
  const auto status = [&](std::string_view frames) {
    return reader.visit(frames, "the file", [](std::string_view) { return true; });
  };
  EXPECT_TRUE(status(frame).ok());
  EXPECT_EQ(status(std::string_view(frame).substr(0, frame.size() - 1)).code(), Code::kDataLoss);
  std::string damaged = frame;
  damaged[damaged.size() / 2] ^= 4;
  EXPECT_EQ(status(damaged).code(), Code::kDataLoss);
  EXPECT_TRUE(status(damaged).message().starts_with("the file: "));
  EXPECT_TRUE(status(frame).ok());  // The reader is fit for use after an error.
}

}  // namespace
}  // namespace tidecast
