#include "app/batch.h"

#include <gtest/gtest.h>

#include "serving/serving_testing.h"
#include "storage/file.h"
#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

class Batch : public testing::Test {
 protected:
  std::filesystem::path path(const std::string& name) const { return folder_.path() / name; }
  Result<BatchResult> run(const std::string& in, int threads = 2) const {
    EXPECT_TRUE(write_file_atomically(path("in.jsonl"), in).ok());
    return forecast_file(model_, 7,
                         {.in = path("in.jsonl"), .out = path("out"), .configuration = mean(), .threads = threads});
  }
  static Configuration mean() { return {.samples = 3, .want_quantiles = false}; }
  std::string out() const { return read_file(path("out")).value(); }
  bool left_behind() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      if (entry.path().extension() == ".part") return true;
    return false;
  }

  TemporaryFolder folder_;
  const FakeModel model_{10, 2};
};

constexpr const char* kLine = R"({"start":"2026-05-06 00:00:00","target":[1,2,3]})";

TEST_F(Batch, WritesAPredictionForEachLine) {
  const auto result = run(fmt::format("{}\n{}\r\n\n{}", kLine, kLine, kLine));
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result->lines, 3u);
  EXPECT_EQ(result->wrong, 0u);
  const std::string one = "{\"mean\":[11,11.25]}\n";
  EXPECT_EQ(out(), one + one + one);
  EXPECT_FALSE(left_behind());
}

TEST_F(Batch, WritesNothingOverWhatItReads) {
  ASSERT_TRUE(write_file_atomically(path("in.jsonl"), kLine).ok());
  const auto result =
      forecast_file(model_, 7, {.in = path("in.jsonl"), .out = path("in.jsonl"), .configuration = mean()});
  EXPECT_NE(result.message().find("it would overwrite what is read"), std::string::npos);
  EXPECT_EQ(read_file(path("in.jsonl")).value(), kLine);
}

TEST_F(Batch, NamesAWrongLineInItsPlaceAndGoesOn) {
  const auto result = run(fmt::format("\xef\xbb\xbf{}\n\n\r\n{{\"start\":\"2026-05-06\"}}\n{}\n[", kLine, kLine));
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result->lines, 4u);
  EXPECT_EQ(result->wrong, 2u);
  EXPECT_EQ(result->first_error,
            "line 4: /target: found nothing; allowed: an array of numbers, null or \"NaN\", at least one of them a "
            "number");
  EXPECT_EQ(
      out(),
      "{\"mean\":[11,11.25]}\n" + to_text(json::object{{"error", result->first_error}}) +
          "\n{\"mean\":[11,11.25]}\n"
          R"({"error":"line 6: found byte 1: the JSON value ends too early; allowed: JSON, where a missing value is null or \"NaN\""})"
          "\n");
}

// More lines than are read at once, each with another answer.
TEST_F(Batch, KeepsTheOrderForAnyNumberOfThreads) {
  class Last final : public Forecaster {
   public:
    Result<ForecastPaths> forecast(const TimeSeries& history, int paths, std::uint64_t) const override {
      return ForecastPaths{
          paths, 1, std::vector<float>(static_cast<std::size_t>(paths), static_cast<float>(history.values.back()))};
    }
    int horizon() const override { return 1; }
    int history_needed() const override { return 1; }
    const json::object& describe() const override { return description_; }
    std::string serialize() const override { return ""; }

   private:
    json::object description_;
  };
  std::string in, expected;
  for (int i = 0; i < 1000; ++i) {
    in += fmt::format("{{\"start\":\"2026-05-06\",\"target\":[{}]}}\n", i);
    expected += fmt::format("{{\"mean\":[{}]}}\n", i);
  }
  ASSERT_TRUE(write_file_atomically(path("in"), in).ok());
  for (const int threads : {1, 4}) {
    ASSERT_TRUE(
        forecast_file(Last(), 7, {.in = path("in"), .out = path("out"), .configuration = mean(), .threads = threads})
            .ok());
    EXPECT_EQ(out(), expected);
  }
}

TEST_F(Batch, LeavesWhatWasThereWhereItCannotEnd) {
  ASSERT_TRUE(run(kLine).ok());
  const std::string before = out();
  ASSERT_TRUE(write_file_atomically(path("cut.gz"), "\x1f\x8b\x08").ok());
  EXPECT_EQ(forecast_file(model_, 7, {.in = path("cut.gz"), .out = path("out")}).code(), Code::kDataLoss);
  EXPECT_EQ(forecast_file(model_, 7, {.in = path("none"), .out = path("out")}).code(), Code::kNotFound);
  EXPECT_EQ(out(), before);
  EXPECT_FALSE(left_behind());
  EXPECT_EQ(forecast_file(model_, 7, {.in = path("out"), .out = path("out")}).code(), Code::kInvalidArgument);
  EXPECT_EQ(forecast_file(model_, 7, {.in = path("out"), .out = folder_.path()}).code(), Code::kInvalidArgument);
  EXPECT_EQ(forecast_file(model_, 7, {.in = path("out"), .out = "/dev/null"}).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tidecast
