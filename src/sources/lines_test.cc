#include "sources/lines.h"

#include "base/rng.h"
#include "sources/limits.h"
#include "sources/test_files.h"

namespace tidecast {
namespace {

Result<std::vector<std::string>> lines_of(const std::filesystem::path& path) {
  LineReader reader(TRY(UnpackedFile::open(path)));
  std::vector<std::string> lines;
  while (const auto line = TRY(reader.next(UINT64_MAX))) lines.emplace_back(reader.text(*line));
  return lines;
}

using Lines = std::vector<std::string>;

TEST(LineReader, TakesEveryKindOfLineEndAndSkipsEmptyLines) {
  const TestFolder folder;
  EXPECT_EQ(lines_of(folder.write("f", "a\nbc\r\n\n\r\n\nd e \r\nlast")).value(), (Lines{"a", "bc", "d e ", "last"}));
  EXPECT_EQ(lines_of(folder.write("f", "a\n")).value(), Lines{"a"});
  EXPECT_EQ(lines_of(folder.write("f", "")).value(), Lines{});
  EXPECT_EQ(lines_of(folder.write("f", "\n\r\n")).value(), Lines{});
  EXPECT_EQ(lines_of(folder.write("f", std::string("a\0b\nc", 5))).value(), (Lines{std::string("a\0b", 3), "c"}));
}

TEST(LineReader, KeepsTheLinesItIsAskedToKeepAcrossRefills) {
  const TestFolder folder;
  Rng rng(11);
  Lines expected;
  std::string content;
  for (int i = 0; i < 30'000; ++i) {
    expected.push_back(fmt::format("{}:{}", i, std::string(rng.below(i % 1000 == 0 ? 200'000 : 200), 'x')));
    content += expected.back() + "\n";
  }
  LineReader reader(UnpackedFile::open(folder.write("f", content)).value());
  std::vector<Line> kept;
  std::size_t checked = 0;
  for (bool more = true; more || checked < kept.size();) {
    if (more) {
      const auto line = reader.next(checked < kept.size() ? kept[checked].offset : UINT64_MAX).value();
      more = line.has_value();
      if (more) kept.push_back(*line);
    }
    if (!more || kept.size() > checked + 50) {
      ASSERT_EQ(reader.text(kept[checked]), expected[checked]);
      ASSERT_EQ(content.substr(kept[checked].offset, kept[checked].length), expected[checked]);
      ++checked;
    }
  }
  EXPECT_EQ(checked, expected.size());
}

TEST(LineReader, GoesOnAtALinesEnd) {
  const TestFolder folder;
  LineReader reader(UnpackedFile::open(folder.write("f", "one\r\ntwo\nthree")).value());
  const Line one = reader.next(0).value().value();
  ASSERT_TRUE(reader.seek(one.end()).ok());
  const auto two = reader.next(0).value();
  EXPECT_EQ(reader.text(two.value()), "two");
}

TEST(LineReader, TakesLinesOf64MbAndCutsLongerOnes) {
  const TestFolder folder;
  const auto path = folder.write("f", "short\n" + std::string(kLongestLine, 'x') + "\nafter\n");
  const auto lines = lines_of(path);
  ASSERT_TRUE(lines.ok()) << lines.message();
  EXPECT_EQ(lines->size(), 3u);
  EXPECT_EQ((*lines)[1].size(), kLongestLine);

  LineReader reader(
      UnpackedFile::open(folder.write("f", "short\n" + std::string(3 * kLongestLine + 1, 'x') + "\r\nafter")).value());
  EXPECT_EQ(reader.text(reader.next(0)->value()), "short");
  const Line longer = reader.next(UINT64_MAX)->value();
  EXPECT_EQ(longer.offset, 6u);
  EXPECT_EQ(longer.end(), 6 + 3 * kLongestLine + 2);
  EXPECT_EQ(reader.text(longer), std::string(kCutLine, 'x'));
  EXPECT_EQ(reader.text(reader.next(UINT64_MAX)->value()), "after");
  EXPECT_FALSE(reader.next(UINT64_MAX)->has_value());
  ASSERT_TRUE(reader.seek(longer.end()).ok());
  EXPECT_EQ(reader.text(reader.next(UINT64_MAX)->value()), "after");
}

}  // namespace
}  // namespace tidecast
