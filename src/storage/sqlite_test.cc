#include "storage/sqlite.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

sqlite::Database memory() {
  auto database = sqlite::Database::open(":memory:");
  EXPECT_TRUE(database.ok()) << database.message();
  return std::move(database).value();
}

TEST(Sqlite, EveryKindOfValueComesBackAsItWentIn) {
  auto database = memory();
  ASSERT_TRUE(database.exec("CREATE TABLE t (i INTEGER, r REAL, s TEXT, n TEXT, b INTEGER)").ok());
  const std::string text("a\0b", 3);  // The zero byte must survive.
  ASSERT_TRUE(database.run("INSERT INTO t VALUES (?, ?, ?, ?, ?)", INT64_MIN, 0.1, text, std::nullopt, true).ok());
  auto select = std::move(database.prepare("SELECT * FROM t")).value();
  ASSERT_TRUE(select.step().value());
  EXPECT_EQ(select.columns(), 5);
  EXPECT_EQ(select.int64(0), INT64_MIN);
  EXPECT_EQ(select.real(1), 0.1);
  EXPECT_EQ(select.text(2), text);
  EXPECT_TRUE(select.is_null(3));
  EXPECT_EQ(select.maybe_text(3), std::nullopt);
  EXPECT_EQ(select.int64(4), 1);
  EXPECT_FALSE(select.step().value());
}

TEST(Sqlite, EmptyTextIsNotNullButNanAndAnEmptyOptionalAre) {
  auto database = memory();
  auto select = std::move(database.prepare("SELECT ?, ?, ?")).value();
  ASSERT_TRUE(select.bind_all(std::string_view(), NAN, std::optional<std::int64_t>()).ok());
  ASSERT_TRUE(select.step().value());
  EXPECT_FALSE(select.is_null(0));
  EXPECT_EQ(select.text(0), "");
  EXPECT_TRUE(select.is_null(1));
  EXPECT_TRUE(select.is_null(2));
}

TEST(Sqlite, AStatementCanBeBoundAgainBeforeItsRowsAreRead) {
  auto database = memory();
  auto select = std::move(database.prepare("SELECT ? UNION ALL SELECT 9")).value();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(select.bind_all(i).ok());
    ASSERT_TRUE(select.step().value());
    EXPECT_EQ(select.int64(0), i);
  }
}

TEST(Sqlite, AFailedTransactionLeavesNothingBehindAndGivesBackItsError) {
  auto database = memory();
  ASSERT_TRUE(database.exec("CREATE TABLE t (i INTEGER PRIMARY KEY)").ok());
  const Status status = database.transaction([&]() -> Status {
    TRY(database.run("INSERT INTO t VALUES (?)", 1));
    return database.run("INSERT INTO t VALUES (?)", 1);
  });
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_NE(status.message().find("UNIQUE constraint failed: t.i"), std::string::npos) << status.message();
  const auto count = database.transaction([&]() -> Result<std::int64_t> {
    auto select = TRY(database.prepare("SELECT count(*) FROM t"));
    TRY(select.step());
    return select.int64(0);
  });
  EXPECT_EQ(count.value(), 0);
}

TEST(Sqlite, WhatACommittedTransactionWroteIsThereAfterReopening) {
  const TemporaryFolder folder;
  {
    auto database = std::move(sqlite::Database::open(folder.path() / "meta.db")).value();
    ASSERT_TRUE(database.exec("CREATE TABLE t (i INTEGER)").ok());
    ASSERT_TRUE(database.transaction([&] { return database.run("INSERT INTO t VALUES (?)", 7); }).ok());
    EXPECT_EQ(database.last_insert_id(), 1);
    EXPECT_EQ(database.changes(), 1);
  }
  auto database = std::move(sqlite::Database::open(folder.path() / "meta.db")).value();
  auto select = std::move(database.prepare("SELECT i FROM t")).value();
  ASSERT_TRUE(select.step().value());
  EXPECT_EQ(select.int64(0), 7);
}

TEST(Sqlite, AWriterThatFindsTheDatabaseLockedIsToldSo) {
  const TemporaryFolder folder;
  auto first = std::move(sqlite::Database::open(folder.path() / "meta.db")).value();
  auto second = std::move(sqlite::Database::open(folder.path() / "meta.db", {.busy_timeout_ms = 0})).value();
  ASSERT_TRUE(first.exec("CREATE TABLE t (i INTEGER); BEGIN IMMEDIATE").ok());
  const Status status = second.run("INSERT INTO t VALUES (1)");
  EXPECT_EQ(status.code(), Code::kFailedPrecondition) << status.message();
}

TEST(Sqlite, AFileThatIsNoDatabaseIsDataLoss) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "meta.db") << std::string(4096, 'x');
  EXPECT_EQ(sqlite::Database::open(folder.path() / "meta.db").code(), Code::kDataLoss);
}

TEST(Sqlite, AFolderThatDoesNotExistIsNamedInTheError) {
  const auto database = sqlite::Database::open("/no/such/folder/meta.db");
  EXPECT_EQ(database.code(), Code::kUnavailable);
  EXPECT_NE(database.message().find("/no/such/folder/meta.db"), std::string::npos);
}

TEST(Sqlite, WrongSqlTwoStatementsAndAMissingParameterAreErrorsThatShowTheSql) {
  auto database = memory();
  EXPECT_NE(database.prepare("SELEC 1").message().find("SELEC 1"), std::string::npos);
  EXPECT_EQ(database.prepare("SELECT 1; SELECT 2").code(), Code::kInternal);
  EXPECT_TRUE(database.prepare("SELECT 1 ; ").ok());
  auto select = std::move(database.prepare("SELECT 1")).value();
  EXPECT_NE(select.bind_all(1).message().find("parameter 1"), std::string::npos);
}

}  // namespace
}  // namespace tidecast
