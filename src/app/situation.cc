#include "app/situation.h"

#include <algorithm>

#include "app/tuning.h"
#include "app/words.h"
#include "monitoring/monitor.h"
#include "training/gate.h"

namespace tidecast {
namespace {

constexpr Milliseconds kRateOver = 1min;
constexpr std::uint64_t kFewRecords = 10;  // Too few for a share.
constexpr int kLookBack = 1000;            // Evaluations; a longer row of breaches is said to have begun there.

Waiting waiting_of(const ModelVersion& model, std::string stage, ProcessingTime since) {
  Waiting waiting{.version = model.version, .stage = std::move(stage), .since = since, .loss = model.loss};
  if (const json::value* windows = model.metrics.if_contains("windows"))
    waiting.windows = windows->to_number<std::int64_t>();
  if (const json::value* gate = model.metrics.if_contains("gate")) {
    for (const json::value& check : gate->as_array()) {
      if (!check.at("ran").as_bool()) continue;
      ++waiting.checks;
      waiting.passed += check.at("passed").as_bool();
    }
  }
  return waiting;
}

}  // namespace

Result<Situation> Observer::look(const LoopState& loop) {
  Situation at;
  const Definition& definition = project_.definition();
  const std::size_t group = shown_group();
  std::map<std::string, std::uint64_t> rows;
  for (const FeatureGroup& each : project_.features().groups()) rows[each.name] = project_.features().rows(each.name);
  if (last_ && last_->loop.changes == loop.changes) {
    at = *last_;
    at.loop = loop;
    at.books = project_.features().books();
    if (at.rows != rows) TRY(look_at_windows(at, std::move(rows)));
    last_ = at;
    TRY(measure_rate(at));
    return at;
  }
  at.project = definition.project;
  at.source = loop.source_name.empty() ? definition.sources[0].name : loop.source_name;
  at.loop = loop;
  const auto shown = std::ranges::find(definition.sources, at.source, &SourceDefinition::name);
  at.pushed = shown != definition.sources.end() && shown->kind == SourceDefinition::Kind::kHttpPush;
  at.live = live_;
  at.simulated = simulated_;
  at.books = project_.features().books();
  if (!definition.groups.empty()) {
    at.step = project_.features().groups()[group].step();
    at.lateness = definition.groups[group].lateness;
    at.keyed = !definition.groups[group].key.empty();
    at.session = definition.groups[group].kind == WindowKind::kSession;
  }
  at.forecasts = definition.forecast.has_value();
  if (at.forecasts) {
    at.target = project_.series_name();
    at.horizon = project_.forecast().horizon;
    at.windows_needed = kLeastObservations + kLeastWindows * at.horizon;
    at.evaluate_every = definition.monitoring.every;
    at.soak = definition.deployment.soak;
    at.alarm_rule = definition.monitoring.alarm;
    at.retrain_rule = definition.monitoring.retrain;
    at.approval_auto = definition.deployment.production_auto;
    TRY(look_at_models(at));
    TRY(look_at_accuracy(at));
  }
  TRY(look_at_windows(at, std::move(rows)));
  last_ = at;
  TRY(measure_rate(at));
  return at;
}

std::size_t Observer::shown_group() const { return project_.definition().forecast ? project_.target_group() : 0; }

// What a closed window changes.
Status Observer::look_at_windows(Situation& at, std::map<std::string, std::uint64_t> rows) {
  at.rows = std::move(rows);
  at.gaps = project_.features().gap_count();
  if (project_.definition().groups.empty()) return ok();
  const WindowGroup& group = project_.definition().groups[shown_group()];
  at.windows = at.rows[group.name];
  if (group.key.empty()) {
    at.newest = TRY(project_.features().latest(group.name));
  } else if (const Freshness newest = project_.features().freshness(group.name); newest.event_time) {
    at.newest =
        FeatureRow{*newest.event_time - group.window, *newest.event_time, newest.write_time.value_or(at.loop.now), {}};
  }
  at.forecast_made_at.reset();
  if (!at.production) return ok();
  if (const std::vector<Forecast> newest = TRY(project_.tracking().forecasts("production", 1));
      !newest.empty() && newest.back().version == at.production) {
    at.forecast_made_at = newest.back().made_at;
    at.forecast_until = newest.back().origin + at.step * static_cast<std::int64_t>(newest.back().mean.size());
  }
  return ok();
}

Status Observer::look_at_models(Situation& at) {
  const Registry& registry = project_.registry();
  at.staging = TRY(registry.placed("staging"));
  at.production = TRY(registry.placed("production"));
  at.previous = TRY(registry.previous("production"));
  std::vector<Run> runs = TRY(project_.tracking().runs());
  std::erase_if(runs, is_trial);
  at.runs = runs.size();
  for (const Run& run : runs)
    if (run.outcome != RunOutcome::kRunning) at.last_run = run;
  std::map<int, ProcessingTime> staged;
  for (const Transition& row : TRY(registry.log())) {
    if (row.what != "deploy" && row.what != "rollback") continue;
    if (row.stage == "staging") staged[row.version] = row.at;
    if (row.stage == "production" && row.version == at.production) at.production_since = row.at;
  }
  for (const ModelVersion& model : TRY(registry.list())) {  // Newest first.
    std::optional<Waiting> waiting;
    const bool staged_here = model.version == at.staging || model.version == at.loop.candidate;
    if (model.approval == Approval::kPendingManualApproval)
      waiting = waiting_of(model, "staging", model.created_at);
    else if (staged_here && model.approval == Approval::kApproved && model.version != at.production &&
             !at.loop.soak_over)
      waiting =
          waiting_of(model, "production", staged.contains(model.version) ? staged[model.version] : model.created_at);
    if (!waiting) continue;
    if (at.waiting)
      at.waiting->other_waits = true;
    else
      at.waiting = std::move(waiting);
  }
  return ok();
}

Status Observer::look_at_accuracy(Situation& at) {
  const Tracking& tracking = project_.tracking();
  if (const Result<double> threshold = project_.registry().threshold(); threshold.ok()) at.threshold = *threshold;
  if (const std::vector<AlarmChange> changes = TRY(tracking.alarm_changes()); !changes.empty())
    at.alarm = changes.back();
  if (!at.production) return ok();
  for (const Evaluation& evaluation :
       TRY(tracking.evaluations("production", at.loop.now - kLookBack * at.evaluate_every))) {
    if (evaluation.version != *at.production) continue;
    if (!evaluation.breach) at.breached_since.reset();
    if (evaluation.breach && !at.breached_since) at.breached_since = evaluation.at;
    at.evaluation = evaluation;
  }
  if (at.evaluation && at.evaluation->loss) {
    const ProcessingTime after = at.evaluation->at - at.evaluate_every;
    double error = 0, truth = 0;
    for (const Score& score : TRY(tracking.scores("production", *at.production, after, at.evaluation->at))) {
      error += score.error;
      truth += score.absolute_truth;
    }
    if (truth > 0) at.bias_share = error / truth;
  }
  return ok();
}

Status Observer::measure_rate(Situation& at) {
  const std::uint64_t taken = at.books.read - at.books.duplicate;
  if (readings_.empty() || at.loop.now > readings_.back().at) readings_.push_back({at.loop.now, taken, at.books.dead});
  while (readings_.size() > 2 && at.loop.now - readings_[1].at >= kRateOver) readings_.erase(readings_.begin());
  const Milliseconds over = at.loop.now - readings_.front().at;
  const std::uint64_t fresh = taken - readings_.front().taken, dead = at.books.dead - readings_.front().dead;
  if (over >= 1s) at.events_per_s = static_cast<double>(fresh) * 1000 / static_cast<double>(over.count());
  at.dead_share.reset();
  if (fresh < kFewRecords) return ok();
  at.dead_share = static_cast<double>(dead) / static_cast<double>(fresh);
  if (*at.dead_share > 0.5)
    for (const DeadLetter& letter : TRY(project_.features().dead_letters(1))) at.dead_reason = letter.reason;
  return ok();
}

}  // namespace tidecast
