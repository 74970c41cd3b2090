#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>

#include "base/rng.h"
#include "sources/file_records.h"
#include "sources/test_files.h"

namespace tidecast {
namespace {

// Records of these tests begin with their arrival in ms; one that begins otherwise has none.
std::optional<ProcessingTime> leading_ms(std::string_view record) {
  std::int64_t ms = 0;
  const auto [end, error] = std::from_chars(record.data(), record.data() + record.size(), ms);
  return error == std::errc() ? std::optional(ProcessingTime::from_ms(ms)) : std::nullopt;
}

std::vector<std::string> lines_of(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string rest(rng.below(rng.below(50) == 0 ? 3000 : 60), 'x');
    lines.push_back(rng.below(10) == 0 ? fmt::format("none {} {}", i, rest)
                                       : fmt::format("{} {} {}", rng.below(count / 2 + 1), i, rest));
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// The rule as it is stated.
std::vector<std::string> sorted(const std::vector<std::string>& lines) {
  std::vector<std::pair<ProcessingTime, std::string>> keyed;
  ProcessingTime arrival = ProcessingTime::min();
  for (const std::string& line : lines) keyed.emplace_back(arrival = leading_ms(line).value_or(arrival), line);
  std::stable_sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> all;
  for (auto& [key, line] : keyed) all.push_back(std::move(line));
  return all;
}

std::vector<std::string> rest_of(RecordReader& reader) {
  std::vector<std::string> all;
  for (FileRecord record; reader.next(record).value();) all.emplace_back(record.text());
  return all;
}

TEST(SortedRecords, AreAStableSortInPiecesOfAnySize) {
  const TestFolder folder;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const auto lines = lines_of(Rng(seed).below(2000), seed);
    const auto path = folder.write("f", joined(lines));
    for (const std::size_t memory : {1u, 500u, 20'000u, 10'000'000u}) {
      const auto reader = sorted_by_arrival(open_lines(path).value(), leading_ms, folder.path(), memory);
      ASSERT_EQ(rest_of(*reader), sorted(lines)) << memory;
    }
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << "nothing is left behind";
}

TEST(SortedRecords, GoOnFromAnyPosition) {
  const TestFolder folder;
  const auto lines = lines_of(300, 3);
  const auto all = sorted(lines);
  const auto path = folder.write("f", joined(lines));
  const auto reader = sorted_by_arrival(open_lines(path).value(), leading_ms, folder.path(), 2'000);
  for (const std::size_t position : {0u, 299u, 17u, 18u, 300u, 1u}) {
    ASSERT_TRUE(reader->seek(position).ok());
    EXPECT_EQ(rest_of(*reader),
              std::vector<std::string>(all.begin() + static_cast<std::ptrdiff_t>(position), all.end()));
  }
  EXPECT_EQ(reader->seek(301).code(), Code::kFailedPrecondition);
}

std::vector<std::pair<std::string, std::int64_t>> all_of(Source& source) {
  std::vector<std::pair<std::string, std::int64_t>> all;
  for (;;) {
    const RawBatch batch = source.read(ProcessingTime::max(), 7).value();
    if (batch.empty()) return all;
    for (std::size_t i = 0; i < batch.records.size(); ++i)
      all.emplace_back(batch.raw(i), batch.records[i].arrival.ms());
  }
}

TEST(FileSource, RecordsArriveAtTheirOwnTimesWhichNeverDecrease) {
  const TestFolder folder;
  const auto path = folder.write("f", "x\n20 a\n10 b\ny\n30 c\n");
  auto source = open_file({.path = path, .arrival = leading_ms}).value();
  EXPECT_EQ(all_of(*source), (std::vector<std::pair<std::string, std::int64_t>>{
                                 {"x", 20}, {"20 a", 20}, {"10 b", 20}, {"y", 20}, {"30 c", 30}}));
}

TEST(FileSource, RecordsSortedByArrivalComeInItsOrder) {
  const TestFolder folder;
  const auto path = folder.write("f", "x\n20 a\n10 b\ny\n30 c\n20 d\n");
  auto source =
      open_file({.path = path, .arrival = leading_ms, .sort_by_arrival = true, .scratch = folder.path()}).value();
  EXPECT_EQ(all_of(*source), (std::vector<std::pair<std::string, std::int64_t>>{
                                 {"x", 10}, {"10 b", 10}, {"y", 10}, {"20 a", 20}, {"20 d", 20}, {"30 c", 30}}));
  EXPECT_EQ(source->progress(), 1);
}

TEST(FileSource, GoesOnFromTheCursorOfEveryBatchInEveryFormatAndOrder) {
  const TestFolder folder;
  std::string csv = "ended,trip\n";
  for (const std::string& line : lines_of(200, 4))
    csv += leading_ms(line) ? fmt::format("{},\"{}\"\n", leading_ms(line)->ms(), line) : line + "\n";
  const auto arrival = [](std::string_view record) {
    return leading_ms(record.substr(std::min<std::size_t>(record.size(), 9)));  // {"ended":
  };
  for (const bool sort : {false, true}) {
    const FileOptions options{.path = folder.write("f.csv.gz", gzip_member(csv)),
                              .arrival = arrival,
                              .sort_by_arrival = sort,
                              .scratch = folder.path()};
    auto source = open_file(options).value();
    const auto all = all_of(*source);
    ASSERT_EQ(all.size(), 200u);
    EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](auto& a, auto& b) { return a.second < b.second; }));
    ASSERT_TRUE(source->seek("").ok());
    for (std::size_t read = 0; read < all.size();) {
      const RawBatch batch = source->read(ProcessingTime::max(), 13).value();
      read += batch.records.size();
      auto other = open_file(options).value();
      ASSERT_TRUE(other->seek(batch.cursor).ok());
      EXPECT_EQ(all_of(*other), (decltype(all)(all.begin() + static_cast<std::ptrdiff_t>(read), all.end())));
    }
  }
}

TEST(FileSource, ACursorOfAnotherOrderIsRefusedWithTheWayOut) {
  const TestFolder folder;
  FileOptions options{.path = folder.write("f", "2 a\n1 b\n"), .arrival = leading_ms, .scratch = folder.path()};
  const std::string cursor = open_file(options).value()->read(ProcessingTime::max(), 1).value().cursor;
  options.sort_by_arrival = true;
  const Status status = open_file(options).value()->seek(cursor);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_NE(status.message().find("needs a new data folder"), std::string::npos) << status.message();
}

TEST(FileSource, ATruncatedFileIsSortedAsFarAsItGoesAndThenDataLoss) {
  const TestFolder folder;
  const std::string packed = zstd_frame(joined(lines_of(60'000, 5)));
  const auto path = folder.write("f.zst", packed.substr(0, packed.size() - 100'000));
  std::vector<std::string> lines;
  const std::string content = unpacked_as_far_as_possible(packed.substr(0, packed.size() - 100'000));
  for (std::size_t at = 0, end; (end = content.find('\n', at)) != content.npos; at = end + 1)
    lines.push_back(content.substr(at, end - at));
  const auto reader = sorted_by_arrival(open_lines(path).value(), leading_ms, folder.path());
  FileRecord record;
  for (const std::string& line : sorted(lines)) {
    ASSERT_TRUE(reader->next(record).value());
    ASSERT_EQ(record.text(), line);
  }
  EXPECT_EQ(reader->next(record).code(), Code::kDataLoss);
}

TEST(FileSource, SaysWhatSortingLacks) {
  const TestFolder folder;
  const auto path = folder.write("f", "1\n");
  EXPECT_EQ(open_file({.path = path,
                       .event_time = [](std::string_view) { return std::optional(EventTime::epoch()); },
                       .sort_by_arrival = true})
                .code(),
            Code::kInvalidArgument);
  auto source = open_file({.path = path, .arrival = leading_ms, .sort_by_arrival = true, .scratch = "/nonexistent"});
  EXPECT_EQ(source.value()->read(ProcessingTime::max(), 1).code(), Code::kUnavailable);
  auto timeless = open_file({.path = folder.write("g", "x\ny\n"), .arrival = leading_ms}).value();
  const auto batch = timeless->read(ProcessingTime::max(), 1);
  EXPECT_EQ(batch.code(), Code::kInvalidArgument);
  EXPECT_NE(batch.message().find("no record has an arrival time"), std::string::npos) << batch.message();
}

}  // namespace
}  // namespace tidecast
