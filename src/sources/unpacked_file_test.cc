#include "sources/unpacked_file.h"

#include "base/rng.h"
#include "sources/test_files.h"

namespace tidecast {
namespace {

std::string letters(std::size_t length, std::uint64_t seed = 1) {
  Rng rng(seed);
  std::string text(length, '\0');
  for (char& c : text) c = static_cast<char>('a' + rng.below(26));
  return text;
}

Result<std::string> rest_of(UnpackedFile& file, std::size_t piece) {
  std::string all, buffer(piece, '\0');
  while (const std::size_t got = TRY(file.read(buffer.data(), buffer.size()))) all.append(buffer, 0, got);
  return all;
}

TEST(UnpackedFile, GivesPlainAndPackedBytesAlike) {
  const TestFolder folder;
  const std::string content = letters(700'000);
  const auto plain = folder.write("plain", content);
  for (const auto& path : {plain, folder.write("z", zstd_frame(content)), folder.write("g", gzip_member(content))}) {
    for (const std::size_t piece : {std::size_t{1000}, std::size_t{1} << 20}) {
      UnpackedFile file = UnpackedFile::open(path).value();
      EXPECT_EQ(file.is_packed(), path != plain);
      EXPECT_EQ(rest_of(file, piece).value(), content);
      EXPECT_EQ(file.read_fraction(), 1);
    }
  }
}

TEST(UnpackedFile, ReadsFramesOneAfterAnother) {
  const TestFolder folder;
  const std::string first = letters(200'000, 1), second = letters(300'000, 2);
  const std::string skippable("\x50\x2a\x4d\x18\x03\0\0\0abc", 11);  // RFC 8878, 3.1.2: user data that is passed over.
  const std::string frames = skippable + zstd_frame(first) + zstd_frame("") + skippable + zstd_frame(second);
  const auto path = folder.write("frames", frames);
  EXPECT_EQ(read_unpacked(path).value(), first + second);
}

TEST(UnpackedFile, ReadsGzipMembersOneAfterAnother) {
  const TestFolder folder;
  const std::string first = letters(200'000, 1), second = letters(300'000, 2);
  const auto path = folder.write("members", gzip_member(first) + gzip_member("") + gzip_member(second));
  EXPECT_EQ(read_unpacked(path).value(), first + second);
}

TEST(UnpackedFile, ADamagedOrTruncatedGzipMemberIsDataLoss) {
  const TestFolder folder;
  const std::string packed = gzip_member(letters(300'000));
  for (const std::size_t length : {std::size_t{5}, packed.size() / 2, packed.size() - 1}) {
    const auto text = read_unpacked(folder.write("cut", packed.substr(0, length)));
    EXPECT_EQ(text.code(), Code::kDataLoss) << length;
    EXPECT_NE(text.message().find("gzip: cut short"), std::string::npos) << text.message();
  }
  std::string damaged = packed;
  damaged[damaged.size() / 2] ^= 0x55;
  EXPECT_EQ(read_unpacked(folder.write("damaged", damaged)).code(), Code::kDataLoss);
}

TEST(UnpackedFile, ReadsAnEmptyFile) {
  const TestFolder folder;
  EXPECT_EQ(read_unpacked(folder.write("empty", "")).value(), "");
  EXPECT_EQ(read_unpacked(folder.write("empty.zst", zstd_frame(""))).value(), "");
  EXPECT_EQ(read_unpacked(folder.write("short", "\x28\xb5\x2f")).value(), "\x28\xb5\x2f");
}

TEST(UnpackedFile, GoesToAnyByteForwardsAndBackwards) {
  const TestFolder folder;
  const std::string content = letters(500'000);
  for (const auto& path : {folder.write("plain", content), folder.write("z", zstd_frame(content)),
                           folder.write("g", gzip_member(content))}) {
    UnpackedFile file = UnpackedFile::open(path).value();
    for (const std::size_t offset : {std::size_t{400'000}, std::size_t{3}, std::size_t{0}, content.size()}) {
      ASSERT_TRUE(file.seek(offset).ok());
      EXPECT_EQ(rest_of(file, 1 << 16).value(), content.substr(offset));
    }
    EXPECT_EQ(file.seek(content.size() + 1).code(), Code::kFailedPrecondition);
  }
}

TEST(UnpackedFile, ATruncatedFrameIsDataLoss) {
  const TestFolder folder;
  const std::string packed = zstd_frame(letters(300'000));
  for (const std::size_t length : {std::size_t{5}, packed.size() / 2, packed.size() - 1}) {
    const auto text = read_unpacked(folder.write("cut", packed.substr(0, length)));
    EXPECT_EQ(text.code(), Code::kDataLoss) << length;
    const std::string expected = fmt::format("cut short: the file ends inside a frame, at byte {}", length);
    EXPECT_NE(text.message().find(expected), std::string::npos) << text.message();
  }
}

TEST(UnpackedFile, ADamagedFrameIsDataLoss) {
  const TestFolder folder;
  EXPECT_EQ(read_unpacked(folder.write("tail", zstd_frame("good") + "not a frame")).code(), Code::kDataLoss);
}

TEST(UnpackedFile, SaysWhyAFileCannotBeOpened) {
  const TestFolder folder;
  EXPECT_EQ(UnpackedFile::open(folder.path() / "missing").code(), Code::kNotFound);
  EXPECT_EQ(UnpackedFile::open(folder.path()).code(), Code::kInvalidArgument);
}

TEST(UnpackedFile, IsIdentifiedBySizeAndBeginning) {
  const TestFolder folder;
  const std::string content = letters(100'000);
  std::string other_beginning = content;
  other_beginning[10] = '!';
  const auto identity = [&](std::string_view text) {
    return UnpackedFile::open(folder.write("f", text)).value().identity();
  };
  EXPECT_EQ(identity(content), identity(content));
  EXPECT_NE(identity(content), identity(content + "x"));
  EXPECT_NE(identity(content), identity(other_beginning));
  EXPECT_TRUE(identity(content).starts_with("100000-"));
}

TEST(UnpackedFile, RefusesMoreThanWasAskedFor) {
  const TestFolder folder;
  const auto path = folder.write("large", zstd_frame(letters(200'000)));
  EXPECT_TRUE(read_unpacked(path, 200'000).ok());
  EXPECT_EQ(read_unpacked(path, 199'999).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tidecast
