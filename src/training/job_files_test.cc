#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <limits>

#include "base/hash.h"
#include "base/rng.h"
#include "storage/file.h"
#include "storage/temporary_folder.h"
#include "training/job.h"

namespace tidecast {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<std::uint64_t> bits(const std::vector<double>& values) {
  std::vector<std::uint64_t> all;
  for (const double value : values) all.push_back(std::bit_cast<std::uint64_t>(value));
  return all;
}

// Without the flush to the disk that write_file_atomically waits for.
void write_quickly(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

void replace(std::string& text, std::string_view what, std::string_view with) {
  const auto at = text.find(what);
  ASSERT_NE(at, std::string::npos) << what;
  text.replace(at, what.size(), with);
}

TrainingJob example_job() {
  TrainingJob job;
  job.kind = JobKind::kRefit;
  job.run = "run 17 \"quoted\"\n";
  job.series_name = "tx_metrics.avg_fee_1min";
  job.series = {EventTime::from_ms(-60'000), 300s, {1.5, kNaN, -0.0, 1e300, 5e-324, 3}};
  job.windows = 8;
  job.confidence = 80.5;
  job.paths = 55;
  job.algorithm.program = ProgramOptions{.command = {"python3", "mine.py"},
                                         .folder = "/srv/mine",
                                         .hyperparameters = {{"season", "60"}, {"b", ""}},
                                         .train_at_most = 90s};
  job.options = {.horizon = 31,
                 .season = 62,
                 .context = 63,
                 .steps = 64,
                 .select = false,
                 .batch = 66,
                 .cells = 67,
                 .layers = 68,
                 .learning_rate = 0.0123,
                 .dropout = 0.0456,
                 .zoneout = 0.0789,
                 .likelihoods = {nn::Head::kNegativeBinomial, nn::Head::kStudentT},
                 .embedding_dimension = 9,
                 .seed = 18'446'744'073'709'551'615u,
                 .threads = 3};
  job.production_artefact = std::string("\0\xff\x10 bytes", 9);
  job.production_data_end = EventTime::from_ms(1'778'025'600'123);
  job.judged_artefact = "\x7fjudged";
  return job;
}

class JobFiles : public testing::Test {
 protected:
  // The error of reading example_job() after `what` in its file was replaced by `with`.
  std::string error_after(std::string_view what, std::string_view with) {
    EXPECT_TRUE(write_job(example_job(), path).ok());
    std::string text = read_file(path).value();
    replace(text, what, with);
    write_quickly(path, text);
    const auto job = read_job(path);
    EXPECT_EQ(job.code(), Code::kDataLoss);
    const std::string prefix = path.string() + ": ";
    if (job.ok()) return "no error";
    return job.message().starts_with(prefix) ? job.message().substr(prefix.size()) : "no path: " + job.message();
  }

  TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "job.json";
};

TEST_F(JobFiles, BringBackEveryPartOfAJob) {
  const TrainingJob job = example_job();
  ASSERT_TRUE(write_job(job, path).ok());
  const TrainingJob read = read_job(path).value();
  EXPECT_EQ(read.kind, job.kind);
  EXPECT_EQ(read.run, job.run);
  EXPECT_EQ(read.series_name, job.series_name);
  EXPECT_EQ(read.series.start, job.series.start);
  EXPECT_EQ(read.series.step, job.series.step);
  EXPECT_EQ(bits(read.series.values), bits(job.series.values));
  EXPECT_EQ(read.windows, job.windows);
  EXPECT_EQ(read.confidence, job.confidence);
  EXPECT_EQ(read.paths, job.paths);
  EXPECT_FALSE(read.algorithm.baseline);
  ASSERT_TRUE(read.algorithm.program);
  EXPECT_EQ(read.algorithm.program->command, job.algorithm.program->command);
  EXPECT_EQ(read.algorithm.program->folder, "/srv/mine");
  ASSERT_EQ(read.algorithm.program->hyperparameters.size(), 2u);
  EXPECT_EQ(read.algorithm.program->hyperparameters[0].name, "season");
  EXPECT_EQ(read.algorithm.program->hyperparameters[0].value, "60");
  EXPECT_EQ(read.algorithm.program->train_at_most, 90s);
  EXPECT_EQ(read.options.horizon, 31);
  EXPECT_EQ(read.options.season, 62);
  EXPECT_EQ(read.options.context, 63);
  EXPECT_EQ(read.options.steps, 64);
  EXPECT_EQ(read.options.select, false);
  EXPECT_EQ(read.options.batch, 66);
  EXPECT_EQ(read.options.cells, 67);
  EXPECT_EQ(read.options.layers, 68);
  EXPECT_EQ(read.options.learning_rate, 0.0123);
  EXPECT_EQ(read.options.dropout, 0.0456);
  EXPECT_EQ(read.options.zoneout, 0.0789);
  EXPECT_EQ(read.options.likelihoods, (std::vector{nn::Head::kNegativeBinomial, nn::Head::kStudentT}));
  EXPECT_EQ(read.options.embedding_dimension, 9);
  EXPECT_EQ(read.options.seed, 18'446'744'073'709'551'615u);
  EXPECT_EQ(read.options.threads, 3);
  EXPECT_EQ(read.production_artefact, job.production_artefact);
  EXPECT_EQ(read.production_data_end, job.production_data_end);
  EXPECT_EQ(read.judged_artefact, job.judged_artefact);
}

TEST_F(JobFiles, BringBackWhichBaselineOrNoneIsAsked) {
  for (const Baseline baseline : kBaselines) {
    TrainingJob job;
    job.algorithm.baseline = baseline;
    ASSERT_TRUE(write_job(job, path).ok());
    EXPECT_EQ(read_job(path).value().algorithm.baseline, baseline);
  }
  ASSERT_TRUE(write_job(TrainingJob(), path).ok());
  EXPECT_TRUE(read_job(path).value().algorithm.is_deepar());
}

TEST_F(JobFiles, BringEveryDoubleBackBitForBit) {
  TrainingJob job;
  Rng rng(2026);
  for (int i = 0; i < 20'000; ++i) {
    const double value = std::bit_cast<double>(rng.next());
    job.series.values.push_back(std::isfinite(value) ? value : rng.uniform());
  }
  ASSERT_TRUE(write_job(job, path).ok());
  EXPECT_EQ(bits(read_job(path).value().series.values), bits(job.series.values)) << "seed 2026";
}

TEST_F(JobFiles, AreTheSameBytesForTheSameJob) {
  ASSERT_TRUE(write_job(example_job(), path).ok());
  const std::string first = read_file(path).value();
  ASSERT_TRUE(write_job(example_job(), path).ok());
  EXPECT_EQ(read_file(path).value(), first);
}

TEST_F(JobFiles, RefuseAnInfinity) {
  TrainingJob job = example_job();
  job.series.values[3] = -std::numeric_limits<double>::infinity();
  const Status status = write_job(job, path);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(status.message(), path.string() + ": series.values[3]: found an infinity, allowed is a number or NaN");
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(JobFiles, ThatAreMissingAreNotFound) { EXPECT_EQ(read_job(path).code(), Code::kNotFound); }

TEST_F(JobFiles, ThatAreDamagedSayWhereWhatAndWhatIsAllowed) {
  EXPECT_EQ(error_after("\"format\":1", "\"format\":2"), "format: found 2, allowed is 1");
  EXPECT_EQ(error_after("\"format\":1,", ""), "format: missing");
  EXPECT_EQ(error_after("\"refit\"", "\"relight\""), "kind: found \"relight\", allowed is \"judge\" or \"refit\"");
  EXPECT_EQ(error_after("\"paths\":55", "\"paths\":\"55\""),
            "paths: found \"55\", allowed is a whole number of 32 bits");
  EXPECT_EQ(error_after("\"paths\":55", "\"paths\":5000000000"),
            "paths: found 5000000000, allowed is a whole number of 32 bits");
  EXPECT_EQ(error_after("\"confidence\":80.5", "\"confidence\":[80.5]"),
            "confidence: found [, allowed is a number or null");
  EXPECT_EQ(error_after("\"horizon\":31,", ""), "options: horizon: missing");
  EXPECT_EQ(error_after("\"name\":\"program\"", "\"name\":\"arima\""),
            "algorithm: name: found \"arima\", allowed is deepar, naive, seasonal_naive, npts, ets or program");
  EXPECT_EQ(error_after("\"select\":false", "\"select\":0"), "options: select: found 0, allowed is true or false");
  EXPECT_EQ(error_after("1e+300", "\"1e+300\""), "series: values[3]: found \"1e+300\", allowed is a number or null");
  EXPECT_EQ(error_after("\"values\":[1.5", "\"values\":1.5,\"more\":[1.5"),
            "series: values: found 1.5, allowed is an array");
  EXPECT_EQ(error_after("\"start_ms\":-60000", "\"start_ms\":-6.5"),
            "series: start_ms: found -6.5, allowed is a whole number");
  EXPECT_EQ(error_after("00ff10", "00fz10"), "production_artefact: no pair of hexadecimal digits at character 2");
  EXPECT_EQ(error_after("00ff10", "00ff1"), "production_artefact: no pair of hexadecimal digits at character 16");
  EXPECT_EQ(error_after("7f6a", "7F6a"), "judged_artefact: no pair of hexadecimal digits at character 0");
}

TEST_F(JobFiles, ThatAreCutOffAnywhereAreDamaged) {
  ASSERT_TRUE(write_job(example_job(), path).ok());
  const std::string text = read_file(path).value();
  for (std::size_t length = 0; length + 2 < text.size(); length += 7) {  // Without the line break and the last brace.
    write_quickly(path, text.substr(0, length));
    ASSERT_EQ(read_job(path).code(), Code::kDataLoss) << "cut at " << length;
  }
}

QuantileForecast example_forecast(double base) {
  return {{base, kNaN}, {{base + 0.1, base}, {base + 0.2, base}, {base + 0.3, base}}, {base + 0.7, base}};
}

JobResult example_result() {
  Backtest backtest;
  backtest.taus = {0.05, 0.5, 0.95};
  for (int w = 0; w < 2; ++w) {
    BacktestWindow window{EventTime::from_ms(1000 * w),
                          example_forecast(w),
                          example_forecast(w + 10),
                          example_forecast(w + 20),
                          example_forecast(w + 40),
                          example_forecast(w + 50),
                          {}};
    if (w == 1) window.production = example_forecast(31);
    backtest.windows.push_back(window);
  }
  backtest.loss = 1.0 / 3;
  backtest.naive = 0.1 + 0.2;
  backtest.seasonal_naive = 0.7;
  backtest.npts = 0.6;
  backtest.ets = 0.5;
  backtest.loss_interval = {0.25, 0.43};
  backtest.loss_point_90 = 0.41;
  backtest.production = 0.39;
  backtest.challenger = 0.38;
  backtest.production_windows = 1;
  backtest.rmse = 12.5;
  backtest.coverage = 0.875;
  JobResult result;
  result.backtest = backtest;
  result.artefact = std::string("weights\0and more", 16);
  result.artefact_hash = sha256_hex(result.artefact);
  result.steps = 2500;
  result.best_step = 125;
  result.train_loss = -0.123456789;
  result.held_out_loss = 0.987654321;
  result.data_hash = "da7a";
  result.seconds = 2.25;
  return result;
}

void expect_equal(const QuantileForecast& a, const QuantileForecast& b) {
  EXPECT_EQ(bits(a.actual), bits(b.actual));
  EXPECT_EQ(a.quantiles, b.quantiles);
  EXPECT_EQ(a.mean, b.mean);
}

class ResultFiles : public testing::Test {
 protected:
  void spoil(const char* name, std::string_view what, std::string_view with) {
    std::string text = read_file(folder.path() / name).value();
    replace(text, what, with);
    write_quickly(folder.path() / name, text);
  }

  TemporaryFolder folder;
};

TEST_F(ResultFiles, BringBackEveryPartOfAResult) {
  const JobResult result = example_result();
  ASSERT_TRUE(write_result(result, folder.path()).ok());
  const JobResult read = read_result(folder.path()).value();
  EXPECT_EQ(read.kind, JobKind::kJudge);
  EXPECT_EQ(read.artefact, result.artefact);
  EXPECT_EQ(read.artefact_hash, result.artefact_hash);
  EXPECT_EQ(read.steps, 2500);
  EXPECT_EQ(read.best_step, 125);
  EXPECT_EQ(read.train_loss, result.train_loss);
  EXPECT_EQ(read.held_out_loss, result.held_out_loss);
  EXPECT_EQ(read.data_hash, "da7a");
  EXPECT_EQ(read.seconds, 2.25);

  ASSERT_TRUE(read.backtest);
  const Backtest &a = *read.backtest, &b = *result.backtest;
  EXPECT_EQ(a.taus, b.taus);
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_EQ(a.naive, b.naive);
  EXPECT_EQ(a.seasonal_naive, b.seasonal_naive);
  EXPECT_EQ(a.npts, b.npts);
  EXPECT_EQ(a.ets, b.ets);
  EXPECT_EQ(a.loss_interval.low, b.loss_interval.low);
  EXPECT_EQ(a.loss_interval.up, b.loss_interval.up);
  EXPECT_EQ(a.loss_point_90, b.loss_point_90);
  EXPECT_EQ(a.production, b.production);
  EXPECT_EQ(a.challenger, b.challenger);
  EXPECT_EQ(a.production_windows, b.production_windows);
  EXPECT_EQ(a.rmse, b.rmse);
  EXPECT_EQ(a.coverage, b.coverage);
  ASSERT_EQ(a.windows.size(), 2u);
  for (std::size_t w = 0; w < 2; ++w) {
    EXPECT_EQ(a.windows[w].origin, b.windows[w].origin);
    expect_equal(a.windows[w].model, b.windows[w].model);
    expect_equal(a.windows[w].naive, b.windows[w].naive);
    expect_equal(a.windows[w].seasonal_naive, b.windows[w].seasonal_naive);
    expect_equal(a.windows[w].npts, b.windows[w].npts);
    expect_equal(a.windows[w].ets, b.windows[w].ets);
  }
  EXPECT_FALSE(a.windows[0].production);
  ASSERT_TRUE(a.windows[1].production);
  expect_equal(*a.windows[1].production, *b.windows[1].production);
}

TEST_F(ResultFiles, OfARefitHaveNoBacktestAndNoHeldOutLoss) {
  JobResult result = example_result();
  result.kind = JobKind::kRefit;
  result.backtest.reset();
  result.held_out_loss = kNaN;
  ASSERT_TRUE(write_result(result, folder.path() / "new").ok());
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "new/backtest.json"));
  const JobResult read = read_result(folder.path() / "new").value();
  EXPECT_EQ(read.kind, JobKind::kRefit);
  EXPECT_FALSE(read.backtest);
  EXPECT_TRUE(std::isnan(read.held_out_loss));
}

TEST_F(ResultFiles, WithoutTheLastOneAreNoResult) {
  ASSERT_TRUE(write_result(example_result(), folder.path()).ok());
  std::filesystem::remove(folder.path() / "result.json");
  EXPECT_EQ(read_result(folder.path()).code(), Code::kNotFound);
}

TEST_F(ResultFiles, WithAnotherArtefactThanTheResultSaysAreDamaged) {
  ASSERT_TRUE(write_result(example_result(), folder.path()).ok());
  spoil("model", "and", "AND");
  const auto read = read_result(folder.path());
  EXPECT_EQ(read.code(), Code::kDataLoss);
  const std::string beginning = (folder.path() / "model").string() + ": found SHA-256 ";
  EXPECT_TRUE(read.message().starts_with(beginning)) << read.message();
}

TEST_F(ResultFiles, ThatAreDamagedNameFileAndKey) {
  ASSERT_TRUE(write_result(example_result(), folder.path()).ok());
  spoil("backtest.json", "\"origin_ms\":1000", "\"origin_ms\":null");
  EXPECT_EQ(read_result(folder.path()).code(), Code::kDataLoss);
  EXPECT_EQ(read_result(folder.path()).message(), (folder.path() / "backtest.json").string() +
                                                      ": windows[1]: origin_ms: found null, allowed is a whole number");
}

}  // namespace
}  // namespace tidecast
