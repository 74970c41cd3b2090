#include <algorithm>

#include "api/operations.h"
#include "api/schemas.h"
#include "net/problem.h"

namespace tidecast {
namespace {

std::string_view name_of(In in) {
  switch (in) {
    case In::kPath: return "path";
    case In::kQuery: return "query";
    case In::kHeader: return "header";
  }
  return "";
}

json::object parameter_object(const Parameter& parameter) {
  json::object schema = parameter.schema;
  json::object object{{"name", parameter.name}, {"in", name_of(parameter.in)}};
  if (const json::value* description = schema.if_contains("description")) {
    object["description"] = *description;
    schema.erase("description");
  }
  if (parameter.in == In::kPath) object["required"] = true;
  if (schema.at("type") == "array") object["explode"] = false;  // Joined by commas.
  object["schema"] = std::move(schema);
  return object;
}

json::object content(std::string_view type, const json::object& schema) {
  json::object media;
  if (!schema.empty()) media["schema"] = schema;
  return {{type, std::move(media)}};
}

json::object problem_response(std::string_view description) {
  return {{"description", description},
          {"content", content("application/problem+json", {{"$ref", "#/components/schemas/Problem"}})}};
}

json::object operation_object(const Operation& operation) {
  json::object object{
      {"operationId", operation.id}, {"tags", json::array{operation.tag}}, {"summary", operation.summary}};
  if (!operation.description.empty()) object["description"] = operation.description;
  if (!operation.parameters.empty()) {
    json::array list;
    for (const Parameter& parameter : operation.parameters) list.emplace_back(parameter_object(parameter));
    object["parameters"] = std::move(list);
  }
  if (!operation.body.empty()) {
    json::object types = content("application/json", operation.body);
    for (const auto& [type, media] : operation.other_bodies) types[type] = media;
    object["requestBody"] = json::object{{"required", true}, {"content", std::move(types)}};
  }
  json::object responses;
  json::object success{{"description", http_reason(operation.status)}};
  json::object types = content(operation.content_type, operation.result);
  for (const std::string_view type : operation.other_types) types[type] = json::object();
  success["content"] = std::move(types);
  responses[std::to_string(operation.status)] = std::move(success);
  std::vector<int> problems = operation.problems;
  problems.push_back(400);  // An unknown parameter is one, so even those that take none have it.
  if (!operation.body.empty()) problems.push_back(415);
  std::ranges::sort(problems);
  for (const int status : problems) responses[std::to_string(status)] = problem_response(http_reason(status));
  responses["default"] = problem_response("Any other error, as those of docs/api.md");
  object["responses"] = std::move(responses);
  return object;
}

}  // namespace

json::object openapi_document(const std::vector<Operation>& operations) {
  json::object paths;
  for (const Operation& operation : operations) {
    json::value& path = paths[operation.path];
    if (!path.is_object()) path = json::object();
    std::string method(operation.method);
    for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
    path.as_object()[method] = operation_object(operation);
  }
  return {
      {"openapi", "3.1.0"},
      {"info", json::object{{"title", "Tidecast"},
                            {"version", "1"},
                            {"description",
                             "Everything that the command line and the console do. Loopback only, without "
                             "authentication in this version. Times are RFC 3339 in UTC; null is unknown or none."}}},
      {"servers", json::array{json::object{{"url", "/"}}}},
      {"paths", std::move(paths)},
      {"components", json::object{{"schemas", api_schemas()}}}};
}

}  // namespace tidecast
