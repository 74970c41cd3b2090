#include "features/raw_frames.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "features/test_store.h"

namespace tidecast {
namespace {

std::string packed(RawFrames& frames, const std::vector<ArchivedRecord>& records) {
  std::string all;
  for (const std::string_view frame : frames.pack(records).value()) all += frame;
  return all;
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

TEST(RawFrames, ARecordIsOneLineWithItsNumberArrivalAndVerdict) {
  RawFrames frames;
  EXPECT_EQ(
      lines_of(packed(frames, {{17, arrival_time("2026-05-06T00:00:00.250Z"), "stored", R"({"fee":1})"},
                               {19, arrival_time("2026-05-06T00:00:01Z"), "late", "{\n \"fee\": 2\n}", "poll", "-"}})),
      R"({"n":17,"arrival":"2026-05-06T00:00:00.250Z","verdict":"stored","record":{"fee":1}})"
      "\n"
      R"({"n":19,"arrival":"2026-05-06T00:00:01Z","verdict":"late","source":"poll","event":"-","record":{  "fee": 2 }})"
      "\n");
}

TEST(RawFrames, ALineReadBackIsTheRecordAndAnythingElseIsRefused) {
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

TEST(RawFrames, FramesOneAfterTheOtherReadAsOneAndLongLinesSurvive) {
  RawFrames frames;
  const std::string huge = "\"" + std::string(1'000'000, 'x') + "\"";
  std::string all, expected;
  for (std::uint64_t i = 0; i < 3; ++i) {
    all += packed(frames, {{2 * i, ProcessingTime::epoch(), "stored", huge},
                           {2 * i + 1, ProcessingTime::epoch(), "stored", "7"}});
    for (const auto& [n, record] : {std::pair(2 * i, std::string_view(huge)), {2 * i + 1, "7"}})
      expected += fmt::format(R"({{"n":{},"arrival":"1970-01-01T00:00:00Z","verdict":"stored","record":{}}})"
                              "\n",
                              n, record);
  }
  EXPECT_EQ(lines_of(all), expected);
  EXPECT_EQ(lines_of(""), "");
}

TEST(RawFrames, WhatIsLargeComesInSeveralFramesAlwaysTheSameOnes) {
  RawFrames frames;
  std::vector<ArchivedRecord> records;
  const std::string record = "\"" + std::string(10'000, 'x') + "\"";
  std::string expected;
  for (std::uint64_t i = 0; i < 101; ++i) {
    records.push_back({i, ProcessingTime::epoch(), "stored", record});
    expected += fmt::format(R"({{"n":{},"arrival":"1970-01-01T00:00:00Z","verdict":"stored","record":{}}})"
                            "\n",
                            i, record);
  }
  EXPECT_EQ(frames.pack({records.data(), 2}).value().size(), 1u);
  EXPECT_EQ(frames.pack(records).value().size(), 8u);
  const std::string all = packed(frames, records), again = packed(frames, records);
  EXPECT_EQ(lines_of(all), expected);
  EXPECT_EQ(all, again);
}

TEST(RawFrames, HashesTakeLittleMoreThanTheirBits) {
  RawFrames frames;
  Rng rng(1);
  std::string hashes;
  for (int i = 0; i < 50'000; ++i) hashes += "0123456789abcdef"[rng.below(16)];
  EXPECT_LT(packed(frames, {{0, ProcessingTime::epoch(), "stored", hashes}}).size(), 26'500u);
}

TEST(RawFrames, ADamagedOrCutFrameIsDataLossNamedByItsOrigin) {
  RawFrames frames;
  const std::string frame = packed(frames, {{0, ProcessingTime::epoch(), "stored", R"({"hash":"0123456789abcdef"})"}});
  RawLineReader reader;
  const auto status = [&](std::string_view bytes) {
    return reader.visit(bytes, "the file", [](std::string_view) { return true; });
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
