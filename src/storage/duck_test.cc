#include "storage/duck.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

duck::Session session() {
  auto opened = duck::Session::open();
  EXPECT_TRUE(opened.ok()) << opened.message();
  return std::move(opened).value();
}

// The one row of `SELECT expressions` as a JSON array.
std::string selected(const std::string& expressions) {
  auto database = session();
  const auto table = database.query("SELECT " + expressions);
  if (!table.ok()) return table.message();
  return to_text(json::value(json::array(table->rows.at(0).begin(), table->rows.at(0).end())));
}

TEST(Duck, NumbersKeepTheirExactValue) {
  EXPECT_EQ(selected("1::TINYINT, (-9223372036854775808)::BIGINT, 18446744073709551615::UBIGINT, 0.1::DOUBLE, true"),
            "[1,-9223372036854775808,18446744073709551615,0.1,true]");
}

TEST(Duck, AHugeIntegerIsANumberWhereItFitsAndTextBeyond) {
  EXPECT_EQ(selected("sum(x) FROM (VALUES (1::BIGINT), (-4)) v(x)"), "[-3]");
  EXPECT_EQ(selected("9223372036854775808::HUGEINT, -9223372036854775809::HUGEINT"),
            R"(["9223372036854775808","-9223372036854775809"])");
}

TEST(Duck, DecimalsAreDoubles) {
  EXPECT_EQ(selected("1.25, -0.001, 1234567890123456.5"), "[1.25,-0.001,1234567890123456.5]");
}

TEST(Duck, TimesAreRfc3339InUtcWhateverTheirType) {
  EXPECT_EQ(selected("TIMESTAMP '2026-05-06 01:02:03.004', TIMESTAMPTZ '2026-05-06 03:02:03+02', DATE '1969-12-31', "
                     "TIME '01:02:03.5', INTERVAL 90 MINUTE"),
            R"(["2026-05-06T01:02:03.004Z","2026-05-06T01:02:03Z","1969-12-31","01:02:03.500000","01:30:00"])");
  EXPECT_EQ(selected("'infinity'::TIMESTAMP, '-infinity'::TIMESTAMP, 'infinity'::DATE, '-infinity'::DATE"),
            "[null,null,null,null]");
  EXPECT_EQ(selected("'-infinity'::TIMESTAMP_S, '-infinity'::TIMESTAMP_MS, '9999-12-31'::DATE, '10000-01-01'::DATE"),
            "[null,null,\"9999-12-31\",null]");
  EXPECT_EQ(selected("'1969-12-31 23:59:59.999999'::TIMESTAMP"), "[\"1969-12-31T23:59:59.999Z\"]");
}

TEST(Duck, ListsStructsAndMapsBecomeArraysAndObjects) {
  EXPECT_EQ(selected("[1, NULL, 3], {'a': 1, 'b': [2.5::DOUBLE]}, MAP {'k': 7}"),
            R"([[1,null,3],{"a":1,"b":[2.5]},[{"key":"k","value":7}]])");
}

TEST(Duck, TextKeepsQuotesAndNullIsNull) {
  EXPECT_EQ(selected("'it''s', NULL, '\\xAA'::BLOB, '00000000-0000-0000-0000-00000000002a'::UUID, 'b'::ENUM('a','b')"),
            R"(["it's",null,"aa","00000000-0000-0000-0000-00000000002a","b"])");
}

TEST(Duck, ColumnsHaveNamesAndTypes) {
  auto database = session();
  const auto table = database.query("SELECT 1::BIGINT AS a, now() AS b, [0.5::DOUBLE] AS c WHERE false");
  ASSERT_TRUE(table.ok()) << table.message();
  std::string text;
  for (const auto& column : table->columns) text += column.name + ":" + column.type + " ";
  EXPECT_EQ(text, "a:BIGINT b:TIMESTAMP WITH TIME ZONE c:DOUBLE[] ");
  EXPECT_TRUE(table->rows.empty());
}

TEST(Duck, MoreRowsThanOneChunkComeInOrder) {
  auto database = session();
  const auto table = database.query("SELECT i FROM range(5000) t(i) ORDER BY i").value();
  ASSERT_EQ(table.rows.size(), 5000u);
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(table.rows[i][0], i);
}

TEST(Duck, AVisitorThatHasEnoughEndsAnEndlessQuery) {
  auto database = session();
  std::vector<duck::Column> columns;
  int seen = 0;
  EXPECT_TRUE(
      database.query("SELECT * FROM range(1000000000000)", columns, [&](auto&&) { return ++seen < 3000; }).ok());
  EXPECT_EQ(seen, 3000);
  EXPECT_EQ(database.query("SELECT 1").value().rows.size(), 1u);
}

TEST(Duck, WhatWasAppendedIsThere) {
  auto database = session();
  ASSERT_TRUE(database.exec("CREATE TABLE t (i BIGINT, d DOUBLE, s VARCHAR, t TIMESTAMPTZ, b BOOLEAN)").ok());
  {
    auto appender = std::move(duck::Appender::open(database, "t")).value();
    ASSERT_TRUE(appender.integer(-5).number(0.5).text("x").time(1'000).boolean(true).end_row().ok());
    ASSERT_TRUE(appender.null().null().text("").null().null().end_row().ok());
    ASSERT_TRUE(appender.close().ok());
  }
  const auto table = database.query("SELECT * FROM t").value();
  EXPECT_EQ(to_text(json::value(table.rows[0][3])), R"("1970-01-01T00:00:01Z")");
  EXPECT_EQ(table.rows[0][0], -5);
  EXPECT_TRUE(table.rows[1][0].is_null());
  EXPECT_EQ(table.rows[1][2], "");
}

TEST(Duck, AnIncompleteRowIsAnError) {
  auto database = session();
  ASSERT_TRUE(database.exec("CREATE TABLE t (i BIGINT, d DOUBLE)").ok());
  auto appender = std::move(duck::Appender::open(database, "t")).value();
  EXPECT_EQ(appender.integer(1).end_row().code(), Code::kInvalidArgument);
  EXPECT_EQ(duck::Appender::open(database, "none").code(), Code::kInvalidArgument);
}

TEST(Duck, AValueOfAnotherTypeIsAnErrorAndStaysOne) {
  auto database = session();
  ASSERT_TRUE(database.exec("CREATE TABLE t (i BIGINT, n INTEGER)").ok());
  auto appender = std::move(duck::Appender::open(database, "t")).value();
  EXPECT_TRUE(appender.integer(1).integer(2).end_row().ok());
  EXPECT_EQ(appender.number(1).integer(2).end_row().code(), Code::kInvalidArgument);
  EXPECT_EQ(appender.integer(1).integer(2).end_row().code(), Code::kInvalidArgument);
  EXPECT_EQ(appender.close().code(), Code::kInvalidArgument);
  auto narrow = std::move(duck::Appender::open(database, "t")).value();
  EXPECT_EQ(narrow.integer(1).integer(1LL << 31).end_row().code(), Code::kInvalidArgument);
}

TEST(Duck, MoreRowsThanAChunkHasKeepTheirOrderNullsAndTexts) {
  auto database = session();
  ASSERT_TRUE(database.exec("CREATE TABLE t (i BIGINT, s VARCHAR)").ok());
  auto appender = std::move(duck::Appender::open(database, "t")).value();
  for (std::int64_t i = 0; i < 10'000; ++i) {
    appender.integer(i);
    if (i % 3 == 0)
      appender.null();
    else
      appender.text(fmt::format("the text of row {}", i));
    ASSERT_TRUE(appender.end_row().ok());
  }
  ASSERT_TRUE(appender.close().ok());
  const auto wrong = database.query(
      "SELECT count(*) FROM t WHERE i <> rowid OR s IS DISTINCT FROM CASE WHEN i % 3 > 0 THEN 'the text of row ' || i "
      "END");
  EXPECT_EQ(wrong.value().rows[0][0], 0);
  EXPECT_EQ(database.query("SELECT count(*) FROM t").value().rows[0][0], 10'000);
}

TEST(Duck, AnAppenderWithoutMemoryIsUnavailable) {
  auto session = std::move(duck::Session::open({.memory_limit_mb = 8})).value();
  ASSERT_TRUE(session.exec("CREATE TABLE t (x VARCHAR)").ok());
  auto appender = std::move(duck::Appender::open(session, "t")).value();
  const std::string text(100'000, 'x');
  Status status;
  for (int row = 0; row < 1000 && status.ok(); ++row) status = appender.text(text + std::to_string(row)).end_row();
  if (status.ok()) status = appender.close();
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.message();
}

TEST(Duck, HoldsMoreThanItsMemoryWhereItMaySpill) {
  const TemporaryFolder folder;
  const std::string make = "CREATE TABLE t AS SELECT i, hash(i) AS h, hash(i + 1) AS k FROM range(4000000) r(i)";
  auto without = std::move(duck::Session::open({.memory_limit_mb = 32})).value();
  EXPECT_EQ(without.exec(make).code(), Code::kUnavailable);
  auto with = std::move(duck::Session::open({.memory_limit_mb = 32, .spill_folder = folder.path()})).value();
  ASSERT_TRUE(with.exec(make).ok());
  EXPECT_EQ(with.query("SELECT sum(i) FROM t").value().rows[0][0], 7'999'998'000'000);
}

TEST(Duck, ErrorsSayWhatIsWrong) {
  auto database = session();
  EXPECT_EQ(database.query("SELECT nothing").code(), Code::kInvalidArgument);
  EXPECT_EQ(database.query("SELECT 'x'::INTEGER FROM range(3)").code(), Code::kInvalidArgument);
  EXPECT_EQ(database.query("SELECT * FROM '/no/such.parquet'").code(), Code::kUnavailable);
  EXPECT_EQ(database.exec("SELEC").code(), Code::kInvalidArgument);
}

TEST(Duck, StatementsAreCountedWithoutBeingRun) {
  auto database = session();
  EXPECT_EQ(database.count_statements("CREATE TABLE x AS SELECT 1; SELECT 2").value(), 2u);
  EXPECT_EQ(database.count_statements("SELECT ';'").value(), 1u);
  EXPECT_EQ(database.count_statements(" -- nothing").value(), 0u);
  EXPECT_EQ(database.count_statements("SELECT FROM WHERE").code(), Code::kInvalidArgument);
  EXPECT_EQ(database.query("SELECT count(*) FROM duckdb_tables()").value().rows[0][0], 0);
}

TEST(Duck, ALongQueryCanBeInterruptedFromAnotherThread) {
  auto database = session();
  std::atomic<bool> done = false;
  std::thread interrupter([&] {
    while (!done) database.interrupt();  // Again and again: the first calls may come before the query.
  });
  const auto result = database.query("SELECT sum(a.i * b.i) FROM range(10000000) a(i), range(10000000) b(i)");
  done = true;
  interrupter.join();
  EXPECT_EQ(result.code(), Code::kCancelled) << result.message();
}

TEST(Duck, NamesAndTextsAreQuoted) {
  EXPECT_EQ(duck::quoted_name("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(duck::quoted_text("a'b"), "'a''b'");
}

}  // namespace
}  // namespace tidecast
