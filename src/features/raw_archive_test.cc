#include "features/raw_archive.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/rng.h"
#include "features/codec.h"
#include "features/test_store.h"
#include "storage/file.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;

// "0 1 2 10 ": numbers of the archive's records.
std::string numbers(const FeatureStore& store) {
  std::string text;
  EXPECT_TRUE(store
                  .visit_archive([&](std::string_view line) {
                    text += fmt::format("{} ", parse_archived(line)->number);
                    return true;
                  })
                  .ok());
  return text;
}

std::string files(const TemporaryFolder& folder) { return files_in(folder.path() / "raw"); }

const std::string kHour = "date=2026-05-06/hour=00/";

TEST(RawArchive, RecordsAreInTheFileOfTheirHourWithTheirCommit) {
  const TemporaryFolder folder;
  auto store = open_store(folder);
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T00:10:00Z", 0, 2)).ok());
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T00:59:00Z", 2, 3)).ok());
  EXPECT_EQ(files(folder), kHour + "000000000000.ndjson.zst");
  Commit both = raw_commit("2026-05-06T00:59:59Z", 5, 1);
  both.archived.push_back({6, arrival_time("2026-05-06T01:00:00Z"), "late", "2"});
  both.archived.push_back({8, arrival_time("2026-05-06T02:00:00Z"), "late", "3"});
  ASSERT_TRUE(store->commit(both).ok());
  store.reset();
  store = open_store(folder);
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T02:30:00Z", 9, 1)).ok());
  EXPECT_EQ(numbers(*store), "0 1 2 3 4 5 6 8 9 ");
  EXPECT_EQ(files(folder),
            "date=2026-05-06/hour=00/000000000000.ndjson.zst\n"
            "date=2026-05-06/hour=01/000000000006.ndjson.zst\n"
            "date=2026-05-06/hour=02/000000000008.ndjson.zst");
}

TEST(RawArchive, AFileThatIsFullIsFollowedByAnotherOfTheSameHour) {
  const TemporaryFolder folder;
  auto store = open_store(folder);
  Rng rng(1);
  std::string noise(1 << 20, ' ');  // Hardly to be compressed; the archive does not ask what a record is.
  std::uint64_t next = 0;
  const auto commit_mebibytes = [&](int count) {
    for (int i = 0; i < count; ++i) {
      for (char& c : noise) c = static_cast<char>(rng.below(256));
      Commit commit = raw_commit("2026-05-06T00:10:00Z", 0, 0);
      commit.archived = {{next++, commit.arrival, "stored", noise}};
      ASSERT_TRUE(store->commit(commit).ok());
    }
  };
  commit_mebibytes(40);
  store.reset();
  store = open_store(folder);
  commit_mebibytes(24);
  EXPECT_EQ(files(folder), kHour + "000000000000.ndjson.zst");
  commit_mebibytes(1);
  EXPECT_EQ(files(folder), kHour + "000000000000.ndjson.zst\n" + kHour + "000000000064.ndjson.zst");
}

TEST(RawArchive, WhatACrashLeftBehindTheEndIsReadByNobodyAndCutOff) {
  const TemporaryFolder folder;
  ASSERT_TRUE(open_store(folder)->commit(raw_commit("2026-05-06T00:10:00Z", 0, 2)).ok());
  const fs::path file = folder.path() / "raw" / (kHour + "000000000000.ndjson.zst");
  const auto length = fs::file_size(file);
  std::ofstream(file, std::ios::app) << "half a frame";
  const auto store = open_store(folder);
  EXPECT_EQ(fs::file_size(file), length);
  std::ofstream(file, std::ios::app) << "of a commit that is under way";
  EXPECT_EQ(numbers(*store), "0 1 ");
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T00:20:00Z", 2, 1)).ok());
  EXPECT_EQ(numbers(*store), "0 1 2 ");
}

TEST(RawArchive, WhatLiesBehindTheEndOfAnEarlierFileHarmsNobody) {
  const TemporaryFolder folder;
  auto store = open_store(folder);
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T00:10:00Z", 0, 2)).ok());
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T01:10:00Z", 2, 1)).ok());
  store.reset();
  std::ofstream(folder.path() / "raw" / (kHour + "000000000000.ndjson.zst"), std::ios::app) << "never cut on the disk";
  EXPECT_EQ(numbers(*open_store(folder)), "0 1 2 ");
}

TEST(RawArchive, ACommitThatFailsOnceItsRecordsAreOnTheDiskHasNotHappened) {
  const TemporaryFolder folder;
  bool fails = false;
  auto store = open_store(store_options(folder.path()), [&fails](std::string_view step) {
    return fails && step == "commit" ? unavailable("the disk is full") : ok();
  });
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T00:10:00Z", 0, 2)).ok());
  fails = true;
  EXPECT_FALSE(store->commit(raw_commit("2026-05-06T00:20:00Z", 2, 9)).ok());
  Commit both = raw_commit("2026-05-06T00:20:00Z", 2, 9);
  both.archived.push_back({11, arrival_time("2026-05-06T01:00:00Z"), "stored", "1"});
  EXPECT_FALSE(store->commit(both).ok());
  EXPECT_EQ(numbers(*store), "0 1 ");
  fails = false;
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T02:30:00Z", 2, 1)).ok());
  EXPECT_EQ(numbers(*store), "0 1 2 ");
  store.reset();
  EXPECT_EQ(numbers(*open_store(folder)), "0 1 2 ");  // Of the first hour's file nothing is left that does not count.
}

FeatureStore::Options synced_options(const TemporaryFolder& folder) {
  auto options = store_options(folder.path());
  options.sync = true;
  return options;
}

TEST(RawArchive, WhatFewRecordsLeftUnflushedIsWrittenAgainFromTheCopiesInTheirCommits) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "raw" / (kHour + "000000000000.ndjson.zst");
  const auto options = synced_options(folder);
  auto store = open_store(options);
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T00:10:00Z", 0, 2)).ok());
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T00:20:00Z", 2, 1)).ok());
  store.reset();
  fs::remove_all(folder.path() / "raw");  // What a power cut may leave of a file that was never flushed.
  store = open_store(options);
  EXPECT_EQ(numbers(*store), "0 1 2 ");
  const auto flushed = fs::file_size(file);
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T00:30:00Z", 3, 1)).ok());
  store.reset();
  fs::resize_file(file, flushed + 3);
  EXPECT_EQ(numbers(*open_store(options)), "0 1 2 3 ");
  fs::resize_file(file, flushed - 1);  // No power cut takes what was flushed.
  EXPECT_EQ(FeatureStore::open(options).code(), Code::kDataLoss);
}

TEST(RawArchive, ManyRecordsAreFlushedBeforeTheirCommitAndTakeTheCopiesAway) {
  const TemporaryFolder folder;
  const auto options = synced_options(folder);
  auto store = open_store(options);
  Rng rng(1);
  std::string noise(256 << 10, ' ');
  for (char& c : noise) c = static_cast<char>(rng.below(256));
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T00:10:00Z", 0, 2)).ok());
  Commit commit = raw_commit("2026-05-06T00:10:00Z", 2, 1);
  commit.archived[0].raw = noise;
  ASSERT_TRUE(store->commit(commit).ok());
  store.reset();
  const auto database = std::move(rocks::Database::open(folder.path() / "state")).value();
  std::size_t copies = 0;
  ASSERT_TRUE(database.scan("R", "S", database.snapshot(), [&](auto, auto) { return ++copies, rocks::Go::kOn; }).ok());
  EXPECT_EQ(copies, 0u);
}

TEST(RawArchive, TheLastFileCanExpireAndAnotherFollows) {
  const TemporaryFolder folder;
  auto options = store_options(folder.path());
  options.keep_raw = 1h;
  const auto store = open_store(options);
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T00:10:00Z", 0, 2)).ok());
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T02:00:00Z", 0, 0)).ok());
  ASSERT_TRUE(store->flush(false).ok());
  EXPECT_EQ(files(folder), "");
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T02:10:00Z", 2, 1)).ok());
  EXPECT_EQ(numbers(*store), "2 ");
}

TEST(RawArchive, BlocksThatEarlierVersionsKeptInRocksDbAreBroughtOver) {
  const TemporaryFolder folder;
  open_store(folder).reset();
  {
    auto database = std::move(rocks::Database::open(folder.path() / "state")).value();
    rocks::Batch batch;
    for (const std::uint64_t first : {3u, 5u}) {
      RawFrames frames;
      const std::vector<ArchivedRecord> records{{first, arrival_time("2026-05-06T00:10:00Z"), "stored", R"({"a":1})"},
                                                {first + 1, arrival_time("2026-05-06T00:10:01Z"), "late", "7"}};
      batch.put(keyspace::numbered("r", first), ByteWriter(1)
                                                    .number(arrival_time("2026-05-06T00:00:00Z").ms())
                                                    .number(first + 1)
                                                    .number(std::uint32_t{2})
                                                    .raw(frames.pack(records).value()[0])
                                                    .seal());
    }
    ASSERT_TRUE(database.write(batch, rocks::Sync::kYes).ok());
  }
  open_store(folder).reset();
  const auto store = open_store(folder);
  EXPECT_EQ(files(folder), kHour + "000000000003.ndjson.zst");
  ASSERT_TRUE(store->commit(raw_commit("2026-05-06T00:20:00Z", 7, 1)).ok());
  EXPECT_EQ(numbers(*store), "3 4 5 6 7 ");
}

}  // namespace
}  // namespace tidecast
