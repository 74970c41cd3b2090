#include "app/tuning.h"

#include <algorithm>
#include <cmath>

#include "app/training_runs.h"

namespace tidecast {
namespace {

constexpr std::string_view kTune = "tune";

std::string differs_text(const json::object& differs) {
  if (differs.empty()) return "the defaults";
  std::string text;
  for (const auto& [name, value] : differs)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", std::string_view(name), to_text(value));
  return text;
}

std::optional<double> number_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value ? std::optional(value->to_number<double>()) : std::nullopt;
}

void set_finite(json::object& object, std::string_view key, double value) {
  if (std::isfinite(value)) object[key] = value;
}

std::string reason_of(const json::object& trial) {
  const std::string what =
      fmt::format("trial {}, {}", to_text(trial.at("number")), differs_text(trial.at("differs").as_object()));
  if (const json::value* diverged = trial.if_contains("diverged"))
    return fmt::format("{}: diverged: {}", what, std::string_view(diverged->as_string()));
  std::string text = fmt::format("{}: held-out loss {:.4f}", what, *number_at(trial, "held_out_loss"));
  if (const double share = *number_at(trial, "share"); share < 1)
    text += fmt::format(", in {:g} of the steps; others were better", share);
  return text + ".";
}

// Only DeepAR's hyperparameters are searched.
Status check_deepar(const ForecastDefinition& forecast) {
  if (forecast.algorithm.is_deepar()) return ok();
  return failed_precondition("forecast.algorithm is {}; tidecast tune searches the hyperparameters of deepar",
                             name_of(forecast.algorithm));
}

}  // namespace

bool is_trial(const Run& run) { return run.why == kTune; }

Result<json::object> training_data_json(const Project& project, ProcessingTime now) {
  if (!project.definition().forecast)
    return failed_precondition("the definition has no forecast: there is nothing to train");
  TRY(check_deepar(*project.definition().forecast));
  const TimeSeries series = TRY(project.training_series(now));
  json::array values;
  for (const double value : series.values)
    values.push_back(std::isnan(value) ? json::value(nullptr) : json::value(value));
  return json::object{{"series", project.series_name()},
                      {"as_of", to_rfc3339(now)},
                      {"start", to_rfc3339(series.start)},
                      {"step_ms", project.step().count()},
                      {"season", project.season()},
                      {"values", std::move(values)},
                      {"parameters", TRY(project.registry().parameters(now))}};
}

Result<TrainingJob> job_of(const Definition& definition, const json::object& training_data) {
  if (!definition.forecast) return failed_precondition("the definition has no forecast: there is nothing to train");
  TRY(check_deepar(*definition.forecast));
  TrainingJob job;
  job.run = kTune;
  job.series_name = training_data.at("series").as_string();
  job.series.start = EventTime::from_ms(TRY(parse_rfc3339(training_data.at("start").as_string())));
  job.series.step = Milliseconds(training_data.at("step_ms").to_number<std::int64_t>());
  for (const json::value& value : training_data.at("values").as_array())
    job.series.values.push_back(value.is_null() ? std::nan("") : value.to_number<double>());
  job.windows = definition.validation.windows;
  job.confidence = definition.validation.confidence;
  job.paths = definition.validation.paths;
  job.options = definition.forecast->options;
  TRY(set_hyperparameters(training_data.at("parameters").as_object(), job.options).in("parameters"));
  job.options.season = training_data.at("season").to_number<int>();
  return job;
}

json::object trial_json(const Trial& trial, const Trials& of) {
  DeepArOptions options = of.defaults;
  CHECK(set_hyperparameters(trial.differs, options).ok());
  json::object result{
      {"number", trial.number},      {"differs", trial.differs},    {"hyperparameters", hyperparameters_of(options)},
      {"share", kRungs[trial.rung]}, {"steps", trial.result.steps}, {"best_step", trial.result.best_step},
      {"seconds", trial.seconds}};
  if (!trial.diverged.empty()) {
    result["diverged"] = trial.diverged;
    return result;
  }
  result["held_out_loss"] = trial.result.held_out_loss;
  if (const auto& accuracy = trial.result.accuracy) {
    set_finite(result, "mean_wql", accuracy->mean_wql);
    set_finite(result, "mase", accuracy->mase);
    set_finite(result, "coverage", accuracy->coverage);
  }
  return result;
}

Result<json::object> record_trials(Project& project, const TrialRecords& records, ProcessingTime now) {
  const ProcessingTime as_of = ProcessingTime::from_ms(TRY(parse_rfc3339(records.as_of).in("as_of")));
  const TimeSeries series = TRY(project.training_series(as_of));
  Run run;
  run.why = kTune;
  run.started_at = as_of;
  run.finished_at = now;
  run.data_from = series.start;
  run.data_until = series.end();
  run.observations = std::ranges::count_if(series.values, [](double value) { return !std::isnan(value); });
  run.data_hash = hash_of(series);
  run.seed = project.forecast().seed;
  const ValidationDefinition& validation = project.definition().validation;
  TrainingJob job{.series_name = project.series_name(),
                  .windows = validation.windows,
                  .confidence = validation.confidence,
                  .paths = validation.paths,
                  .options = TRY(project.training_options(as_of))};
  json::array ids;
  TRY(in_transaction(project.tracking(), [&]() -> Status {
    for (const json::value& value : records.trials) {
      const json::object& trial = value.as_object();
      const bool diverged = trial.contains("diverged");
      if (!diverged && !trial.contains("held_out_loss"))
        return invalid_argument("trial {}: found neither held_out_loss nor diverged, allowed: one of them",
                                to_text(trial.at("number")));
      run.outcome = diverged ? RunOutcome::kFailed : RunOutcome::kSucceeded;
      run.reason = reason_of(trial);
      run.loss = number_at(trial, "mean_wql");
      run.seconds = *number_at(trial, "seconds");
      TRY(set_hyperparameters(trial.at("hyperparameters").as_object(), job.options)
              .in(fmt::format("trial {}", to_text(trial.at("number")))));
      run.parameters = parameters_of(job);
      run.metrics = trial;
      for (const char* told : {"hyperparameters", "seconds", "mean_wql"}) run.metrics.erase(told);
      run.metrics["search_seed"] = records.seed;
      ids.push_back(TRY(project.tracking().add_run(run)));
    }
    return ok();
  }));
  return json::object{{"runs", std::move(ids)}};
}

Result<json::object> parameters_json(Project& project, ProcessingTime now) {
  if (!project.definition().forecast)
    return failed_precondition("the definition has no forecast: there is nothing to train");
  json::array history;
  std::vector<Transition> log = TRY(project.registry().log());
  for (auto row = log.rbegin(); row != log.rend(); ++row)
    if (row->what == "parameters")
      history.push_back(json::object{{"number", row->number},
                                     {"at", to_rfc3339(row->at)},
                                     {"actor", row->actor},
                                     {"why", row->why},
                                     {"values", row->details.at("to")}});
  return json::object{{"values", TRY(project.registry().parameters(now))},
                      {"hyperparameters", hyperparameters_of(TRY(project.training_options(now)))},
                      {"history", std::move(history)}};
}

}  // namespace tidecast
