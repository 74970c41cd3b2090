#include "training/job.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/hash.h"
#include "deepar/recipe.h"
#include "stats/season.h"

namespace tidecast {
namespace {

Status check_job(const TrainingJob& job) {
  if (job.options.horizon < 1) return invalid_argument("horizon {}: at least 1 step is needed", job.options.horizon);
  if (job.options.season < 0)
    return invalid_argument("season {}: 0 (by the step) or more is allowed", job.options.season);
  if (job.series.step.multiple() < 1)
    return invalid_argument("step of {}: more than 0 is needed", to_text(job.series.step));
  if (job.kind == JobKind::kRefit && job.judged_artefact.empty())
    return invalid_argument("a refit without the judged model, whose inputs and steps it takes");
  return ok();
}

// The series before the first of `windows` windows.
TimeSeries training_part(const TimeSeries& series, int windows, int horizon) {
  return cut(series, 0, series.values.size() - static_cast<std::size_t>(windows) * static_cast<std::size_t>(horizon));
}

// `whose`: "production" or "judged".
Result<std::shared_ptr<const Forecaster>> load(const Learner& learner, std::string_view artefact,
                                               std::string_view whose) {
  auto model = learner.load(artefact);
  if (!model.ok()) return data_loss("{} model: {}", whose, model.message());
  return model;
}

Result<Backtest> backtest_of(const Forecaster& model, const TrainingJob& job, int windows, const Learner& learner) {
  std::shared_ptr<const Forecaster> production;
  if (!job.production_artefact.empty()) production = TRY(load(learner, job.production_artefact, "production"));
  const int season = job.options.season > 0 ? job.options.season : season_of(job.series.step);
  return rolling_backtest(model, job.series, windows, job.confidence, job.paths, job.options.seed, production.get(),
                          job.production_data_end, season);
}

}  // namespace

std::string_view name_of(JobKind kind) { return kind == JobKind::kJudge ? "judge" : "refit"; }

std::string hash_of(const TimeSeries& series) {
  const Frequency& step = series.step;
  std::string bytes = fmt::format("{} {}\n", series.start.ms(),
                                  step.is_width() ? std::to_string(step.width()->count()) : to_text(step));
  for (double value : series.values) {
    if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
    char eight[sizeof value];
    std::memcpy(eight, &value, sizeof value);
    bytes.append(eight, sizeof value);
  }
  return sha256_hex(bytes);
}

Result<JobResult> run_job_with(const Learner& learner, const TrainingJob& job) {
  const auto began = std::chrono::steady_clock::now();
  TRY(check_job(job));
  const bool judge = job.kind == JobKind::kJudge;
  const int windows = judge ? backtest_windows(job.series, job.options.horizon, job.windows) : 0;
  if (judge && windows < kLeastWindows)
    return failed_precondition("{} back-test windows of {} steps fit behind {} observations; {} are needed", windows,
                               job.options.horizon, kLeastObservations, kLeastWindows);

  DeepArOptions options = job.options;
  options.select = judge;
  // What kind of values they are is asked of all of them: the newest may be no counts any more.
  if (judge && job.algorithm.is_deepar()) {
    options.likelihoods = deepar::member_heads(std::span(&job.series, 1), options);
    options.members = static_cast<int>(options.likelihoods.size());
  }
  if (!job.warm_start_artefact.empty())
    options.warm_start = TRY(load(learner, job.warm_start_artefact, "warm start's"));
  if (!judge && job.algorithm.is_deepar()) options.like = TRY(load(learner, job.judged_artefact, "judged"));
  const TimeSeries data = training_part(job.series, windows, job.options.horizon);
  const TrainedDeepAr trained = TRY(learner.train(std::span(&data, 1), options));

  JobResult result;
  result.kind = job.kind;
  if (judge) result.backtest = TRY(backtest_of(*trained.model, job, windows, learner));
  result.artefact = trained.model->serialize();
  result.artefact_hash = sha256_hex(result.artefact);
  result.steps = trained.steps;
  result.resumed = trained.resumed;
  result.best_step = trained.best_step;
  result.train_loss = trained.train_loss;
  result.held_out_loss = trained.held_out_loss;
  result.data_hash = hash_of(job.series);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return result;
}

Result<JobResult> run_job(const TrainingJob& job, const std::filesystem::path& work, const TrainingProgress& progress,
                          const TrainingCheckpoints& checkpoints) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  const auto untrained = [&](std::shared_ptr<const Forecaster> model) {
    return TrainedDeepAr{.model = std::move(model), .train_loss = kNaN, .held_out_loss = kNaN};
  };
  Learner learner{.train = {}, .load = [&](std::string_view artefact) { return load_forecaster(artefact, work); }};
  using Series = std::span<const TimeSeries>;
  if (const auto& baseline = job.algorithm.baseline)
    learner.train = [&](Series series, const DeepArOptions& options) -> Result<TrainedDeepAr> {
      const int season = options.season > 0 ? options.season : season_of(series[0].step);
      return untrained(TRY(fit_baseline(*baseline, series[0], options.horizon, season)));
    };
  else if (const auto& program = job.algorithm.program)
    learner.train = [&](Series series, const DeepArOptions& options) -> Result<TrainedDeepAr> {
      return untrained(TRY(train_program(*program, series, options.horizon, work)));
    };
  else
    learner.train = [&](Series series, const DeepArOptions& options) {
      return train_deepar(series, options, progress, checkpoints);
    };
  return run_job_with(learner, job);
}

}  // namespace tidecast
