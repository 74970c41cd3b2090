#include "app/answer.h"

#include <cmath>

#include "app/words.h"

namespace tidecast {
namespace {

std::string model(int version) { return fmt::format("model {}", version); }

std::string ingestion(const Situation& at) {
  if (at.live) {
    if (at.loop.source && at.loop.source->state == SourceHealth::State::kRetrying)
      return fmt::format("The source {} is being asked again: {}.", at.source, at.loop.source->text);
    return at.events_per_s
               ? fmt::format("Ingestion is healthy: {:.1f} new events/s, every record accounted for.", *at.events_per_s)
               : std::string("Ingestion is healthy, every record accounted for.");
  }
  if (at.loop.progress >= 1) return fmt::format("The recording has been read to its end: {} records.", at.books.read);
  if (at.loop.progress > 0)
    return fmt::format(fmt::runtime(at.loop.running ? "A recording is being replayed: {:.0f} % of it."
                                                    : "The replay stands at {:.0f} % of its recording."),
                       at.loop.progress * 100);
  return {};
}

// What becomes of a model that misses its threshold, as the end of a sentence.
std::string remedy(const Situation& at) {
  if (at.waiting)
    return fmt::format("Its replacement, {}, is ready and waits for your approval.", model(at.waiting->version));
  if (at.loop.run) return fmt::format("Run {} is training its replacement.", at.loop.run->id);
  if (at.loop.soak_over)
    return fmt::format("Its replacement, {}, is soaking in staging until {}.", model(at.loop.candidate),
                       clock_text(*at.loop.soak_over, at.loop.now));
  switch (at.loop.retrain) {
    case RetrainState::kQueued: return "A retrain is queued.";
    case RetrainState::kCoolingDown:
      return at.loop.retrain_due
                 ? fmt::format("The next retrain may start at {}.", clock_text(*at.loop.retrain_due, at.loop.now))
                 : std::string("The next retrain follows its cool-down.");
    default: return at.retrain_rule.on_alarm ? "" : "No alarm starts a retrain here: tidecast train does.";
  }
}

std::string fall_short(const Situation& at) {
  if (!at.bias_share || std::abs(*at.bias_share) < 0.05) return {};
  return fmt::format("In the last evaluation its forecasts were {:.0f} % too {}.", std::abs(*at.bias_share) * 100,
                     *at.bias_share < 0 ? "low" : "high");
}

std::string join(std::initializer_list<std::string> sentences) {
  std::string text;
  for (const std::string& sentence : sentences)
    if (!sentence.empty()) text += (text.empty() ? "" : " ") + sentence;
  return text;
}

Answer of_source(const Situation& at, bool down) {
  const SourceHealth& source = *at.loop.source;
  const ProcessingTime since =
      down ? source.last_reply_at.value_or(source.since) : source.last_new_at.value_or(source.since);
  const std::string age = spoken_long(at.loop.now - since);
  Answer answer{.state = down ? "source_down" : "source_silent", .emphasis = age, .tone = "alarm"};
  if (down) {
    answer.sentence = fmt::format("The source {} has not answered for {}.", at.source, age);
    answer.detail = fmt::format("{}.", source.text);
    if (source.next_poll_at)
      answer.detail += fmt::format(" Next try at {}.", clock_text(*source.next_poll_at, at.loop.now));
  } else {
    answer.sentence = fmt::format("The source {} answers, but has brought nothing new for {}.", at.source, age);
    answer.detail = "Its replies repeat records that are known: a cached list, perhaps.";
  }
  if (at.production)
    answer.detail +=
        fmt::format(" {} goes on serving from what was known at {}.", "Model " + std::to_string(*at.production),
                    at.newest ? clock_text(at.newest->window_end, at.loop.now) : "its start");
  return answer;
}

// A live stream whose process is gone: nothing else matters, and nobody else would say it.
Answer of_stopped(const Situation& at) {
  const std::string age = at.newest ? spoken_long(at.loop.now - at.newest->write_time) : "";
  return {.state = "stopped",
          .sentence = age.empty() ? std::string("Tidecast is not running.")
                                  : fmt::format("Tidecast is not running: the newest window closed {} ago.", age),
          .emphasis = "not running",
          .tone = "alarm",
          .detail =
              at.pushed
                  ? fmt::format("Start it: tidecast run. Whoever pushes to {} is not answered till then, and "
                                "sends again.",
                                at.source)
                  : fmt::format("Start it: tidecast run. What {} no longer shows by then is a known gap.", at.source)};
}

Answer without_model(const Situation& at) {
  if (at.waiting) {
    const Waiting& w = *at.waiting;
    const bool first = w.stage == "staging";
    return {
        .state = "waiting_for_approval",
        .sentence = first ? fmt::format("The first model is ready: {} waits for your approval.", model(w.version))
                          : fmt::format("{} forecasts in staging and waits for your yes for production.",
                                        "Model " + std::to_string(w.version)),
        .emphasis = first ? "waits for your approval" : "waits for your yes",
        .tone = "warn",
        .detail = join({fmt::format("Its loss is {} in {}.", loss_text(w.loss), counted(w.windows, "back-test window")),
                        ingestion(at)})};
  }
  if (at.loop.run)
    return {.state = "training",
            .sentence = fmt::format("Training {} model: run {} began at {}.", at.runs <= 1 ? "the first" : "a",
                                    at.loop.run->id, clock_text(at.loop.run->started_at, at.loop.now)),
            .emphasis = "",
            .tone = "none",
            .detail = join(
                {fmt::format("{} go into it.", counted(at.loop.run->observations, "observation")), ingestion(at)})};
  if (at.loop.soak_over)
    return {.state = "training",
            .sentence = fmt::format("The first model, {}, is soaking in staging until {}.", model(at.loop.candidate),
                                    clock_text(*at.loop.soak_over, at.loop.now)),
            .emphasis = "",
            .tone = "none",
            .detail = ingestion(at)};
  if (at.last_run && at.last_run->outcome == RunOutcome::kSucceeded)
    return {.state = "no_model",
            .sentence = fmt::format("No model serves: model {} of run {} was rejected.",
                                    at.last_run->model_version.value_or(0), at.last_run->id),
            .emphasis = "No model serves",
            .tone = "warn",
            .detail = join({at.loop.first_run
                                ? fmt::format("The next run starts at {}.", clock_text(*at.loop.first_run, at.loop.now))
                                : std::string("Train another one: tidecast train."),
                            ingestion(at)})};
  if (at.last_run) {
    const std::string next =
        at.loop.first_run ? fmt::format("The next run starts at {}.", clock_text(*at.loop.first_run, at.loop.now))
                          : std::string("Train another one: tidecast train.");
    return {
        .state = "no_model",
        .sentence = fmt::format("No model yet: run {} ended as {}.", at.last_run->id, name_of(at.last_run->outcome)),
        .emphasis = "No model yet",
        .tone = "warn",
        .detail = join({at.last_run->reason, next, ingestion(at)})};
  }
  const std::int64_t missing = std::max<std::int64_t>(0, at.windows_needed - static_cast<std::int64_t>(at.windows));
  std::string detail =
      at.loop.first_run ? fmt::format("The first run starts at about {}.", clock_text(*at.loop.first_run, at.loop.now))
      : missing > 0     ? fmt::format("About {} to go.", spoken_long(at.step * missing))
                        : std::string();
  return {.state = "collecting",
          .sentence = missing > 0 ? fmt::format("Collecting: {} of the {} windows that a first model needs.",
                                                at.windows, at.windows_needed)
                                  : fmt::format("Collecting: {}, enough for a first model.",
                                                counted(static_cast<std::int64_t>(at.windows), "window")),
          .emphasis = "Collecting",
          .tone = "none",
          .detail = join({detail, ingestion(at)})};
}

Answer with_model(const Situation& at) {
  const std::string production = fmt::format("production {}", model(*at.production));
  if (at.loop.mute && at.loop.mute->version == *at.production)
    return {.state = "cannot_forecast",
            .sentence = fmt::format("Model {} in production cannot forecast.", *at.production),
            .emphasis = "cannot forecast",
            .tone = "alarm",
            .detail = join({at.loop.mute->reason.empty() ? "" : at.loop.mute->reason + ".",
                            at.loop.running ? "It is asked again at every window." : "", ingestion(at)})};
  if (at.loop.alarm == AlarmState::kNoData)
    return {.state = "no_data",
            .sentence = fmt::format(
                "Serving, but the accuracy of {} is unknown: the last evaluations had nothing to judge.", production),
            .emphasis = "unknown",
            .tone = "warn",
            .detail = join(
                {"A forecast is judged when the truth of its last step has come; none came in time.", ingestion(at)})};
  if (at.loop.retrain == RetrainState::kGaveUp)
    return {.state = "gave_up",
            .sentence = fmt::format("Serving, but {} misses its threshold, and {} gave nothing better. It needs you.",
                                    production, counted(at.retrain_rule.attempts, "retrain")),
            .emphasis = "It needs you",
            .tone = "alarm",
            .detail = join({at.last_run ? fmt::format("Run {}: {}", at.last_run->id, at.last_run->reason) : "",
                            fall_short(at), ingestion(at)})};
  if (at.loop.alarm == AlarmState::kAlarm) {
    const ProcessingTime since = at.breached_since.value_or(at.alarm ? at.alarm->at : at.loop.now);
    if (!at.breached_since && at.evaluation && at.evaluation->loss)  // It is good again, but not for long enough.
      return {
          .state = "alarm",
          .sentence = fmt::format("Serving; {} is below its threshold again, and the alarm clears after {} in a row.",
                                  production, counted(at.alarm_rule.clear_after, "good evaluation")),
          .emphasis = "the alarm clears",
          .tone = "warn",
          .detail = join({remedy(at), ingestion(at)})};
    if (!at.evaluation)
      return {
          .state = "alarm",
          .sentence = fmt::format("Serving; {} is new, and the alarm of the one before it stands until there were {}.",
                                  production, counted(at.alarm_rule.clear_after, "good evaluation")),
          .emphasis = "the alarm",
          .tone = "warn",
          .detail = ingestion(at)};
    const std::string age = spoken_long(at.loop.now - since);
    return {.state = "alarm",
            .sentence =
                join({fmt::format("Serving, but {} has missed its threshold for {}.", production, age), remedy(at)}),
            .emphasis = age,
            .tone = "alarm",
            .detail = join({fmt::format("Its loss was {}, the threshold is {}.",
                                        loss_text(at.evaluation->loss.value_or(0)), loss_text(at.threshold)),
                            fall_short(at), ingestion(at)})};
  }
  if (at.waiting)
    return {.state = "waiting_for_approval",
            .sentence =
                fmt::format("Serving. Model {} waits for your approval to follow {}.", at.waiting->version, production),
            .emphasis = "waits for your approval",
            .tone = "warn",
            .detail = join({fmt::format("Its loss is {} in {}.", loss_text(at.waiting->loss),
                                        counted(at.waiting->windows, "back-test window")),
                            ingestion(at)})};
  if (at.evaluation && at.evaluation->breach)
    return {.state = "breach",
            .sentence = fmt::format(
                "Serving, but {} missed its threshold in the last evaluation: {} of {} that raise the alarm.",
                production, at.loop.breaches, at.alarm_rule.breaches),
            .emphasis = "missed its threshold",
            .tone = "warn",
            .detail = join({fmt::format("Its loss was {}, the threshold is {}.",
                                        loss_text(at.evaluation->loss.value_or(0)), loss_text(at.threshold)),
                            fall_short(at), ingestion(at)})};
  if (!at.evaluation || !at.evaluation->loss) {
    const std::string when =
        at.loop.next_evaluation && at.loop.running
            ? fmt::format("; its first evaluation is at {}", clock_text(*at.loop.next_evaluation, at.loop.now))
            : std::string();
    return {.state = "healthy",
            .sentence = at.evaluation
                            ? fmt::format("Serving; the last evaluation of {} had nothing to judge.", production)
                            : fmt::format("Serving with {}{}.", production, when),
            .emphasis = "",
            .tone = "none",
            .detail = ingestion(at)};
  }
  return {
      .state = "healthy",
      .sentence = fmt::format("Healthy: {} is within its threshold, loss {} against {}.", production,
                              loss_text(*at.evaluation->loss), loss_text(at.threshold)),
      .emphasis = "Healthy",
      .tone = "ok",
      .detail = join({fmt::format("A naive forecast would have {}.", loss_text(at.evaluation->naive)), ingestion(at)})};
}

}  // namespace

Answer answer_of(const Situation& at) {
  if (!at.books.balanced())
    return {.state = "books_broken",
            .sentence = "The books do not balance: read is not stored + duplicate + late + dead.",
            .emphasis = "do not balance",
            .tone = "alarm",
            .detail = "This is a fault of the program or of the disk; keep a copy of the data folder."};
  if (at.loop.live_source && !at.loop.running) return of_stopped(at);
  if (at.loop.source) {
    if (is_down(*at.loop.source, at.loop.now)) return of_source(at, true);
    if (at.loop.source->state == SourceHealth::State::kSilent) return of_source(at, false);
  }
  if (at.dead_share && *at.dead_share > 0.5)
    return {.state = "dead_letters",
            .sentence = fmt::format("Most new records cannot be used: {:.0f} % of the newest are dead letters.",
                                    *at.dead_share * 100),
            .emphasis = "cannot be used",
            .tone = "alarm",
            .detail = fmt::format("The last one: {}. All: tidecast sql \"FROM dead_letters\".", at.dead_reason)};
  if (at.books.read == 0)
    return {.state = "starting",
            .sentence = fmt::format("Waiting for the first record from {}.", at.source),
            .emphasis = "",
            .tone = "none",
            .detail = at.loop.source && !at.loop.source->text.empty() ? at.loop.source->text + "." : ""};
  if (!at.forecasts)
    return {.state = "features_only",
            .sentence = fmt::format("Healthy: {}; nothing is forecast.",
                                    at.keyed ? counted(static_cast<std::int64_t>(at.windows), "row")
                                             : counted(static_cast<std::int64_t>(at.windows), "window") + " closed"),
            .emphasis = "Healthy",
            .tone = "ok",
            .detail = ingestion(at)};
  return at.production ? with_model(at) : without_model(at);
}

}  // namespace tidecast
