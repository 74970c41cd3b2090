#include "query/query.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "storage/file.h"
#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

// A store with 90 minutes of "fees" from 00:01 to 01:30: 60 rows in a file, 30 in the outbox, and two dead letters.
class Query : public testing::Test {
 protected:
  void SetUp() override {
    FeatureStore::Options options;
    options.directory = folder_.path() / "store";
    options.groups.resize(1);
    options.groups[0].name = "fees";
    options.groups[0].columns = {{"total_fee", FieldType::kInteger, "satoshi", EmptyWindow::kZero},
                                 {"mean_rate", FieldType::kNumber, "", EmptyWindow::kNull}};
    options.sync = false;
    auto opened = FeatureStore::open(options);
    ASSERT_TRUE(opened.ok()) << opened.message();
    store_ = std::move(opened).value();
    Commit commit;
    commit.source = "file";
    for (int i = 0; i < 90; ++i) {
      const EventTime start = EventTime::from_ms(parse_rfc3339("2026-05-06T00:00:00Z").value()) + 1min * i;
      FeatureRow row{start, start + 1min, ProcessingTime::from_ms(start.ms() + 61'000), {std::int64_t{i}, 0.5 * i}};
      if (i == 89) row.values[1] = FeatureValue();
      commit.closed.push_back({0, row});
    }
    commit.dead = {{3, ProcessingTime::epoch(), "/fee: missing", "{}"},
                   {5, ProcessingTime::epoch(), "no JSON", "\xff\xfe caf\xc3\xa9"}};
    commit.archived = {{0, ProcessingTime::epoch(), "stored", R"({"n":1})"},
                       {1, ProcessingTime::epoch() + 1s, "late", R"({"n":2})"}};
    const EventTime hour = EventTime::from_ms(parse_rfc3339("2026-05-06T01:00:00Z").value());
    commit.gap = SourceGap{"file", hour, hour + 90s, ProcessingTime::from_ms(hour.ms()) + 100s};
    ASSERT_TRUE(store_->commit(commit).ok());
    ASSERT_TRUE(store_->flush({}).ok());
    const auto view = store_->offline("fees").value();
    ASSERT_EQ(view.files.size(), 1u);
    ASSERT_EQ(view.outbox.size(), 30u);
    parquet_ = view.files[0].path;
  }

  Result<QueryResult> run(std::string_view sql, const QueryLimits& limits = {}) const {
    return run_query(*store_, tables_, sql, limits);
  }
  // The rows as JSON, or the error.
  std::string text(std::string_view sql) const {
    const auto result = run(sql);
    if (!result.ok()) return std::string(name_of(result.code())) + ": " + result.message();
    std::string text;
    for (const auto& row : result->rows) text += to_text(json::value(json::array(row.begin(), row.end())));
    return text;
  }

  TemporaryFolder folder_;
  std::unique_ptr<FeatureStore> store_;
  std::vector<SqlTable> tables_;
  std::filesystem::path parquet_;
};

TEST_F(Query, AGroupIsATableOfFilesAndOutboxTogether) {
  EXPECT_EQ(text("SELECT count(*), min(total_fee), max(total_fee), sum(total_fee) FROM fees"), "[90,0,89,4005]");
  EXPECT_EQ(text("SELECT * FROM fees ORDER BY event_time LIMIT 1"),
            R"(["2026-05-06T00:01:00Z","2026-05-06T00:01:01Z","2026-05-06T00:00:00Z","2026-05-06T00:01:00Z",0,0])");
  EXPECT_EQ(text("SELECT mean_rate FROM fees ORDER BY event_time DESC LIMIT 2"), "[null][44]");
  EXPECT_EQ(text("SELECT count(*) FROM fees_history WHERE NOT is_deleted"), "[90]");
}

TEST_F(Query, TimesCompareWithTextAndHoursAreOfUtc) {
  EXPECT_EQ(text("SELECT count(*) FROM fees WHERE event_time >= '2026-05-06 01:00:00'"), "[31]");
  EXPECT_EQ(text("SELECT date_trunc('hour', window_start) h, count(*) FROM fees GROUP BY h ORDER BY h"),
            R"(["2026-05-06T00:00:00Z",60]["2026-05-06T01:00:00Z",30])");
  EXPECT_EQ(text("SELECT hour(window_start) FROM fees ORDER BY window_start DESC LIMIT 1"), "[1]");
}

TEST_F(Query, ColumnsSayTheirNamesAndTypes) {
  const auto result = run("SELECT event_time, total_fee, mean_rate AS rate FROM fees LIMIT 0").value();
  ASSERT_EQ(result.columns.size(), 3u);
  EXPECT_EQ(result.columns[0].type, "TIMESTAMP WITH TIME ZONE");
  EXPECT_EQ(result.columns[1].type, "BIGINT");
  EXPECT_EQ(result.columns[2].name, "rate");
}

TEST_F(Query, AnAsofJoinTakesTheLastRowKnown) {
  EXPECT_EQ(text("SELECT f.total_fee FROM (SELECT TIMESTAMPTZ '2026-05-06 00:10:30Z' AS t) q ASOF JOIN fees f ON q.t "
                 ">= f.event_time"),
            "[9]");
}

TEST_F(Query, DeadLettersAreATableEvenIfTheyAreNoUtf8) {
  EXPECT_EQ(text("SELECT number, reason, raw FROM dead_letters ORDER BY number"),
            "[3,\"/fee: missing\",\"{}\"][5,\"no JSON\",\"\xef\xbf\xbd\xef\xbf\xbd caf\xc3\xa9\"]");
}

TEST_F(Query, GapsOfTheSourceAreATable) {
  EXPECT_EQ(text("SELECT source, gap_start, gap_end, found_at FROM gaps"),
            R"(["file","2026-05-06T01:00:00Z","2026-05-06T01:01:30Z","2026-05-06T01:01:40Z"])");
  EXPECT_EQ(
      text("SELECT count(*) FROM fees f, gaps g WHERE f.window_start <= g.gap_end AND f.window_end > g.gap_start"),
      "[2]");
}

TEST_F(Query, LateRecordsAreATable) {
  EXPECT_EQ(text("SELECT number, arrival, raw FROM late"), "[1,\"1970-01-01T00:00:01Z\",\"{\\\"n\\\":2}\"]");
}

TEST_F(Query, TablesOfTheCallerAreFilledOnlyWhenNamed) {
  int filled = 0;
  tables_.push_back(
      {"runs",
       {{"id", SqlType::kInteger},
        {"loss", SqlType::kNumber},
        {"name", SqlType::kText},
        {"at", SqlType::kTime},
        {"good", SqlType::kBoolean}},
       [&]() -> Result<std::vector<SqlRow>> {
         ++filled;
         return std::vector<SqlRow>{{1, 0.5, "first", 60'000, true}, {2, nullptr, nullptr, nullptr, nullptr}};
       }});
  EXPECT_EQ(text("SELECT 1 AS prunes"), "[1]") << "a name within a word is no name";
  EXPECT_EQ(filled, 0);
  EXPECT_EQ(text("SELECT * FROM Runs ORDER BY id"),
            R"([1,0.5,"first","1970-01-01T00:01:00Z",true][2,null,null,null,null])");
  EXPECT_EQ(filled, 1);
}

TEST_F(Query, AnErrorOfATableNamesIt) {
  tables_.push_back(
      {"runs", {{"id", SqlType::kInteger}}, []() -> Result<std::vector<SqlRow>> { return unavailable("locked"); }});
  EXPECT_EQ(text("SELECT * FROM runs"), "unavailable: table runs: locked");
  tables_[0].rows = []() -> Result<std::vector<SqlRow>> { return std::vector<SqlRow>{{"x"}}; };
  EXPECT_EQ(text("SELECT * FROM runs"), "internal: table runs: id: \"x\" where a BIGINT belongs");
}

TEST_F(Query, ExplainShowsThePlan) {
  for (const char* sql : {"EXPLAIN SELECT * FROM fees", "explain analyze SELECT count(*) FROM fees",
                          " -- why\n EXPLAIN /* so */ ANALYZE SELECT 1"})
    EXPECT_TRUE(run(sql).ok()) << sql << ": " << run(sql).message();
}

TEST_F(Query, WhatOnlyReadsIsAQueryHoweverItBegins) {
  for (const char* sql :
       {"WITH a AS (SELECT 1 AS x) SELECT * FROM a", "FROM fees LIMIT 1", "VALUES (1)", "(SELECT 1)", "TABLE fees",
        "DESCRIBE fees", "SUMMARIZE fees", "SHOW TABLES", "SELECT 1;", "/* a */ SELECT 1 -- b"})
    EXPECT_TRUE(run(sql).ok()) << sql << ": " << run(sql).message();
}

TEST_F(Query, RowsBeyondTheLimitAreCutAndSaidToBe) {
  const auto cut = run("SELECT * FROM range(1000000000000)", {.rows = 5}).value();
  EXPECT_EQ(cut.rows.size(), 5u);
  EXPECT_TRUE(cut.truncated);
  const auto whole = run("SELECT * FROM range(5)", {.rows = 5}).value();
  EXPECT_EQ(whole.rows.size(), 5u);
  EXPECT_FALSE(whole.truncated);
}

TEST_F(Query, AResultThatIsTooLargeIsRefused) {
  const auto result = run("SELECT repeat('x', 1000) FROM range(100)", {.bytes = 10'000});
  EXPECT_EQ(result.code(), Code::kInvalidArgument);
  EXPECT_NE(result.message().find("more than 10000 bytes"), std::string::npos);
}

TEST_F(Query, AQueryThatTakesTooLongIsEnded) {
  const auto result = run("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b", {.time = 20ms});
  EXPECT_EQ(result.code(), Code::kCancelled);
  EXPECT_EQ(result.message(), "the query took longer than 20ms");
}

TEST_F(Query, FillingTheTablesCountsAsTheQuerysTime) {
  tables_.push_back({"slow", {{"id", SqlType::kInteger}}, []() -> Result<std::vector<SqlRow>> {
                       const auto due = std::chrono::steady_clock::now() + 20ms;
                       while (std::chrono::steady_clock::now() < due) {
                       }
                       return std::vector<SqlRow>{{1}};
                     }});
  const auto result = run("SELECT * FROM slow", {.time = 20ms});
  EXPECT_EQ(result.code(), Code::kCancelled) << result.message();
  EXPECT_EQ(result.message(), "the query took longer than 20ms");
  EXPECT_EQ(run("SELECT * FROM late", {.time = 0ms}).code(), Code::kCancelled);
}

TEST_F(Query, AQueryThatWantsTooMuchMemoryIsToldSo) {
  const auto result =
      run("SELECT count(DISTINCT range || 'some longer text here') FROM range(20000000)", {.memory_mb = 32});
  EXPECT_EQ(result.code(), Code::kUnavailable) << result.message();
}

TEST_F(Query, WrongSqlIsAnInvalidArgumentWithDuckDbsWords) {
  EXPECT_NE(text("SELECT nothing FROM fees").find("nothing"), std::string::npos);
  EXPECT_EQ(run("SELECT FROM WHERE").code(), Code::kInvalidArgument);
  EXPECT_EQ(run("SELECT * FROM no_such_table").code(), Code::kInvalidArgument);
}

// ---- attacks ------------------------------------------------------------------------------------------------------

TEST_F(Query, ARefusalSaysWhatWasFoundAndWhatIsAllowed) {
  EXPECT_EQ(text("COPY fees TO '" + parquet_.string() + "' (FORMAT parquet)"),
            "invalid argument: found 'COPY'; allowed is exactly one SELECT, or EXPLAIN of one");
  EXPECT_EQ(text("SELECT * FROM read_text('/etc/passwd')").substr(0, 66),
            "invalid argument: the table function 'read_text' is not allowed; a");
}

TEST_F(Query, ExplainIsNoCloakForAStatementThatWrites) {
  const std::filesystem::path evil = folder_.path() / "evil.csv";
  for (const std::string& inner :
       {"COPY (SELECT 1) TO '" + evil.string() + "'", "COPY fees TO '" + parquet_.string() + "' (FORMAT parquet)"})
    EXPECT_EQ(run("EXPLAIN ANALYZE " + inner).code(), Code::kInvalidArgument) << inner;
  EXPECT_FALSE(std::filesystem::exists(evil));
  EXPECT_EQ(text("SELECT count(*) FROM fees"), "[90]");
}

TEST_F(Query, ACommentIsNoCloakForAStatementThatWrites) {
  const std::filesystem::path evil = folder_.path() / "evil.parquet";
  const auto size = std::filesystem::file_size(parquet_);
  for (const std::string& target : {evil.string(), parquet_.string()})
    for (const char* text : {"/* /* */ SELECT 1 -- */ COPY (SELECT 1) TO '{}' (FORMAT parquet)",
                             "-- \rCOPY fees TO '{}' /*\nSELECT 1 -- */"})
      EXPECT_EQ(run(fmt::format(fmt::runtime(text), target)).code(), Code::kInvalidArgument) << text;
  EXPECT_FALSE(std::filesystem::exists(evil));
  EXPECT_EQ(std::filesystem::file_size(parquet_), size);
  EXPECT_EQ(text("SELECT count(*) FROM fees"), "[90]");
}

TEST_F(Query, AWriteBehindWithIsRefused) {
  EXPECT_EQ(run("WITH a AS (SELECT * FROM fees_history) INSERT INTO fees_outbox_ SELECT * FROM a").code(),
            Code::kInvalidArgument);
  EXPECT_EQ(run("WITH a AS (SELECT 1) DELETE FROM fees_outbox_").code(), Code::kInvalidArgument);
  EXPECT_EQ(text("SELECT count(*) FROM fees"), "[90]");
}

TEST_F(Query, NoFileIsReadableButThoseOfTheManifest) {
  const std::filesystem::path secret = folder_.path() / "secret.csv",
                              beside = parquet_.parent_path() / "beside.parquet";
  ASSERT_TRUE(write_file_atomically(secret, "password\nhunter2\n").ok());
  std::filesystem::copy_file(parquet_, beside);
  const std::string up = parquet_.parent_path().string() + "/../";
  for (const std::string& path : {std::string("/etc/passwd"), std::string("/proc/self/environ"), secret.string(),
                                  beside.string(), up + "*/*.parquet", parquet_.parent_path().string() + "/*.parquet",
                                  (folder_.path() / "store/state/CURRENT").string()}) {
    EXPECT_FALSE(run(fmt::format("SELECT * FROM '{}'", path)).ok()) << path;
    EXPECT_FALSE(run(fmt::format("SELECT * FROM read_text('{}')", path)).ok()) << path;
  }
  EXPECT_TRUE(run("SELECT * FROM '" + parquet_.string() + "'").ok());  // Only that: it is in the manifest.
}

TEST_F(Query, NoNetworkNoEnvironmentNoSettings) {
  for (const char* sql : {"SELECT * FROM 'https://example.com/x.parquet'",
                          "SELECT * FROM read_csv('http://example.com/x.csv')", "SELECT * FROM 's3://bucket/x.parquet'",
                          "SELECT getenv('HOME')", "SELECT * FROM query('COPY (SELECT 1) TO ''x.csv''')",
                          "SELECT * FROM sqlite_scan('x.db', 't')", "SELECT * FROM pragma_enable_profiling()"})
    EXPECT_FALSE(run(sql).ok()) << sql;
  EXPECT_EQ(text("SELECT current_setting('lock_configuration'), current_setting('enable_external_access')"),
            "[true,false]");
}

}  // namespace
}  // namespace tidecast
