#include "training/series_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "storage/duck.h"
#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

class SeriesFile : public testing::Test {
 protected:
  Result<std::vector<NamedSeries>> read(const std::string& text, const Frequency& step = 1h) {
    std::ofstream(file_) << text;
    return read_series_file(file_, step);
  }
  std::string error(const std::string& text, const Frequency& step = 1h) {
    const auto read_file = read(text, step);
    const std::string message(read_file.ok() ? "read" : read_file.message());
    return message.starts_with(file_.string() + ": ") ? message.substr(file_.string().size() + 2) : message;
  }

  const TemporaryFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "sales.csv";
};

TEST_F(SeriesFile, RowsOfAnyOrderLieOnAGridAndGapsAreMissing) {
  const auto series = read(
      "series,time,value\nb,2026-05-06T03:00:00Z,3\na,2026-05-06T00:00:00Z,7.5\n"
      "b,2026-05-06T00:10:00Z,1\nb,2026-05-06 01:00:00,\n");
  ASSERT_TRUE(series.ok()) << series.message();
  ASSERT_EQ(series->size(), 2u);
  EXPECT_EQ((*series)[0].name, "b");
  EXPECT_EQ(to_rfc3339((*series)[0].series.start), "2026-05-06T00:00:00Z");
  const std::vector<double>& values = (*series)[0].series.values;
  ASSERT_EQ(values.size(), 4u);
  EXPECT_EQ(values[0], 1);
  EXPECT_TRUE(std::isnan(values[1]) && std::isnan(values[2]));
  EXPECT_EQ(values[3], 3);
  EXPECT_EQ((*series)[1].series.values, std::vector{7.5});
}

TEST_F(SeriesFile, WithoutAColumnForItThereIsOneSeriesCalledAfterTheFile) {
  const auto series = read("time,value\n2026-05-06T00:00:00+02:00,1\n");
  ASSERT_TRUE(series.ok()) << series.message();
  EXPECT_EQ(series->front().name, "sales");
  EXPECT_EQ(to_rfc3339(series->front().series.start), "2026-05-05T22:00:00Z");
}

TEST_F(SeriesFile, OfBusinessDaysOrMonthsHasNoGapsWhereTheCalendarHasNone) {
  const auto days =
      read("time,value\n2026-05-08,1\n2026-05-11,2\n2026-05-13,3\n", Frequency(StepUnit::kBusinessDay, 1));
  ASSERT_TRUE(days.ok()) << days.message();
  ASSERT_EQ(days->front().series.values.size(), 4u);
  EXPECT_EQ(days->front().series.values[1], 2);
  EXPECT_TRUE(std::isnan(days->front().series.values[2]));
  const auto months = read("time,value\n2026-01-31,1\n2026-02-28,2\n2026-03-31,3\n", Frequency(StepUnit::kMonth, 1));
  EXPECT_EQ(months->front().series.values, (std::vector{1., 2., 3.}));
}

TEST_F(SeriesFile, IsReadFromParquetToo) {
  const std::filesystem::path parquet = folder_.path() / "sales.parquet";
  auto session = duck::Session::open().value();
  ASSERT_TRUE(session
                  .exec("COPY (SELECT 'a' AS series, TIMESTAMP '2026-05-06' + INTERVAL 1 HOUR * i AS time, i::DOUBLE "
                        "AS value FROM range(3) t(i)) TO '" +
                        parquet.string() + "' (FORMAT parquet)")
                  .ok());
  EXPECT_EQ(read_series_file(parquet, 1h)->front().series.values, (std::vector{0., 1., 2.}));
}

TEST_F(SeriesFile, ErrorsNameTheRowWhatWasFoundAndWhatIsAllowed) {
  EXPECT_EQ(error("series,when,value\n"),
            "no column time; found: series, when, value; needed: time, value and, for several, series");
  EXPECT_EQ(error("time,value\n2026-05-06,1\nyesterday,2\n"),
            "row 2: time: found 'yesterday'; allowed: RFC 3339, or without a zone in UTC");
  EXPECT_EQ(error("time,value\n2026-05-06,1\n2026-05-07,many\n"),
            "row 2: value: found 'many'; allowed: a number, or nothing where it is missing");
  EXPECT_EQ(error("time,value\n2026-05-06,1\n2026-05-07\n2026-05-08,2\n"),
            "row 2: found 1 field, '2026-05-07'; allowed: 2, as the header has");
  EXPECT_EQ(error("time,series,value\n2026-05-06,\"a, b\",1\n2026-05-07,\"a, b\"\n"),
            "row 2: found 2 fields, '2026-05-07,\"a, b\"'; allowed: 3, as the header has");
  EXPECT_EQ(error("time,value\n2026-05-06,inf\n"), "row 1: value: found inf");
  EXPECT_EQ(error("time,value\n2026-05-06T00:10:00Z,1\n2026-05-06T00:20:00Z,1\n"),
            "rows 1 and 2: series sales has both in the step of 2026-05-06T00:00:00Z; a step has one value");
  EXPECT_EQ(error("time,value\n2020-01-01,1\n2026-05-06,2\n", 1s),
            "series sales: 200188801 steps of 1s for 2 rows; is that the series' frequency?");
  EXPECT_EQ(error("time,value\n"), "no rows");
  EXPECT_NE(read_series_file(folder_.path() / "none.csv", 1h).message().find("none.csv: no such file"),
            std::string::npos);
}

}  // namespace
}  // namespace tidecast
