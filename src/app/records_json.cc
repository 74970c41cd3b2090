#include "app/records_json.h"

namespace tidecast {
namespace {

template <typename T>
json::value or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

// How a line looks to a person: its mark in the console.
std::string_view mark_of(const TimelineEvent& event) {
  const auto says = [&event](std::string_view word) { return event.text.find(word) != std::string::npos; };
  if (event.kind == "alarm") return event.subject == "OK" ? "ok" : event.subject == "ALARM" ? "alarm" : "warn";
  if (event.kind == "breach") return "warn";
  if (event.kind == "source") return event.subject == "source back" ? "ok" : "warn";
  if (event.kind == "gap") return "warn";
  if (event.kind == "run") return says("started by") ? "running" : says("Passed.") ? "ok" : "warn";
  if (event.kind == "model") return says("waits for") ? "waiting" : says("rejected") || says("cannot") ? "warn" : "ok";
  if (event.kind == "deployment") return "ok";
  return "info";
}

}  // namespace

json::object run_json(const Run& run) {
  return {{"id", run.id},
          {"why", run.why},
          {"outcome", name_of(run.outcome)},
          {"reason", run.reason},
          {"started_at", to_rfc3339(run.started_at)},
          {"data_from", to_rfc3339(run.data_from)},
          {"data_until", to_rfc3339(run.data_until)},
          {"observations", run.observations},
          {"seed", run.seed},
          {"loss", or_null(run.loss)},
          {"threshold", or_null(run.threshold)},
          {"model_version", or_null(run.model_version)},
          {"data_hash", run.data_hash},
          {"artefact_hash", run.artefact_hash},
          {"parameters", run.parameters},
          {"metrics", run.metrics},
          {"seconds", run.seconds}};
}

std::string Placements::stages_of(int version) const {
  std::string text;
  const auto add = [&text](const char* stage) { text += (text.empty() ? "" : ", ") + std::string(stage); };
  if (staging == version) add("staging");
  if (production == version) add("production");
  if (previous == version) add("previous");
  return text.empty() ? "-" : text;
}

Result<Placements> placements_of(const Registry& registry) {
  Placements placements;
  placements.staging = TRY(registry.placed("staging"));
  placements.production = TRY(registry.placed("production"));
  placements.previous = TRY(registry.previous("production"));
  return placements;
}

json::object model_json(const ModelVersion& model, const Placements& placements) {
  return {{"version", model.version},
          {"run", model.run},
          {"created_at", to_rfc3339(model.created_at)},
          {"approval", name_of(model.approval)},
          {"stages", placements.stages_of(model.version)},
          {"data_end", to_rfc3339(model.data_end)},
          {"loss", model.loss},
          {"artefact_hash", model.artefact_hash},
          {"metrics", model.metrics}};
}

json::object timeline_json(const TimelineEvent& event) {
  return {{"number", event.number},   {"at", to_rfc3339(event.at)}, {"kind", event.kind},
          {"subject", event.subject}, {"text", event.text},         {"state", mark_of(event)}};
}

}  // namespace tidecast
