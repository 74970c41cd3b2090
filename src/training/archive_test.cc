#include "training/archive.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "net/gzip.h"
#include "storage/file.h"
#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;

Files some_files() {
  return {{"a.json", {"{}", false}},
          {"bin/serve", {"#!/bin/sh\n", true}},
          {"empty", {"", false}},
          {"weights/" + std::string(90, 'w') + "/" + std::string(90, 'x'), {std::string(1000, '\0'), false}}};
}

// The tar behind `files` with `change` made to it, packed again.
template <typename Change>
std::string damaged(const Files& files, const Change& change) {
  std::string tar = gunzip(pack(files).value(), 1 << 20).value();
  change(tar);
  return gzip(tar);
}

TEST(Archive, AFolderComesBackAsItWasByteForByte) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_folder(some_files(), folder.path() / "in").ok());
  const std::string packed = pack(read_folder(folder.path() / "in").value()).value();
  EXPECT_TRUE(is_packed(packed));
  EXPECT_EQ(packed, pack(some_files()).value());
  const Files back = unpack(packed).value();
  ASSERT_EQ(back.size(), some_files().size());
  for (const auto& [path, file] : some_files()) {
    EXPECT_EQ(back.at(path).bytes, file.bytes) << path;
    EXPECT_EQ(back.at(path).executable, file.executable) << path;
  }
}

TEST(Archive, IsATarThatTarReads) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder.path() / "m.tar.gz", pack(some_files()).value()).ok());
  const std::string in = fmt::format("cd '{}' && ", folder.path().string());
  ASSERT_EQ(std::system((in + "mkdir out && tar xzf m.tar.gz -C out").c_str()), 0);
  EXPECT_EQ(pack(read_folder(folder.path() / "out").value()).value(), pack(some_files()).value());
}

TEST(Archive, NothingLeavesTheFolderAndNothingButFilesComesIn) {
  for (const char* path : {"../up", "a/../../up", "/etc/up"})
    EXPECT_EQ(unpack(pack({{path, {"x", false}}}).value()).message(),
              fmt::format("'{}': a path that leaves the folder", path));
  const TemporaryFolder folder;
  fs::create_symlink("/etc/hostname", folder.path() / "link");
  EXPECT_EQ(read_folder(folder.path()).code(), Code::kInvalidArgument);
  EXPECT_EQ(pack({{std::string(300, 'p'), {"", false}}}).code(), Code::kInvalidArgument);
}

TEST(Archive, ADamagedOneIsNoFolder) {
  const std::string packed = pack(some_files()).value();
  EXPECT_FALSE(is_packed("\x1f\x8b\x08 safe{"));
  EXPECT_EQ(unpack(packed.substr(0, packed.size() / 2)).code(), Code::kInvalidArgument);
  EXPECT_EQ(unpack(damaged(some_files(), [](std::string& tar) { tar[0] = 'b'; })).message(),
            "b.json: its entry is damaged");
  EXPECT_EQ(unpack(damaged(some_files(), [](std::string& tar) { tar.resize(512); })).message(),
            "a.json: the archive is cut short");
  EXPECT_EQ(unpack(gzip("no tar")).message(), "the archive is cut short");
}

}  // namespace
}  // namespace tidecast
