#include "storage/rocks.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "storage/file.h"
#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

using rocks::Go;
using rocks::Sync;

rocks::Database open(const TemporaryFolder& folder) {
  auto database = rocks::Database::open(folder.path() / "state");
  EXPECT_TRUE(database.ok()) << database.message();
  return std::move(database).value();
}

std::string listing(const rocks::Database& database, std::string_view from, std::string_view until, bool back = false) {
  std::string text;
  const auto add = [&](std::string_view key, std::string_view value) -> Result<Go> {
    text += fmt::format("{}={} ", key, value);
    return Go::kOn;
  };
  const auto at = database.snapshot();
  EXPECT_TRUE((back ? database.scan_back(from, until, at, add) : database.scan(from, until, at, add)).ok());
  return text;
}

void put(rocks::Database& database, std::string_view key, std::string_view value) {
  rocks::Batch batch;
  batch.put(key, value);
  ASSERT_TRUE(database.write(batch, Sync::kNo).ok());
}

TEST(Rocks, ABatchHappensAsAWholeAndSurvivesReopening) {
  const TemporaryFolder folder;
  {
    auto database = open(folder);
    put(database, "gone", "x");
    rocks::Batch batch;
    EXPECT_TRUE(batch.empty());
    batch.put("a", "1");
    batch.put("b", "");
    batch.remove("gone");
    ASSERT_TRUE(database.write(batch, Sync::kYes).ok());
  }
  auto database = open(folder);
  EXPECT_EQ(database.get("a").value(), "1");
  EXPECT_EQ(database.get("b").value(), "");
  EXPECT_EQ(database.get("gone").value(), std::nullopt);
}

TEST(Rocks, OpeningItAgainAndAgainLeavesNoFilesBehind) {
  const TemporaryFolder folder;
  const auto files = [&] {
    (void)open(folder);
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "state"))
      count += entry.is_regular_file();
    return count;
  };
  for (int i = 0; i < 4; ++i) files();
  const std::size_t before = files();
  for (int i = 0; i < 20; ++i) files();
  EXPECT_EQ(files(), before);
}

TEST(Rocks, ScansStayInTheirHalfOpenRangeInBothDirections) {
  const TemporaryFolder folder;
  auto database = open(folder);
  for (const char* key : {"a", "b1", "b2", "b3", "c"}) put(database, key, "v");
  EXPECT_EQ(listing(database, "b", rocks::after_prefix("b")), "b1=v b2=v b3=v ");
  EXPECT_EQ(listing(database, "b1", "b3"), "b1=v b2=v ");
  EXPECT_EQ(listing(database, "b", rocks::after_prefix("b"), true), "b3=v b2=v b1=v ");
  rocks::Batch batch;
  batch.remove_range("b1", "b3");
  ASSERT_TRUE(database.write(batch, Sync::kNo).ok());
  EXPECT_EQ(listing(database, "a", "z"), "a=v b3=v c=v ");
}

TEST(Rocks, AVisitorCanStopAndItsErrorComesBack) {
  const TemporaryFolder folder;
  auto database = open(folder);
  put(database, "a", "");
  put(database, "b", "");
  int seen = 0;
  ASSERT_TRUE(database
                  .scan("", "z", database.snapshot(),
                        [&](auto, auto) -> Result<Go> {
                          ++seen;
                          return Go::kStop;
                        })
                  .ok());
  EXPECT_EQ(seen, 1);
  const Status status =
      database.scan("", "z", database.snapshot(), [](auto, auto) -> Result<Go> { return data_loss("x"); });
  EXPECT_EQ(status.code(), Code::kDataLoss);
}

TEST(Rocks, ASnapshotDoesNotSeeWhatWasWrittenAfterIt) {
  const TemporaryFolder folder;
  auto database = open(folder);
  put(database, "a", "old");
  const auto before = database.snapshot();
  put(database, "a", "new");
  EXPECT_EQ(database.get("a", before).value(), "old");
  EXPECT_EQ(database.get("a").value(), "new");
}

TEST(Rocks, ASecondOpenIsRefusedAndNamesTheFolder) {
  const TemporaryFolder folder;
  const auto first = open(folder);
  const auto second = rocks::Database::open(folder.path() / "state");
  EXPECT_EQ(second.code(), Code::kFailedPrecondition);
  EXPECT_NE(second.message().find((folder.path() / "state").string()), std::string::npos) << second.message();
}

TEST(Rocks, ADatabaseThatMissesAFileIsDataLoss) {
  const TemporaryFolder folder;
  const auto state = folder.path() / "state";
  { put(*std::make_unique<rocks::Database>(open(folder)), "a", "1"); }
  const auto reopened = [&] { return rocks::Database::open(state).code(); };
  const std::string current = read_file(state / "CURRENT").value();
  ASSERT_TRUE(write_file_atomically(state / "CURRENT", "MANIFEST-009999\n").ok());
  EXPECT_EQ(reopened(), Code::kDataLoss);
  std::filesystem::remove(state / "CURRENT");
  EXPECT_EQ(reopened(), Code::kDataLoss) << "no new database is begun over the old one's files";
  ASSERT_TRUE(write_file_atomically(state / "CURRENT", current).ok());
  EXPECT_EQ(open(folder).get("a").value(), "1");
}

TEST(Rocks, AFlippedByteInTheLogIsDataLossAndNotSilentlyTheEnd) {
  const TemporaryFolder folder;
  {
    auto database = open(folder);
    for (int i = 0; i < 50; ++i) put(database, fmt::format("key {}", i), std::string(100, 'v'));
  }
  std::filesystem::path log;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "state"))
    if (entry.path().extension() == ".log" && entry.file_size() > 0) log = entry.path();
  ASSERT_FALSE(log.empty());
  std::string bytes = read_file(log).value();
  bytes[bytes.size() / 2] ^= 1;
  std::ofstream(log, std::ios::binary) << bytes;
  EXPECT_EQ(rocks::Database::open(folder.path() / "state").code(), Code::kDataLoss);
}

TEST(Rocks, AWriteThatTheDiskRefusesIsUnavailableAndCanBeRepeatedAfterReopening) {
  const TemporaryFolder folder;
  rocks::Batch batch;
  batch.put("b", std::string(100'000, 'x'));
  {
    auto database = open(folder);
    put(database, "a", "1");
    // A limit on the size of files stands for the failing disk.
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before;
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit small{.rlim_cur = 4096, .rlim_max = before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    const Status refused = database.write(batch, Sync::kYes);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(refused.code(), Code::kUnavailable) << refused.message();
    EXPECT_EQ(database.get("b").value(), std::nullopt);
    EXPECT_EQ(database.write(batch, Sync::kYes).code(), Code::kUnavailable);  // Never a hole in the log.
    EXPECT_EQ(database.get("a").value(), "1");
  }
  auto database = open(folder);
  EXPECT_EQ(database.get("a").value(), "1");
  ASSERT_TRUE(database.write(batch, Sync::kYes).ok());
  EXPECT_EQ(database.get("b").value()->size(), 100'000u);
}

}  // namespace
}  // namespace tidecast
