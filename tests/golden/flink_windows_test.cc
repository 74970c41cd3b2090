// Flink SQL 2.3.0's own rows of tumbling, hopping and session windows (tests/golden/flink, as in flink_test.cc; TUMBLE,
// HOP of 5 minutes every minute, SESSION with a gap of 20 seconds): those of the window operators are the same, bit for
// bit.  A driver as small as can be: the first of each hash, the watermark 60 s behind the newest row and told after
// it.

#include <gtest/gtest.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/json.h"
#include "stream/window_operator.h"

namespace tidecast {
namespace {

std::string read(const std::string& name) {
  std::ostringstream bytes;
  bytes << std::ifstream(std::filesystem::path(TIDECAST_ROOT) / "tests/golden/flink" / name, std::ios::binary).rdbuf();
  return bytes.str();
}

std::vector<json::object> objects_of(const std::string& text) {
  std::vector<json::object> objects;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) objects.push_back(parse_json(line).value().as_object());
  return objects;
}

std::vector<json::object> records_of(int stream) {
  const std::string packed = read(fmt::format("stream_{}.ndjson.zst", stream));
  std::string text(ZSTD_getFrameContentSize(packed.data(), packed.size()), '\0');
  EXPECT_EQ(ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size()), text.size());
  return objects_of(text);
}

struct Row {
  std::int64_t start_ms, end_ms, count, fee, size;
  double avg_fee;
  auto operator<=>(const Row&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << fmt::format("[{}, {}) count {} fee {} avg {} size {}", to_rfc3339(row.start_ms), to_rfc3339(row.end_ms),
                            row.count, row.fee, row.avg_fee, row.size);
}

struct Kind {
  const char* file;
  WindowKind kind;
  Milliseconds window, every;
};

class FlinkWindows : public testing::TestWithParam<std::tuple<int, Kind>> {};

TEST_P(FlinkWindows, AreTheSame) {
  const auto& [stream, kind] = GetParam();
  std::multiset<Row> expected;
  for (const json::object& row : objects_of(read(fmt::format("stream_{}.{}.ndjson", stream, kind.file)))) {
    const auto time = [&row](std::string_view name) {
      return parse_rfc3339(std::string_view(row.at(name).as_string())).value();
    };
    const std::int64_t start = time("minute");
    expected.insert({start, kind.kind == WindowKind::kSession ? time("e") : start + kind.window.count(),
                     row.at("count").as_int64(), row.at("fee").as_int64(), row.at("size").as_int64(),
                     row.at("avg_fee").to_number<double>()});
  }

  using K = AggregateKind;
  EventMapping event;
  event.fields = {{"fee", "/fee"}, {"size", "/size"}};
  const auto windows = WindowOperator::make(
      0,
      {.name = "flink",
       .window = kind.window,
       .columns = {{"count", K::kCount, {}}, {"fee", K::kSum, 0}, {"size", K::kSum, 1}, {"avg_fee", K::kAvg, 0}},
       .kind = kind.kind,
       .every = kind.every},
      event);
  std::set<json::string> known;
  std::vector<ClosedWindow> closed;
  std::uint64_t number = 0, late = 0;
  EventTime watermark = EventTime::epoch();
  EventBatch batch;
  batch.alive = {1};
  batch.columns.resize(2);
  for (EventColumn& column : batch.columns) column.present = {1};
  for (const json::object& record : records_of(stream)) {
    if (!known.insert(record.at("hash").as_string()).second) continue;
    batch.time = {EventTime::from_ms(1'000 * record.at("time").as_int64())};
    batch.columns[0].integers = {record.at("fee").as_int64()};
    batch.columns[1].integers = {record.at("size").as_int64()};
    late += !windows->on_event(batch, 0, number++, {}, closed);
    watermark = std::max(watermark, batch.time[0] - 60s);
    windows->advance(watermark, {}, false, closed);
  }
  windows->advance(EventTime::from_ms(kCalendarEndMs), {}, false, closed);  // Flink's end of input closes everything.

  std::multiset<Row> rows;
  std::uint64_t counted = 0;
  for (const auto& [group, row] : closed) {
    const auto integer = [&row](std::size_t c) { return std::get<std::int64_t>(row.values[c]); };
    rows.insert({row.window_start.ms(), row.window_end.ms(), integer(0), integer(1), integer(2),
                 std::get<double>(row.values[3])});
    counted += static_cast<std::uint64_t>(integer(0));
  }
  EXPECT_EQ(rows, expected);
  if (kind.kind == WindowKind::kHopping) {
    EXPECT_LT(counted, 5 * known.size());  // Some came when windows of theirs had closed.
  } else {
    EXPECT_GT(late, 20u);
    EXPECT_EQ(counted + late, known.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Streams, FlinkWindows,
                         testing::Combine(testing::Values(11, 12, 13),
                                          testing::Values(Kind{"tumble_1min", WindowKind::kTumbling, 60s, 0s},
                                                          Kind{"hop_5min_every_1min", WindowKind::kHopping, 300s, 60s},
                                                          Kind{"session_gap_20s", WindowKind::kSession, 20s, 0s})),
                         [](const auto& test) {
                           return fmt::format("{}_{}", std::get<0>(test.param), std::get<1>(test.param).file);
                         });

}  // namespace
}  // namespace tidecast
