// Definitions as DuckDB SQL and Flink SQL (stream/sql_duckdb.h, sql_flink.h): the texts in tests/golden/sql, which
// TIDECAST_GOLDEN=update rewrites, and what the texts give.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "flink_cases.h"
#include "stream/sql_duckdb.h"
#include "stream/sql_flink.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;
using K = AggregateKind;

std::string read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::vector<std::string> lines;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

struct Definition {
  std::string name;
  PipelineOptions options;
};

PipelineOptions bitcoin() {
  PipelineOptions options;
  options.sources = {{"blockchain"}};
  options.events[0] = {.id = {"/hash"}, .fields = {{"fee", "/fee"}, {"size", "/size"}}};
  options.groups = {
      {.name = "tx_metrics",
       .columns = {
           {"total_nb_trx_1min", K::kCount, {}}, {"total_fee_1min", K::kSum, 0}, {"avg_fee_1min", K::kAvg, 0}}}};
  return options;
}

PipelineOptions trips() {
  PipelineOptions options;
  options.sources = {{"trips"}};
  options.events[0] = {.time_pointer = "/trip/ended_at",
                       .time = {.unit = TimeUnit::kMilliseconds},
                       .fields = {{"station", "/stations/1/id", FieldType::kText, true},
                                  {"member", "/member", FieldType::kBoolean, true},
                                  {"seconds", "/trip/seconds", FieldType::kNumber, true},
                                  {"bike", "/bike", FieldType::kInteger}}};
  options.groups = {{.name = "rides",
                     .window = 15min,
                     .lateness = 90s,
                     .columns = {{"rides", K::kCount, {}}, {"bikes", K::kCountDistinct, 3}, {"seconds", K::kSum, 2}},
                     .key = {0}}};
  return options;
}

std::vector<Definition> definitions() {
  std::vector<Definition> out;
  out.push_back({"01_tumbling", bitcoin()});
  PipelineOptions options = trips();
  out.push_back({"02_tumbling_by_key", options});
  options.groups[0].columns = {{"known", K::kCount, 2},    {"least", K::kMin, 2},
                               {"most", K::kMax, 3},       {"mean", K::kAvg, 2},
                               {"spread", K::kStddev, 2},  {"first_bike", K::kFirst, 3},
                               {"last_bike", K::kLast, 3}, {"median", K::kQuantile, 2, 0.5}};
  options.groups[0].key = {};
  out.push_back({"03_all_aggregates", options});
  options = trips();
  options.groups[0].kind = WindowKind::kHopping;
  options.groups[0].every = 5min;
  options.groups[0].offset = 7s;
  out.push_back({"04_hopping_with_offset", options});
  options = trips();
  options.groups[0].kind = WindowKind::kSession;
  options.groups[0].window = 500ms;
  options.groups[0].key = {0, 1};
  out.push_back({"05_sessions_by_two_keys", options});
  options.groups[0].key = {};
  out.push_back({"06_sessions", options});
  options = trips();
  options.groups[0].allowed_lateness = 1h;
  out.push_back({"07_allowed_lateness", options});
  options = trips();
  options.groups[0].where = "member AND seconds BETWEEN 60 AND 7200 AND station NOT IN ('test', 'd''epot')";
  out.push_back({"08_where", options});
  options = bitcoin();
  options.sources = {{"websocket", 30s}, {"rest", 2min}, {"other"}};
  options.events[0].sources = {0, 1};
  options.events[0].fields[0].else_plus = {"/inputs/*/prev_out/value"};
  options.events[0].fields[0].else_minus = {"/out/*/value"};
  options.groups[0].close_when_idle = 5min;
  out.push_back({"09_two_sources_and_a_computed_fee", options});
  options = bitcoin();
  options.events[0].time.unit = TimeUnit::kRfc3339;
  options.groups[0].lateness = 0s;
  out.push_back({"10_rfc3339", options});
  options = trips();
  options.events[0].time = {TimeUnit::kFormat, "%d/%m/%Y %H:%M:%S", "America/New_York"};
  out.push_back({"11_local_times", options});
  options = bitcoin();
  options.events.push_back(trips().events[0]);
  options.events[0].name = "transaction";
  options.events[1].name = "trip";
  options.events[1].time.unit = TimeUnit::kNanoseconds;
  options.groups[0] = trips().groups[0];
  options.groups[0].event = 1;
  options.groups[0].window = 24h * 7;
  out.push_back({"12_the_second_of_two_events", options});
  return out;
}

class Sql : public testing::TestWithParam<Definition> {
 protected:
  static void expect_golden(const std::string& file, const std::string& text) {
    const fs::path path = fs::path(TIDECAST_ROOT) / "tests/golden/sql" / file;
    const char* mode = std::getenv("TIDECAST_GOLDEN");
    if (mode != nullptr && std::string_view(mode) == "update") std::ofstream(path) << text;
    EXPECT_EQ(text, read(path)) << path;
  }
};

TEST_P(Sql, OfDuckdbIsAsWritten) {
  const auto sql = duckdb_sql(GetParam().options, 0);
  expect_golden(GetParam().name + ".duckdb.sql", sql.ok() ? sql.value().whole() : std::string(sql.message()) + "\n");
}

TEST_P(Sql, OfFlinkIsAsWrittenOrSaysWhatFlinkCannot) {
  const auto sql = flink_sql(GetParam().options, 0, FlinkConnectors::kafka("broker:9092", "events", "features"));
  expect_golden(GetParam().name + ".flink.sql", sql.ok() ? sql.value() : fmt::format("-- None: {}\n", sql.message()));
}

INSTANTIATE_TEST_SUITE_P(Definitions, Sql, testing::ValuesIn(definitions()),
                         [](const auto& definition) { return definition.param.name; });

// What a real Flink gave, without one.
struct Kept {
  WindowKind kind;
  std::uint64_t seed;
};
class FlinkKept : public testing::TestWithParam<Kept> {
 protected:
  void SetUp() override {
    const fs::path folder = fs::path(TIDECAST_ROOT) / "tests/golden/flink/generated";
    stream_ = flink_case(GetParam().kind, GetParam().seed);
    ASSERT_EQ(stream_.records, lines_of(folder / (stream_.name + ".ndjson")))
        << "the stream is not the one that Flink had";
    flink_ = flink_rows(stream_, lines_of(folder / (stream_.name + ".rows.ndjson"))).value();
    ASSERT_GT(flink_.size(), 10u);
  }
  FlinkCase stream_;
  std::vector<PeerRow> flink_;
};

TEST_P(FlinkKept, RowsAreTheEngines) {
  const auto rows = engine_rows(stream_);
  ASSERT_TRUE(rows.ok()) << rows.message();
  EXPECT_EQ(difference(flink_, rows.value()), "") << stream_.name;
}

TEST_P(FlinkKept, RowsAreThoseOfTheDuckdbSql) {
  const auto rows = duckdb_rows(stream_);
  ASSERT_TRUE(rows.ok()) << rows.message();
  EXPECT_EQ(difference(flink_, rows.value()), "") << stream_.name;
}

std::vector<Kept> kept() {
  std::vector<Kept> all;
  for (const WindowKind kind : {WindowKind::kTumbling, WindowKind::kHopping, WindowKind::kSession})
    for (std::uint64_t seed = 1; seed <= 6; ++seed) all.push_back({kind, seed});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Streams, FlinkKept, testing::ValuesIn(kept()), [](const auto& stream) {
  return fmt::format("{}_{}", name_of(stream.param.kind), stream.param.seed);
});

}  // namespace
}  // namespace tidecast
