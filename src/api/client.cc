#include "api/client.h"

#include <limits>

#include "api/arguments.h"

namespace tidecast {
namespace {

constexpr int kSlowMs = 120'000;  // For what reads much, waits behind others or loads a model.

std::string versioned(int version, std::string_view what) {
  return fmt::format("models/{}{}{}", version, what.empty() ? "" : "/", what);
}

// "a=1&b=x%20y" of what is not empty.
std::string query_of(std::initializer_list<std::pair<std::string_view, std::string>> values) {
  std::string query;
  for (const auto& [name, value] : values)
    if (!value.empty()) query += fmt::format("{}{}={}", query.empty() ? "" : "&", name, percent_encoded(value));
  return query;
}

Code code_of(int status) {
  switch (status) {
    case 400:
    case 413:
    case 415: return Code::kInvalidArgument;
    case 404: return Code::kNotFound;
    case 409: return Code::kFailedPrecondition;
    case 503: return Code::kUnavailable;
  }
  return Code::kInternal;
}

}  // namespace

// Asked first, so that a server that does not answer is told of soon.
Result<json::object> ApiClient::server() { return get("server", "", 3'000); }
Result<json::object> ApiClient::status() { return get("status"); }
Result<json::object> ApiClient::definition() { return get("definition"); }
Result<json::object> ApiClient::runs() { return get("runs"); }
Result<json::object> ApiClient::run(int id) { return get(fmt::format("runs/{}", id)); }
Result<json::object> ApiClient::models() { return get("models"); }
Result<json::object> ApiClient::model(int version) { return get(versioned(version, "")); }
Result<json::object> ApiClient::target(int hours) { return get("target", fmt::format("hours={}", hours)); }
Result<json::object> ApiClient::accuracy(int hours) { return get("accuracy", fmt::format("hours={}", hours)); }
Result<json::object> ApiClient::approve(const Decision& decision) { return decide("approve", decision); }
Result<json::object> ApiClient::deploy(const Decision& decision) { return decide("deploy", decision); }

Result<json::object> ApiClient::features(const FeaturesQuery& query) {
  return get(
      query.group.empty() ? "features" : "features/" + percent_encoded(query.group),
      query_of(
          {{"from", query.from}, {"until", query.until}, {"as_of", query.as_of}, {"last", std::to_string(query.last)}}),
      kSlowMs);
}

Result<json::object> ApiClient::forecast(const ForecastQuery& query) {
  std::string taus;
  for (const double tau : query.taus) taus += (taus.empty() ? "" : ",") + shortest(tau);
  return get("forecast", query_of({{"series", query.series}, {"as_of", query.as_of}, {"quantiles", taus}}), kSlowMs);
}

Result<json::object> ApiClient::timeline(int last, std::int64_t before) {
  const bool all = before == std::numeric_limits<std::int64_t>::max();
  return get("timeline", query_of({{"last", std::to_string(last)}, {"before", all ? "" : std::to_string(before)}}));
}

Result<json::object> ApiClient::sql(const std::string& statement) {
  return post("sql", {{"statement", statement}}, kSlowMs);
}

Result<json::object> ApiClient::train(const std::string& why, const std::string& actor) {
  json::object body;
  if (!why.empty()) body["why"] = why;
  if (!actor.empty()) body["actor"] = actor;
  return post("runs", body, kSlowMs);
}

Result<json::object> ApiClient::reject(const Decision& decision) {
  json::object body{{"why", decision.why}};
  if (!decision.actor.empty()) body["actor"] = decision.actor;
  return post(versioned(decision.version, "reject"), body, kSlowMs);
}

Result<json::object> ApiClient::decide(const char* what, const Decision& decision) {
  json::object body{{"stage", decision.stage}};
  if (!decision.why.empty()) body["why"] = decision.why;
  if (!decision.actor.empty()) body["actor"] = decision.actor;
  return post(versioned(decision.version, what), body, kSlowMs);
}

Result<json::object> ApiClient::get(const std::string& path, const std::string& query, int timeout_ms) {
  return call({.method = "GET", .path = "/api/v1/" + path, .query = query}, timeout_ms);
}

Result<json::object> ApiClient::post(const std::string& path, const json::object& body, int timeout_ms) {
  return call({.method = "POST",
               .path = "/api/v1/" + path,
               .headers = {{"Content-Type", "application/json"}},
               .body = to_text(body)},
              timeout_ms);
}

Result<json::object> ApiClient::call(const HttpRequest& request, int timeout_ms) {
  const HttpResponse response = TRY(http_call(address_, port_, request, timeout_ms));
  const Result<json::value> body = parse_json(response.body);
  if (!body.ok() || !body->is_object())
    return internal_error("{}:{} answered {} {} with {} and no JSON object; is it a Tidecast?", address_, port_,
                          request.method, request.path, response.status);
  if (response.status < 300) return body->get_object();
  const json::value* detail = body->get_object().if_contains("detail");
  return Status(code_of(response.status), detail && detail->is_string() ? std::string(detail->get_string())
                                                                        : fmt::format("{} {}: HTTP {}", request.method,
                                                                                      request.path, response.status));
}

}  // namespace tidecast
