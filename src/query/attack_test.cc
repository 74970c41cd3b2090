// Whoever asks may be anybody: what they try to get at, to change, or to wear out.

#include <fstream>

#include "query/query_testing.h"
#include "storage/file.h"

namespace tidecast {
namespace {

class Attack : public QueryFixture {
 protected:
  // Refused or without effect, as rows and as a file of every format; and nothing outside has changed.
  void expect_refused(const std::string& sql) {
    EXPECT_FALSE(run(sql).ok()) << sql;
    for (const SqlFormat format : {SqlFormat::kCsv, SqlFormat::kJson, SqlFormat::kNdjson, SqlFormat::kParquet})
      EXPECT_FALSE(query_file(*store_, tables_, sql, format).ok()) << name_of(format) << ": " << sql;
  }
  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
};

TEST_F(Attack, ARefusalSaysWhatWasFoundAndWhatIsAllowed) {
  EXPECT_EQ(text("COPY fees TO '" + parquet_.string() + "' (FORMAT parquet)"),
            "invalid argument: found 'COPY'; allowed is exactly one SELECT, or EXPLAIN of one");
  EXPECT_EQ(text("SELECT * FROM read_text('/etc/passwd')").substr(0, 66),
            "invalid argument: the table function 'read_text' is not allowed; a");
}

TEST_F(Attack, ExplainIsNoCloakForAStatementThatWrites) {
  const std::filesystem::path evil = folder_.path() / "evil.csv";
  for (const std::string& inner :
       {"COPY (SELECT 1) TO '" + evil.string() + "'", "COPY fees TO '" + parquet_.string() + "' (FORMAT parquet)"})
    EXPECT_EQ(run("EXPLAIN ANALYZE " + inner).code(), Code::kInvalidArgument) << inner;
  EXPECT_FALSE(std::filesystem::exists(evil));
  EXPECT_EQ(text("SELECT count(*) FROM fees"), "[90]");
}

TEST_F(Attack, ACommentIsNoCloakForAStatementThatWrites) {
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

TEST_F(Attack, AWriteBehindWithIsRefused) {
  EXPECT_EQ(run("WITH a AS (SELECT * FROM fees_history) INSERT INTO fees_outbox_ SELECT * FROM a").code(),
            Code::kInvalidArgument);
  EXPECT_EQ(run("WITH a AS (SELECT 1) DELETE FROM fees_outbox_").code(), Code::kInvalidArgument);
  EXPECT_EQ(text("SELECT count(*) FROM fees"), "[90]");
}

TEST_F(Attack, NoFileIsReadableButThoseOfTheManifest) {
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

TEST_F(Attack, NoNetworkNoEnvironmentNoSettings) {
  for (const char* sql : {"SELECT * FROM 'https://example.com/x.parquet'",
                          "SELECT * FROM read_csv('http://example.com/x.csv')", "SELECT * FROM 's3://bucket/x.parquet'",
                          "SELECT getenv('HOME')", "SELECT * FROM query('COPY (SELECT 1) TO ''x.csv''')",
                          "SELECT * FROM sqlite_scan('x.db', 't')", "SELECT * FROM pragma_enable_profiling()"})
    EXPECT_FALSE(run(sql).ok()) << sql;
  EXPECT_EQ(text("SELECT current_setting('lock_configuration'), current_setting('enable_external_access')"),
            "[true,false]");
}

TEST_F(Attack, NothingIsWrittenWhateverTheStatement) {
  const auto before = read_file(parquet_).value();
  for (const char* text : {"COPY fees TO '{}'",
                           "COPY (SELECT 1) TO '{}' (FORMAT csv)",
                           "ATTACH '{}' AS x",
                           "EXPORT DATABASE '{}'",
                           "IMPORT DATABASE '{}'",
                           "INSTALL '{}'",
                           "LOAD '{}'",
                           "FORCE INSTALL httpfs FROM '{}'",
                           "PRAGMA enable_profiling='{}'",
                           "PRAGMA profiling_output='{}'",
                           "SET temp_directory='{}'",
                           "SET log_query_path='{}'",
                           "SELECT 1; COPY fees TO '{}'",
                           "SELECT 1;; ; COPY fees TO '{}' --",
                           "SELECT 1) TO '{}' --",
                           "SELECT 1 FROM (COPY fees TO '{}')",
                           "WITH x AS (COPY fees TO '{}') SELECT 1",
                           "CALL enable_logging(storage='file', storage_config={{path: '{}'}})",
                           "CREATE SECRET s (TYPE s3, SCOPE '{}')",
                           "SELECT * FROM write_log('{}')",
                           "PREPARE p AS COPY fees TO '{}'",
                           "VACUUM fees; COPY fees TO '{}'",
                           "USE '{}'",
                           "CHECKPOINT '{}'",
                           "COMMENT ON VIEW fees IS '{}'"}) {
    for (const std::string& target : {path("evil"), parquet_.string()})
      expect_refused(fmt::format(fmt::runtime(text), target));
    EXPECT_FALSE(std::filesystem::exists(path("evil"))) << text;
  }
  EXPECT_EQ(read_file(parquet_).value(), before);
}

TEST_F(Attack, NoFunctionReadsFilesTheEnvironmentOrTheNetwork) {
  ASSERT_TRUE(write_file_atomically(path("secret.csv"), "password\nhunter2\n").ok());
  const std::string up = parquet_.parent_path().string() + "/../../../../secret.csv";
  for (const char* text : {"FROM read_csv('{}')",
                           "FROM read_csv_auto(['{}'])",
                           "FROM read_text('{}')",
                           "FROM read_blob('{}')",
                           "FROM glob('{}')",
                           "FROM read_parquet('{}')",
                           "FROM parquet_metadata('{}')",
                           "FROM sniff_csv('{}')",
                           "FROM read_json('{}')",
                           "FROM '{}'",
                           "FROM \"{}\"",
                           "SELECT (SELECT content FROM read_text('{}'))",
                           "FROM query('FROM ''{}''')",
                           "FROM query_table('{}')",
                           "FROM json_execute_serialized_sql('{}')",
                           "SELECT * FROM (VALUES ('{}')) v(f), LATERAL (FROM read_text(v.f))",
                           "DESCRIBE '{}'",
                           "SUMMARIZE '{}'",
                           "EXPLAIN ANALYZE FROM '{}'",
                           "FROM 'file://{}'",
                           "FROM sqlite_scan('{}', 't')",
                           "FROM postgres_scan('{}', '', '')",
                           "FROM http_get('http://127.0.0.1/{}')",
                           "FROM 'http://127.0.0.1:1/{}'",
                           "FROM 's3://b/{}'"})
    for (const std::string& file : {path("secret.csv"), up, path("*"), std::string("/etc/passwd")})
      expect_refused(fmt::format(fmt::runtime(text), file));
  for (const char* sql :
       {"SELECT getenv('HOME')", "SELECT system.main.getenv('PATH')", "SELECT \"getenv\"('HOME')",
        "FROM duckdb_secrets()", "FROM duckdb_settings()", "FROM duckdb_extensions()", "FROM duckdb_databases()",
        "FROM pragma_database_list()", "FROM duckdb_logs()", "FROM which_secret('s3://x', 's3')", "FROM checkpoint()",
        "FROM force_checkpoint()", "FROM arrow_scan(1, 2, 3)", "FROM seq_scan('x')", "FROM pandas_scan(1)"})
    expect_refused(sql);
}

TEST_F(Attack, OddSpellingsAreNoWayRound) {
  const std::string evil = path("evil");
  for (const char* text : {"\xef\xbb\xbf"
                           "COPY fees TO '{}'",  // A byte order mark.
                           "\xc2\xa0"
                           "COPY fees TO '{}'",  // A space that is not ASCII.
                           "\xe3\x80\x80"
                           "COPY fees TO '{}'",
                           "\xe2\x80\x8b"
                           "COPY fees TO '{}'",  // Of no width.
                           "\xef\xbc\xb3"
                           "ELECT 1; COPY fees TO '{}'",              // A letter that looks like S.
                           "SELECT 1\xef\xbc\x9b COPY fees TO '{}'",  // A semicolon that is none.
                           "\x0b"
                           "COPY fees TO '{}'",
                           "/**/COPY/**/fees/**/TO/**/'{}'",
                           "--\nCOPY fees TO '{}'",
                           "--\r\nCOPY fees TO '{}'",
                           "cOpY fees tO '{}'",
                           "SELECT 1 /* ; */; COPY fees TO '{}'",
                           "SELECT $$;$$; COPY fees TO '{}'",
                           "SELECT $a$ $$ $a$; COPY fees TO '{}'",
                           "SELECT E'\\''; COPY fees TO '{}' --'",
                           "SELECT '\\'; COPY fees TO '{}' --'",
                           "SELECT \"; COPY fees TO '{}'",
                           "SELECT '; COPY fees TO ''{}",
                           "EXPLAIN ANALYZE COPY fees TO '{}'",
                           "EXPLAIN (ANALYZE) COPY fees TO '{}'",
                           "(COPY fees TO '{}')",
                           "SELECT 1 UNION COPY fees TO '{}'",
                           "\\copy fees TO '{}'",
                           ".output {}",
                           "! touch {}"}) {
    expect_refused(fmt::format(fmt::runtime(text), evil));
    EXPECT_FALSE(std::filesystem::exists(evil)) << text;
  }
  expect_refused(std::string("SELECT 1\0; COPY fees TO 'x'", 27));
  expect_refused("SELECT '\xff\xfe'");
  expect_refused("SELECT \"\xed\xa0\x80\"");
}

TEST_F(Attack, SettingsStayAsTheyAre) {
  for (const char* sql :
       {"SET threads = 9", "SET memory_limit = '100GB'", "RESET memory_limit", "PRAGMA threads=9",
        "PRAGMA memory_limit='100GB'", "SET enable_external_access = true", "SET lock_configuration = false",
        "SET GLOBAL allowed_paths = ['/']", "SET VARIABLE x = 1", "PRAGMA disable_verification",
        "SELECT set_config('threads', '9')", "FROM pragma_enable_profiling()"})
    expect_refused(sql);
  EXPECT_EQ(text("SELECT current_setting('threads'), current_setting('enable_external_access'), "
                 "current_setting('lock_configuration')"),
            "[1,false,true]");
}

TEST_F(Attack, DeepNestingIsRefusedAndDoesNoHarm) {
  const auto nested = [](std::string_view open, std::string_view inner, std::string_view close, int depth) {
    std::string sql = "SELECT ";
    for (int i = 0; i < depth; ++i) sql += open;
    sql += inner;
    for (int i = 0; i < depth; ++i) sql += close;
    return sql;
  };
  for (const int depth : {300, 2'000, 40'000}) {
    for (const auto& [open, close] :
         std::vector<std::pair<std::string_view, std::string_view>>{{"(", ")"},
                                                                    {"abs(", ")"},
                                                                    {"(SELECT ", ")"},
                                                                    {"NOT ", ""},
                                                                    {"- ", ""},
                                                                    {"[", "]"},
                                                                    {"1+(", ")"},
                                                                    {"CASE WHEN 1=1 THEN ", " END"}})
      static_cast<void>(
          run(nested(open, "1", close, depth), {.time = 500ms}));  // An answer or a refusal, but no crash.
    std::string sum = "SELECT 1", unions = "SELECT 1";
    for (int i = 0; i < depth / 20; ++i) sum += "+1", unions += " UNION SELECT 1";
    static_cast<void>(run(sum, {.time = 500ms}));
    static_cast<void>(run(unions, {.time = 500ms}));
  }
  expect_refused(nested("abs(", "1", ")", 10'000));
  expect_refused("SELECT " + std::string(200'000, ' ') + "1");
  EXPECT_EQ(text("SELECT count(*) FROM fees"), "[90]");
}

TEST_F(Attack, QueriesWithoutEndAreEndedInEveryFormat) {
  for (const char* sql : {"SELECT count(*) FROM range(1000000000) a, range(1000000000) b",
                          "WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r) SELECT max(x) FROM r",
                          "SELECT sum(sqrt(a.range) * b.range) FROM range(100000000) a, range(100000000) b"})
    for (const SqlFormat format : {SqlFormat::kCsv, SqlFormat::kParquet})
      EXPECT_EQ(query_file(*store_, tables_, sql, format, {.time = 50ms}).code(), Code::kCancelled) << sql;
}

TEST_F(Attack, ASingleHugeValueIsRefusedBeforeItIsMade) {
  const auto peak_mb = [] {  // Of the process, ever.
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
      if (long kb = 0; word == "VmHWM:" && status >> kb) return kb / 1024;
    return 0L;
  };
  const long before = peak_mb();
  for (const char* sql : {"SELECT list_aggregate(range(100000000), 'sum')", "SELECT length(repeat('x', 2000000000))",
                          "SELECT sum(length(repeat('x', 1000000 + range))) FROM range(100000)",
                          "SELECT length(printf('%1900000000d', 1))"})
    for (const SqlFormat format : {SqlFormat::kCsv, SqlFormat::kParquet}) {
      const auto result = query_file(*store_, tables_, sql, format, {.memory_mb = 64});
      EXPECT_EQ(result.code(), Code::kInvalidArgument) << sql << ": " << result.message();
    }
  EXPECT_LT(peak_mb(), before + 64 + 400);
  EXPECT_EQ(text("SELECT list_aggregate(range(1000000), 'sum')"), "[499999500000]");
}

TEST_F(Attack, ResultsWithoutEndAreCutOrRefused) {
  for (const SqlFormat format : {SqlFormat::kCsv, SqlFormat::kJson, SqlFormat::kNdjson, SqlFormat::kParquet}) {
    const auto cut = query_file(*store_, tables_, "FROM range(1000000000000)", format, {.rows = 7});
    ASSERT_TRUE(cut.ok()) << cut.message();
    EXPECT_TRUE(cut->truncated);
    EXPECT_EQ(cut->rows, 7u);
    const auto large = query_file(*store_, tables_, "SELECT md5(range::VARCHAR) FROM range(10000)", format,
                                  {.rows = 1'000'000, .bytes = 50'000});
    EXPECT_EQ(large.code(), Code::kInvalidArgument);
    EXPECT_EQ(large.message(), "the result has more than 50000 bytes; ask for less of it");
  }
}

}  // namespace
}  // namespace tidecast
