#include "faulty_disk.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "storage/file.h"
#include "storage/rocks.h"
#include "storage/temporary_folder.h"

namespace tidecast::crash {
namespace {

class Disk : public testing::Test {
 protected:
  Disk() { EXPECT_TRUE(write_file_atomically(file("old"), "before").ok()); }
  ~Disk() override { unwatch(); }
  std::filesystem::path file(const char* name) const { return folder_.path() / name; }
  std::string content(const char* name) const { return content_of(file(name)); }
  static std::string content_of(const std::filesystem::path& path) {
    auto found = read_file(path);
    return found.ok() ? *found : "-";
  }

  TemporaryFolder folder_;
};

TEST_F(Disk, LosesWhatWasNotSyncedAndKeepsWhatWas) {
  watch(folder_.path(), {});
  ASSERT_TRUE(write_file_atomically(file("synced"), "whole").ok());
  { ASSERT_TRUE(FileWriter::create(file("unsynced"))->write("gone").ok()); }
  { ASSERT_TRUE(FileWriter::create(file("old"))->write("after").ok()); }
  EXPECT_EQ(content("old"), "after");
  lose_power(nullptr);
  EXPECT_EQ(content("synced"), "whole");
  EXPECT_EQ(content("unsynced"), "-");
  EXPECT_EQ(content("old"), "before");
}

TEST_F(Disk, ANameStaysOnlyOnceItsFolderIsSynced) {
  watch(folder_.path(), {});
  std::filesystem::rename(file("old"), file("new"));
  std::filesystem::create_directory(file("folder"));
  { ASSERT_TRUE(FileWriter::create(file("folder/inside"))->write("x").ok()); }
  lose_power(nullptr);
  EXPECT_EQ(content("old"), "before");
  EXPECT_EQ(content("new"), "-");
  EXPECT_FALSE(std::filesystem::exists(file("folder")));

  watch(folder_.path(), {});
  std::filesystem::rename(file("old"), file("new"));
  ASSERT_TRUE(sync_folder(folder_.path()).ok());
  std::filesystem::remove(file("new"));
  lose_power(nullptr);
  EXPECT_EQ(content("new"), "before");
}

TEST_F(Disk, ARenameOverAFileThatIsTakenBackBringsTheOldOneBack) {
  watch(folder_.path(), {});
  { ASSERT_TRUE(FileWriter::create(file("new"))->write("after").ok()); }
  std::filesystem::rename(file("new"), file("old"));
  EXPECT_EQ(content("old"), "after");
  lose_power(nullptr);
  EXPECT_EQ(content("old"), "before");
}

TEST_F(Disk, ATornEndIsAPartOfWhatWasAppended) {
  const std::string all = "before and some more";
  bool part = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "log";
    watch(folder.path(), {});
    auto writer = FileWriter::create(path).value();
    ASSERT_TRUE(writer.write(all.substr(0, 6)).ok());
    ASSERT_TRUE(publish_file(path, path).ok());
    ASSERT_TRUE(writer.write(all.substr(6)).ok());
    Rng rng(seed);
    lose_power(&rng);
    const std::string left = content_of(path);
    EXPECT_TRUE(left.size() >= 6 && all.starts_with(left)) << left;
    part |= left.size() > 6 && left.size() < all.size();
  }
  EXPECT_TRUE(part);
}

TEST_F(Disk, FailsTheCallThatWasPlannedAndNoOther) {
  watch(folder_.path(), {.call = Call::kSync, .nth = 2, .error = ENOSPC});
  EXPECT_NE(write_file_atomically(file("a"), "a").message().find("No space left"), std::string::npos);
  EXPECT_TRUE(struck());
  EXPECT_TRUE(write_file_atomically(file("a"), "a").ok());
}

TEST_F(Disk, WithoutPowerEverythingFails) {
  watch(folder_.path(), {.nth = 1, .power_loss = true});
  EXPECT_FALSE(write_file_atomically(file("a"), "a").ok());
  EXPECT_FALSE(write_file_atomically(file("a"), "a").ok());
}

TEST_F(Disk, TakesAsManyBytesAsThereIsRoomForAndSaysHowManyAreLeft) {
  watch(folder_.path(), {.room = 10'000});
  auto writer = FileWriter::create(file("a")).value();
  EXPECT_TRUE(writer.write(std::string(8'000, 'x')).ok());
  EXPECT_EQ(std::filesystem::space(folder_.path()).available, 0u);  // In whole blocks of 4,096.
  EXPECT_FALSE(writer.write(std::string(8'000, 'x')).ok());
  EXPECT_EQ(content("a").size(), 10'000u);
  std::filesystem::remove(file("a"));
  EXPECT_EQ(std::filesystem::space(folder_.path()).available, 8'192u);
}

TEST(FullDisk, SaysHowMuchRoomOpeningADatabaseTakes) {
  const TemporaryFolder folder;
  {
    rocks::Database database = rocks::Database::open(folder.path() / "state").value();
    rocks::Batch batch;
    batch.put("key", std::string(3 << 20, 'x'));
    ASSERT_TRUE(database.write(batch, rocks::Sync::kYes).ok());
  }
  set_log_level(LogLevel::kOff);
  watch(folder.path(), {.room = 0});
  const Status opened = rocks::Database::open(folder.path() / "state").status();
  unwatch();
  EXPECT_EQ(opened.code(), Code::kUnavailable);
  EXPECT_NE(opened.message().find("the disk is full: No space left on device. To open it, also to read, it takes 5 MB"),
            std::string::npos)
      << opened.message();
  EXPECT_EQ(rocks::Database::open(folder.path() / "state")->get("key")->value().size(), 3u << 20) << "nothing is lost";
}

}  // namespace
}  // namespace tidecast::crash
