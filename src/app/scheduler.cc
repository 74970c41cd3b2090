#include "app/scheduler.h"

#include <algorithm>

#include "app/words.h"
#include "monitoring/monitor.h"

namespace tidecast {
namespace {

constexpr Milliseconds kFlushEvery = 1h;
constexpr std::uint64_t kCompactAtOnce = 16 << 20;  // Bytes: a fraction of a second.
constexpr int kMostMerges = 8;                      // An hour.
constexpr Milliseconds kRetryFirstRun = 1h;         // After a first run that was skipped, failed or rejected.
constexpr const char* kState = "scheduler";
constexpr const char* kTarget = "forecast_of";

ProcessingTime next_multiple(ProcessingTime after, Milliseconds every) { return floor_to(after, every) + every; }

json::value to_json(const std::optional<ProcessingTime>& time) {
  return time ? json::value(time->ms()) : json::value(nullptr);
}

std::optional<ProcessingTime> time_at(const json::object& saved, std::string_view key) {
  const json::value* value = saved.if_contains(key);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return ProcessingTime::from_ms(value->to_number<std::int64_t>());
}

}  // namespace

Scheduler::Scheduler(Project& project, Clock& clock, Endpoints& endpoints, LoopMetrics* metrics,
                     SchedulerOptions options, TimelineObserver observer)
    : project_(project),
      clock_(clock),
      endpoints_(endpoints),
      metrics_(metrics),
      options_(std::move(options)),
      timeline_(project.tracking(), std::move(observer)),
      deployer_(project, endpoints, timeline_, options_.server),
      agreement_(project.features()),
      alarm_("loss_production", project.definition().monitoring.alarm),
      retrain_(project.definition().monitoring.retrain) {}

Status Scheduler::restore() {
  sources_ = TRY(project_.open_sources());
  told_.resize(sources_.size());
  pipeline_ = TRY(Pipeline::open(project_.pipeline_options(), project_.features()));
  sources_.not_before(TRY(project_.features().recover()).arrival);
  for (std::size_t s = 0; s < sources_.size(); ++s) {
    Source& source = sources_.at(s);
    TRY(source.seek(pipeline_->cursor(s)));
    if (options_.from && pipeline_->cursor(s).empty())
      while (!TRY(source.read(*options_.from - 1ms, options_.batch_max)).empty()) continue;
  }

  if (const std::optional<json::value> value = TRY(project_.tracking().state(kState))) {
    const json::object& saved = value->as_object();
    next_flush_ = time_at(saved, "next_flush");
    next_evaluation_ = time_at(saved, "next_evaluation");
    first_run_ = time_at(saved, "first_run");
    soak_over_ = time_at(saved, "soak_over");
    candidate_ = saved.at("candidate").to_number<int>();
    first_run_started_ = saved.at("first_run_started").as_bool();
    TRY(alarm_.restore(saved.at("alarm").as_object()));
    TRY(retrain_.restore(saved.at("retrain").as_object()));
  }
  if (!project_.definition().forecast) return ok();
  if (metrics_) TRY(restore_metrics());
  TRY(check_target());
  TRY(project_.registry().set_threshold_if_absent(project_.definition().validation.threshold, clock_.now()));
  TRY(deployer_.restore());
  forecasts_.emplace(project_, endpoints_, timeline_);
  TRY(forecasts_->restore());
  runs_.emplace(project_, timeline_, options_.binary, options_.nominal_run);
  return ok();
}

Status Scheduler::restore_metrics() {
  metrics_->on_batch(project_.features().books(), clock_.now(), pipeline_->watermark(), open_windows());
  metrics_->on_alarm(alarm_.state() == AlarmState::kAlarm);
  for (const Evaluation& evaluation : TRY(project_.tracking().evaluations("production")))
    if (evaluation.loss) metrics_->on_evaluation(*evaluation.loss, evaluation.threshold);
  return ok();
}

// Models, forecasts and scores of one folder are of one series and horizon.
Status Scheduler::check_target() {
  const json::object now{{"series", project_.series_name()}, {"horizon", project_.forecast().horizon}};
  const std::optional<json::value> before = TRY(project_.tracking().state(kTarget));
  if (before && *before == json::value(now)) return ok();
  if (before && !TRY(project_.registry().list()).empty())
    return failed_precondition(
        "the models here forecast {} steps of {}, the definition now asks for {} steps of {}; put it back, or use a "
        "new data folder (--data)",
        to_text(before->at("horizon")), std::string(before->at("series").as_string()), project_.forecast().horizon,
        project_.series_name());
  return project_.tracking().set_state(kTarget, now);
}

Status Scheduler::run(const std::function<bool(const LoopProgress&)>& progress) {
  if (sources_.live()) return failed_precondition("the source {} is live; run it: tidecast run", sources_.at(0).name());
  if (runs_) TRY(runs_->restore());
  mode_ = Mode::kReplay;
  for (;;) {
    std::optional<ProcessingTime> arrival = TRY(sources_.next_arrival());
    if (arrival && options_.until && *arrival > *options_.until) arrival.reset();
    std::optional<ProcessingTime> due = next_due(), last_due = options_.until;
    // After the source's last record only what is under way is brought to its end; the next hour is not waited for.
    if (!arrival && !last_due) last_due = runs_ && runs_->active() ? runs_->due() : ProcessingTime::min();
    if (due && last_due && *due > *last_due) due.reset();
    if (!arrival && !due) break;
    if (arrival && (!due || *arrival <= *due)) {
      ProcessingTime until = due.value_or(ProcessingTime::max());
      if (options_.until) until = std::min(until, *options_.until);
      clock_.wait_until(*arrival);
      TRY(take_batch(until));
    } else {
      clock_.wait_until(*due);
      TRY(run_due(*due));
    }
    if (!progress({clock_.now(), sources_.progress(), project_.features().books()})) {
      TRY(project_.set_simulated_now(clock_.now()));
      return cancelled("stopped at {} (simulated); run it again to go on", to_rfc3339(clock_.now()));
    }
  }
  if (options_.until) clock_.wait_until(*options_.until);
  mode_ = Mode::kIdle;
  TRY(project_.set_simulated_now(clock_.now()));
  return project_.features().flush(true);
}

std::size_t Scheduler::open_windows() const {
  std::size_t open = 0;
  for (std::size_t g = 0; g < project_.features().groups().size(); ++g) open += pipeline_->open_windows(g);
  return open;
}

Status Scheduler::take_batch(ProcessingTime until) {
  const auto [source, batch] = TRY(sources_.read(until, options_.batch_max));
  if (batch.empty()) return ok();
  if (!next_flush_) TRY(plan_jobs(batch.records.front().arrival));
  // Live it has come already, whatever a clock that was put back says.
  if (mode_ != Mode::kLive) clock_.wait_until(batch.records.back().arrival);
  const Ingested ingested = TRY(pipeline_->ingest(source, batch));
  sources_.at(source).on_taken({.records = batch.records.size(),
                                .known = ingested.known,
                                .gap = ingested.gap.has_value(),
                                .stored = ingested.books.stored,
                                .duplicate = ingested.books.duplicate,
                                .late = ingested.books.late,
                                .dead = ingested.books.dead,
                                .reasons = ingested.reasons});
  return take(ingested);
}

// Before it is committed, so that a crash between the two changes nothing.
Status Scheduler::plan_jobs(ProcessingTime first) {
  next_flush_ = next_multiple(first, kFlushEvery);
  next_evaluation_ = next_multiple(first, project_.definition().monitoring.every);
  return save();
}

Status Scheduler::take(const Ingested& ingested) {
  if (ingested.gap) TRY(note_gap(*ingested.gap, clock_.now()));
  if (metrics_) {
    metrics_->on_batch(project_.features().books(), clock_.now(), pipeline_->watermark(), open_windows());
    for (std::size_t g = 0; g < project_.definition().groups.size(); ++g) {
      const std::string& group = project_.definition().groups[g].name;
      metrics_->on_group(group, pipeline_->watermark(g), project_.features().freshness(group).event_time);
    }
  }
  if (!forecasts_) return ok();
  TRY(forecasts_->on_ingested(ingested));
  if (!first_run_ && !first_run_started_) TRY(plan_first_run());
  return ok();
}

// The first run begins a stated time after the first window's start, known long before, so that it falls between the
// same two records whatever the batches.
Status Scheduler::plan_first_run() {
  if (forecasts_->history().values.empty()) return ok();
  const ForecastDefinition& forecast = project_.forecast();
  const Milliseconds enough = project_.step() * (kLeastObservations + kLeastWindows * forecast.horizon + 3);
  const EventTime start = forecasts_->history().start;
  first_run_ = ProcessingTime::from_ms((start + forecast.first_training_after.value_or(enough)).ms());
  return save();
}

std::optional<ProcessingTime> Scheduler::next_due() const {
  std::optional<ProcessingTime> due = next_flush_;
  const auto consider = [&due](const std::optional<ProcessingTime>& time) {
    if (time && (!due || *time < *due)) due = time;
  };
  consider(pipeline_->next_due());
  if (!forecasts_) return due;
  consider(next_evaluation_);
  consider(first_run_);
  consider(soak_over_);
  consider(retrain_.next_due());
  if (runs_->active() && mode_ != Mode::kLive) consider(runs_->due());
  return due;
}

// What fell due and the plan that follows from it are one transaction of the tracking; the registry's changes are such
// that a repeat after a crash finds them done.
Status Scheduler::run_due(ProcessingTime now) {
  ++changes_;
  return in_transaction(project_.tracking(), [&]() -> Status {
    TRY(run_jobs(now));
    TRY(save());
    return options_.simulated ? project_.set_simulated_now(now) : ok();
  });
}

// In this order whatever falls on one moment: a run's end may deploy, which an evaluation at that moment then sees.
Status Scheduler::run_jobs(ProcessingTime now) {
  const auto is_due = [now](const std::optional<ProcessingTime>& time) { return time && *time <= now; };
  if (is_due(pipeline_->next_due())) TRY(take(TRY(pipeline_->on_time(now))));
  if (forecasts_) {
    if (TRY(run_is_over(now))) TRY(finish_run(now));
    if (is_due(soak_over_)) TRY(end_soak(now));
    if (is_due(next_evaluation_)) {
      TRY(evaluate_all(now));
      next_evaluation_ = next_multiple(now, project_.definition().monitoring.every);
    }
    if (is_due(retrain_.next_due())) retrain_.on_tick(now);
    if (is_due(first_run_)) TRY(begin_first_run(now));
    if (retrain_.state() == RetrainState::kQueued && !runs_->active()) TRY(start_run(retrain_.why(), now));
  }
  if (is_due(next_flush_)) {
    TRY(tend_files(now));
    next_flush_ = next_multiple(now, kFlushEvery);
  }
  return ok();
}

// Without a stated time the first run waits until there is enough to train on; with one it runs then and says what it
// found.
Status Scheduler::begin_first_run(ProcessingTime now) {
  if (first_run_started_ && (candidate_ != 0 || TRY(project_.registry().placed("production")))) {
    first_run_.reset();  // A person has seen to it meanwhile.
    return ok();
  }
  const ForecastDefinition& forecast = project_.forecast();
  const TimeSeries series = TRY(project_.target_series(EventTime::max(), now, kTrainingHistory));
  if (!forecast.first_training_after && backtest_windows(series, forecast.horizon, kLeastWindows) < kLeastWindows) {
    first_run_ = now + std::max<Milliseconds>(project_.step(), 10min);
    return ok();
  }
  first_run_.reset();
  first_run_started_ = true;
  return runs_->active() ? ok() : start_run("initial", now);
}

Result<bool> Scheduler::run_is_over(ProcessingTime now) {
  if (!runs_->active()) return false;
  return mode_ == Mode::kLive ? runs_->advance() : Result<bool>(runs_->due() <= now);
}

Status Scheduler::start_run(const std::string& why, ProcessingTime now) {
  if (retrain_.state() == RetrainState::kQueued) retrain_.on_run_started(now);
  return runs_->start(why, now);
}

Result<RunEnd> Scheduler::finish_run(ProcessingTime due) {
  // What fell due during an outage is done at its time; but a run that a person started since has not ended before.
  const ProcessingTime now = std::max(due, runs_->run().started_at);
  const RunEnd end = TRY(runs_->finish(now));
  if (metrics_) metrics_->on_run_ended();
  if (end.version) {
    candidate_ = *end.version;
    // A person may have rejected it already, where a crash came between its registration and this.
    if (TRY(project_.registry().get(candidate_)).approval == Approval::kRejected)
      candidate_ = 0;
    else
      soak_over_ = TRY(deployer_.on_registered(candidate_, now, end.run.reason));
  }
  TRY(plan_another_first_run(now));
  const bool in_production = end.version && TRY(project_.registry().placed("production")) == *end.version;
  if (retrain_.state() == RetrainState::kTraining &&
      retrain_.on_run_ended(now, end.run.outcome, candidate_ != 0 && end.version && !in_production) &&
      retrain_.state() == RetrainState::kGaveUp)
    TRY(timeline_.note(now, "alarm", "gave up",
                       fmt::format("{} retrains in a row gave no model; no more until the alarm clears. A person can: "
                                   "tidecast runs, tidecast train",
                                   project_.definition().monitoring.retrain.attempts)));
  if (in_production) on_production(*end.version, now);
  return end;
}

// Without a model in production nothing raises the alarm that asks for another one, so a first run that gave none, or
// one that was rejected, is done again with more data.
Status Scheduler::plan_another_first_run(ProcessingTime now) {
  const bool wanted = first_run_started_ && !first_run_ && candidate_ == 0;
  if (wanted && !TRY(project_.registry().placed("production"))) first_run_ = now + kRetryFirstRun;
  return ok();
}

Status Scheduler::end_soak(ProcessingTime now) {
  soak_over_.reset();
  const int version = candidate_;
  if (TRY(deployer_.deploy_or_tell("production", version, now, "auto", "soak in staging is over")))
    on_production(version, now);
  return ok();
}

void Scheduler::on_production(int version, ProcessingTime now) {
  alarm_.reset();
  on_decided(version, now);
}

void Scheduler::on_decided(int version, ProcessingTime now) {
  if (version != candidate_) return;  // What is waited for is another one.
  candidate_ = 0;
  soak_over_.reset();
  retrain_.on_deployed_or_rejected(now);
}

Status Scheduler::evaluate_all(ProcessingTime now) {
  const double threshold = TRY(project_.registry().threshold());
  for (const char* stage : {"staging", "production"}) {
    const std::optional<ServedModel> served = endpoints_.serving(stage);
    if (!served) continue;
    const ProcessingTime after = now - project_.definition().monitoring.every;
    const std::vector<Score> scores = TRY(project_.tracking().scores(stage, served->version, after, now));
    const Evaluation evaluation = evaluate(stage, served->version, scores, now, threshold);
    TRY(project_.tracking().put(evaluation));
    if (std::string_view(stage) != "production") continue;
    const std::optional<AlarmChange> change = alarm_.on_evaluation(evaluation);
    if (metrics_ && evaluation.loss) metrics_->on_evaluation(*evaluation.loss, threshold);
    if (metrics_) metrics_->on_alarm(alarm_.state() == AlarmState::kAlarm);
    if (evaluation.breach) {
      const AlarmRule& rule = project_.definition().monitoring.alarm;
      TRY(timeline_.note(
          now, "breach", "breach",
          fmt::format("production model {}: loss {:.3f} of {} forecasts > {:.3f} ({} of the last {})", served->version,
                      *evaluation.loss, evaluation.forecasts, threshold, alarm_.breaches(), rule.of)));
    }
    if (change) TRY(on_alarm_change(*change, served->version, now));
  }
  return ok();
}

Status Scheduler::on_alarm_change(const AlarmChange& change, int version, ProcessingTime now) {
  TRY(project_.tracking().put(change));
  std::string text = fmt::format("{}: {}", change.name, change.why);
  if (change.state == name_of(AlarmState::kAlarm)) {
    if (retrain_.on_alarm(now, change.name) && retrain_.state() == RetrainState::kQueued) text += " Retrain queued.";
  } else if (change.state == name_of(AlarmState::kOk)) {
    retrain_.on_alarm_cleared(now);
  }
  return timeline_.note(now, "alarm", change.state, fmt::format("{} (model {})", text, version));
}

Status Scheduler::save() {
  const json::object state{{"next_flush", to_json(next_flush_)},
                           {"next_evaluation", to_json(next_evaluation_)},
                           {"first_run", to_json(first_run_)},
                           {"soak_over", to_json(soak_over_)},
                           {"candidate", candidate_},
                           {"first_run_started", first_run_started_},
                           {"alarm", alarm_.save()},
                           {"retrain", retrain_.save()}};
  return project_.tracking().set_state(kState, state);
}

Result<Run> Scheduler::train(const std::string& why, const std::string& actor, int warm_start) {
  if (!runs_) return failed_precondition("the definition has no forecast: there is nothing to train");
  ++changes_;
  if (mode_ == Mode::kIdle && !runs_->active()) {
    TRY(runs_->restore());
    if (runs_->active()) TRY(end_run_now());  // Of a process that ended too early: it comes first.
  }
  TRY(start_manual_run(why, actor, warm_start));
  return runs_->run();
}

Result<bool> Scheduler::tend_run() {
  if (!runs_ || !runs_->active() || !TRY(runs_->advance())) return false;
  ++changes_;
  TRY(end_run_now());
  return true;
}

Status Scheduler::start_manual_run(const std::string& why, const std::string& actor, int warm_start) {
  TRY(runs_->start("manual: " + why, clock_.now(), warm_start));
  return timeline_.note(clock_.now(), "run", fmt::format("run {}", runs_->run().id),
                        fmt::format("started by {}: {}", actor, why));
}

// Waits for the children, and by a simulated clock for the run's length.
Result<RunEnd> Scheduler::end_run_now() {
  if (options_.simulated) clock_.wait_until(runs_->due());
  RunEnd end;
  TRY(in_transaction(project_.tracking(), [&]() -> Status {
    end = TRY(finish_run(clock_.now()));
    TRY(save());
    return options_.simulated ? project_.set_simulated_now(clock_.now()) : ok();
  }));
  return end;
}

Status Scheduler::approve(int version, const std::string& stage, const std::string& actor, const std::string& why) {
  ++changes_;
  const ProcessingTime now = clock_.now();
  const ModelVersion model = TRY(project_.registry().get(version));
  if (model.approval == Approval::kRejected) return failed_precondition("model {} was rejected", version);
  if (model.approval == Approval::kPendingManualApproval) {
    TRY(project_.registry().approve(version, now, actor, why));
    TRY(timeline_.note(now, "model", fmt::format("model {}", version),
                       fmt::format("approved by {}{}", actor, why.empty() ? "" : ": " + why)));
  }
  if (stage == "production" && TRY(project_.registry().placed("staging")) != version)
    TRY(deployer_.deploy("staging", version, now, actor, why));
  return deploy(stage, version, actor, why);
}

Status Scheduler::deploy(const std::string& stage, int version, const std::string& actor, const std::string& why) {
  ++changes_;
  const bool moves = TRY(project_.registry().placed(stage)) != version;
  TRY(deployer_.deploy(stage, version, clock_.now(), actor, why));
  if (moves && stage == "production") alarm_.reset();
  if (stage == "production") on_decided(version, clock_.now());  // Also of a repeat: a crash may have come before it.
  if (moves) soak_over_.reset();                                 // A person has taken it into their own hands.
  return save();
}

Status Scheduler::reject(int version, const std::string& actor, const std::string& why) {
  ++changes_;
  const ProcessingTime now = clock_.now();
  TRY(project_.registry().reject(version, now, actor, why));
  TRY(timeline_.note(now, "model", fmt::format("model {}", version), fmt::format("rejected by {}: {}", actor, why)));
  on_decided(version, now);
  TRY(plan_another_first_run(now));
  return save();
}

Status Scheduler::tend_files(ProcessingTime now) {
  TRY(project_.features().flush());
  for (int merges = 0; merges < kMostMerges && TRY(project_.features().compact(kCompactAtOnce)); ++merges) continue;
  const StoreAgreement::Checked checked = TRY(agreement_.check_more());
  if (metrics_) metrics_->on_comparison(checked.compared, checked.mismatches);
  if (checked.mismatches == 0) return ok();
  ++changes_;
  return timeline_.note(now, "data", "stores disagree",
                        fmt::format("{} of {} rows online are not what the files say: {}", checked.mismatches,
                                    checked.compared, checked.first.empty() ? "" : checked.first.front()));
}

Status Scheduler::note(const std::string& kind, const std::string& subject, const std::string& text) {
  ++changes_;
  return timeline_.note(clock_.now(), kind, subject, text);
}

Result<std::uint64_t> Scheduler::erase(const std::string& group, const std::optional<std::string>& key,
                                       EventRange range, const std::string& actor, const std::string& why) {
  ++changes_;
  const std::uint64_t rows = TRY(project_.features().erase(group, key, range, clock_.now()));
  TRY(timeline_.note(
      clock_.now(), "data", "erased",
      fmt::format("{} of {}, by {}: {}", counted(static_cast<std::int64_t>(rows), "row"), group, actor, why)));
  return rows;
}

Result<Replayed> Scheduler::replay_dead(std::span<const DeadLetter> letters, const std::string& actor) {
  if (letters.empty()) return Replayed{};
  ++changes_;
  if (mode_ == Mode::kLive)  // What came before comes first.
    for (auto arrival = TRY(sources_.next_arrival()); arrival && *arrival <= clock_.now();
         arrival = TRY(sources_.next_arrival()))
      TRY(take_batch(clock_.now()));
  sources_.not_before(clock_.now());
  const Replayed replayed = TRY(pipeline_->replay(letters, sources_.last_given()));
  TRY(take(replayed.ingested));
  const Books& taken = replayed.ingested.books;
  TRY(timeline_.note(
      clock_.now(), "data", "dead letters",
      fmt::format("{} tried again by {}: {} stored, {} late, {} duplicate; {} still dead", letters.size(), actor,
                  taken.stored, taken.late, taken.duplicate, replayed.still_dead)));
  return replayed;
}

}  // namespace tidecast
