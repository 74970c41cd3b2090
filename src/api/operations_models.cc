#include <limits>

#include "api/operations.h"
#include "api/schema_parts.h"
#include "net/problem.h"

namespace tidecast {
namespace {

json::object warm_start() {
  json::object version = schema::integer("The model version whose weights it begins with; 0: none.", 0);
  version["default"] = 0;
  return version;
}

using Request = const HttpRequest&;
using Context = const OperationContext&;
using Given = const Arguments&;

json::object whole_number(std::string_view description) {
  json::object parameter = schema::integer(description, 1);
  parameter["maximum"] = std::numeric_limits<int>::max();
  return parameter;
}

json::object why(std::string_view description, bool required) {
  json::object member = schema::text(description);
  member["minLength"] = required ? 1 : 0;
  member["maxLength"] = 2000;
  return member;
}

json::object actor() {
  json::object member = schema::text(
      "Who asks, for the record: 'cli:anna'; left out, 'console' of the console's page and 'api' of anybody else.");
  member["minLength"] = 1;
  member["maxLength"] = 100;
  return member;
}

json::object decision_body() {
  return schema::object("", {{"stage", schema::one_of("Where to.", {"staging", "production"})},
                             schema::optional("why", why("A word for the record.", false)),
                             schema::optional("actor", actor())});
}

// Browsers say of their requests what no other client does (W3C Fetch Metadata); those of other sites never come here.
std::string actor_of(Request request, Given given) {
  if (given.has("actor")) return given.text("actor");
  return request.headers.contains("sec-fetch-site") ? "console" : "api";
}

Decision decision_of(Request request, Given given) {
  return {.version = static_cast<int>(given.integer("version")),
          .stage = given.text("stage"),
          .why = given.text("why"),
          .actor = actor_of(request, given)};
}

json::object values_of(std::string_view description) { return schema::map_of(schema::number(""), description); }

json::object trial_schema() {
  return schema::object(
      "One trial.",
      {{"number", whole_number("1: the defaults.")},
       {"differs", values_of("Hyperparameters that differ from the defaults.")},
       {"hyperparameters", values_of("All of them.")},
       {"share", schema::number("Of the steps: 1 in full, less where others were better.")},
       {"steps", schema::count("Run.")},
       {"best_step", schema::count("Of the weights that were kept.")},
       {"seconds", schema::number("How long it took, in seconds.")},
       schema::optional("held_out_loss", schema::number("Mean negative log likelihood of the held-out windows.")),
       schema::optional("mean_wql", schema::number("Loss of the back-test, of a trial in full.")),
       schema::optional("mase", schema::number("Mean absolute scaled error of the median, likewise.")),
       schema::optional("coverage", schema::number("Share of truths within the interval, likewise.")),
       schema::optional("diverged", schema::text("Why it has no held-out loss."))});
}

void add_tuning_operations(std::vector<Operation>& operations) {
  operations.push_back(
      {.method = "GET",
       .path = "/api/v1/training-data",
       .id = "getTrainingData",
       .tag = "runs",
       .summary = "What a training that starts now would take",
       .description = "",
       .result = schema::ref("TrainingData"),
       .problems = {409, 503},
       .lane = Lane::kReading,
       .run = [](Context context, Request, Given) { return answer_of(context.commands.training_data()); }});
  json::object trials = schema::list_of(trial_schema(), "");
  trials["minItems"] = 1;
  trials["maxItems"] = 1000;
  operations.push_back({.method = "POST",
                        .path = "/api/v1/trials",
                        .id = "recordTrials",
                        .tag = "runs",
                        .summary = "Records the trials of a hyperparameter search as runs",
                        .description = "What `tidecast tune` found; a trial makes no model.",
                        .body = schema::object("", {{"as_of", schema::time("Of the training data they were made on.")},
                                                    {"seed", schema::count("Of the search.")},
                                                    {"trials", std::move(trials)}}),
                        .result = schema::ref("Recorded"),
                        .problems = {409, 503},
                        .lane = Lane::kDeciding,
                        .run = [](Context context, Request, Given given) {
                          return answer_of(
                              context.commands.record_trials({.as_of = given.text("as_of"),
                                                              .seed = given.integer("seed"),
                                                              .trials = given.value("trials").as_array()}));
                        }});
  operations.push_back(
      {.method = "GET",
       .path = "/api/v1/parameters",
       .id = "getParameters",
       .tag = "runs",
       .summary = "The hyperparameters in force",
       .description = "",
       .result = schema::ref("Parameters"),
       .problems = {409, 503},
       .run = [](Context context, Request, Given) { return answer_of(context.commands.parameters()); }});
  operations.push_back(
      {.method = "POST",
       .path = "/api/v1/parameters",
       .id = "setParameters",
       .tag = "runs",
       .summary = "Sets hyperparameters in place of the definition's",
       .description = "All at once: those left out are the definition's. Trainings that start later take them.",
       .body = schema::object("", {{"values", values_of("By SageMaker's names: num_cells.")},
                                   {"why", why("Why, for the record.", true)},
                                   schema::optional("actor", actor())}),
       .result = schema::ref("Parameters"),
       .problems = {409, 503},
       .lane = Lane::kDeciding,
       .run = [](Context context, Request request, Given given) {
         return answer_of(context.commands.set_parameters(given.value("values").as_object(), given.text("why"),
                                                          actor_of(request, given)));
       }});
}

using Decide = Result<json::object> (Commands::*)(const Decision&);
Operation decision(std::string_view path, std::string_view id, std::string_view summary, std::string_view description,
                   json::object body, Decide decide) {
  return {.method = "POST",
          .path = path,
          .id = id,
          .tag = "models",
          .summary = summary,
          .description = description,
          .parameters = {{In::kPath, "version", whole_number("The model version.")}},
          .body = std::move(body),
          .result = schema::ref("DecisionResult"),
          .problems = {404, 409, 503},
          .lane = Lane::kDeciding,
          .run = [decide](Context context, Request request, Given given) {
            return answer_of((context.commands.*decide)(decision_of(request, given)));
          }};
}

}  // namespace

void add_model_operations(std::vector<Operation>& operations) {
  add_tuning_operations(operations);
  operations.push_back({.method = "GET",
                        .path = "/api/v1/runs",
                        .id = "listRuns",
                        .tag = "runs",
                        .summary = "All training runs",
                        .description = "",
                        .result = schema::ref("Runs"),
                        .problems = {503},
                        .run = [](Context context, Request, Given) { return answer_of(context.commands.runs()); }});
  operations.push_back(
      {.method = "POST",
       .path = "/api/v1/runs",
       .id = "startRun",
       .tag = "runs",
       .summary = "Starts a training run",
       .description = "Answers at once; `GET /api/v1/runs/{id}` tells how it went. 409 where one is under way.",
       .body = schema::object("", {schema::optional("why", why("Why, for the record.", false)),
                                   schema::optional("actor", actor()), schema::optional("warm_start", warm_start())}),
       .status = 202,
       .result = schema::ref("Run"),
       .problems = {404, 409, 503},
       .lane = Lane::kDeciding,
       .run = [](Context context, Request request, Given given) {
         return answer_of(context.commands.train(given.text("why"), actor_of(request, given),
                                                 static_cast<int>(given.integer("warm_start"))),
                          202);
       }});
  operations.push_back({.method = "GET",
                        .path = "/api/v1/runs/{id}",
                        .id = "getRun",
                        .tag = "runs",
                        .summary = "One training run",
                        .description = "",
                        .parameters = {{In::kPath, "id", whole_number("The run's number.")}},
                        .result = schema::ref("Run"),
                        .problems = {404, 503},
                        .run = [](Context context, Request, Given given) {
                          return answer_of(context.commands.run(static_cast<int>(given.integer("id"))));
                        }});
  operations.push_back({.method = "GET",
                        .path = "/api/v1/models",
                        .id = "listModels",
                        .tag = "models",
                        .summary = "All model versions",
                        .description = "",
                        .result = schema::ref("Models"),
                        .problems = {503},
                        .run = [](Context context, Request, Given) { return answer_of(context.commands.models()); }});
  operations.push_back({.method = "GET",
                        .path = "/api/v1/models/{version}",
                        .id = "getModel",
                        .tag = "models",
                        .summary = "One model version",
                        .description = "",
                        .parameters = {{In::kPath, "version", whole_number("The model version.")}},
                        .result = schema::ref("Model"),
                        .problems = {404, 503},
                        .run = [](Context context, Request, Given given) {
                          return answer_of(context.commands.model(static_cast<int>(given.integer("version"))));
                        }});
  operations.push_back({.method = "GET",
                        .path = "/api/v1/models/{version}/artefact",
                        .id = "getArtefact",
                        .tag = "models",
                        .summary = "The file of a model version",
                        .description = "As docs/formats/model.md says.",
                        .parameters = {{In::kPath, "version", whole_number("The model version.")}},
                        .content_type = "application/octet-stream",
                        .result = schema::text("The file."),
                        .problems = {404, 503},
                        .lane = Lane::kReading,
                        .run = [](Context context, Request, Given given) {
                          Result<std::string> file =
                              context.commands.artefact(static_cast<int>(given.integer("version")));
                          if (!file.ok()) return problem(file.status());
                          return HttpResponse{.content_type = "application/octet-stream", .body = *std::move(file)};
                        }});
  operations.push_back(decision("/api/v1/models/{version}/approve", "approveModel", "Approves a model version",
                                "And deploys it to the stage.", decision_body(), &Commands::approve));
  operations.push_back(
      decision("/api/v1/models/{version}/reject", "rejectModel", "Rejects a model version", "",
               schema::object("", {{"why", why("Why, for the record.", true)}, schema::optional("actor", actor())}),
               &Commands::reject));
  operations.push_back(decision("/api/v1/models/{version}/deploy", "deployModel", "Deploys an approved model version",
                                "An earlier one for a rollback.", decision_body(), &Commands::deploy));
}

}  // namespace tidecast
