#include "storage/file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

TEST(File, WhatWasWrittenIsReadBackByteForByte) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a";
  std::string content(200'001, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7);
  ASSERT_TRUE(write_file_atomically(path, content).ok());
  EXPECT_EQ(read_file(path).value(), content);
  ASSERT_TRUE(write_file_atomically(path, "").ok());
  EXPECT_EQ(read_file(path).value(), "");
}

TEST(File, AnAtomicWriteLeavesNoTemporaryFile) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder.path() / "a", "x").ok());
  ASSERT_TRUE(make_folders(folder.path() / "b").ok());
  EXPECT_EQ(write_file_atomically(folder.path() / "b", "x").code(), Code::kUnavailable) << "b is a folder";
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) names.insert(entry.path().filename());
  EXPECT_EQ(names, (std::set<std::string>{"a", "b"}));
}

TEST(File, AWriteThatFailsLeavesTheOldContent) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a";
  ASSERT_TRUE(write_file_atomically(path, "old").ok());
  ASSERT_TRUE(make_folders(folder.path() / "a.tmp").ok());  // The temporary name is taken by a folder.
  const Status status = write_file_atomically(path, "new");
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.message().find("a.tmp: cannot create: Is a directory"), std::string::npos) << status.message();
  EXPECT_EQ(read_file(path).value(), "old");
}

TEST(File, AMissingFileIsNotFoundAndTheMessageNamesIt) {
  const auto content = read_file("/no/such/file");
  EXPECT_EQ(content.code(), Code::kNotFound);
  EXPECT_EQ(content.message(), "/no/such/file: cannot open: No such file or directory");
}

TEST(File, AFolderIsNoFile) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_file(folder.path()).code(), Code::kUnavailable);
}

TEST(File, FoldersAreMadeWithThoseAboveThemAndTwiceIsFine) {
  const TemporaryFolder folder;
  const auto deep = folder.path() / "a" / "b" / "c";
  ASSERT_TRUE(make_folders(deep).ok());
  ASSERT_TRUE(make_folders(deep).ok());
  EXPECT_TRUE(std::filesystem::is_directory(deep));
  std::ofstream(folder.path() / "file") << "x";
  EXPECT_EQ(make_folders(folder.path() / "file" / "d").code(), Code::kUnavailable);
}

TEST(AppendFile, GoesOnAtTheLengthItIsGivenAndForgetsWhatLiesBeyond) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a";
  {
    auto file = AppendFile::open(path, 0).value();
    ASSERT_TRUE(file.append("one ").ok());
    ASSERT_TRUE(file.append("two").ok());
    EXPECT_EQ(file.length(), 7u);
  }
  auto file = AppendFile::open(path, 4).value();
  EXPECT_EQ(read_file(path).value(), "one ");
  ASSERT_TRUE(file.append("three").ok());
  ASSERT_TRUE(file.sync().ok());
  EXPECT_EQ(read_file(path).value(), "one three");
  ASSERT_TRUE(file.cut(3).ok());
  ASSERT_TRUE(file.append("!").ok());
  EXPECT_EQ(read_file(path).value(), "one!");
}

TEST(AppendFile, NamesTheFileItCannotOpen) {
  const Result<AppendFile> file = AppendFile::open("/proc/no/such", 0);
  EXPECT_EQ(file.code(), Code::kUnavailable);
  EXPECT_NE(file.message().find("/proc/no/such: cannot open"), std::string::npos);
}

}  // namespace
}  // namespace tidecast
