#include "query/query.h"

#include <chrono>

#include "query/query_testing.h"

namespace tidecast {
namespace {

using Query = QueryFixture;

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
  EXPECT_EQ(text("SELECT number, reason, raw, replayed_as FROM dead_letters ORDER BY number"),
            "[3,\"/fee: missing\",\"{}\",null][5,\"no JSON\",\"\xef\xbf\xbd\xef\xbf\xbd caf\xc3\xa9\",null]");
}

TEST_F(Query, GapsOfTheSourceAreATable) {
  EXPECT_EQ(text("SELECT source, gap_start, gap_end, found_at FROM gaps"),
            R"(["file","2026-05-06T01:00:00Z","2026-05-06T01:01:30Z","2026-05-06T01:01:40Z"])");
  EXPECT_EQ(
      text("SELECT count(*) FROM fees f, gaps g WHERE f.window_start <= g.gap_end AND f.window_end > g.gap_start"),
      "[2]");
}

TEST_F(Query, LateRecordsAreATableWithTheirReasons) {
  EXPECT_EQ(text("SELECT * FROM late"),
            R"([1,"1970-01-01T00:00:01Z","1970-01-01T00:00:00.500Z","fees: closed",false,"file","{\"n\":2}"])");
}

TEST_F(Query, RawRecordsAreATableAndTheirFieldsAreReachable) {
  EXPECT_EQ(text("SELECT number, arrival, verdict, record->>'n' FROM raw ORDER BY number"),
            R"([0,"1970-01-01T00:00:00Z","stored","1"][1,"1970-01-01T00:00:01Z","late","2"])");
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
  EXPECT_EQ(run("SELECT * FROM raw", {.time = 0ms}).code(), Code::kCancelled);
}

TEST_F(Query, AQueryThatWantsTooMuchMemoryIsToldSo) {
  const auto result =
      run("SELECT count(DISTINCT range || 'some longer text here') FROM range(20000000)", {.memory_mb = 32});
  EXPECT_EQ(result.code(), Code::kInvalidArgument);
  EXPECT_EQ(
      result.message(),
      "the query needs more than the 32 MB of memory that one may have; narrow it: a shorter time in WHERE, fewer "
      "columns, an aggregate or a LIMIT before the ORDER BY");
}

TEST_F(Query, WrongSqlIsAnInvalidArgumentWithDuckDbsWords) {
  EXPECT_NE(text("SELECT nothing FROM fees").find("nothing"), std::string::npos);
  EXPECT_EQ(run("SELECT FROM WHERE").code(), Code::kInvalidArgument);
  EXPECT_EQ(run("SELECT * FROM no_such_table").code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tidecast
