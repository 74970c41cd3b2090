#include "training/tune_trials.h"

#include <algorithm>
#include <cmath>

#include "deepar/window.h"
#include "stats/season.h"

namespace tidecast {
namespace {

// Of a trial: its hyperparameters, and its share of the steps.
Result<DeepArOptions> options_of(const Trial& trial, const DeepArOptions& defaults) {
  DeepArOptions options = defaults;
  TRY(set_hyperparameters(trial.differs, options));
  options.steps = std::max(1, static_cast<int>(std::lround(kRungs[trial.rung] * defaults.steps)));
  return options;
}

TrainingProgress training_progress(const Trial& trial, const TuneProgress& progress) {
  if (!progress) return {};
  return [&](int step, int steps, double) { return progress(trial, "training", static_cast<double>(step) / steps); };
}

Result<TrialResult> train_only(std::span<const TimeSeries> series, const DeepArOptions& options, const Trial& trial,
                               const TuneProgress& progress) {
  const TrainedDeepAr trained = TRY(train_deepar(series, options, training_progress(trial, progress)));
  return TrialResult{.held_out_loss = trained.held_out_loss + TRY(held_out_log_scale(series, options)),
                     .steps = trained.steps,
                     .best_step = trained.best_step};
}

Result<Trials> make_trials(std::span<const TimeSeries> parts, DeepArOptions defaults) {
  defaults.recipe.selection = deepar::Selection::kHeldOut;  // What the ranking goes by.
  const deepar::TrainingPlan plan = TRY(deepar::plan_training(parts, defaults));
  defaults.context = plan.spec.context;
  defaults.likelihoods = deepar::member_heads(parts, defaults);
  defaults.members = static_cast<int>(defaults.likelihoods.size());
  defaults.steps = plan.steps;
  Trials trials{.search = {.space = search_space(defaults), .defaults = hyperparameters_of(defaults)},
                .defaults = std::move(defaults),
                .train = {}};
  return trials;
}

TimeSeries without_last(TimeSeries series, std::size_t steps) {
  series.values.resize(series.values.size() - std::min(steps, series.values.size()));
  return series;
}

double mean_mase(const TimeSeries& series, std::span<const BacktestWindow> windows, int season) {
  double sum = 0;
  int count = 0;
  for (const BacktestWindow& window : windows) {
    const std::int64_t before = series.step.steps_between(series.start, window.origin);
    const double error =
        mase(1, window.model, seasonal_error(std::span(series.values).first(static_cast<std::size_t>(before)), season));
    if (std::isfinite(error)) sum += error, ++count;
  }
  return count > 0 ? sum / count : std::nan("");
}

}  // namespace

Result<double> held_out_log_scale(std::span<const TimeSeries> series, const DeepArOptions& options) {
  const std::vector<nn::Head> heads = deepar::member_heads(series, options);
  if (heads.size() > 1) {  // The losses of the members are averaged, and so is what belongs to each.
    double sum = 0;
    for (const nn::Head head : heads) {
      DeepArOptions own = options;
      own.likelihoods = {head};
      own.members = 1;
      sum += TRY(held_out_log_scale(series, own));
    }
    return sum / static_cast<double>(heads.size());
  }
  const nn::Head head = heads.front();
  if (nn::target_unit(head) == nn::TargetUnit::kOriginal || head == nn::Head::kPoint) return 0.0;
  const deepar::TrainingPlan plan = TRY(deepar::plan_training(series, options));
  deepar::ScaledWindow window(plan.spec);
  const auto horizon = static_cast<std::size_t>(plan.spec.horizon);
  double sum = 0;
  int count = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {  // The windows as the training cuts them (deepar/train.cc).
    const std::vector<double>& values = series[i].values;
    const std::size_t held = horizon * static_cast<std::size_t>(plan.held_out[i]);
    if (values.size() <= held + horizon) continue;
    for (std::size_t at = values.size() - held; at < values.size(); at += horizon) {
      if (std::ranges::all_of(std::span(values).subspan(at, horizon), [](double y) { return std::isnan(y); })) continue;
      window.read(values, at, 0);
      sum += std::log(window.scale());
      ++count;
    }
  }
  return count > 0 ? sum / count : 0;
}

Result<Trials> trials_on(std::span<const NamedSeries> series, const DatasetBacktestOptions& options,
                         const TuneProgress& progress) {
  std::vector<TimeSeries> parts;
  const std::size_t held = static_cast<std::size_t>(options.deepar.horizon) * static_cast<std::size_t>(options.windows);
  for (const NamedSeries& each : series)
    if (each.series.values.size() > held) parts.push_back(without_last(each.series, held));
  if (parts.empty())
    return failed_precondition("{} windows of {} steps leave nothing to train on", options.windows,
                               options.deepar.horizon);
  Trials trials = TRY(make_trials(parts, options.deepar));
  trials.train = [=, parts = std::move(parts), defaults = trials.defaults](const Trial& trial) -> Result<TrialResult> {
    const DeepArOptions tried = TRY(options_of(trial, defaults));
    if (trial.rung != kFullRung) return train_only(parts, tried, trial, progress);
    DatasetBacktestOptions backtest = options;
    backtest.deepar = tried;
    backtest.seeds = {tried.seed};
    if (progress)
      backtest.progress = [&](std::string_view, double share) { return progress(trial, "training", share); };
    const DatasetBacktest result = TRY(backtest_dataset(series, backtest));
    const SeedResult& seed = result.seeds.front();
    return TrialResult{
        .held_out_loss = seed.held_out_loss + TRY(held_out_log_scale(parts, tried)),
        .steps = seed.steps,
        .best_step = seed.best_step,
        .accuracy = TrialAccuracy{.mean_wql = seed.accuracy.mean_wql,
                                  .mase = seed.accuracy.mase,
                                  .coverage = seed.accuracy.coverage.back() - seed.accuracy.coverage.front()}};
  };
  return trials;
}

Result<Trials> trials_on(const TrainingJob& job, const TuneProgress& progress) {
  const int windows = backtest_windows(job.series, job.options.horizon, job.windows);
  if (windows < kLeastWindows)
    return failed_precondition("{} back-test windows of {} steps fit behind {} observations; {} are needed", windows,
                               job.options.horizon, kLeastObservations, kLeastWindows);
  TimeSeries part =
      without_last(job.series, static_cast<std::size_t>(windows) * static_cast<std::size_t>(job.options.horizon));
  DeepArOptions defaults_of_run = job.options;
  defaults_of_run.likelihoods = deepar::member_heads(std::span(&job.series, 1), job.options);  // As the run asks.
  Trials trials = TRY(make_trials(std::span(&part, 1), std::move(defaults_of_run)));
  trials.train = [=, part = std::move(part), defaults = trials.defaults](const Trial& trial) -> Result<TrialResult> {
    TrainingJob tried = job;
    tried.options = TRY(options_of(trial, defaults));
    if (trial.rung != kFullRung) return train_only(std::span(&part, 1), tried.options, trial, progress);
    const JobResult result = TRY(run_job(tried, {}, training_progress(trial, progress)));
    const int season = job.options.season > 0 ? job.options.season : season_of(job.series.step);
    return TrialResult{
        .held_out_loss = result.held_out_loss + TRY(held_out_log_scale(std::span(&part, 1), tried.options)),
        .steps = result.steps,
        .best_step = result.best_step,
        .accuracy = TrialAccuracy{.mean_wql = result.backtest->loss,
                                  .mase = mean_mase(job.series, result.backtest->windows, season),
                                  .coverage = result.backtest->coverage}};
  };
  return trials;
}

}  // namespace tidecast
