#include <limits>

#include "api/operations.h"
#include "api/schema_parts.h"

namespace tidecast {
namespace {

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
       .body = schema::object(
           "", {schema::optional("why", why("Why, for the record.", false)), schema::optional("actor", actor())}),
       .status = 202,
       .result = schema::ref("Run"),
       .problems = {409, 503},
       .lane = Lane::kDeciding,
       .run = [](Context context, Request request, Given given) {
         return answer_of(context.commands.train(given.text("why"), actor_of(request, given)), 202);
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
