#include "api/schema_parts.h"
#include "api/schemas.h"

namespace tidecast {
namespace {

using namespace schema;

json::object run_schema() {
  return object(
      "One training run: train, back-test, gate, register.",
      {{"id", integer("The run's number.", 1)},
       {"why", text("Why it was started.")},
       {"outcome", outcome("What came of it.")},
       {"reason", text("Why, in a sentence.")},
       {"started_at", time("When it started.")},
       {"data_from", time("Start of the data it was trained on.")},
       {"data_until", time("End of the data it was trained on.")},
       {"observations", count("Values of the target in that data.")},
       {"seed", integer("Seed of everything that is drawn at random.")},
       {"loss",
        nullable(number("Mean weighted quantile loss of the back-test, without unit; null before there is one."))},
       {"threshold", nullable(number("What the loss had to stay below, without unit."))},
       {"model_version", nullable(integer("The model version it registered.", 1))},
       {"data_hash", text("SHA-256 of the data, hexadecimal; empty before there is one.")},
       {"artefact_hash", text("SHA-256 of the model's file, hexadecimal; empty where there is none.")},
       {"parameters", typed("object", "The recipe's parameters by name.")},
       {"metrics", typed("object", "Everything that the back-test and the gate measured.")},
       {"seconds", number("How long it really took, in seconds.")}});
}

json::object training_data_schema() {
  return object("What a training would take.",
                {{"series", text("Feature group and column.")},
                 {"as_of", time("When it was known so.")},
                 {"start", time("Of the first step.")},
                 {"step_ms", integer("A step, in milliseconds.", 1)},
                 {"season", integer("In steps.", 1)},
                 {"values", list_of(nullable(number("")), "One a step; null where missing.")},
                 {"parameters", map_of(number(""), "Hyperparameters in force that are not the definition's.")}});
}

json::object parameters_schema() {
  const json::object values = map_of(number(""), "By SageMaker's names.");
  return object("Hyperparameters in force.",
                {{"values", map_of(number(""), "Those that count in place of the definition's.")},
                 {"hyperparameters", map_of(number(""), "All; context_length 0 is by the recipe.")},
                 {"history", list_of(object("One change.", {{"number", integer("Of the registry's log.", 1)},
                                                            {"at", time("When.")},
                                                            {"actor", text("Who.")},
                                                            {"why", text("Why.")},
                                                            {"values", values}}),
                                     "Newest first.")}});
}

json::object model_schema() {
  return object(
      "One model version.",
      {{"version", integer("Its number.", 1)},
       {"run", text("The run that made it.")},
       {"created_at", time("When it was registered.")},
       {"approval", one_of("Where its approval stands.", {"PendingManualApproval", "Approved", "Rejected"})},
       {"data_end", time("End of the data it was trained on.")},
       {"loss", number("Mean weighted quantile loss of its back-test, without unit.")},
       {"artefact_hash", text("SHA-256 of its file, hexadecimal.")},
       {"metrics", typed("object", "Everything that the back-test and the gate measured.")},
       optional("stages", text("Where it stands: 'staging', 'production', 'previous', joined by ', '; '-' for "
                               "nowhere."))});
}

}  // namespace

void add_data_schemas(json::object& schemas) {
  json::object cell{{"type", json::array{"number", "string", "boolean", "null"}}};

  schemas["Server"] =
      object("The running process.", {{"project", text("Name of the project.")},
                                      {"project_id", text("The data folder's own id: 32 hexadecimal digits.")},
                                      {"process", integer("Process id.", 1)},
                                      {"version", text("Version of Tidecast.")},
                                      {"mode", one_of("On the live stream, or a replay.", {"live", "replay"})},
                                      {"started_at", time("When the process started, by the system's clock.")}});
  schemas["Definition"] =
      object("The project's definition file.", {{"file", text("Its path, as it was given.")},
                                                {"text", text("The file as it was read.")},
                                                {"description", text("What it says, in sentences.")}});
  schemas["Features"] =
      object("Rows of one feature group, oldest first.",
             {{"group", text("Name of the feature group.")},
              {"columns", list_of(object("", {{"name", text("")},
                                              {"type", text("'integer' or 'number'.")},
                                              {"unit", text("Empty where there is none.")}}),
                                  "The group's columns, in their order.")},
              {"rows", list_of(object("One window.",
                                      {{"window_start", time("Start of the window.")},
                                       {"window_end", time("End of the window; the row's event time.")},
                                       {"write_time", time("When the window closed.")}},
                                      cell),
                               "Each with a member per column as well.")}});
  schemas["Forecast"] =
      object("The production model's forecast.",
             {{"series", text("Feature group and column.")},
              {"model_version", integer("The model that made it.", 1)},
              {"origin", time("End of the history; start of the first step.")},
              {"taus", list_of(number(""), "The quantiles' levels.")},
              {"steps", list_of(object("One step; a member 'q0.05' per level.",
                                       {{"time", time("Start of the step.")}, {"mean", number("In the series' unit.")}},
                                       number("A quantile, in the series' unit.")),
                                "In order of time.")}});
  schemas["SqlResult"] = object(
      "The rows of a statement.",
      {{"columns", list_of(object("", {{"name", text("")}, {"type", text("DuckDB's name of it, as BIGINT.")}}), "")},
       {"rows", list_of(list_of(cell, "One value per column; times are RFC 3339 text in UTC."), "")},
       {"truncated", boolean("Whether there are more rows than the limit.")}});
  schemas["Run"] = run_schema();
  schemas["Runs"] = object("All runs.", {{"runs", list_of(ref("Run"), "")}});
  schemas["TrainingData"] = training_data_schema();
  schemas["Recorded"] = object("Runs that were recorded.", {{"runs", list_of(integer("", 1), "Their numbers.")}});
  schemas["Parameters"] = parameters_schema();
  schemas["Model"] = model_schema();
  schemas["Models"] = object("All model versions.", {{"models", list_of(ref("Model"), "")}});
  schemas["DecisionResult"] =
      object("Where a decision has left the model version.",
             {{"version", integer("The model version.", 1)},
              {"approval", one_of("Where its approval stands.", {"PendingManualApproval", "Approved", "Rejected"})},
              {"stages", text("Where it stands: 'staging', 'production', joined by ', '; '-' for nowhere.")}});
  schemas["Problem"] = object("An error (RFC 9457).",
                              {{"title", text("The status in words.")},
                               {"status", integer("The HTTP status.", 400)},
                               {"detail", text("What is wrong, for people.")},
                               {"message", text("The same as 'detail', for Amazon's clients.")},
                               optional("where", text("The parameter ('?hours', '{version}') or the member of the body "
                                                      "('/stage') that is wrong.")),
                               optional("found", text("What was found there.")),
                               optional("allowed", text("What is allowed there."))},
                              true);
}

json::object api_schemas() {
  json::object schemas;
  add_overview_schemas(schemas);
  add_data_schemas(schemas);
  add_record_schemas(schemas);
  return schemas;
}

}  // namespace tidecast
