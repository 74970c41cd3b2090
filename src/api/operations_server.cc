#include "api/operations.h"
#include "api/schema_parts.h"
#include "net/problem.h"

namespace tidecast {
namespace {

using Request = const HttpRequest&;
using Context = const OperationContext&;
using Given = const Arguments&;

json::object state_body(std::string_view state) {
  return schema::object("", {{"status", schema::one_of("", {state})}});
}

// The Open Inference Protocol, version 2.
struct OpenOperation {
  std::string_view method, path, id, summary;
  std::vector<int> problems;
};
const OpenOperation kOpenOperations[] = {
    {"GET", "/v2", "getOpenServer", "The server's name and version", {}},
    {"GET", "/v2/health/live", "getOpenLive", "Whether the process answers", {}},
    {"GET", "/v2/health/ready", "getOpenReady", "Whether production serves a model", {503}},
    {"GET", "/v2/models/{model}", "getOpenModel", "A stage's model and its tensors", {404, 503}},
    {"GET", "/v2/models/{model}/ready", "getOpenModelReady", "Whether a stage serves a model", {404, 503}},
    {"POST", "/v2/models/{model}/infer", "infer", "A forecast by a stage's model", {404, 429, 503}},
    {"GET", "/v2/models/{model}/versions/{version}", "getOpenVersion", "A loaded version and its tensors", {404, 503}},
    {"GET", "/v2/models/{model}/versions/{version}/ready", "getOpenVersionReady", "Whether it is loaded", {404, 503}},
    {"POST",
     "/v2/models/{model}/versions/{version}/infer",
     "inferVersion",
     "A forecast by a loaded version",
     {404, 429, 503}},
};

HttpResponse pass_on(Context context, Request request) {
  if (!context.parts.endpoints) return problem(404, "this server has no model endpoints");
  return context.parts.endpoints(request);
}

void add_open_inference(std::vector<Operation>& operations) {
  for (const OpenOperation& open : kOpenOperations) {
    Operation operation{
        .method = open.method,
        .path = open.path,
        .id = open.id,
        .tag = "open inference",
        .summary = open.summary,
        .description = "Open Inference Protocol V2; tensors in docs/endpoint.md. Errors have the member 'error' too.",
        .result = schema::typed("object", "As docs/endpoint.md says."),
        .problems = open.problems,
        .input = Input::kUnchecked,
        .run = [](Context context, Request request, Given) { return pass_on(context, request); }};
    if (open.path.find("{model}") != open.path.npos)
      operation.parameters.push_back({In::kPath, "model", schema::one_of("The stage.", {"production", "staging"})});
    if (open.path.find("{version}") != open.path.npos)
      operation.parameters.push_back({In::kPath, "version", schema::text("The one that serves, or the one before.")});
    if (open.method == "POST") {
      operation.body = schema::typed("object", "As docs/endpoint.md says.");
      operation.lane = Lane::kForecasting;
    }
    operations.push_back(std::move(operation));
  }
}

}  // namespace

void add_server_operations(std::vector<Operation>& operations) {
  operations.push_back({.method = "GET",
                        .path = "/api/v1/server",
                        .id = "getServer",
                        .tag = "server",
                        .summary = "Which process this is",
                        .description = "",
                        .result = schema::ref("Server"),
                        .problems = {503},
                        .run = [](Context context, Request, Given) { return answer_of(context.commands.server()); }});
  operations.push_back(
      {.method = "GET",
       .path = "/api/v1/definition",
       .id = "getDefinition",
       .tag = "server",
       .summary = "The project's definition",
       .description = "",
       .result = schema::ref("Definition"),
       .problems = {503},
       .run = [](Context context, Request, Given) { return answer_of(context.commands.definition()); }});
  operations.push_back({.method = "GET",
                        .path = "/api/v1/openapi.json",
                        .id = "getOpenApi",
                        .tag = "server",
                        .summary = "This document",
                        .description = "",
                        .result = schema::typed("object", "OpenAPI 3.1."),
                        .run = [](Context context, Request, Given) { return HttpResponse{.body = context.document}; }});
  operations.push_back({.method = "GET",
                        .path = "/healthz",
                        .id = "getHealth",
                        .tag = "server",
                        .summary = "Whether the process answers",
                        .description = "",
                        .result = state_body("ok"),
                        .run = [](Context, Request, Given) { return HttpResponse{.body = "{\"status\":\"ok\"}\n"}; }});
  operations.push_back(
      {.method = "GET",
       .path = "/readyz",
       .id = "getReadiness",
       .tag = "server",
       .summary = "Whether it does its work",
       .description = "503, with the reason, until the stores are open and the loop runs, and once it ends.",
       .result = state_body("ready"),
       .problems = {503},
       .run = [](Context context, Request, Given) {
         const Status ready = context.parts.ready ? context.parts.ready() : ok();
         return ready.ok() ? HttpResponse{.body = "{\"status\":\"ready\"}\n"} : problem(503, ready.message());
       }});
  operations.push_back({.method = "GET",
                        .path = "/metrics",
                        .id = "getMetrics",
                        .tag = "server",
                        .summary = "Counters and gauges for Prometheus",
                        .description = "",
                        .content_type = "text/plain; version=0.0.4",
                        .result = schema::text("Text exposition format 0.0.4."),
                        .input = Input::kUnchecked,
                        .run = [](Context context, Request request, Given) {
                          if (request.method != "GET") {
                            HttpResponse response = problem(405, "allowed: GET, HEAD");
                            response.headers.emplace_back("Allow", "GET, HEAD");
                            return response;
                          }
                          return HttpResponse{.content_type = "text/plain; version=0.0.4",
                                              .body = context.parts.metrics ? context.parts.metrics() : ""};
                        }});
  operations.push_back(
      {.method = "POST",
       .path = "/sources/{name}/events",
       .id = "pushEvents",
       .tag = "data",
       .summary = "Events for a source of kind http_push",
       .description =
           "NDJSON, one event a line, or a JSON array of events; Content-Encoding gzip or zstd.  Answered after "
           "the commit, so what is answered with 200 is on the disk.  429 with Retry-After: too much waits; "
           "after 503 the same events may be sent again, known ones are duplicates.",
       .parameters = {{In::kPath, "name", schema::text("Name of the source.")},
                      {In::kHeader, "Content-Encoding",
                       schema::one_of("How the body is packed; up to 64 MB unpacked.", {"identity", "gzip", "zstd"})}},
       .body = json::object{{"type", "array"}, {"items", schema::typed("object", "An event.")}},
       .other_bodies = {{"application/x-ndjson",
                         json::object{{"schema", schema::text("One event a line, each a JSON object.")}}}},
       .result = schema::ref("Pushed"),
       .problems = {404, 413, 415, 429, 503},
       .lane = Lane::kPushing,
       .input = Input::kUnchecked,
       .run = [](Context context, Request request, Given) {
         if (!context.parts.push) return problem(404, "this server takes no events");
         return context.parts.push(request);
       }});
  operations.push_back({.method = "GET",
                        .path = "/ping",
                        .id = "ping",
                        .tag = "endpoints",
                        .summary = "Whether production serves a model",
                        .description = "",
                        .result = schema::typed("object", ""),
                        .problems = {503},
                        .input = Input::kUnchecked,
                        .run = [](Context context, Request request, Given) { return pass_on(context, request); }});
  operations.push_back(
      {.method = "POST",
       .path = "/endpoints/{stage}/invocations",
       .id = "invokeEndpoint",
       .tag = "endpoints",
       .summary = "A forecast by a stage's model",
       .description = "In SageMaker DeepAR's JSON or our short form, both described in docs/endpoint.md.",
       .parameters = {{In::kPath, "stage", schema::one_of("", {"staging", "production"})}},
       .body = schema::typed("object", "As docs/endpoint.md says."),
       .result = schema::typed("object", "As docs/endpoint.md says."),
       .problems = {404, 409, 429, 503},
       .lane = Lane::kForecasting,
       .input = Input::kUnchecked,
       .run = [](Context context, Request request, Given) { return pass_on(context, request); }});
  add_open_inference(operations);
}

}  // namespace tidecast
