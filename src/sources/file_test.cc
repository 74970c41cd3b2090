#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>

#include "base/rng.h"
#include "sources/arrival.h"
#include "sources/source.h"
#include "sources/test_files.h"
#include "sources/unpacked_file.h"

namespace tidecast {
namespace {

// Records of these tests begin with their event time in ms; one that begins otherwise has none.
std::optional<EventTime> leading_ms(std::string_view record) {
  std::int64_t ms = 0;
  const auto [end, error] = std::from_chars(record.data(), record.data() + record.size(), ms);
  return error == std::errc() ? std::optional(EventTime::from_ms(ms)) : std::nullopt;
}

std::optional<EventTime> wikipedia_time(std::string_view record) {
  const auto ms = parse_rfc3339(record.substr(9, 24));  // {"time":"2015-09-12T00:47:35.776Z"
  return ms.ok() ? std::optional(EventTime::from_ms(*ms)) : std::nullopt;
}

struct Seen {
  std::string text;
  ProcessingTime arrival;
  bool operator==(const Seen&) const = default;
};

void append_to(std::vector<Seen>& all, const RawBatch& batch) {
  for (std::size_t i = 0; i < batch.records.size(); ++i) {
    all.push_back({std::string(batch.raw(i)), batch.records[i].arrival});
  }
}

Result<std::unique_ptr<Source>> open(const std::filesystem::path& path,
                                     std::function<std::optional<EventTime>(std::string_view)> time = leading_ms) {
  return open_file({.name = "test", .path = path, .event_time = std::move(time)});
}

Result<std::vector<Seen>> rest_of(Source& source, std::size_t max_records = 1000) {
  std::vector<Seen> all;
  for (;;) {
    const RawBatch batch = TRY(source.read(ProcessingTime::max(), max_records));
    if (batch.empty()) return all;
    EXPECT_LE(batch.records.size(), max_records);
    EXPECT_TRUE(batch.bytes.ends_with(std::string(kRawPadding, '\0')));
    append_to(all, batch);
  }
}

// The rule as it is stated, computed by sorting.
std::vector<Seen> by_definition(const std::vector<std::string>& lines,
                                std::optional<EventTime> (*time_of)(std::string_view)) {
  std::vector<Seen> all;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::vector<std::int64_t> times;
    for (std::size_t j = i; j < std::min(lines.size(), i + 101); ++j) {
      if (const auto time = time_of(lines[j])) times.push_back(time->ms());
    }
    std::sort(times.begin(), times.end());
    const auto median = times.empty() ? ProcessingTime::min() : ProcessingTime::from_ms(times[(times.size() - 1) / 2]);
    const bool stays = !all.empty() && !time_of(lines[i]);
    all.push_back({lines[i], stays ? all.back().arrival : all.empty() ? median : std::max(all.back().arrival, median)});
  }
  return all;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

std::vector<std::string> disordered_lines(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < count; ++i) {
    const auto ms = static_cast<std::int64_t>(i * 1000 + rng.below(60'000));
    lines.push_back(rng.below(10) == 0 ? fmt::format("damaged {}", i) : fmt::format("{} record {}", ms, i));
  }
  return lines;
}

TEST(FileSource, RecordsArriveByTheMedianRuleInPlainAndPackedFiles) {
  const TestFolder folder;
  for (const std::size_t count : {1u, 2u, 100u, 101u, 102u, 1000u}) {
    const auto lines = disordered_lines(count, count);
    const auto expected = by_definition(lines, leading_ms);
    for (const auto& path : {folder.write("f", joined(lines)), folder.write("f.zst", zstd_frame(joined(lines)))}) {
      for (const std::size_t max_records : {1u, 7u, 5000u}) {
        auto source = open(path).value();
        EXPECT_EQ(rest_of(*source, max_records).value(), expected) << count;
        EXPECT_EQ(source->progress(), 1);
        EXPECT_EQ(source->next_arrival().value(), std::nullopt);
      }
    }
  }
}

TEST(FileSource, GoesOnFromTheCursorOfEveryBatch) {
  const TestFolder folder;
  const auto lines = disordered_lines(400, 2);
  for (const auto& path : {folder.write("f", joined(lines)), folder.write("f.zst", zstd_frame(joined(lines)))}) {
    auto source = open(path).value();
    const auto all = rest_of(*source).value();
    ASSERT_TRUE(source->seek("").ok());
    for (std::size_t read = 0; read < all.size();) {
      const RawBatch batch = source->read(ProcessingTime::max(), 13).value();
      read += batch.records.size();
      auto other = open(path).value();
      ASSERT_TRUE(other->seek(batch.cursor).ok());
      EXPECT_EQ(rest_of(*other).value(), std::vector<Seen>(all.begin() + static_cast<std::ptrdiff_t>(read), all.end()));
      ASSERT_TRUE(other->seek("").ok());
      EXPECT_EQ(rest_of(*other).value(), all);
    }
  }
}

TEST(FileSource, GivesOnlyWhatHasArrived) {
  const TestFolder folder;
  auto source = open(folder.write("f", "10\n20\n30\n40\n50\n")).value();  // Medians: 30 30 40 40 50.
  EXPECT_EQ(source->next_arrival().value(), ProcessingTime::from_ms(30));
  const RawBatch nothing = source->read(ProcessingTime::from_ms(29), 10).value();
  EXPECT_TRUE(nothing.empty());
  ASSERT_TRUE(source->seek(nothing.cursor).ok());
  EXPECT_EQ(source->read(ProcessingTime::from_ms(30), 10).value().records.size(), 2u);
  EXPECT_EQ(source->next_arrival().value(), ProcessingTime::from_ms(40));
  EXPECT_GT(source->progress(), 0);
  EXPECT_LT(source->progress(), 1);
  EXPECT_EQ(source->read(ProcessingTime::from_ms(45), 10).value().records.size(), 2u);
  EXPECT_EQ(source->read(ProcessingTime::from_ms(50), 10).value().records.size(), 1u);
}

TEST(FileSource, ASilenceIsPassedOver) {
  const TestFolder folder;
  std::vector<std::string> lines;
  for (int i = 0; i < 300; ++i) lines.push_back(std::to_string(i + (i < 150 ? 0 : 1'000'000)));
  auto source = open(folder.write("f", joined(lines))).value();
  const auto all = rest_of(*source).value();
  EXPECT_EQ(all[99].arrival, ProcessingTime::from_ms(99 + 50));
  EXPECT_EQ(all[100].arrival, ProcessingTime::from_ms(1'000'150));
}

TEST(FileSource, MisdatedEditsCarryNoClockAway) {
  auto source = open(shipped("wikipedia_edits_20150912.ndjson.zst"), wikipedia_time).value();
  const auto all = rest_of(*source).value();
  ASSERT_EQ(all.size(), 39'244u);
  std::vector<std::string> first;
  for (std::size_t i = 0; i < 400; ++i) first.push_back(all[i].text);
  const auto expected = by_definition(first, wikipedia_time);
  for (std::size_t i = 0; i < 300; ++i) ASSERT_EQ(all[i], expected[i]) << i;

  // The first twelve are dated 1 to 8 days ahead or 1 to 4 days behind; all arrive within the recorded day.
  const auto begin = parse_rfc3339("2015-09-12T00:46:00Z").value(), end = parse_rfc3339("2015-09-13T00:00:00Z").value();
  std::size_t ahead = 0, behind = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_GE(all[i].arrival.ms(), begin);
    ASSERT_LT(all[i].arrival.ms(), end);
    if (i > 0) {
      ASSERT_GE(all[i].arrival, all[i - 1].arrival);
    }
    const std::int64_t lead_ms = wikipedia_time(all[i].text)->ms() - all[i].arrival.ms();
    ahead += lead_ms > 12 * 3'600'000;
    behind += lead_ms < -12 * 3'600'000;
    if (i >= 12) {
      ASSERT_LT(std::abs(lead_ms), 600'000) << all[i].text;
    }
  }
  EXPECT_EQ(ahead, 8u);
  EXPECT_EQ(behind, 4u);
}

TEST(FileSource, RecordsWithoutATimeAtTheBeginningArriveAtTheFirstKnownMedian) {
  const TestFolder folder;
  auto source = open(folder.write("f", "x\ny\n70\n80\n90\n")).value();
  for (const Seen& seen : rest_of(*source).value()) EXPECT_GE(seen.arrival, ProcessingTime::from_ms(80));
  ASSERT_TRUE(source->seek("").ok());
  EXPECT_EQ(source->next_arrival().value(), ProcessingTime::from_ms(80));

  std::vector<std::string> lines(500, "no time");
  lines.push_back("4000 first");
  lines.push_back("3000 second");
  auto later = open(folder.write("g", joined(lines))).value();
  const auto all = rest_of(*later).value();
  ASSERT_EQ(all.size(), 502u);
  for (const Seen& seen : all) EXPECT_EQ(seen.arrival, ProcessingTime::from_ms(4000));
}

TEST(FileSource, AFileWithoutAnyTimeIsAnError) {
  const TestFolder folder;
  auto source = open(folder.write("f", "x\ny\n")).value();
  const auto batch = source->read(ProcessingTime::max(), 10);
  EXPECT_EQ(batch.code(), Code::kInvalidArgument);
  EXPECT_NE(batch.message().find("no record has an event time"), std::string::npos) << batch.message();
}

TEST(FileSource, AnEmptyFileIsAtItsEnd) {
  const TestFolder folder;
  for (const std::string_view content : {"", "\n\n"}) {
    auto source = open(folder.write("f", content)).value();
    EXPECT_EQ(source->next_arrival().value(), std::nullopt);
    EXPECT_TRUE(source->read(ProcessingTime::max(), 10).value().empty());
    EXPECT_EQ(source->progress(), 1);
  }
}

TEST(FileSource, RefusesACursorOfAnotherFile) {
  const TestFolder folder;
  auto source = open(folder.write("f", "1\n2\n3\n")).value();
  const std::string cursor = source->read(ProcessingTime::max(), 1).value().cursor;
  EXPECT_TRUE(source->seek(cursor).ok());
  auto other = open(folder.write("g", "1\n2\n4\n")).value();
  EXPECT_EQ(other->seek(cursor).code(), Code::kFailedPrecondition);
  EXPECT_NE(other->seek(cursor).message().find("belongs to another file"), std::string::npos);
  auto grown = open(folder.write("f", "1\n2\n3\n4\n")).value();
  EXPECT_EQ(grown->seek(cursor).code(), Code::kFailedPrecondition);
  EXPECT_NE(grown->seek(cursor).message().find("must be finished"), std::string::npos);
  const std::string without_byte = cursor.substr(0, cursor.find("byte"));
  const std::string without_arrival = cursor.substr(0, cursor.find(" arrival"));
  for (const std::string& wrong : {std::string("recording 1 reply 2"), cursor + "1x", without_byte, without_arrival}) {
    EXPECT_EQ(source->seek(wrong).code(), Code::kFailedPrecondition) << wrong;
  }
}

// All that a source gives, and the error with which it ends.
std::pair<std::vector<Seen>, Status> until_fault(Source& source) {
  std::vector<Seen> all;
  for (;;) {
    const auto batch = source.read(ProcessingTime::max(), 1000);
    if (!batch.ok()) return {std::move(all), batch.status()};
    EXPECT_FALSE(batch->empty()) << "no error at the end";
    if (batch->empty()) return {std::move(all), ok()};
    append_to(all, *batch);
  }
}

TEST(FileSource, ATruncatedPackedFileGivesEveryWholeRecordAndThenDataLoss) {
  const TestFolder folder;
  auto lines = disordered_lines(50'000, 3);
  const std::string packed = zstd_frame(joined(lines));
  for (const std::size_t missing : {10u, 1'000u, 100'000u}) {
    const std::string cut = packed.substr(0, packed.size() - missing);
    const std::string content = unpacked_as_far_as_possible(cut);
    lines.resize(static_cast<std::size_t>(std::ranges::count(content, '\n')));
    ASSERT_GT(lines.size(), 1'000u);
    auto source = open(folder.write("f.zst", cut)).value();
    const auto [records, error] = until_fault(*source);
    EXPECT_EQ(records, by_definition(lines, leading_ms));
    EXPECT_EQ(error.code(), Code::kDataLoss);
    EXPECT_NE(error.message().find("cut short"), std::string::npos) << error.message();
    EXPECT_EQ(source->next_arrival().code(), Code::kDataLoss) << "the error stays";
  }
}

TEST(FileSource, ALineTooLongIsARecordThatSaysSoBetweenThoseAroundIt) {
  const TestFolder folder;
  for (const char* name : {"f", "f.csv"}) {
    auto source = open(folder.write(name, "1\n2\n" + std::string((64 << 20) + 1, 'x') + "\n3\n"), [](std::string_view) {
                    return std::optional(EventTime::from_ms(1));
                  }).value();
    const RawBatch batch = source->read(ProcessingTime::max(), 10).value();
    const bool csv = std::string_view(name) == "f.csv";  // Whose first line is the header.
    ASSERT_EQ(batch.records.size(), csv ? 3u : 4u) << name;
    const std::size_t cut = csv ? 1 : 2;
    EXPECT_TRUE(batch.raw(cut).starts_with(
        "a line of 67108865 bytes from byte 4 on, allowed: 67108864 bytes; its first 65536 bytes: xxx"))
        << batch.raw(cut).substr(0, 100);
    EXPECT_LT(batch.raw(cut).size(), 66'000u);
    EXPECT_NE(batch.raw(cut - 1).find('2'), std::string_view::npos);
    EXPECT_NE(batch.raw(cut + 1).find('3'), std::string_view::npos);
  }
}

TEST(FileSource, SaysWhyItCannotBeOpened) {
  const TestFolder folder;
  EXPECT_EQ(open(folder.path() / "missing").code(), Code::kNotFound);
  EXPECT_EQ(open(folder.write("f", "1\n"), nullptr).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tidecast
