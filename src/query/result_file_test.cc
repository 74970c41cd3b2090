#include <stdlib.h>

#include <filesystem>

#include "query/query_testing.h"
#include "storage/duck.h"
#include "storage/file.h"

namespace tidecast {
namespace {

class ResultFile : public QueryFixture {
 protected:
  Result<QueryFile> file(std::string_view sql, SqlFormat format, const QueryLimits& limits = {}) const {
    return query_file(*store_, tables_, sql, format, limits);
  }
  // The bytes, or the error.
  std::string bytes(std::string_view sql, SqlFormat format) const {
    const auto result = file(sql, format);
    return result.ok() ? result->bytes : std::string(name_of(result.code())) + ": " + result.message();
  }
  // What DuckDB reads from the Parquet file: names and types, then rows.
  std::string parquet(std::string_view sql) const {
    const auto result = file(sql, SqlFormat::kParquet);
    if (!result.ok()) return std::string(name_of(result.code())) + ": " + result.message();
    const std::string path = (folder_.path() / "back.parquet").string();
    EXPECT_TRUE(write_file_atomically(path, result->bytes).ok());
    duck::Session session = std::move(duck::Session::open()).value();
    const auto table = session.query("FROM " + duck::quoted_text(path));
    if (!table.ok()) return table.message();
    std::string text;
    for (const auto& column : table->columns) text += (text.empty() ? "" : ", ") + column.name + " " + column.type;
    for (const auto& row : table->rows) text += " " + to_text(json::value(json::array(row.begin(), row.end())));
    return text;
  }
};

constexpr const char* kMixed =
    "SELECT * FROM (VALUES (1, 'a,\"b\"', 0.5::DOUBLE, TIMESTAMPTZ '2026-05-06 00:00:00.250Z', true, [1, 2]), "
    "(NULL, '', NULL, NULL, NULL, NULL)) v(n, t, d, m, b, l)";

TEST_F(ResultFile, CsvHasAHeadAndTellsNullFromEmptyText) {
  EXPECT_EQ(bytes(kMixed, SqlFormat::kCsv),
            "n,t,d,m,b,l\n1,\"a,\"\"b\"\"\",0.5,2026-05-06T00:00:00.250Z,true,\"[1,2]\"\n,\"\",,,,\n");
}

TEST_F(ResultFile, JsonIsAnArrayOfObjectsAndNdjsonOneALine) {
  const std::string first = R"({"n":1,"t":"a,\"b\"","d":0.5,"m":"2026-05-06T00:00:00.250Z","b":true,"l":[1,2]})",
                    second = R"({"n":null,"t":"","d":null,"m":null,"b":null,"l":null})";
  EXPECT_EQ(parse_json(bytes(kMixed, SqlFormat::kJson)).value(), parse_json("[" + first + "," + second + "]").value());
  const std::string lines = bytes(kMixed, SqlFormat::kNdjson);
  EXPECT_EQ(parse_json(lines.substr(0, lines.find('\n'))).value(), parse_json(first).value());
  EXPECT_EQ(lines.substr(lines.find('\n') + 1), second + "\n");
}

TEST_F(ResultFile, ParquetKeepsTheTypes) {
  EXPECT_EQ(parquet(kMixed),
            "n INTEGER, t VARCHAR, d DOUBLE, m TIMESTAMP WITH TIME ZONE, b BOOLEAN, l INTEGER[] "
            R"([1,"a,\"b\"",0.5,"2026-05-06T00:00:00.250Z",true,[1,2]] [null,"",null,null,null,null])");
}

TEST_F(ResultFile, ParquetHasExactIntegersEvenOfSums) {
  EXPECT_EQ(parquet("SELECT sum(x) AS s, sum(x) * 4 AS beyond, NULL::HUGEINT AS none "
                    "FROM (VALUES (9007199254740993), (4611686018427387904)) v(x)"),
            R"(s BIGINT, beyond VARCHAR, none BIGINT [4620693217682128897,"18482772870728515588",null])");
}

TEST_F(ResultFile, NoRowsAreAHeadAlone) {
  const char* none = "SELECT 1 AS a, 'x' AS b WHERE false";
  EXPECT_EQ(bytes(none, SqlFormat::kCsv), "a,b\n");
  EXPECT_EQ(bytes(none, SqlFormat::kJson), "[]\n");
  EXPECT_EQ(bytes(none, SqlFormat::kNdjson), "");
  EXPECT_EQ(parquet(none), "a INTEGER, b VARCHAR");
}

TEST_F(ResultFile, ColumnsOfOneNameAreToldApart) {
  const char* same = "SELECT 1 AS a, 2 AS a, 3 AS a";
  EXPECT_EQ(bytes(same, SqlFormat::kCsv), "a,a_1,a_2\n1,2,3\n");
  EXPECT_EQ(bytes(same, SqlFormat::kNdjson), "{\"a\":1,\"a_1\":2,\"a_2\":3}\n");
  EXPECT_EQ(parquet(same), "a INTEGER, a_1 INTEGER, a_2 INTEGER [1,2,3]");
}

TEST_F(ResultFile, TheGroupsTablesAreThereAndTheOrderStays) {
  EXPECT_EQ(bytes("SELECT total_fee FROM fees ORDER BY total_fee DESC LIMIT 3", SqlFormat::kCsv),
            "total_fee\n89\n88\n87\n");
  EXPECT_EQ(parquet("SELECT total_fee FROM fees ORDER BY total_fee DESC LIMIT 3"), "total_fee BIGINT [89] [88] [87]");
}

TEST_F(ResultFile, ParquetIsThereHoweverASelectBeginsAndEnds) {
  for (const char* sql :
       {"SELECT 7 AS x", "SELECT 7 AS x;", "SELECT 7 AS x -- it is", "SELECT 7 AS x; /* so */", "FROM (SELECT 7 AS x)",
        "(SELECT 7 AS x)", "WITH w AS (SELECT 7 AS x) FROM w", "/* a */ SELECT 7 AS x /* ) */"})
    EXPECT_EQ(parquet(sql), "x INTEGER [7]") << sql;
  EXPECT_EQ(parquet("VALUES (7)"), "col0 INTEGER [7]");
}

TEST_F(ResultFile, WhatIsNoTableIsToldToHaveNoParquet) {
  for (const char* sql : {"EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1"}) {
    EXPECT_EQ(parquet(sql).substr(0, 28), "invalid argument: as Parquet") << sql;
    EXPECT_NE(bytes(sql, SqlFormat::kCsv).find("explain_value"), std::string::npos);
  }
  for (const char* sql : {"DESCRIBE fees", "SHOW TABLES", "SUMMARIZE fees"}) {
    EXPECT_NE(bytes(sql, SqlFormat::kCsv).find("name"), std::string::npos) << sql;
    const auto result = file(sql, SqlFormat::kParquet);
    EXPECT_TRUE(result.ok() || result.message().starts_with("as Parquet")) << result.message();
  }
}

TEST_F(ResultFile, ErrorsAreThoseOfRows) {
  for (const char* sql : {"SELECT nothing FROM fees", "SELECT 1 +", "SELECT 'x'::INTEGER FROM range(3)"}) {
    const auto as_rows = run(sql);
    for (const SqlFormat format : {SqlFormat::kCsv, SqlFormat::kParquet}) {
      EXPECT_EQ(file(sql, format).code(), as_rows.code()) << sql;
      EXPECT_FALSE(file(sql, format).message().starts_with("as Parquet")) << sql;
    }
  }
}

// In a temporary folder of its own: other tests fill the common one at the same time.
TEST_F(ResultFile, NothingIsLeftBehind) {
  const std::filesystem::path own = folder_.path() / "tmp";
  std::filesystem::create_directory(own);
  const char* tmpdir = std::getenv("TMPDIR");
  const std::string before = tmpdir ? tmpdir : "";
  ::setenv("TMPDIR", own.c_str(), 1);
  EXPECT_TRUE(file("FROM fees", SqlFormat::kParquet).ok());
  EXPECT_FALSE(file("FROM no_such", SqlFormat::kParquet).ok());
  EXPECT_FALSE(file("FROM range(1000000000000)", SqlFormat::kParquet, {.time = 1ms, .rows = SIZE_MAX / 2}).ok());
  for (const auto& entry : std::filesystem::directory_iterator(own)) ADD_FAILURE() << entry.path();
  std::filesystem::remove(own);
  EXPECT_FALSE(file("FROM fees", SqlFormat::kParquet).ok()) << "it was there that it went by";
  if (tmpdir != nullptr)
    ::setenv("TMPDIR", before.c_str(), 1);
  else
    ::unsetenv("TMPDIR");
}

TEST(SqlFormat, HasNames) {
  for (const char* name : {"csv", "json", "ndjson", "parquet"})
    EXPECT_EQ(name_of(parse_sql_format(name).value()), name);
  EXPECT_EQ(parse_sql_format("arrow").message(), "format: found 'arrow', allowed: csv, json, ndjson, parquet");
}

}  // namespace
}  // namespace tidecast
