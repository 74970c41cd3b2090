#include <algorithm>
#include <thread>

#include "base/hash.h"
#include "cli/context.h"
#include "storage/file.h"

namespace tidecast {
namespace {

constexpr auto kAskAgain = std::chrono::milliseconds(500);

std::string text_of(const json::object& object, std::string_view key) {
  return std::string(object.at(key).as_string());
}
std::string number_of(const json::value& value) { return value.is_null() ? "-" : to_text(value); }
std::string loss_of(const json::value& value) {
  return value.is_null() ? "-" : fmt::format("{:.3f}", value.to_number<double>());
}
std::string time_of(const json::object& object, std::string_view key) {
  return short_time(parse_rfc3339(text_of(object, key)).value());
}

}  // namespace

Status train_command(const Context& context, const std::string& why, int warm_start) {
  Connection connection = TRY(connect(context, "tidecast train"));
  if (!context.quiet && !context.json) fmt::print("Training ...\n");
  std::fflush(stdout);
  json::object run = TRY(connection.commands().train(why, actor(), warm_start));
  const int id = run.at("id").to_number<int>();
  while (run.at("outcome") == "running") {
    std::this_thread::sleep_for(kAskAgain);
    run = TRY(connection.commands().run(id));
  }
  if (context.json) fmt::print("{}\n", to_text(run));
  const std::string outcome = text_of(run, "outcome");
  if (outcome == "succeeded") {
    // What follows was printed by the loop, or is the server's to tell.
    if (!context.json && !context.quiet && connection.client)
      fmt::print("Run {}: {}\nIt made model {}; see: tidecast status\n", id, text_of(run, "reason"),
                 number_of(run.at("model_version")));
    return ok();
  }
  if (outcome == "rejected_by_gate" || outcome == "skipped_insufficient_data")
    return failed_precondition("run {}: {}: {}; look at it: tidecast runs {}", id, outcome, text_of(run, "reason"), id);
  return internal_error("run {}: {}: {}", id, outcome, text_of(run, "reason"));
}

Status runs_command(const Context& context, int id) {
  Connection connection = TRY(connect(context, "tidecast runs"));
  if (id != 0) {
    fmt::print("{}\n", to_pretty_text(TRY(connection.commands().run(id))));
    return ok();
  }
  const json::object answer = TRY(connection.commands().runs());
  const json::array& runs = answer.at("runs").as_array();
  if (context.json) {
    fmt::print("{}\n", to_text(runs));
    return ok();
  }
  Table table({"run", "started", "why", "outcome", "observations", "loss", "threshold", "model", "seconds"});
  for (const json::value& value : runs) {
    const json::object& run = value.as_object();
    table.add({number_of(run.at("id")), time_of(run, "started_at"), text_of(run, "why"), text_of(run, "outcome"),
               number_of(run.at("observations")), loss_of(run.at("loss")), loss_of(run.at("threshold")),
               number_of(run.at("model_version")), fmt::format("{:.1f}", run.at("seconds").to_number<double>())});
  }
  fmt::print("{}", runs.empty() ? "No runs yet.\n" : table.text());
  return ok();
}

Status models_command(const Context& context, int version) {
  Connection connection = TRY(connect(context, "tidecast models"));
  if (version != 0) {
    fmt::print("{}\n", to_pretty_text(TRY(connection.commands().model(version))));
    return ok();
  }
  const json::object answer = TRY(connection.commands().models());
  const json::array& models = answer.at("models").as_array();
  if (context.json) {
    fmt::print("{}\n", to_text(models));
    return ok();
  }
  Table table({"model", "made", "approval", "loss", "stands in", "hash"});
  for (const json::value& value : models) {
    const json::object& model = value.as_object();
    table.add({number_of(model.at("version")), time_of(model, "created_at"), text_of(model, "approval"),
               loss_of(model.at("loss")), text_of(model, "stages"), text_of(model, "artefact_hash").substr(0, 12)});
  }
  fmt::print("{}", models.empty() ? "No models yet; train one: tidecast train\n" : table.text());
  return ok();
}

Status export_model_command(const Context& context, int version, const std::filesystem::path& out) {
  Connection connection = TRY(connect(context, "tidecast models export"));
  const std::string artefact = TRY(connection.commands().artefact(version));
  TRY(write_output(out, artefact).in("--out"));
  const std::string hash = sha256_hex(artefact);
  if (context.json)
    fmt::print("{}\n", to_text(json::object{{"version", version}, {"out", out.string()}, {"artefact_hash", hash}}));
  else if (!context.quiet)
    fmt::print("Model {}: {}, {} bytes, SHA-256 {}\n", version, out.string(), artefact.size(), hash.substr(0, 12));
  return ok();
}

namespace {

Status print_state(const Context& context, const Result<json::object>& result) {
  const json::object& state = TRY(result);
  if (context.json) fmt::print("{}\n", to_text(state));
  if (context.json || context.quiet) return ok();
  const std::string approval = text_of(state, "approval"), stages = text_of(state, "stages");
  fmt::print("Model {}: {}, {}\n", number_of(state.at("version")), approval,
             stages == "-" ? "in no stage" : "in " + stages);
  if (approval == "Approved" && stages == "staging")
    fmt::print("Next: tidecast approve {} --for production\n", number_of(state.at("version")));
  return ok();
}

}  // namespace

Status approve_command(const Context& context, int version, const std::string& stage, const std::string& why) {
  Connection connection = TRY(connect(context, "tidecast approve"));
  return print_state(context, connection.commands().approve({version, stage, why, actor()}));
}

Status reject_command(const Context& context, int version, const std::string& why) {
  Connection connection = TRY(connect(context, "tidecast reject"));
  return print_state(context, connection.commands().reject({version, "", why, actor()}));
}

Status deploy_command(const Context& context, int version, const std::string& stage, const std::string& why) {
  Connection connection = TRY(connect(context, "tidecast deploy"));
  return print_state(context, connection.commands().deploy({version, stage, why, actor()}));
}

}  // namespace tidecast
