#include "storage/file.h"

#include <gtest/gtest.h>

#include <fstream>

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
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) names.push_back(entry.path().filename());
  EXPECT_EQ(names, std::vector<std::string>{"a"});
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

}  // namespace
}  // namespace tidecast
