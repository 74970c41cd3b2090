#include "cli/context.h"

namespace tidecast {
namespace {

json::value json_of(const std::optional<double>& value) { return value ? json::value(*value) : json::value(nullptr); }

json::object json_of(const Run& run) {
  return {{"id", run.id},
          {"why", run.why},
          {"outcome", name_of(run.outcome)},
          {"reason", run.reason},
          {"started_at", to_rfc3339(run.started_at)},
          {"data_from", to_rfc3339(run.data_from)},
          {"data_until", to_rfc3339(run.data_until)},
          {"observations", run.observations},
          {"seed", run.seed},
          {"loss", json_of(run.loss)},
          {"threshold", json_of(run.threshold)},
          {"model_version", run.model_version ? json::value(*run.model_version) : json::value(nullptr)},
          {"data_hash", run.data_hash},
          {"artefact_hash", run.artefact_hash},
          {"parameters", run.parameters},
          {"metrics", run.metrics},
          {"seconds", run.seconds}};
}

json::object json_of(const ModelVersion& model) {
  return {{"version", model.version},
          {"run", model.run},
          {"created_at", to_rfc3339(model.created_at)},
          {"approval", name_of(model.approval)},
          {"data_end", to_rfc3339(model.data_end)},
          {"loss", model.loss},
          {"artefact_hash", model.artefact_hash},
          {"metrics", model.metrics}};
}

std::string loss_text(const std::optional<double>& loss) { return loss ? fmt::format("{:.3f}", *loss) : "-"; }

std::string stages_of(int version, std::optional<int> staging, std::optional<int> production,
                      std::optional<int> previous) {
  std::string text;
  const auto add = [&text](const char* stage) { text += (text.empty() ? "" : ", ") + std::string(stage); };
  if (staging == version) add("staging");
  if (production == version) add("production");
  if (previous == version) add("previous");
  return text.empty() ? "-" : text;
}

}  // namespace

Status train_command(const Context& context, const std::string& why) {
  const Workbench bench = TRY(open_workbench(context, "tidecast train"));
  if (!context.quiet && !context.json) fmt::print("Training as known at {} ...\n", to_rfc3339(bench.clock->now()));
  std::fflush(stdout);
  const RunEnd end = TRY(bench.scheduler->train_now(why.empty() ? "no reason given" : why));
  if (context.json) fmt::print("{}\n", to_text(json_of(end.run)));
  switch (end.run.outcome) {
    case RunOutcome::kSucceeded: return ok();
    case RunOutcome::kRejectedByGate:
    case RunOutcome::kSkippedInsufficientData:
      return failed_precondition("run {}: {}; look at it: tidecast runs {}", end.run.id, name_of(end.run.outcome),
                                 end.run.id);
    default: return internal_error("run {}: {}: {}", end.run.id, name_of(end.run.outcome), end.run.reason);
  }
}

Status runs_command(const Context& context, int id) {
  const std::unique_ptr<Project> project =
      TRY(Project::open(TRY(load(context)), "tidecast runs", DataFolder::kMustExist));
  if (id != 0) {
    fmt::print("{}\n", to_pretty_text(json_of(TRY(project->tracking().run(id)))));
    return ok();
  }
  const std::vector<Run> runs = TRY(project->tracking().runs());
  if (context.json) {
    json::array list;
    for (const Run& run : runs) list.push_back(json_of(run));
    fmt::print("{}\n", to_text(list));
    return ok();
  }
  Table table({"run", "started", "why", "outcome", "observations", "loss", "threshold", "model", "seconds"});
  for (const Run& run : runs)
    table.add({std::to_string(run.id), short_time(run.started_at.ms()), run.why, std::string(name_of(run.outcome)),
               std::to_string(run.observations), loss_text(run.loss), loss_text(run.threshold),
               run.model_version ? std::to_string(*run.model_version) : "-", fmt::format("{:.1f}", run.seconds)});
  fmt::print("{}", runs.empty() ? "No runs yet.\n" : table.text());
  return ok();
}

Status models_command(const Context& context, int version) {
  const std::unique_ptr<Project> project =
      TRY(Project::open(TRY(load(context)), "tidecast models", DataFolder::kMustExist));
  if (version != 0) {
    fmt::print("{}\n", to_pretty_text(json_of(TRY(project->registry().get(version)))));
    return ok();
  }
  const std::vector<ModelVersion> models = TRY(project->registry().list());
  const std::optional<int> staging = TRY(project->registry().placed("staging"));
  const std::optional<int> production = TRY(project->registry().placed("production"));
  const std::optional<int> previous = TRY(project->registry().previous("production"));
  if (context.json) {
    json::array list;
    for (const ModelVersion& model : models) {
      json::object entry = json_of(model);
      entry["stages"] = stages_of(model.version, staging, production, previous);
      list.push_back(std::move(entry));
    }
    fmt::print("{}\n", to_text(list));
    return ok();
  }
  Table table({"model", "made", "approval", "loss", "stands in", "hash"});
  for (const ModelVersion& model : models)
    table.add({std::to_string(model.version), short_time(model.created_at.ms()), std::string(name_of(model.approval)),
               fmt::format("{:.3f}", model.loss), stages_of(model.version, staging, production, previous),
               model.artefact_hash.substr(0, 12)});
  fmt::print("{}", models.empty() ? "No models yet; train one: tidecast train\n" : table.text());
  return ok();
}

namespace {

// Where a decision has left the version.
Status print_state(const Context& context, const Workbench& bench, int version) {
  const Registry& registry = bench.project->registry();
  const ModelVersion model = TRY(registry.get(version));
  const std::optional<int> staging = TRY(registry.placed("staging")), production = TRY(registry.placed("production"));
  const std::string stages = stages_of(version, staging, production, TRY(registry.previous("production")));
  if (context.json)
    fmt::print("{}\n",
               to_text(json::object{{"version", version}, {"approval", name_of(model.approval)}, {"stages", stages}}));
  if (context.json || context.quiet) return ok();
  fmt::print("Model {}: {}, {}\n", version, name_of(model.approval), stages == "-" ? "in no stage" : "in " + stages);
  if (model.approval == Approval::kApproved && staging == version && production != version)
    fmt::print("Next: tidecast approve {} --for production\n", version);
  return ok();
}

}  // namespace

Status approve_command(const Context& context, int version, const std::string& stage, const std::string& why) {
  const Workbench bench = TRY(open_workbench(context, "tidecast approve"));
  TRY(bench.scheduler->approve(version, stage, actor(), why));
  return print_state(context, bench, version);
}

Status reject_command(const Context& context, int version, const std::string& why) {
  const Workbench bench = TRY(open_workbench(context, "tidecast reject"));
  TRY(bench.scheduler->reject(version, actor(), why));
  return print_state(context, bench, version);
}

Status deploy_command(const Context& context, int version, const std::string& stage, const std::string& why) {
  const Workbench bench = TRY(open_workbench(context, "tidecast deploy"));
  TRY(bench.scheduler->deploy(stage, version, actor(), why));
  return print_state(context, bench, version);
}

}  // namespace tidecast
