// Flink SQL 2.3.0's own rows (tests/golden/flink: three random streams of 3,000 rows with disorder, duplicates,
// silences and fees up to 2^40, and what `WATERMARK FOR ts AS ts - INTERVAL '60' SECOND`, ROW_NUMBER() = 1 per hash and
// a TUMBLE of one minute made of them): ours are the same.  Flink closes every window at the end of its input, we leave
// them open; one more event, far in the future, closes ours.

#include <gtest/gtest.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/json.h"
#include "stream/memory_store.h"
#include "stream/pipeline.h"

namespace tidecast {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(TIDECAST_ROOT) / "tests/golden/flink";

std::string read(const std::string& name) {
  std::ostringstream bytes;
  bytes << std::ifstream(kFolder / name, std::ios::binary).rdbuf();
  return bytes.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> stream_lines(int stream) {
  const std::string packed = read(fmt::format("stream_{}.ndjson.zst", stream));
  std::string text(ZSTD_getFrameContentSize(packed.data(), packed.size()), '\0');
  const std::size_t size = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
  EXPECT_EQ(size, text.size());
  return lines_of(text);
}

struct Row {
  std::int64_t start_ms, count, fee, size;
  double avg_fee;
  auto operator<=>(const Row&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << fmt::format("{} count {} fee {} avg {} size {}", to_rfc3339(row.start_ms), row.count, row.fee,
                            row.avg_fee, row.size);
}

std::vector<Row> flink_rows(int stream) {
  std::vector<Row> rows;
  for (const std::string& line : lines_of(read(fmt::format("stream_{}.tumble_1min.ndjson", stream)))) {
    const json::value parsed = parse_json(line).value();
    const json::object& row = parsed.as_object();
    rows.push_back({parse_rfc3339(std::string_view(row.at("minute").as_string())).value(), row.at("count").as_int64(),
                    row.at("fee").as_int64(), row.at("size").as_int64(), row.at("avg_fee").to_number<double>()});
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

PipelineOptions minutes() {
  PipelineOptions options;
  options.sources = {{"flink"}};
  options.events[0].id = {"/hash"};
  options.events[0].fields = {{"fee", "/fee", FieldType::kInteger, false, "satoshi"},
                              {"size", "/size", FieldType::kInteger, false, "byte"}};
  using K = AggregateKind;
  options.groups = {{"minutes",
                     60s,
                     60s,
                     {{"count", K::kCount, {}}, {"fee", K::kSum, 0}, {"avg_fee", K::kAvg, 0}, {"size", K::kSum, 1}}}};
  return options;
}

class Flink : public testing::TestWithParam<int> {};

TEST_P(Flink, GivesTheSameRowsAndDropsTheSameLateOnes) {
  const PipelineOptions options = minutes();
  MemoryStore store({feature_group_of(options.groups[0], options.events[0])});
  auto pipeline = Pipeline::open(options, store).value();
  std::vector<std::string> lines = stream_lines(GetParam());
  ASSERT_EQ(lines.size(), 3'000u);
  std::set<json::string> ids;
  for (const std::string& line : lines) ids.insert(parse_json(line).value().at("hash").as_string());
  lines.push_back(R"({"hash":"end of input","time":4102444800,"fee":0,"size":0})");
  RawBatch batch;
  std::int64_t arrival_ms = 0;
  for (const std::string& line : lines) batch.append(line, ProcessingTime::from_ms(arrival_ms++));
  batch.pad();
  batch.cursor = "end";

  std::vector<Row> rows;
  const Ingested ingested = pipeline->ingest(0, batch).value();
  for (const ClosedWindow& window : ingested.closed) {
    const auto& values = window.row.values;
    rows.push_back({window.row.window_start.ms(), std::get<std::int64_t>(values[0]), std::get<std::int64_t>(values[1]),
                    std::get<std::int64_t>(values[3]), std::get<double>(values[2])});
  }
  const std::vector<Row> expected = flink_rows(GetParam());
  EXPECT_EQ(rows, expected);  // Bit for bit, the averages too.
  std::uint64_t counted = 0;
  for (const Row& row : expected) counted += static_cast<std::uint64_t>(row.count);
  const std::uint64_t late = ids.size() - counted;
  const Books books{.read = 3'001, .stored = counted + 1, .duplicate = 3'000 - ids.size(), .late = late};
  EXPECT_EQ(store.books(), books);
  EXPECT_GT(store.books().late, 50u);
  EXPECT_GT(store.books().duplicate, 100u);
}

INSTANTIATE_TEST_SUITE_P(Streams, Flink, testing::Values(11, 12, 13));

}  // namespace
}  // namespace tidecast
