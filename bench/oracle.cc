// Our metrics and baselines against published oracle values (GluonTS's committed results, and an independent
// evaluator's):
//
//   build/bench/bench_oracle ../shared/data/series
//
// Prints one line a value and ends with 1 if one of them is off; then what NPTS and ETS score on m4_hourly, and how
// long they take (one thread).  Needs the benchmark series, which do not ship with us.

#include <zlib.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <limits>
#include <string>
#include <vector>

#include "baselines/baselines.h"
#include "baselines/ets.h"
#include "baselines/npts.h"
#include "stats/metrics.h"

namespace tidecast {
namespace {

using Row = std::vector<double>;

// A gzip-compressed table without quotes that matter: numbers between commas, anything else (ids, blanks) left out.
std::vector<Row> read_table(const std::string& path, bool has_header) {
  const gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) {
    fmt::print(stderr, "{}: cannot open\n", path);
    std::exit(1);
  }
  std::string text;
  for (char buffer[1 << 16];;) {
    const int got = gzread(file, buffer, sizeof buffer);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  gzclose(file);
  std::vector<Row> rows;
  Row row;
  const auto take = [&](std::string_view cell) {
    if (cell.starts_with('"')) cell.remove_prefix(1);
    if (cell.ends_with('"')) cell.remove_suffix(1);
    double value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (error == std::errc() && end == cell.data() + cell.size()) row.push_back(value);
  };
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ',' && text[i] != '\n' && text[i] != '\r') continue;
    take(std::string_view(text).substr(begin, i - begin));
    begin = i + 1;
    if (text[i] != '\n') continue;
    if (has_header)
      has_header = false;
    else
      rows.push_back(row);
    row.clear();
  }
  return rows;
}

const std::vector<double> kTaus{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};

struct Evaluation {
  std::vector<QuantileForecast> windows;
  double mase = 0;  // Sum over the windows until reported.

  void add(const Row& past, const Row& truth, const Row& forecast, int season) {
    add(past, truth, std::vector<Row>(kTaus.size(), forecast), forecast, season);
  }
  void add(const Row& past, const Row& truth, std::vector<Row> quantiles, const Row& mean, int season) {
    windows.push_back({truth, std::move(quantiles), mean});
    mase += tidecast::mase(4, windows.back(), seasonal_error(past, season));
  }
};

bool all_well = true;

void expect(const char* what, double found, double oracle, int digits) {
  const bool well = std::abs(found / oracle - 1) < std::pow(10.0, -digits);
  all_well = all_well && well;
  fmt::print("{:<6} {:<46} {:.10g} (oracle {:.10g})\n", well ? "OK" : "WRONG", what, found, oracle);
}

void report(const std::string& what, const Evaluation& of, double wql, double rmse_oracle, double mase_oracle) {
  expect((what + " mean wQL").c_str(), mean_wql(kTaus, of.windows).value(), wql, 8);
  expect((what + " RMSE").c_str(), rmse(of.windows), rmse_oracle, 6);  // Windows of one length: pooled is per item.
  expect((what + " MASE").c_str(), of.mase / static_cast<double>(of.windows.size()), mase_oracle, 6);
}

void m4_hourly(const std::string& folder) {
  const auto train = read_table(folder + "/m4_hourly_train.csv.gz", true);
  const auto test = read_table(folder + "/m4_hourly_test.csv.gz", true);
  CHECK(train.size() == 414 && test.size() == 414);
  Evaluation daily;
  for (std::size_t i = 0; i < train.size(); ++i) {
    CHECK(test[i].size() == 48);
    daily.add(train[i], test[i], seasonal_naive(train[i], 48, 24), 24);
  }
  report("m4_hourly, seasonal naive 24:", daily, 0.0483091941, 1901.14591, 1.1932102);
}

template <typename Forecast>
void score_m4_hourly(const std::string& folder, const char* what, const Forecast& forecast) {
  const auto train = read_table(folder + "/m4_hourly_train.csv.gz", true);
  const auto test = read_table(folder + "/m4_hourly_test.csv.gz", true);
  Evaluation evaluation;
  const std::clock_t start = std::clock();
  for (std::size_t i = 0; i < train.size(); ++i) {
    const auto [quantiles, mean] = forecast(train[i]);
    evaluation.add(train[i], test[i], quantiles, mean, 24);
  }
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  fmt::print("       m4_hourly, {}: mean wQL {:.6f}, MASE {:.4f}; {} series in {:.1f} s\n", what,
             mean_wql(kTaus, evaluation.windows).value(), evaluation.mase / static_cast<double>(train.size()),
             train.size(), seconds);
}

void probabilistic(const std::string& folder) {
  using Forecast = std::pair<std::vector<Row>, Row>;
  score_m4_hourly(folder, "ETS of season 24", [](const Row& past) {
    const EtsModel model = fit_ets(past, 24).value();
    const Row values = model.quantiles(kTaus, 48, 7);
    std::vector<Row> quantiles;
    for (std::size_t i = 0; i < kTaus.size(); ++i)
      quantiles.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(48 * i),
                             values.begin() + static_cast<std::ptrdiff_t>(48 * (i + 1)));
    return Forecast{std::move(quantiles), model.point(48)};
  });
  for (const int season : {1, 24})
    score_m4_hourly(folder, season == 1 ? "NPTS" : "NPTS of season 24", [&](const Row& past) {
      const Npts npts = Npts::make(past, 48, {.season = season}).value();
      std::vector<Row> quantiles;
      for (const double tau : kTaus) quantiles.push_back(npts.quantile(tau));
      return Forecast{std::move(quantiles), npts.mean()};
    });
}

// Five rolling windows of 30 rows each, over eight columns.
void exchange_rate(const std::string& folder) {
  const auto rows = read_table(folder + "/exchange_rate.txt.gz", false);
  CHECK(rows.size() == 7588 && rows[0].size() == 8);
  Evaluation seasonal, last;
  for (std::size_t window = 0; window < 5; ++window)
    for (std::size_t column = 0; column < 8; ++column) {
      const std::size_t origin = 6071 + 30 * window;
      Row past, truth;
      for (std::size_t r = 0; r < origin + 30; ++r) (r < origin ? past : truth).push_back(rows[r][column]);
      seasonal.add(past, truth, seasonal_naive(past, 30, 5), 5);
      last.add(past, truth, naive(past, 30), 5);
    }
  report("exchange_rate, seasonal naive 5:", seasonal, 0.0107497456, 0.0129134529, 1.620289);
  report("exchange_rate, naive:", last, 0.0093109715, 0.0113031941, 1.491925);
}

}  // namespace
}  // namespace tidecast

int main(int count, char** arguments) {
  if (count != 2) {
    fmt::print("left out: it needs the benchmark series, {} FOLDER_OF_SERIES\n", arguments[0]);
    return 0;
  }
  tidecast::m4_hourly(arguments[1]);
  tidecast::exchange_rate(arguments[1]);
  tidecast::probabilistic(arguments[1]);
  return tidecast::all_well ? 0 : 1;
}
