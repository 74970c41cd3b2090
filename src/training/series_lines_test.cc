#include "training/series_lines.h"

#include <gtest/gtest.h>

#include <cmath>

#include "net/gzip.h"
#include "storage/file.h"
#include "storage/temporary_folder.h"
#include "training/series_file.h"

namespace tidecast {
namespace {

const EventTime kStart = EventTime::from_ms(1'778'025'600'000);  // 2026-05-06T00:00:00Z

TEST(SeriesLines, AreWrittenAsSageMakerReadsThem) {
  EXPECT_EQ(series_line({kStart, 1h, {41.5, NAN, 39}, {2, 0}, {}, {{0, 1, 1, 0}}}),
            "{\"start\":\"2026-05-06 00:00:00\",\"target\":[41.5,null,39],\"cat\":[2,0],"
            "\"dynamic_feat\":[[0,1,1,0]]}\n");
  EXPECT_EQ(series_line({kStart, 1h, {1}}), "{\"start\":\"2026-05-06 00:00:00\",\"target\":[1]}\n");
}

TEST(SeriesLines, ComeBackAsTheyWere) {
  const TimeSeries series{kStart, 1h, {0.1, NAN, -3e-7}, {2, 0}, {}, {{0, 1, 1, 0}}};
  const NamedSeries back = read_series_line(series_line(series), "a", 1h).value();
  EXPECT_EQ(back.name, "a");
  EXPECT_EQ(back.series.start, series.start);
  EXPECT_EQ(back.series.values[0], 0.1);
  EXPECT_TRUE(std::isnan(back.series.values[1]));
  EXPECT_EQ(back.series.values[2], -3e-7);
  EXPECT_EQ(back.series.categories, series.categories);
  EXPECT_EQ(back.series.dynamic, series.dynamic);
}

TEST(SeriesLines, TakeWhatOthersWrite) {
  const NamedSeries series =
      read_series_line(R"({"start":"2026-05-06","target":["NaN",2,null],"cat":1,"item_id":"T1","x":{}})", "7", 24h)
          .value();
  EXPECT_EQ(series.name, "T1");
  EXPECT_EQ(series.series.start, kStart);
  EXPECT_TRUE(std::isnan(series.series.values[0]) && std::isnan(series.series.values[2]));
  EXPECT_EQ(series.series.categories, std::vector{1});
}

TEST(SeriesLines, SayWhichFieldIsWrong) {
  const auto problem = [](const char* line) { return read_series_line(line, "1", 1h).message(); };
  EXPECT_EQ(problem("[1]"), "found [1]; allowed: an object");
  EXPECT_EQ(problem(R"({"target":[1]})"), "start: missing; needed: a text like 2026-05-06 00:00:00");
  EXPECT_EQ(problem(R"({"start":"monday","target":[1]})"),
            "start: found 'monday'; allowed: a text like 2026-05-06 00:00:00");
  EXPECT_EQ(problem(R"({"start":"2026-05-06"})"), "target: missing");
  EXPECT_EQ(problem(R"({"start":"2026-05-06","target":[1,"x"]})"),
            "target: [1]: found \"x\"; allowed: a number, null or \"NaN\"");
  EXPECT_EQ(problem(R"({"start":"2026-05-06","target":[1],"cat":[-1]})"),
            "cat: found -1; allowed: whole numbers from 0 on");
  EXPECT_EQ(problem(R"({"start":"2026-05-06","target":[1,2],"dynamic_feat":[[1]]})"),
            "dynamic_feat: [0]: found 1 values; allowed: from the 2 of target on");
  EXPECT_EQ(problem(R"({"start":"2026-05-06","target":[1],"dynamic_feat":[[null]]})"),
            "dynamic_feat: [0]: [0]: found null; allowed: a number");
}

TEST(SeriesLines, AFileIsReadByItsNamePlainOrPacked) {
  const TemporaryFolder folder;
  const std::string lines = series_line({kStart, 1h, {1, 2}}) + "\n" + series_line({kStart, 1h, {3}});
  for (const char* name : {"a.json", "a.jsonl", "a.json.gz", "a.jsonl.gz"}) {
    const bool packed = std::string_view(name).ends_with(".gz");
    ASSERT_TRUE(write_file_atomically(folder.path() / name, packed ? gzip(lines) : lines).ok());
    const auto series = read_series_file(folder.path() / name, 1h).value();
    ASSERT_EQ(series.size(), 2u) << name;
    EXPECT_EQ(series[0].name, "1");
    EXPECT_EQ(series[1].name, "3");  // The line's number.
    EXPECT_EQ(series[1].series.values, std::vector<double>{3});
  }
  EXPECT_FALSE(holds_series_lines("a.csv.gz"));
  EXPECT_EQ(read_series_file(folder.path() / "none.json", 1h).code(), Code::kNotFound);
  const auto file = folder.path() / "b.json";
  const auto problem = [&](const std::string& text) {
    EXPECT_TRUE(write_file_atomically(file, text).ok());
    return read_series_file(file, 1h).message().substr(file.string().size());
  };
  EXPECT_EQ(problem("\n"), ": no series");
  EXPECT_EQ(problem(lines + "{}"), ": line 4: start: missing; needed: a text like 2026-05-06 00:00:00");
  const std::string twice = R"({"item_id":"x","start":"2026-05-06","target":[1]})";
  EXPECT_EQ(problem(twice + "\n" + twice), ": line 2: a second series 'x'; each needs an item_id of its own, or none");
}

TEST(SeriesLines, ChannelsHoldBackTheWindowsThatTheTestLinesEndWith) {
  const TemporaryFolder folder;
  const std::vector<TimeSeries> series{{kStart, 1h, {1, 2, 3, 4, 5, 6, 7}, {}, {}, {{1, 2, 3, 4, 5, 6, 7}}},
                                       {kStart, 1h, {1, 2, 3, 4}, {}, {}, {{1, 2, 3, 4}}}};
  ASSERT_TRUE(export_channels(series, 2, 2, folder.path()).ok());
  const auto train = read_series_file(folder.path() / "train" / "series.json.gz", 1h).value();
  ASSERT_EQ(train.size(), 1u);  // The other has only its windows.
  EXPECT_EQ(train[0].series.values, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(train[0].series.dynamic[0], (std::vector<double>{1, 2, 3}));
  const auto test = read_series_file(folder.path() / "test" / "series.json.gz", 1h).value();
  ASSERT_EQ(test.size(), 2u);
  EXPECT_EQ(test[0].series.values.size(), 5u);
  EXPECT_EQ(test[1].series.values.size(), 7u);
  EXPECT_EQ(export_channels(series, 4, 2, folder.path()).message(),
            "4 windows of 2 steps leave nothing to train on: the longest series has 7 values");
}

}  // namespace
}  // namespace tidecast
