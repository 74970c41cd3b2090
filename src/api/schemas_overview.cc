#include "api/schema_parts.h"
#include "api/schemas.h"

namespace tidecast {
namespace {

using namespace schema;

json::object range(std::string_view description, json::object until) {
  return object(description, {{"from", time("")}, {"until", std::move(until)}});
}

json::object answer_schema() {
  return object("How it stands, in a sentence.",
                {{"state", one_of("The state behind the sentence.",
                                  {"starting", "collecting", "training", "waiting_for_approval", "no_model", "healthy",
                                   "breach", "alarm", "cannot_forecast", "gave_up", "no_data", "source_down",
                                   "source_silent", "stopped", "dead_letters", "features_only", "books_broken"})},
                 {"sentence", text("The answer.")},
                 {"emphasis", nullable(text("The part of the sentence that matters most."))},
                 {"tone", one_of("The colour of that part.", {"ok", "warn", "alarm", "none"})},
                 {"detail", text("What else is worth knowing.")}});
}

json::object stage_schema() {
  return object("One stage of the loop.",
                {{"id", one_of("", {"source", "window", "feature", "forecast", "score", "alarm", "retrain", "approve",
                                    "deploy"})},
                 {"name", text("Its name for people.")},
                 {"state", one_of("", {"ok", "warn", "alarm", "waiting", "running", "no_data", "idle"})},
                 {"value", text("What it says first: '3.8 events/s'.")},
                 {"note", text("What it says below: 'polled'.")},
                 {"note_at", nullable(time("The note is followed by the time since then, or until then."))}});
}

json::object need_schema() {
  return object("Something that waits for a person.",
                {{"kind", one_of("", {"approval", "production", "gave_up", "alarm", "source", "books"})},
                 {"title", text("What to do.")},
                 {"text", text("What is known about it.")},
                 {"since", nullable(time("Since when it waits."))},
                 {"version", nullable(integer("The model version concerned.", 1))},
                 {"stage", nullable(one_of("Where an approval would put it.", {"staging", "production"}))},
                 {"can_approve", boolean("")},
                 {"can_reject", boolean("")},
                 {"commands", list_of(text(""), "The same on the command line.")},
                 {"consequences", text("What an approval leads to.")}});
}

json::object source_schema() {
  return object("The source and how it does; of several, the one that does worst.",
                {{"name", text("")},
                 {"kind", one_of("", {"http_poll", "websocket", "http_push", "file", "recording"})},
                 {"state", one_of("", {"starting", "ok", "retrying", "silent", "recorded"})},
                 {"text", text("What its state means just now: 'HTTP 429, Retry-After 6 min 30 s'.")},
                 {"since", nullable(time("Since when it is in this state."))},
                 {"last_reply_at", nullable(time("Of the last good reply."))},
                 {"last_new_at", nullable(time("Of the last reply with a record that was new."))},
                 {"next_poll_at", nullable(time(""))},
                 {"interval_ms", nullable(count("From one poll to the next, in milliseconds."))},
                 {"replies", count("Good replies so far.")},
                 {"failures", count("Requests that failed so far.")},
                 {"gaps", count("Known gaps so far: replies none of whose records was known.")},
                 {"events_per_s", nullable(number("New events a second of late."))}});
}

json::object status_schema() {
  return object(
      "How everything stands.",
      {{"project", text("Name of the project.")},
       {"mode", one_of("", {"live", "replay", "offline"})},
       {"now", time("The loop's clock.")},
       {"clock", one_of("Whose time that is.", {"system", "simulated"})},
       {"progress", nullable(number("Of a replay under way, 0 to 1."))},
       {"answer", answer_schema()},
       {"stages", list_of(stage_schema(), "The loop's nine stages, in its order.")},
       {"needs_you", list_of(need_schema(), "What waits for a person, most urgent first.")},
       {"next", list_of(object("", {{"at", nullable(time(""))}, {"what", text("")}, {"why", text("")}}),
                        "What comes next, soonest first, at most 6.")},
       {"events",
        object("Records by what became of them: read = stored + duplicate + late + dead.", {{"read", count("")},
                                                                                            {"stored", count("")},
                                                                                            {"duplicate", count("")},
                                                                                            {"late", count("")},
                                                                                            {"dead", count("")}})},
       {"balance", one_of("Whether that adds up.", {"ok", "broken"})},
       {"windows", map_of(count(""), "Closed windows by feature group.")},
       {"open_windows", count("")},
       {"watermark", nullable(time("Event time that is complete."))},
       {"gaps", count("Known source gaps.")},
       {"staging", nullable(integer("Model version in staging.", 1))},
       {"production", nullable(integer("Model version in production.", 1))},
       {"previous", nullable(integer("Model version that was in production before.", 1))},
       {"candidate", nullable(integer("Newest model version that waits for a decision or stands in staging only.", 1))},
       {"alarm", one_of("", {"OK", "ALARM", "NO_DATA"})},
       {"alarm_since", nullable(time(""))},
       {"loss", nullable(number("Of the last evaluation: mean weighted quantile loss, without unit."))},
       {"threshold", nullable(number("What the loss should stay below, without unit."))},
       {"naive", nullable(number("The loss of repeating the last value, without unit."))},
       {"evaluated_at", nullable(time("When the last evaluation was."))},
       {"retrain", one_of("", {"idle", "queued", "training", "waiting_for_approval", "cooling_down", "gave_up"})},
       {"runs", count("Training runs so far.")},
       {"active_run", nullable(integer("The run under way.", 1))},
       {"source", source_schema()},
       {"sources",
        list_of(object("", {{"name", text("")},
                            {"state", one_of("", {"starting", "ok", "retrying", "silent", "recorded"})},
                            {"text", text("")},
                            {"newest", nullable(time("The newest event time that it brought."))},
                            {"idle", boolean("It has been silent for so long that watermarks do not wait for it.")}}),
                "Every source.")},
       {"groups", list_of(object("", {{"group", text("")},
                                      {"watermark", nullable(time("No window that ends before it is open."))},
                                      {"newest_row", nullable(time("Event time of the newest row."))},
                                      {"open_windows", count("Not closed yet.")},
                                      {"open", nullable(text("Why the oldest of these is not closed yet."))}}),
                          "Every feature group.")},
       {"system", object("", {{"memory_bytes", count("")},
                              {"data_bytes", count("Size of the data folder.")},
                              {"uptime_s", count("Seconds since the process started.")},
                              {"version", text("")},
                              {"address", nullable(text("Where the server listens: '127.0.0.1:8080'."))}})}});
}

json::object target_schema() {
  const auto values = [](std::string_view description) { return list_of(nullable(number("")), description); };
  return object(
      "The target's past, what was said of it, and what comes.",
      {{"series", text("Feature group and column.")},
       {"label", text("Its name for people.")},
       {"unit", text("Of the values; empty where there is none.")},
       {"step_ms", integer("Width of a window, in milliseconds.", 1)},
       {"now", time("The loop's clock.")},
       {"start", nullable(time("Start of the window of values[0]."))},
       {"values", values("One a window, oldest first; null: there is none.")},
       {"gaps", list_of(range("", time("")), "Known source gaps in the range.")},
       {"said", nullable(object("What the model in production had said.",
                                {{"steps_before", integer("So many steps before.", 1)},
                                 {"values", values("The median; one for each of the target's values.")}}))},
       {"forecast", nullable(object("What production says now.",
                                    {{"stage", text("")},
                                     {"version", integer("", 1)},
                                     {"origin", time("Start of step 0.")},
                                     {"made_at", time("")},
                                     {"quantiles", map_of(list_of(number(""), "One a step."), "By level: '0.05'.")}}))},
       {"candidate",
        nullable(object("What the model in staging says now.", {{"stage", text("")},
                                                                {"version", integer("", 1)},
                                                                {"origin", time("Start of step 0.")},
                                                                {"median", list_of(number(""), "One a step.")}}))}});
}

json::object evaluation_schema() {
  return object("Forecasts that came due, against the truth.",
                {{"at", time("")},
                 {"version", integer("The model version.", 1)},
                 {"forecasts", count("How many.")},
                 {"loss", nullable(number("Mean weighted quantile loss, without unit."))},
                 {"low", nullable(number("Lower end of the loss's 90 % interval."))},
                 {"up", nullable(number("Upper end of it."))},
                 {"threshold", nullable(number("In force then."))},
                 {"breach", boolean("Whether the loss was above it.")},
                 {"coverage", nullable(number("Share of truths between the outer quantiles, 0 to 1."))},
                 {"bias", nullable(number("Forecast minus truth on average, in the target's unit."))},
                 {"naive", nullable(number("The loss of repeating the last value."))},
                 {"seasonal_naive", nullable(number("The loss of repeating the value of a season ago."))}});
}

json::object accuracy_schema() {
  return object(
      "Loss against threshold, and what happened because of it.",
      {{"stage", text("")},
       {"now", time("The loop's clock.")},
       {"every_ms", integer("From one evaluation to the next, in milliseconds.", 1)},
       {"threshold", nullable(number("In force now."))},
       {"evaluations", list_of(ref("Evaluation"), "Of production's models, oldest first.")},
       {"staging", list_of(ref("Evaluation"), "Of staging's, where it is another one than production's.")},
       {"alarms", list_of(range("", nullable(time("null: it lasts."))), "")},
       {"retrains",
        list_of(object("", {{"at", time("")}, {"run", integer("", 1)}, {"why", text("")}, {"outcome", outcome("")}}),
                "")},
       {"deployments", list_of(object("", {{"at", time("")}, {"version", integer("", 1)}}), "Of production.")}});
}

}  // namespace

void add_overview_schemas(json::object& schemas) {
  schemas["Status"] = status_schema();
  schemas["Target"] = target_schema();
  schemas["Evaluation"] = evaluation_schema();
  schemas["Accuracy"] = accuracy_schema();
  schemas["TimelineItem"] = object("One thing that happened.",
                                   {{"number", integer("Grows from one to the next.", 1)},
                                    {"at", time("By the loop's clock.")},
                                    {"kind", text("'run', 'model', 'deployment', 'threshold', 'alarm', ...")},
                                    {"subject", text("Its short label: 'run 2'.")},
                                    {"text", text("One sentence.")},
                                    {"state", one_of("", {"ok", "warn", "alarm", "running", "waiting", "info"})}});
  schemas["Timeline"] = object("What happened, newest first.", {{"items", list_of(ref("TimelineItem"), "")},
                                                                {"more", boolean("Whether there are older ones.")}});
}

}  // namespace tidecast
