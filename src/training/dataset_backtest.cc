#include "training/dataset_backtest.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "base/workers.h"
#include "baselines/baselines.h"
#include "deepar/recipe.h"
#include "stats/metrics.h"
#include "stats/season.h"

namespace tidecast {
namespace {

constexpr int kPathsMax = 10'000, kWindowsMax = 10'000;

const std::vector<double>& levels() {
  static const std::vector<double> levels = [] {
    std::vector<double> made;
    for (int level = 1; level <= kJudgedLevels; ++level) made.push_back(level / 10.0);
    return made;
  }();
  return levels;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// A window of one series.
struct Window {
  std::size_t series, first;  // The first value that is forecast.
  std::uint64_t seed;         // Of its paths: by series and origin, not by its place among the windows.
  double error = 0;           // The seasonal error of what came before.
};

class Backtester {
 public:
  Backtester(std::span<const NamedSeries> series, const DatasetBacktestOptions& options)
      : series_(series), options_(options), horizon_(static_cast<std::size_t>(options.deepar.horizon)) {}

  Result<DatasetBacktest> run() {
    TRY(cut_windows());
    DatasetBacktest result;
    result.series = parts_.size();
    result.left_out = series_.size() - parts_.size();
    result.windows = windows_.size();
    result.season = season_;
    for (const TimeSeries& part : parts_)
      result.points += static_cast<std::size_t>(
          std::ranges::count_if(part.values, [](double value) { return std::isfinite(value); }));
    result.naive =
        TRY(judge_points([&](std::span<const double> past) { return naive(past, options_.deepar.horizon); }));
    result.seasonal_naive = TRY(judge_points(
        [&](std::span<const double> past) { return seasonal_naive(past, options_.deepar.horizon, season_); }));
    for (const Baseline baseline : options_.beside) result.beside.emplace_back(baseline, TRY(judge_baseline(baseline)));
    pool_.resize(windows_.size());
    result.members = deepar::member_heads(parts_, options_.deepar);
    for (const std::uint64_t seed : options_.seeds) result.seeds.push_back(TRY(run_seed(seed)));
    if (options_.seeds.size() > 1) result.pooled = TRY(judge_paths(pool_));
    return result;
  }

 private:
  bool tell(std::string_view what, double share) const { return !options_.progress || options_.progress(what, share); }

  Status cut_windows() {
    if (options_.windows < 1 || options_.windows > kWindowsMax)
      return invalid_argument("{} windows; allowed: 1 to {}", options_.windows, kWindowsMax);
    if (options_.paths < 1 || options_.paths > kPathsMax)
      return invalid_argument("{} paths; allowed: 1 to {}", options_.paths, kPathsMax);
    if (options_.seeds.empty()) return invalid_argument("no seeds");
    for (auto seed = options_.seeds.begin(); seed != options_.seeds.end(); ++seed)
      if (std::find(options_.seeds.begin(), seed, *seed) != seed)
        return invalid_argument("seed {} is there twice, which would be one model counted twice", *seed);
    for (const Baseline baseline : options_.beside)
      if (baseline != Baseline::kNpts && baseline != Baseline::kEts)
        return invalid_argument("{} beside; allowed: npts, ets (the naive ones are there anyway)", name_of(baseline));
    if (options_.deepar.horizon < 1)
      return invalid_argument("a horizon of {}; allowed: from 1 on", options_.deepar.horizon);
    if (series_.empty()) return invalid_argument("no series");
    season_ = options_.deepar.season > 0 ? options_.deepar.season : season_of(series_.front().series.step);
    const std::size_t held = horizon_ * static_cast<std::size_t>(options_.windows);
    std::size_t longest = 0;
    for (std::size_t i = 0; i < series_.size(); ++i) {
      const TimeSeries& all = series_[i].series;
      longest = std::max(longest, all.values.size());
      if (all.values.size() <= held) continue;
      const TimeSeries& part = parts_.emplace_back(cut(all, 0, all.values.size() - held));
      for (std::size_t first = part.values.size(); first < all.values.size(); first += horizon_) {
        Window& window = windows_.emplace_back(Window{i, first, mix64(i ^ mix64(first)), 0});
        window.error = seasonal_error(std::span(all.values).first(first), season_);
      }
    }
    if (windows_.empty())
      return failed_precondition("{} windows of {} steps leave nothing to train on: the longest series has {} values",
                                 options_.windows, horizon_, longest);
    return ok();
  }

  std::span<const double> past(const Window& window) const {
    return std::span(series_[window.series].series.values).first(window.first);
  }
  std::vector<double> truth(const Window& window) const {
    const auto values = std::span(series_[window.series].series.values).subspan(window.first, horizon_);
    return {values.begin(), values.end()};
  }

  Result<SeedResult> run_seed(std::uint64_t seed) {
    SeedResult result{.seed = seed};
    DeepArOptions options = options_.deepar;
    options.seed = seed;
    auto begin = std::chrono::steady_clock::now();
    const auto trained = TRY(train_deepar(parts_, options, [&](int step, int steps, double) {
      return tell(fmt::format("seed {}: training", seed), static_cast<double>(step) / steps);
    }));
    result.train_s = seconds_since(begin);
    result.steps = trained.steps;
    result.best_step = trained.best_step;
    result.held_out_loss = trained.held_out_loss;
    begin = std::chrono::steady_clock::now();
    const auto forecasts = TRY(forecast_windows(*trained.model, seed));
    result.forecast_s = seconds_since(begin);
    if (!tell(fmt::format("seed {}: forecasts", seed), 1)) return cancelled("stopped");
    result.accuracy = TRY(judge_paths(forecasts));
    for (std::size_t i = 0; i < forecasts.size(); ++i) add_paths(forecasts[i], pool_[i]);
    return result;
  }

  static void add_paths(const ForecastPaths& more, ForecastPaths& to) {
    to.horizon = more.horizon;
    to.paths += more.paths;
    to.values.insert(to.values.end(), more.values.begin(), more.values.end());
  }

  Result<std::vector<ForecastPaths>> forecast_windows(const Forecaster& model, std::uint64_t seed) const {
    std::vector<ForecastPaths> forecasts(windows_.size());
    std::vector<Status> status(windows_.size());
    Workers(options_.deepar.threads).run(static_cast<int>(windows_.size()), [&](int i) {
      const Window& window = windows_[static_cast<std::size_t>(i)];
      const TimeSeries& all = series_[window.series].series;
      const std::size_t seen = std::min(window.first, static_cast<std::size_t>(model.history_needed()));
      const TimeSeries history = cut(all, window.first - seen, window.first, horizon_);
      auto forecast = model.forecast(history, options_.paths, mix64(seed ^ window.seed));
      if (forecast.ok())
        forecasts[static_cast<std::size_t>(i)] = std::move(forecast).value();
      else
        status[static_cast<std::size_t>(i)] = std::move(forecast).status().in(
            fmt::format("series {}, forecast from {}", series_[window.series].name, to_rfc3339(history.end())));
    });
    for (const Status& each : status) TRY(each);
    return forecasts;
  }

  Result<DatasetAccuracy> judge_paths(std::span<const ForecastPaths> forecasts) const {
    std::vector<QuantileForecast> judged;
    for (std::size_t i = 0; i < windows_.size(); ++i) {
      QuantileForecast& window = judged.emplace_back(QuantileForecast{truth(windows_[i]), {}, {}});
      for (const double level : levels()) window.quantiles.push_back(forecasts[i].quantile(level));
    }
    return judge(judged);
  }

  template <typename Forecast>
  Result<DatasetAccuracy> judge_points(const Forecast& forecast) const {
    std::vector<QuantileForecast> judged;
    for (const Window& window : windows_)
      judged.push_back({truth(window), std::vector(levels().size(), forecast(past(window))), {}});
    return judge(judged);
  }

  Result<DatasetAccuracy> judge_baseline(Baseline baseline) const {
    std::vector<QuantileForecast> judged(windows_.size());
    const int horizon = options_.deepar.horizon;
    tell(title_of(baseline), 0);
    Workers(options_.deepar.threads).run(static_cast<int>(windows_.size()), [&](int i) {
      const Window& window = windows_[static_cast<std::size_t>(i)];
      auto forecast = baseline == Baseline::kEts ? forecast_ets(past(window), horizon, season_, levels(), window.seed)
                                                 : forecast_npts(past(window), horizon, season_, levels());
      judged[static_cast<std::size_t>(i)] = {
          truth(window),
          forecast.ok() ? std::move(forecast->quantiles) : std::vector(levels().size(), naive(past(window), horizon)),
          {}};
    });
    return judge(judged);
  }

  Result<DatasetAccuracy> judge(std::span<const QuantileForecast> judged) const {
    DatasetAccuracy accuracy;
    accuracy.mean_wql = TRY(mean_wql(levels(), judged));
    double errors = 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < judged.size(); ++i) {
      const double error = mase(kJudgedLevels / 2, judged[i], windows_[i].error);
      if (std::isfinite(error)) errors += error, ++count;
    }
    accuracy.mase = count > 0 ? errors / static_cast<double>(count) : std::numeric_limits<double>::quiet_NaN();
    for (std::size_t level = 0; level < levels().size(); ++level) {
      std::size_t below = 0, seen = 0;
      for (const QuantileForecast& window : judged)
        for (std::size_t t = 0; t < window.actual.size(); ++t) {
          if (std::isnan(window.actual[t])) continue;
          ++seen;
          below += window.actual[t] <= window.quantiles[level][t];
        }
      accuracy.coverage.push_back(static_cast<double>(below) / static_cast<double>(seen));
    }
    return accuracy;
  }

  const std::span<const NamedSeries> series_;
  const DatasetBacktestOptions& options_;
  const std::size_t horizon_;
  int season_ = 1;
  std::vector<TimeSeries> parts_;
  std::vector<Window> windows_;
  std::vector<ForecastPaths> pool_;  // [windows], of all seeds so far.
};

}  // namespace

Result<DatasetBacktest> backtest_dataset(std::span<const NamedSeries> series, const DatasetBacktestOptions& options) {
  return Backtester(series, options).run();
}

}  // namespace tidecast
