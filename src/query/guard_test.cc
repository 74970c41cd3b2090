#include "query/guard.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

constexpr std::string_view kAllowed = "allowed is exactly one SELECT, or EXPLAIN of one";

class Guard : public testing::Test {
 protected:
  Result<std::string> check(std::string_view sql) { return TRY(check_query(session_, sql)).text; }
  std::string refusal(std::string_view sql) {
    const Result<std::string> checked = check(sql);
    EXPECT_EQ(checked.code(), Code::kInvalidArgument) << sql;
    return checked.message();
  }

  duck::Session session_ = std::move(duck::Session::open()).value();
};

TEST_F(Guard, WhatOnlyReadsPassesHoweverItBegins) {
  for (const char* sql : {"SELECT 1",
                          "select 1;",
                          "WITH a AS (SELECT 1 AS x) SELECT * FROM a",
                          "WITH RECURSIVE a AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM a WHERE x < 9) FROM a",
                          "FROM fees LIMIT 1",
                          "VALUES (1)",
                          "(SELECT 1)",
                          "((SELECT 1) UNION (SELECT 2))",
                          "TABLE fees",
                          "DESCRIBE fees",
                          "SUMMARIZE fees",
                          "SHOW TABLES",
                          "/* a */ SELECT 1 -- b",
                          "-- a\nSELECT 1",
                          "-- a\rSELECT 1",
                          "/* a /* b */ c */ /**/ SELECT 1",
                          "EXPLAIN SELECT 1",
                          "explain analyze select 1",
                          "EXPLAIN /* a */ ANALYZE -- b\n SELECT 1",
                          "SELECT * FROM range(3), generate_series(1, 2), unnest([1, 2])",
                          "SELECT unnest([1]), quantile_cont(x, [0.1, 0.9]) FROM fees",
                          "SELECT 'COPY; ATTACH ''x''; read_csv()'",
                          "SELECT a.x FROM a ASOF JOIN b ON a.t >= b.t",
                          "SELECT * FROM RANGE(3)"})
    EXPECT_TRUE(check(sql).ok()) << sql << ": " << check(sql).message();
}

TEST_F(Guard, WhatIsNoQueryIsRefusedByItsFirstWord) {
  for (const char* sql : {"COPY (SELECT 1) TO 'x.csv'",
                          "COPY fees FROM 'x.csv'",
                          "ATTACH 'x.db'",
                          "DETACH x",
                          "EXPORT DATABASE 'x'",
                          "IMPORT DATABASE 'x'",
                          "INSTALL httpfs",
                          "LOAD '/tmp/x.duckdb_extension'",
                          "FORCE INSTALL httpfs",
                          "SET threads = 9",
                          "RESET threads",
                          "PRAGMA database_list",
                          "PRAGMA enable_profiling",
                          "CALL pragma_version()",
                          "CREATE TABLE x AS SELECT 1",
                          "DROP VIEW fees",
                          "INSERT INTO x SELECT 1",
                          "UPDATE x SET a = 1",
                          "DELETE FROM x",
                          "ALTER TABLE x ADD a INT",
                          "EXECUTE x",
                          "PREPARE x AS SELECT 1",
                          "BEGIN",
                          "COMMIT",
                          "CHECKPOINT",
                          "VACUUM",
                          "USE x",
                          "DEALLOCATE x",
                          "COMMENT ON TABLE x IS 'y'",
                          "MERGE INTO x USING y ON true WHEN MATCHED THEN DELETE",
                          "PIVOT x ON y"}) {
    const std::string_view all(sql);
    EXPECT_EQ(refusal(sql), fmt::format("found '{}'; {}", all.substr(0, all.find(' ')), kAllowed));
  }
}

TEST_F(Guard, NothingIsNoStatement) {
  for (const char* sql : {"", "  ", "-- nothing", "/* nothing", "/* /* */", "/*/", "(", "EXPLAIN", "EXPLAIN ANALYZE"})
    EXPECT_EQ(refusal(sql), fmt::format("there is no statement; {}", kAllowed)) << sql;
  EXPECT_EQ(refusal("?"), fmt::format("found '?'; {}", kAllowed));
}

TEST_F(Guard, MoreThanOneStatementIsRefused) {
  EXPECT_EQ(refusal("SELECT 1; SELECT 2"), fmt::format("found 2 statements; {}", kAllowed));
  EXPECT_EQ(refusal("SELECT 1; DROP VIEW fees"), fmt::format("found 2 statements; {}", kAllowed));
  EXPECT_EQ(refusal("SELECT 1;;-- x\n; SET threads = 9; SELECT 2"), fmt::format("found 3 statements; {}", kAllowed));
  EXPECT_EQ(refusal("EXPLAIN SELECT 1; COPY fees TO 'x'"), fmt::format("found 2 statements; {}", kAllowed));
}

TEST_F(Guard, ExplainIsNoCloak) {
  for (const char* explain : {"EXPLAIN ", "EXPLAIN ANALYZE ", "EXPLAIN /**/ ANALYZE\n", "explain (analyze) ",
                              "EXPLAIN (ANALYZE, FORMAT json) ", "EXPLAIN EXPLAIN "})
    for (const char* inner : {"COPY (SELECT 1) TO 'x'", "CREATE TABLE x AS SELECT 1", "INSERT INTO x SELECT 1",
                              "SET threads = 9", "PRAGMA database_list", "SELECT * FROM enable_logging()"})
      refusal(std::string(explain) + inner);
}

TEST_F(Guard, TheTextToRunIsWhatWasCheckedAndNoMore) {
  EXPECT_EQ(check(" -- a\n/* b */ select 1 -- c").value(), "select 1 -- c");
  EXPECT_EQ(check("explain/**/ SELECT 1;").value(), "EXPLAIN SELECT 1;");
  EXPECT_EQ(check("/* a */ Explain -- b\r analyze (SELECT 1)").value(), "EXPLAIN ANALYZE (SELECT 1)");
}

TEST_F(Guard, TheTablesOfAQueryAreNamedWhereverTheyStand) {
  const auto tables = [&](std::string_view sql) {
    const Result<CheckedQuery> checked = check_query(session_, sql);
    return checked.ok() ? fmt::format("{}", fmt::join(checked->tables, " ")) : checked.message();
  };
  EXPECT_EQ(tables("SELECT raw, 'late' FROM Dead_Letters"), "dead_letters");
  EXPECT_EQ(tables("SELECT (SELECT count(*) FROM main.\"Raw\") FROM a, b LEFT JOIN c USING (x)"), "a b c raw");
  EXPECT_EQ(tables("WITH w AS (TABLE x) SELECT * FROM w WHERE EXISTS (FROM y UNION FROM z)"), "w x y z");
  for (const char* sql : {"DESCRIBE raw", "DESCRIBE \"raw\"", "SUMMARIZE raw", "EXPLAIN ANALYZE FROM raw",
                          "FROM (DESCRIBE raw)", "FROM 'raw'"})
    EXPECT_EQ(tables(sql), "raw") << sql;
}

TEST_F(Guard, AStatementBehindACommentThatOnlySeemsToEndIsFound) {
  EXPECT_EQ(refusal("/* /* */ SELECT 1 -- */ COPY fees TO 'f' (FORMAT parquet)"),
            fmt::format("found 'COPY'; {}", kAllowed));
  EXPECT_EQ(refusal("-- \rCOPY fees TO 'f' /*\nSELECT 1 -- */"), fmt::format("found 'COPY'; {}", kAllowed));
  EXPECT_EQ(refusal("EXPLAIN ANALYZE /* /* */ SELECT 1 -- */ COPY fees TO 'f'"),
            fmt::format("found 'COPY'; {}", kAllowed));
}

TEST_F(Guard, WritesBehindWithAreRefused) {
  for (const char* sql : {"WITH a AS (SELECT 1) INSERT INTO x SELECT * FROM a", "WITH a AS (SELECT 1) DELETE FROM x",
                          "WITH a AS (SELECT 1) UPDATE x SET a = 1", "FROM (INSERT INTO x VALUES (1) RETURNING a)",
                          "SELECT * INTO x FROM y"})
    refusal(sql);
}

TEST_F(Guard, TableFunctionsThatReadFilesAreRefusedAndTheAllowedOnesNamed) {
  for (const char* function :
       {"read_csv", "read_csv_auto", "read_text", "read_blob", "glob", "read_json", "read_json_auto",
        "read_json_objects", "read_ndjson", "sniff_csv", "read_parquet", "parquet_scan", "parquet_metadata",
        "parquet_schema", "parquet_kv_metadata", "sqlite_scan"})
    EXPECT_EQ(refusal(fmt::format("SELECT * FROM {}('/etc/passwd')", function)),
              fmt::format("the table function '{}' is not allowed; allowed are: range, generate_series, unnest, "
                          "repeat, json_each, json_tree, duckdb_tables, "
                          "duckdb_views, duckdb_columns, duckdb_functions",
                          function));
  refusal("SELECT * FROM \"Read_Text\"('/etc/passwd')");
  refusal("SELECT * FROM system.main.read_text('/etc/passwd')");
}

TEST_F(Guard, FunctionsThatReachFurtherThanAQueryAreRefusedWhereverTheyHide) {
  const auto refused = [&](const std::string& sql, std::string_view function) {
    EXPECT_NE(refusal(sql).find(fmt::format("function '{}' is not allowed", function)), std::string::npos)
        << sql << ": " << check(sql).message();
  };
  refused("SELECT * FROM query('SELECT * FROM enable_' || 'logging(storage = ''stdout'')')", "query");
  refused("SELECT * FROM Query /* x */ ('SELECT 1')", "query");
  refused("SELECT * FROM query_table(['fees'])", "query_table");
  refused("SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))", "json_execute_serialized_sql");
  refused("SELECT * FROM enable_logging(level = 'trace', storage = 'stdout')", "enable_logging");
  refused("WITH a AS MATERIALIZED (SELECT * FROM enable_logging()) SELECT 1", "enable_logging");
  refused("SELECT (SELECT count(*) FROM enable_logging())", "enable_logging");
  refused("SELECT 1 WHERE EXISTS (FROM fees, LATERAL (SELECT * FROM read_text('/etc/passwd')))", "read_text");
  refused("SELECT 1 ORDER BY (SELECT count(*) FROM glob('/*')) LIMIT (SELECT count(*) FROM range(1))", "glob");
  refused("SELECT 1 LIMIT (SELECT count(*) FROM glob('/*'))", "glob");
  refused("EXPLAIN ANALYZE SELECT * FROM enable_logging()", "enable_logging");
  refused("DESCRIBE SELECT * FROM read_csv('/etc/passwd')", "read_csv");
  refused("SUMMARIZE SELECT * FROM read_csv('/etc/passwd')", "read_csv");
  refused("SELECT list_transform([1], lambda x: (SELECT count(*) FROM glob('/*')))", "glob");
  refused("SELECT * FROM arrow_scan(1, 2, 3)", "arrow_scan");
  refused("SELECT * FROM checkpoint()", "checkpoint");
  refused("SELECT write_log('x')", "write_log");
  refused("SELECT FINALIZE(x) FROM fees", "finalize");
}

TEST_F(Guard, AnOverlongTextAZeroByteAndADeepNestAreRefused) {
  EXPECT_EQ(refusal("SELECT '" + std::string(200'000, 'x') + "'"), "the text has 200009 bytes, allowed are 100000");
  EXPECT_EQ(refusal(std::string_view("SELECT 1\0; DROP", 15)), "the text has a zero byte in it");
  refusal("SELECT " + std::string(49'000, '(') + "1" + std::string(49'000, ')'));
  std::string deep = "1";
  for (int i = 0; i < 900; ++i) deep = "abs(" + deep + ")";
  refusal("SELECT " + deep);
}

TEST_F(Guard, WrongSyntaxComesWithDuckDbsWords) {
  EXPECT_NE(refusal("SELECT FROM WHERE").find("syntax error"), std::string::npos);
}

}  // namespace
}  // namespace tidecast
