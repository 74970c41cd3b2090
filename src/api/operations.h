#pragma once
// The table of all that can be asked of the server over HTTP.  Requests are dispatched and checked by it, and the
// OpenAPI document is made of it, so the two cannot differ.  Private to this room; its users see Api.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/api.h"
#include "api/arguments.h"

namespace tidecast {

enum class In { kPath, kQuery, kHeader };

struct Parameter {
  In in;
  std::string_view name;  // As it is written, "Last-Event-ID"; arguments have it by this name too.
  json::object schema;    // Of type string, integer, or array of number (joined by commas); with its description.
};

// HttpServerOptions::lane.  kQuick: on the server's thread, so without much reading;  kReading: what reads much;
// kDeciding: what waits for the loop;  kForecasting: the endpoints' large requests, so that the loop's own smoke
// requests wait for neither;  kPushing: events that wait for their commit.
enum class Lane { kQuick, kReading, kDeciding, kForecasting, kPushing };
// kUnchecked: whoever answers checks what came, and answers other methods too.
enum class Input { kChecked, kUnchecked };

struct OperationContext {
  Commands& commands;
  const EventHub& events;
  const ApiParts& parts;
  const std::string& document;  // The OpenAPI document.
};

struct Operation {
  std::string_view method;  // "GET", "POST"
  std::string_view path;    // "/api/v1/models/{version}"
  std::string_view id, tag, summary, description;
  std::vector<Parameter> parameters{};
  json::object body{};          // Schema of the JSON object that it needs; empty: it takes none.
  json::object other_bodies{};  // Content types that the body may have instead, with their media type objects.
  int status = 200;             // Of success.
  std::string_view content_type = "application/json";
  json::object result{};                        // Schema of the answer.
  std::vector<std::string_view> other_types{};  // Content types that the answer may have instead, on demand.
  std::vector<int> problems{};                  // Statuses of errors besides 400, which all have that take anything.
  Lane lane = Lane::kQuick;
  Input input = Input::kChecked;
  std::function<HttpResponse(const OperationContext&, const HttpRequest&, const Arguments&)> run{};
};

std::vector<Operation> make_operations();
void add_loop_operations(std::vector<Operation>& operations);    // Status, charts, timeline, events.
void add_data_operations(std::vector<Operation>& operations);    // Features, forecast, SQL.
void add_record_operations(std::vector<Operation>& operations);  // Latest rows, erasing, dead letters, late, verify.
void add_model_operations(std::vector<Operation>& operations);   // Runs, models, decisions.
void add_server_operations(std::vector<Operation>& operations);  // Health, metrics, endpoints, the document.

// What a command gave, as an answer.
HttpResponse answer_of(const Result<json::object>& result, int status = 200);

// OpenAPI 3.1, with the schemas of schemas.h.
json::object openapi_document(const std::vector<Operation>& operations);

}  // namespace tidecast
