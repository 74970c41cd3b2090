#include "app/stages.h"

#include <algorithm>

#include "app/words.h"

namespace tidecast {
namespace {

constexpr std::size_t kMostNext = 6;
constexpr Milliseconds kRecentGap = 2h;

ProcessingTime as_processing(EventTime time) { return ProcessingTime::from_ms(time.ms()); }

Stage source_stage(const Situation& at) {
  Stage stage{.id = "source", .name = "Source"};
  const std::string rate = at.events_per_s ? fmt::format("{:.1f} events/s", *at.events_per_s) : "-";
  if (!at.loop.source) {
    stage.state = at.books.read == 0 || at.loop.live_source ? "idle" : "ok";
    stage.value = at.loop.live_source     ? "not asked"
                  : at.loop.progress >= 1 ? "read to its end"
                                          : fmt::format("{:.0f} % read", at.loop.progress * 100);
    stage.note = counted(static_cast<std::int64_t>(at.books.read), "record");
    return stage;
  }
  const SourceHealth& source = *at.loop.source;
  stage.value = rate;
  stage.note = at.pushed              ? source.last_reply_at ? "pushed" : "nothing yet"
               : source.last_reply_at ? "polled"
                                      : "no reply yet";
  stage.note_at = source.last_reply_at;
  const auto shown = std::ranges::find(at.loop.sources, at.source, &LoopState::OfSource::name);
  if (at.pushed && !source.last_reply_at && shown != at.loop.sources.end() && shown->newest) {
    stage.note = "nothing since the start; newest event";
    stage.note_at = as_processing(*shown->newest);
  }
  if (is_down(source, at.loop.now)) {
    stage.state = "alarm";
    stage.value = "no answer";
    stage.note = source.last_reply_at ? "last one" : "no reply yet";
  } else if (source.state == SourceHealth::State::kRetrying) {
    stage.state = "warn";
    stage.value = "trying again";
  } else if (source.state == SourceHealth::State::kSilent) {
    stage.state = "alarm";
    stage.value = "nothing new";
    stage.note = "last new one";
    stage.note_at = source.last_new_at;
  } else {
    stage.state = source.state == SourceHealth::State::kStarting ? "idle" : "ok";
  }
  return stage;
}

Stage window_stage(const Situation& at) {
  Stage stage{.id = "window", .name = "Window", .state = "ok"};
  stage.value = at.newest ? clock_text(at.newest->window_start, at.loop.now) + " closed" : "none closed";
  stage.note = fmt::format("{} open", at.loop.open_windows);
  if (!at.newest) stage.state = "idle";
  return stage;
}

Stage feature_stage(const Situation& at) {
  Stage stage{.id = "feature", .name = "Feature row", .state = "ok"};
  stage.value = counted(static_cast<std::int64_t>(at.windows), "row");
  if (!at.newest) {
    stage.state = "idle";
    stage.note = "none yet";
  } else if (at.loop.last_gap && at.loop.now - at.loop.last_gap->found_at < kRecentGap) {
    stage.state = "warn";
    stage.note = fmt::format("gap {} to {}", exact_text(at.loop.last_gap->from, at.loop.now),
                             exact_text(at.loop.last_gap->until, at.loop.now));
  } else {
    stage.note = "newest";
    stage.note_at = at.newest->write_time;
  }
  return stage;
}

Stage forecast_stage(const Situation& at) {
  Stage stage{.id = "forecast", .name = "Forecast", .state = "idle", .value = "none yet"};
  if (!at.production) {
    stage.note = "none in production";
  } else if (at.loop.mute && at.loop.mute->version == *at.production) {
    stage.state = "alarm";
    stage.value = "none";
    stage.note = fmt::format("model {} cannot", *at.production);
  } else if (!at.forecast_made_at) {
    stage.value = fmt::format("model {}", *at.production);
    stage.note = "at the next window";
  } else {
    stage.state = "ok";
    stage.value = "to " + clock_text(*at.forecast_until, at.loop.now);
    stage.note = fmt::format("model {},", *at.production);
    stage.note_at = at.forecast_made_at;
  }
  return stage;
}

Stage score_stage(const Situation& at) {
  Stage stage{.id = "score", .name = "Score", .state = "idle", .value = "none yet"};
  if (!at.evaluation) {
    if (at.loop.next_evaluation && at.production && at.loop.running) {
      stage.note = "first one";
      stage.note_at = at.loop.next_evaluation;
    }
    return stage;
  }
  const Evaluation& e = *at.evaluation;
  stage.note =
      fmt::format("{} to {}", clock_text(e.at - at.evaluate_every, at.loop.now), clock_text(e.at, at.loop.now));
  if (!e.loss) {
    stage.state = "no_data";
    stage.value = "nothing to judge";
  } else {
    stage.state = e.breach ? "alarm" : "ok";
    stage.value = fmt::format("{} {} {}", loss_text(*e.loss), e.breach ? ">" : "\u2264", loss_text(e.threshold));
  }
  return stage;
}

Stage alarm_stage(const Situation& at) {
  Stage stage{.id = "alarm", .name = "Alarm", .state = "ok", .value = std::string(name_of(at.loop.alarm))};
  if (at.loop.alarm == AlarmState::kAlarm) stage.state = "alarm";
  if (at.loop.alarm == AlarmState::kNoData) stage.state = "no_data";
  if (!at.production) stage.state = "idle";
  if (at.alarm)
    stage.note = "since " + clock_text(at.alarm->at, at.loop.now);
  else
    stage.note = at.loop.breaches > 0 ? fmt::format("{} of {} breaches", at.loop.breaches, at.alarm_rule.breaches)
                                      : std::string("never raised");
  return stage;
}

Stage retrain_stage(const Situation& at) {
  Stage stage{.id = "retrain", .name = "Retrain", .state = "idle", .value = "idle", .note = "no run yet"};
  if (at.last_run) {
    stage.value = fmt::format("run {} done", at.last_run->id);
    stage.state = at.last_run->outcome == RunOutcome::kFailed ? "warn" : "ok";
    switch (at.last_run->outcome) {
      case RunOutcome::kSucceeded: stage.note = "gate passed"; break;
      case RunOutcome::kRejectedByGate: stage.note = "rejected by gate"; break;
      case RunOutcome::kSkippedInsufficientData: stage.note = "too little data"; break;
      default: stage.note = name_of(at.last_run->outcome);
    }
  } else if (at.loop.first_run) {
    stage.note = "first run";
    stage.note_at = at.loop.first_run;
  }
  if (at.loop.run) {
    stage.state = "running";
    stage.value = fmt::format("run {} trains", at.loop.run->id);
    stage.note = "began";
    stage.note_at = at.loop.run->started_at;
  } else if (at.loop.retrain == RetrainState::kGaveUp) {
    stage.state = "alarm";
    stage.value = "gave up";
  } else if (at.loop.retrain == RetrainState::kCoolingDown && at.loop.retrain_due) {
    stage.value = "cooling down";
    stage.note = "until " + clock_text(*at.loop.retrain_due, at.loop.now);
  }
  return stage;
}

Stage approve_stage(const Situation& at) {
  Stage stage{.id = "approve", .name = "Approve", .state = "idle", .value = "nothing waits"};
  stage.note = at.approval_auto ? "by rule" : "by a person";
  if (at.waiting) {
    stage.state = "waiting";
    stage.value = fmt::format("model {} waits", at.waiting->version);
    stage.note = "since " + clock_text(at.waiting->since, at.loop.now);
  } else if (at.production) {
    stage.state = "ok";
  }
  return stage;
}

Stage deploy_stage(const Situation& at) {
  Stage stage{.id = "deploy", .name = "Deploy", .state = "idle", .value = "none yet"};
  if (at.loop.soak_over) {
    stage.state = "running";
    stage.value = fmt::format("model {} soaks", at.loop.candidate);
    stage.note = "until " + clock_text(*at.loop.soak_over, at.loop.now);
  } else if (at.production) {
    stage.state = "ok";
    stage.value = fmt::format("model {} serves", *at.production);
    stage.note = "for";
    if (at.production_since) stage.note = "since " + clock_text(*at.production_since, at.loop.now);
  } else if (at.staging) {
    stage.state = "waiting";
    stage.value = fmt::format("model {}", *at.staging);
    stage.note = "in staging";
  }
  return stage;
}

}  // namespace

std::vector<Stage> stages_of(const Situation& at) {
  std::vector<Stage> stages{source_stage(at), window_stage(at), feature_stage(at)};
  if (!at.forecasts) return stages;
  for (const auto make : {forecast_stage, score_stage, alarm_stage, retrain_stage, approve_stage, deploy_stage})
    stages.push_back(make(at));
  return stages;
}

std::vector<Need> needs_of(const Situation& at) {
  std::vector<Need> needs;
  if (!at.books.balanced())
    needs.push_back({.kind = "books",
                     .title = "The books do not balance",
                     .text = "Read is not stored + duplicate + late + dead. Keep a copy of the data folder, then: "
                             "tidecast status --json",
                     .commands = {"tidecast status --json"}});
  if (at.waiting) {
    const Waiting& w = *at.waiting;
    const bool staging = w.stage == "staging";
    Need need{.kind = staging ? "approval" : "production", .since = w.since, .version = w.version, .stage = w.stage};
    need.title = staging ? fmt::format("Approve or reject model {}", w.version)
                         : fmt::format("Model {} to production?", w.version);
    need.text = fmt::format("Loss {} in {}; {} of {} gate checks passed.", loss_text(w.loss),
                            counted(w.windows, "back-test window"), w.passed, w.checks);
    if (!staging) need.text += " It forecasts in staging.";
    if (at.production && at.evaluation && at.evaluation->loss)
      need.text +=
          fmt::format(" Production's model {} has {} on live truth.", *at.production, loss_text(*at.evaluation->loss));
    if (w.other_waits) need.text += " An older version waits too.";
    need.consequences =
        staging
            ? fmt::format("It is deployed to staging at once and forecasts there{}. Production needs a second yes.",
                          at.production ? fmt::format(" beside production's model {}", *at.production) : "")
            : fmt::format("It serves production at once{}.",
                          at.production ? fmt::format("; model {} stays loaded for a rollback", *at.production) : "");
    need.commands = {staging ? fmt::format("tidecast approve {}", w.version)
                             : fmt::format("tidecast approve {} --for production", w.version),
                     fmt::format("tidecast reject {} -m WHY", w.version)};
    needs.push_back(std::move(need));
  }
  if (at.loop.retrain == RetrainState::kGaveUp)
    needs.push_back({.kind = "gave_up",
                     .title = "Retraining gave up",
                     .text = fmt::format("{} in a row gave no better model; no more until the alarm clears.",
                                         counted(at.retrain_rule.attempts, "retrain")),
                     .since = at.last_run ? std::optional(at.last_run->finished_at) : std::nullopt,
                     .commands = {"tidecast runs", "tidecast train --why TEXT"}});
  else if (at.loop.alarm == AlarmState::kAlarm && !at.retrain_rule.on_alarm && !at.waiting && !at.loop.run)
    needs.push_back({.kind = "alarm",
                     .title = "loss_production is in ALARM",
                     .text = "No alarm starts a retrain here; a person does.",
                     .since = at.alarm ? std::optional(at.alarm->at) : std::nullopt,
                     .commands = {"tidecast train --why TEXT"}});
  if (at.loop.source && is_down(*at.loop.source, at.loop.now))
    needs.push_back(
        {.kind = "source",
         .title = fmt::format("The source {} does not answer", at.source),
         .text = at.loop.source->text + ". It is asked again by itself; what it shows no more by then is a known gap.",
         .since = at.loop.source->since,
         .commands = {}});
  return needs;
}

std::vector<Next> next_of(const Situation& at) {
  std::vector<Next> next;
  const LoopState& loop = at.loop;
  if (!loop.running)
    return {{std::nullopt, "Nothing by itself: the clock stands.",
             at.simulated ? "tidecast replay goes on from here, if there is more to replay."
                          : "tidecast run goes on from here."}};
  if (loop.source && loop.source->state == SourceHealth::State::kRetrying && loop.source->next_poll_at)
    next.push_back({loop.source->next_poll_at, "The source is asked again.", loop.source->text + "."});
  if (at.live && at.newest && !at.session) {
    const EventTime end = at.newest->window_end + at.step, needed = end + at.lateness;
    next.push_back(
        {as_processing(needed),
         fmt::format("Window {} closes{}.", clock_text(at.newest->window_end, loop.now),
                     at.production ? ", a forecast follows" : ""),
         fmt::format("The first event from {} on moves the watermark to its end.", clock_text(needed, loop.now))});
  }
  if (loop.run)
    next.push_back({std::nullopt, fmt::format("Run {} ends.", loop.run->id),
                    fmt::format("It trains because: {}.", loop.run->why)});
  if (loop.first_run && !loop.run && !at.production)
    next.push_back(at.last_run
                       ? Next{loop.first_run, "Another training run starts.",
                              fmt::format("Run {} gave no model that serves.", at.last_run->id)}
                       : Next{loop.first_run, "The first training run starts.",
                              fmt::format("{} windows are there; {} are needed.", at.windows, at.windows_needed)});
  if (loop.soak_over)
    next.push_back({loop.soak_over, fmt::format("Model {} goes to production.", loop.candidate),
                    fmt::format("By rule, after {} in staging.", spoken(at.soak))});
  if (loop.next_evaluation && at.production)
    next.push_back(
        {loop.next_evaluation,
         fmt::format("Evaluation of {} to {}.", clock_text(*loop.next_evaluation - at.evaluate_every, loop.now),
                     clock_text(*loop.next_evaluation, loop.now)),
         fmt::format("Every {}: all forecasts whose last truth has come by then.", spoken(at.evaluate_every))});
  if (loop.retrain_due && loop.retrain == RetrainState::kCoolingDown && loop.alarm == AlarmState::kAlarm)
    next.push_back({loop.retrain_due, "A retrain starts.", "The cool-down is over then, and the alarm stands."});
  if (loop.retrain == RetrainState::kWaitingForApproval || (at.waiting && loop.alarm == AlarmState::kAlarm))
    next.push_back({std::nullopt, "No other retrain starts.",
                    fmt::format("Model {} waits for a decision.", at.waiting ? at.waiting->version : loop.candidate)});
  std::stable_sort(next.begin(), next.end(), [](const Next& a, const Next& b) {
    return a.at.value_or(ProcessingTime::max()) < b.at.value_or(ProcessingTime::max());
  });
  if (next.size() > kMostNext) next.resize(kMostNext);
  return next;
}

std::string why_open(const OpenWindowState& window, const LoopState& loop) {
  std::string text = fmt::format("{} to {} waits for an event of {} or later", exact_text(window.start, loop.now),
                                 exact_text(window.end, loop.now), exact_text(window.needs + 999ms, loop.now));
  const bool several = loop.sources.size() > 1 && window.holding && *window.holding < loop.sources.size();
  if (several) text += " from " + loop.sources[*window.holding].name;
  if (!window.newest)
    text += several ? "; nothing came from there yet" : "";
  else if (const Milliseconds age = loop.now - as_processing(*window.newest); age >= 0ms)
    text += fmt::format("; the newest, {}, is {} old", exact_text(*window.newest, loop.now), spoken(age));
  else
    text += fmt::format("; the newest is {}", exact_text(*window.newest, loop.now));
  if (window.idle_close)
    text += fmt::format("; if nothing comes it closes at {}", clock_text(*window.idle_close, loop.now));
  return text + ".";
}

}  // namespace tidecast
