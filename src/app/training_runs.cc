#include "app/training_runs.h"

#include <cmath>

#include "training/gate.h"

namespace tidecast {
namespace {

std::int64_t observed(const TimeSeries& series) {
  std::int64_t count = 0;
  for (const double value : series.values) count += !std::isnan(value);
  return count;
}

json::array interval_of(const Interval& interval) { return {interval.low, interval.up}; }

json::object metrics_of(const Backtest& backtest, const GateOutcome& gate, const JobResult& judged) {
  json::array checks;
  for (const GateCheck& check : gate.checks)
    checks.push_back(json::object{{"name", check.name},
                                  {"ran", check.ran},
                                  {"passed", check.passed},
                                  {"loss", check.loss},
                                  {"limit", check.limit}});
  json::object metrics{{"windows", backtest.windows.size()},
                       {"loss", backtest.loss},
                       {"loss_interval_90", interval_of(backtest.loss_interval)},
                       {"loss_point_90", backtest.loss_point_90},
                       {"naive", backtest.naive},
                       {"seasonal_naive", backtest.seasonal_naive},
                       {"npts", backtest.npts},
                       {"ets", backtest.ets},
                       {"rmse", backtest.rmse},
                       {"coverage", backtest.coverage},
                       {"gate", std::move(checks)},
                       {"judged", json::object{{"steps", judged.steps},
                                               {"best_step", judged.best_step},
                                               {"train_loss", judged.train_loss},
                                               {"held_out_loss", judged.held_out_loss},
                                               {"artefact_hash", judged.artefact_hash}}}};
  if (backtest.production) {
    metrics["production"] = *backtest.production;
    metrics["production_windows"] = backtest.production_windows;
  }
  return metrics;
}

std::string likelihood_text(const DeepArOptions& options) {
  std::string text;
  for (const nn::Head head : options.likelihoods) text += fmt::format("{}{}", text.empty() ? "" : ", ", name_of(head));
  return text.empty() ? "by the recipe" : text;
}

}  // namespace

json::object parameters_of(const TrainingJob& job) {
  const DeepArOptions& o = job.options;
  json::object parameters{
      {"target", job.series_name}, {"algorithm", name_of(job.algorithm)}, {"horizon", o.horizon}, {"season", o.season}};
  if (job.algorithm.is_deepar())
    for (auto& [key, value] : json::object{{"context", o.context},
                                           {"cells", o.cells},
                                           {"layers", o.layers},
                                           {"batch", o.batch},
                                           {"learning_rate", o.learning_rate},
                                           {"dropout", o.dropout},
                                           {"recipe", deepar::text_of(o.recipe)},
                                           {"epochs", o.epochs},
                                           {"patience", o.patience},
                                           {"zoneout", o.zoneout},
                                           {"likelihood", likelihood_text(o)},
                                           {"members", o.members},
                                           {"calibrate", o.calibrate}})
      parameters[key] = value;
  if (const auto& program = job.algorithm.program) {
    parameters["program"] = json::array(program->command.begin(), program->command.end());
    json::object own;
    for (const Hyperparameter& each : program->hyperparameters) own[each.name] = each.value;
    parameters["hyperparameters"] = std::move(own);
  }
  for (auto& [key, value] :
       json::object{{"windows", job.windows}, {"confidence", job.confidence}, {"paths", job.paths}})
    parameters[key] = value;
  return parameters;
}

Status TrainingRuns::restore() {
  if (active()) return ok();
  std::optional<Run> newest;
  for (Run& run : TRY(project_.tracking().runs())) {
    if (run.outcome != RunOutcome::kRunning) continue;
    if (newest) {  // Never two at a time; whatever left it so, what it knew is older.
      newest->outcome = RunOutcome::kCancelled;
      newest->reason = fmt::format("interrupted, and run {} came after it", run.id);
      TRY(project_.tracking().update_run(*newest));
    }
    newest = std::move(run);
  }
  if (!newest) return ok();
  const Run interrupted = *newest;
  Status launched = launch(std::move(*newest));
  if (launched.ok() || launched.code() == Code::kUnavailable) return launched;
  active_.emplace().run = interrupted;  // It fails as any other does, or it would end every start from now on.
  end(RunOutcome::kFailed, launched.message());
  return ok();
}

Status TrainingRuns::start(const std::string& why, ProcessingTime now, int warm_start) {
  if (active()) return failed_precondition("run {} is not over yet; one run at a time", active_->run.id);
  Run run;
  run.why = why;
  run.started_at = now;
  run.seed = project_.forecast().seed;
  if (warm_start != 0) {
    TRY(project_.registry().artefact(warm_start));
    if (!project_.forecast().algorithm.is_deepar())
      return failed_precondition("{} has no weights to begin with", title_of(project_.forecast().algorithm));
    run.parameters["warm_start"] = warm_start;
  }
  run.id = TRY(project_.tracking().add_run(run));
  return launch(std::move(run));
}

Status TrainingRuns::launch(Run run) {
  const Definition& definition = project_.definition();
  Active active;
  TrainingJob& job = active.job;
  job.run = fmt::format("run-{}", run.id);
  job.series_name = project_.series_name();
  job.series = TRY(project_.training_series(run.started_at));
  job.windows = definition.validation.windows;
  job.confidence = definition.validation.confidence;
  job.paths = definition.validation.paths;
  job.algorithm = project_.forecast().algorithm;
  job.options = TRY(project_.training_options(run.started_at));
  job.options.seed = run.seed;
  // What it is judged by stands from its start on, also where a crash makes it begin again after a deployment.
  json::value production = nullptr;
  if (const json::value* before = run.parameters.if_contains("production")) {
    production = *before;
  } else {
    if (const std::optional<int> placed = TRY(project_.registry().placed("production"))) production = *placed;
    run.threshold = TRY(project_.registry().threshold());
  }
  const json::value* warm_start = run.parameters.if_contains("warm_start");
  const int first_weights = warm_start ? warm_start->to_number<int>() : 0;
  run.parameters = parameters_of(job);
  run.parameters["production"] = production;
  if (first_weights != 0) {
    run.parameters["warm_start"] = first_weights;
    job.warm_start_artefact = TRY(project_.registry().artefact(first_weights));
  }
  if (!production.is_null()) {
    const int version = production.to_number<int>();
    job.production_artefact = TRY(project_.registry().artefact(version));
    job.production_data_end = TRY(project_.registry().get(version)).data_end;
  }

  run.data_from = job.series.start;
  run.data_until = job.series.end();
  run.observations = observed(job.series);
  TRY(project_.tracking().update_run(run));
  active.run = std::move(run);
  Status started;
  if (backtest_windows(job.series, job.options.horizon, job.windows) >= kLeastWindows) {
    Result<std::unique_ptr<TrainingChild>> child = TrainingChild::start(binary_, job, folder(active.run, "judge"));
    if (child.ok())
      active.child = std::move(*child);
    else
      started = child.status();
  }
  active_ = std::move(active);
  if (!started.ok())
    end(RunOutcome::kFailed, started.message());
  else if (active_->child == nullptr)
    end(RunOutcome::kSkippedInsufficientData,
        fmt::format("{} observations; needed are {} before the first of {} windows of {} steps. Skipped.",
                    active_->run.observations, kLeastObservations, kLeastWindows, active_->job.options.horizon));
  return ok();
}

void TrainingRuns::end(RunOutcome outcome, std::string reason) {
  active_->run.outcome = outcome;
  active_->run.reason = std::move(reason);
  active_->stage = Stage::kOver;
  active_->child.reset();
}

Result<bool> TrainingRuns::advance() {
  while (active_->stage != Stage::kOver) {
    if (!active_->child->finished()) return false;
    TRY(step());
  }
  return true;
}

Status TrainingRuns::step() {
  Result<JobResult> result = active_->child->wait();
  const bool judging = active_->stage == Stage::kJudging;
  if (!result.ok()) {
    end(RunOutcome::kFailed, judging ? result.message() : "refit: " + result.message());
    return ok();
  }
  return judging ? on_judged(std::move(*result)) : on_refitted(std::move(*result));
}

Status TrainingRuns::on_judged(JobResult judged) {
  active_->judged = std::move(judged);
  Run& run = active_->run;
  const Backtest& backtest = *active_->judged.backtest;
  if (const std::size_t windows = backtest.windows.size(); windows < kLeastWindows) {
    end(RunOutcome::kSkippedInsufficientData,
        fmt::format("{} observations, but gaps leave {} back-test windows; needed are {}. Skipped.", run.observations,
                    windows, kLeastWindows));
    return ok();
  }
  const GateOutcome gate = judge(backtest, *run.threshold, project_.definition().validation.must_beat);
  run.loss = backtest.loss;
  run.data_hash = active_->judged.data_hash;
  run.metrics = metrics_of(backtest, gate, active_->judged);
  run.seconds = active_->judged.seconds;
  active_->verdict =
      fmt::format("{} observations, {} back-test windows: {}.", run.observations, backtest.windows.size(), gate.reason);
  if (!gate.passed) {
    end(RunOutcome::kRejectedByGate, active_->verdict + " Rejected.");
    return ok();
  }
  // The registered model: the judged one, trained anew on everything.
  TrainingJob job = active_->job;
  job.kind = JobKind::kRefit;
  job.production_artefact.clear();
  job.judged_artefact = active_->judged.artefact;
  Result<std::unique_ptr<TrainingChild>> child = TrainingChild::start(binary_, job, folder(run, "refit"));
  if (!child.ok()) {
    end(RunOutcome::kFailed, "refit: " + child.message());
    return ok();
  }
  active_->stage = Stage::kRefitting;
  active_->child = std::move(*child);
  return ok();
}

Status TrainingRuns::on_refitted(JobResult refitted) {
  Run& run = active_->run;
  run.metrics["refit"] = json::object{{"steps", refitted.steps}, {"train_loss", refitted.train_loss}};
  run.artefact_hash = refitted.artefact_hash;
  run.seconds += refitted.seconds;
  active_->refitted = std::move(refitted);
  end(RunOutcome::kSucceeded, active_->verdict + " Passed.");
  return ok();
}

Result<RunEnd> TrainingRuns::finish(ProcessingTime now) {
  CHECK(active());
  while (active_->stage != Stage::kOver) TRY(step());
  Run& run = active_->run;
  run.finished_at = now;
  if (run.outcome == RunOutcome::kSucceeded) TRY(register_model(now));
  TRY(project_.tracking().update_run(run));
  TRY(timeline_.note(now, "run", fmt::format("run {}", run.id), fmt::format("{}: {}", run.why, run.reason),
                     run.seconds));
  RunEnd over{run, run.model_version};
  active_.reset();
  return over;
}

// A run that a crash interrupted after its registration finds its version again.  The name alone would not do: after a
// power cut another run may bear it.
Status TrainingRuns::register_model(ProcessingTime now) {
  Run& run = active_->run;
  for (const ModelVersion& model : TRY(project_.registry().list()))
    if (model.run == active_->job.run && model.artefact_hash == run.artefact_hash) run.model_version = model.version;
  if (run.model_version) return ok();
  const Backtest& backtest = *active_->judged.backtest;
  ModelVersion model;
  model.run = active_->job.run;
  model.created_at = now;
  model.data_end = active_->job.series.end();
  model.artefact_hash = run.artefact_hash;
  model.loss = backtest.loss;
  model.loss_point_90 = backtest.loss_point_90;
  model.metrics = run.metrics;
  run.model_version = TRY(project_.registry().add(std::move(model), active_->refitted.artefact, "scheduler"));
  return ok();
}

std::filesystem::path TrainingRuns::folder(const Run& run, std::string_view step) const {
  return project_.definition().data / "runs" / std::to_string(run.id) / step;
}

}  // namespace tidecast
