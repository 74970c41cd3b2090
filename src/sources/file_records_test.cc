#include "sources/file_records.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "sources/limits.h"
#include "sources/test_files.h"
#include "storage/duck.h"

namespace tidecast {
namespace {

using Records = std::vector<std::string>;

Result<Records> rest_of(RecordReader& reader) {
  Records all;
  for (FileRecord record; TRY(reader.next(record));) {
    EXPECT_TRUE(record.bytes.ends_with(std::string(kRawPadding, '\0')));
    all.emplace_back(record.text());
  }
  return all;
}

Result<Records> records_of(const FileOptions& options) {
  const auto reader = TRY(open_records(options));
  return rest_of(*reader);
}

// From every position on, what comes is what came.
void expect_resumable(const FileOptions& options) {
  auto reader = open_records(options).value();
  const Records all = rest_of(*reader).value();
  ASSERT_TRUE(reader->seek(0).ok());
  EXPECT_EQ(rest_of(*reader).value(), all);
  ASSERT_TRUE(reader->seek(0).ok());
  FileRecord record;
  for (std::size_t i = 1; i <= all.size(); ++i) {
    ASSERT_TRUE(reader->next(record).value());
    const auto other = open_records(options).value();
    ASSERT_TRUE(other->seek(record.end).ok());
    ASSERT_EQ(rest_of(*other).value(), Records(all.begin() + static_cast<std::ptrdiff_t>(i), all.end())) << i;
  }
}

TEST(FileFormat, FollowsFromTheName) {
  EXPECT_EQ(format_of("a/b.csv"), FileFormat::kCsv);
  EXPECT_EQ(format_of("b.tsv.gz"), FileFormat::kCsv);
  EXPECT_EQ(format_of("b.csv.zst"), FileFormat::kCsv);
  EXPECT_EQ(format_of("b.parquet"), FileFormat::kParquet);
  EXPECT_EQ(format_of("b.jsonl"), FileFormat::kNdjson);
  EXPECT_EQ(format_of("csv/b"), FileFormat::kNdjson);
}

TEST(NdjsonFile, AByteOrderMarkIsNoPartOfTheFirstRecord) {
  const TestFolder folder;
  const FileOptions options{.path = folder.write("f.ndjson", "\xef\xbb\xbf{\"a\":1}\n{\"a\":2}\n")};
  EXPECT_EQ(records_of(options).value(), (Records{R"({"a":1})", R"({"a":2})"}));
  expect_resumable(options);
}

TEST(CsvFile, RowsAreObjectsOfTheHeadersNames) {
  const TestFolder folder;
  const std::string text =
      "\xef\xbb\xbfid,place,mag\r\n"
      "nc1,\"8km NW of \"\"The\"\" Geysers, CA\",0.85\r\n"
      "\r\n"
      "nc2,\"two\r\n\r\nlines\",\r\n"
      "nc3,x,-1e2";
  const Records expected{R"({"id":"nc1","place":"8km NW of \"The\" Geysers, CA","mag":0.85})",
                         R"({"id":"nc2","place":"two\r\n\r\nlines","mag":null})",
                         R"({"id":"nc3","place":"x","mag":-1e2})"};
  for (const auto& path : {folder.write("f.csv", text), folder.write("f.csv.zst", zstd_frame(text)),
                           folder.write("f.csv.gz", gzip_member(text))}) {
    EXPECT_EQ(records_of({.path = path}).value(), expected) << path;
    expect_resumable({.path = path});
  }
}

TEST(CsvFile, DelimiterAndHeaderAreAsSaid) {
  const TestFolder folder;
  const auto tabs = folder.write("f.tsv", "a\tb\n1\tx,y\n");
  EXPECT_EQ(records_of({.path = tabs}).value(), Records{R"({"a":1,"b":"x,y"})"});
  const auto other = folder.write("data.txt",
                                  "\xef\xbb\xbf"
                                  "5;x\n6;y\n");
  const FileOptions options{.path = other, .format = FileFormat::kCsv, .delimiter = ';', .header = false};
  EXPECT_EQ(records_of(options).value(), (Records{R"({"c1":5,"c2":"x"})", R"({"c1":6,"c2":"y"})"}));
  expect_resumable(options);
  EXPECT_EQ(records_of({.path = other, .format = FileFormat::kCsv, .delimiter = '"'}).code(), Code::kInvalidArgument);
}

TEST(CsvFile, AFileWithoutRowsHasNoRecords) {
  const TestFolder folder;
  EXPECT_EQ(records_of({.path = folder.write("f.csv", "")}).value(), Records{});
  EXPECT_EQ(records_of({.path = folder.write("f.csv", "\n\n")}).value(), Records{});
  EXPECT_EQ(records_of({.path = folder.write("f.csv", "a,b\n")}).value(), Records{});
  expect_resumable({.path = folder.write("f.csv", "a,b\n")});
}

TEST(CsvFile, ARowThatIsNotRightIsARecordAsItStandsAndCostsNoOther) {
  const TestFolder folder;
  const struct {
    std::string_view row;
    Records records;
  } cases[] = {
      {"1", {"1"}},
      {"1,2,3", {"1,2,3"}},
      {"1,5\" pipe", {"1,5\" pipe"}},
      {"1,\"x\"y", {"1,\"x\"y"}},
      {"1,\"open", {"1,\"open"}},
      {"\"", {"\""}},
      {"1,\"three\nlines\",3", {"1,\"three", "lines\",3"}},
      {"1,\"open\r\n2,\"again", {"1,\"open", "2,\"again"}},
  };
  for (const auto& [row, records] : cases) {
    const std::string before = "a,b\n0,\"q\"\n", after = "\n7,\"multi\nline\"\n8,\"\"\n9,z\n";
    Records expected{R"({"a":0,"b":"q"})"};
    expected.insert(expected.end(), records.begin(), records.end());
    for (const char* good : {R"({"a":7,"b":"multi\nline"})", R"({"a":8,"b":null})", R"({"a":9,"b":"z"})"})
      expected.push_back(good);
    const auto path = folder.write("f.csv", before + std::string(row) + after);
    EXPECT_EQ(records_of({.path = path}).value(), expected) << row;
    expect_resumable({.path = path});
  }
}

TEST(CsvFile, AnyRowsComeBackWithBrokenOnesBetweenThem) {
  const TestFolder folder;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Rng rng(seed);
    std::string text = "n,text\n";
    Records expected;
    for (std::size_t i = 0; i < 40; ++i) {
      if (rng.below(6) == 0) {
        const std::string_view broken[] = {"1,\"open", "a\"b,c", "1,\"x\"\"", "x", "1,2,3", "1,\"a\"b", "\"o,1"};
        expected.emplace_back(broken[rng.below(std::size(broken))]);
        text += expected.back() + (rng.below(2) == 0 ? "\n" : "\r\n");
        continue;
      }
      std::string value = "v", quoted = "\"v", escaped = "v";
      for (std::uint64_t n = rng.below(12); n > 0; --n) {
        const std::string_view parts[] = {"a", ",", "\"", "\n", " ", "\\"};
        const std::size_t part = rng.below(std::size(parts));
        value += parts[part];
        quoted += part == 2 ? "\"\"" : parts[part];
        escaped += part == 2 ? "\\\"" : part == 3 ? "\\n" : part == 5 ? "\\\\" : parts[part];
      }
      const bool plain = value.find_first_of(",\"\n") == value.npos && rng.below(2) == 0;
      text += fmt::format("{},{}{}", i, plain ? value : quoted + "\"", rng.below(2) == 0 ? "\n" : "\r\n");
      expected.push_back(fmt::format("{{\"n\":{},\"text\":\"{}\"}}", i, escaped));
    }
    ASSERT_EQ(records_of({.path = folder.write("f.csv", text)}).value(), expected) << text;
  }
}

TEST(CsvFile, AQuoteThatIsNeverClosedDoesNotEatTheFile) {
  const TestFolder folder;
  std::string text = "a,b\n1,\"open\n";
  while (text.size() < kLongestLine + (1 << 20)) text += "2,a line of some length that goes on and on\n";
  const auto reader = open_records({.path = folder.write("f.csv", text)}).value();
  FileRecord record;
  ASSERT_TRUE(reader->next(record).value());
  EXPECT_EQ(record.text(), "1,\"open");
  ASSERT_TRUE(reader->next(record).value());
  EXPECT_EQ(record.text(), R"({"a":2,"b":"a line of some length that goes on and on"})");
}

TEST(CsvFile, SaysWhatIsWrongWithTheHeader) {
  const TestFolder folder;
  for (const std::string_view text : {"a,\"b\n1,2\n", "a\"b,c\n",
                                      "\xff\xfe"
                                      "a,b"}) {
    const auto records = records_of({.path = folder.write("f.csv", text)});
    EXPECT_EQ(records.code(), Code::kInvalidArgument);
    EXPECT_NE(records.message().find("f.csv: line 1: "), std::string::npos) << records.message();
  }
}

TEST(CsvFile, ATruncatedPackedFileGivesWholeRowsAndThenDataLoss) {
  const TestFolder folder;
  Rng rng(5);
  std::string text = "a,b\n";
  for (int i = 0; i < 60'000; ++i) text += fmt::format("{},\"{}\"\n", i, rng.below(UINT64_MAX));
  for (const std::string& packed : {zstd_frame(text), gzip_member(text)}) {
    const auto path = folder.write("f.csv", packed.substr(0, packed.size() / 2));
    const auto reader = open_records({.path = path}).value();
    std::size_t count = 0;
    Result<bool> more = true;
    for (FileRecord record; (more = reader->next(record)).ok(); ++count) {
      ASSERT_TRUE(*more);
      const bool whole = record.text().starts_with(fmt::format("{{\"a\":{},\"b\":", count));
      ASSERT_TRUE(whole && record.text().ends_with('}')) << record.text();
    }
    EXPECT_GT(count, 1000u);
    EXPECT_EQ(more.code(), Code::kDataLoss);
    FileRecord record;
    EXPECT_EQ(reader->next(record).code(), Code::kDataLoss) << "it stays";
  }
}

std::filesystem::path parquet(const TestFolder& folder, const std::string& select) {
  const auto path = folder.path() / "f'.parquet";
  auto session = duck::Session::open().value();
  const Status status =
      session.exec(fmt::format("COPY ({}) TO {} (FORMAT parquet)", select, duck::quoted_text(path.string())));
  EXPECT_TRUE(status.ok()) << status.message();
  return path;
}

TEST(ParquetFile, RowsAreObjectsWithTimesAsTextAndNestedValues) {
  const TestFolder folder;
  const auto path =
      parquet(folder,
              "SELECT 1 AS a, 'x\"y' AS \"b\"\"c\", TIMESTAMP '2026-05-06 07:08:09.123456' AS t, NULL::INTEGER "
              "AS n, {'p': [1.5, NULL], 'q': true} AS s, DATE '2026-05-06' AS d, 0.10::DECIMAL(5,2) AS m, "
              "'nan'::DOUBLE AS f UNION ALL SELECT 2, '', NULL, 7, NULL, NULL, 2, 1e300");
  EXPECT_EQ(records_of({.path = path}).value(),
            (Records{R"({"a":1,"b\"c":"x\"y","t":"2026-05-06T07:08:09.123Z","n":null,"s":{"p":[1.5,null],"q":true},)"
                     R"("d":"2026-05-06","m":0.1,"f":null})",
                     R"({"a":2,"b\"c":"","t":null,"n":7,"s":null,"d":null,"m":2,"f":1e+300})"}));
  expect_resumable({.path = path});
}

TEST(ParquetFile, RowsComeInTheFilesOrderFromAnyRowOn) {
  const TestFolder folder;
  const auto path = parquet(folder, "SELECT range AS i, range % 7 AS r FROM range(300000)");
  const auto reader = open_records({.path = path}).value();
  FileRecord record;
  for (std::uint64_t i = 0; i < 300'000; ++i) {
    ASSERT_TRUE(reader->next(record).value());
    ASSERT_EQ(record.text(), fmt::format("{{\"i\":{},\"r\":{}}}", i, i % 7));
    ASSERT_EQ(record.end, i + 1);
  }
  EXPECT_FALSE(reader->next(record).value());
  for (const std::uint64_t position : {250'001u, 3u, 300'000u}) {
    ASSERT_TRUE(reader->seek(position).ok());
    const bool more = reader->next(record).value();
    ASSERT_EQ(more, position < 300'000);
    if (more) {
      EXPECT_TRUE(record.text().starts_with(fmt::format("{{\"i\":{},", position)));
    }
  }
  EXPECT_EQ(reader->seek(300'001).code(), Code::kFailedPrecondition);
}

TEST(ParquetFile, SaysWhatIsWrong) {
  const TestFolder folder;
  const auto none = records_of({.path = folder.write("f.parquet", "a,b\n1,2\n")});
  EXPECT_EQ(none.code(), Code::kInvalidArgument);
  EXPECT_NE(none.message().find("f.parquet: "), std::string::npos) << none.message();
  EXPECT_EQ(records_of({.path = folder.path() / "missing.parquet"}).ok(), false);
  EXPECT_EQ(records_of({.path = folder.write("f*.parquet", "")}).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tidecast
