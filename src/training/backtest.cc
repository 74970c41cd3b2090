#include "training/backtest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "base/rng.h"
#include "baselines/baseline_model.h"
#include "baselines/baselines.h"

namespace tidecast {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kBootstrapRounds = 2000;
constexpr std::uint64_t kBootstrapStream = 0x626f6f74;  // Keeps the bootstrap's randomness apart from the forecasts'.

QuantileForecast point_forecast(const std::vector<double>& truth, std::size_t taus, std::vector<double> forecast) {
  return {truth, std::vector<std::vector<double>>(taus, forecast), forecast};
}

// A baseline's forecast, or the naive one where it has none.
QuantileForecast baseline_forecast(const std::vector<double>& truth, Result<BaselineForecast> forecast,
                                   const QuantileForecast& naive) {
  if (!forecast.ok()) return naive;
  return {truth, std::move(forecast->quantiles), std::move(forecast->mean)};
}

// The model's forecast of the steps after `history`, as far as there is truth.
Result<QuantileForecast> model_forecast(const Forecaster& model, const TimeSeries& history,
                                        const std::vector<double>& truth, std::span<const double> taus, int paths,
                                        std::uint64_t seed) {
  const ForecastPaths futures = TRY(
      model.forecast(history, paths, paths_seed(seed, history.end())).in("forecast from " + to_rfc3339(history.end())));
  const auto cut = [&](std::vector<double> values) {
    CHECK(values.size() >= truth.size());
    values.resize(truth.size());
    return values;
  };
  QuantileForecast forecast{truth, {}, cut(futures.mean())};
  for (const double tau : taus) forecast.quantiles.push_back(cut(futures.quantile(tau)));
  return forecast;
}

bool any_observed(std::span<const double> values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return !std::isnan(value); });
}

// Whether the model sees a value before the end of `history`: it refuses a gap as long as it looks back.
bool has_context(const Forecaster& model, std::span<const double> history) {
  return any_observed(history.last(std::min(history.size(), static_cast<std::size_t>(model.history_needed()))));
}

bool has_scale(const std::vector<double>& truth) {
  return std::any_of(truth.begin(), truth.end(), [](double y) { return std::abs(y) > 0; });  // False for NaN.
}

// The loss of our model and of the production model on the windows that both have a forecast for.
Status compare_with_production(Backtest& result) {
  std::vector<QuantileForecast> theirs, ours;
  bool can_compare = false;
  for (const BacktestWindow& window : result.windows) {
    if (!window.production) continue;
    theirs.push_back(*window.production);
    ours.push_back(window.model);
    can_compare = can_compare || has_scale(window.model.actual);
  }
  if (!can_compare) return ok();
  result.production = TRY(mean_wql(result.taus, theirs).in("production model"));
  result.challenger = TRY(mean_wql(result.taus, ours));
  result.production_windows = static_cast<int>(ours.size());
  return ok();
}

}  // namespace

int backtest_windows(const TimeSeries& series, int horizon, int wanted) {
  CHECK(horizon > 0);
  const auto h = static_cast<std::size_t>(horizon);
  const auto observed = [](double value) { return !std::isnan(value); };
  auto left = std::count_if(series.values.begin(), series.values.end(), observed);
  int windows = 0;
  for (auto end = series.values.size(); windows < wanted && end >= h; end -= h, ++windows) {
    const auto last = series.values.begin() + static_cast<std::ptrdiff_t>(end);
    left -= std::count_if(last - horizon, last, observed);
    if (left < kLeastObservations) break;
  }
  return windows;
}

Result<Backtest> rolling_backtest(const Forecaster& model, const TimeSeries& series, int windows, double confidence,
                                  int paths, std::uint64_t seed, const Forecaster* production,
                                  EventTime production_data_end, int season) {
  if (!(confidence >= 50 && confidence <= 100))
    return invalid_argument("confidence {}: 50 to 100 % are allowed", confidence);
  if (paths < 1) return invalid_argument("{} paths: at least 1 is needed", paths);
  if (season < 1) return invalid_argument("season {}: at least 1 step is needed", season);
  const int count = backtest_windows(series, model.horizon(), windows);
  if (count < 1)
    return failed_precondition("{} values: none of {} windows of {} steps fits behind {} observations",
                               series.values.size(), windows, model.horizon(), kLeastObservations);
  if (production != nullptr && production->horizon() < model.horizon()) production = nullptr;

  Backtest result;
  result.taus = confidence_quantiles(confidence);
  const auto h = static_cast<std::size_t>(model.horizon());
  const std::size_t size = series.values.size();
  for (std::size_t first = size - static_cast<std::size_t>(count) * h; first < size; first += h) {
    const TimeSeries history = cut(series, 0, first, h);
    const auto begin = series.values.begin() + static_cast<std::ptrdiff_t>(first);
    const std::vector<double> truth(begin, begin + model.horizon());
    if (!any_observed(truth) || !has_context(model, history.values)) continue;
    BacktestWindow& window = result.windows.emplace_back();
    window.origin = history.end();
    window.model = TRY(model_forecast(model, history, truth, result.taus, paths, seed));
    window.naive = point_forecast(truth, result.taus.size(), naive(history.values, model.horizon()));
    window.seasonal_naive =
        point_forecast(truth, result.taus.size(), seasonal_naive(history.values, model.horizon(), season));
    window.npts =
        baseline_forecast(truth, forecast_npts(history.values, model.horizon(), season, result.taus), window.naive);
    window.ets = baseline_forecast(
        truth, forecast_ets(history.values, model.horizon(), season, result.taus, paths_seed(seed, window.origin)),
        window.naive);
    if (production != nullptr && window.origin >= production_data_end && has_context(*production, history.values))
      window.production =
          TRY(model_forecast(*production, history, truth, result.taus, paths, seed).in("production model"));
  }

  if (result.windows.size() < kLeastWindows) {
    result.loss = result.loss_point_90 = kNaN;
    result.naive = result.seasonal_naive = result.npts = result.ets = kNaN;
    result.loss_interval = {kNaN, kNaN};
    result.rmse = result.coverage = kNaN;
    return result;
  }

  const auto all = [&](QuantileForecast BacktestWindow::*forecast) {
    std::vector<QuantileForecast> forecasts;
    for (const BacktestWindow& window : result.windows) forecasts.push_back(window.*forecast);
    return forecasts;
  };
  const auto ours = all(&BacktestWindow::model);
  result.loss = TRY(mean_wql(result.taus, ours));
  result.naive = TRY(mean_wql(result.taus, all(&BacktestWindow::naive)).in("naive"));
  result.seasonal_naive = TRY(mean_wql(result.taus, all(&BacktestWindow::seasonal_naive)).in("seasonal naive"));
  result.npts = TRY(mean_wql(result.taus, all(&BacktestWindow::npts)).in("NPTS"));
  result.ets = TRY(mean_wql(result.taus, all(&BacktestWindow::ets)).in("ETS"));
  const std::uint64_t bootstrap_seed = mix64(seed ^ kBootstrapStream);
  result.loss_interval = bootstrap_mean_wql(result.taus, ours, 0.9, kBootstrapRounds, bootstrap_seed);
  result.loss_point_90 = bootstrap_quantile(result.taus, ours, 0.9, kBootstrapRounds, bootstrap_seed);
  result.rmse = rmse(ours);
  result.coverage = coverage(0, 2, ours);
  TRY(compare_with_production(result));
  return result;
}

}  // namespace tidecast
