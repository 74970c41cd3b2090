#include "api/client.h"

#include <limits>

#include "api/arguments.h"

namespace tidecast {
namespace {

constexpr int kVerySlowMs = 3'600'000;  // Reads the whole archive.
constexpr int kSlowMs = 120'000;        // For what reads much, waits behind others or loads a model.

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

json::object given(std::initializer_list<std::pair<std::string_view, std::string>> values) {
  json::object body;
  for (const auto& [name, value] : values)
    if (!value.empty()) body[name] = value;
  return body;
}

Code code_of(int status) {
  switch (status) {
    case 400:
    case 413:
    case 415: return Code::kInvalidArgument;
    case 404: return Code::kNotFound;
    case 409: return Code::kFailedPrecondition;
    case 429:
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
  std::string parameters = query_of({{"from", query.from},
                                     {"until", query.until},
                                     {"as_of", query.as_of},
                                     {"last", std::to_string(query.last)},
                                     {"revisions", query.history ? "all" : ""}});
  if (query.key) parameters += "&key=" + percent_encoded(*query.key);
  return get(query.group.empty() ? "features" : "features/" + percent_encoded(query.group), parameters, kSlowMs);
}

Result<json::object> ApiClient::latest(const std::string& group, const std::vector<std::string>& keys) {
  json::array list;
  for (const std::string& key : keys) list.emplace_back(key);
  return post("features/" + percent_encoded(group) + "/latest", {{"keys", std::move(list)}}, kSlowMs);
}

Result<json::object> ApiClient::erase(const Erasure& erasure) {
  json::object body =
      given({{"from", erasure.from}, {"until", erasure.until}, {"why", erasure.why}, {"actor", erasure.actor}});
  if (erasure.key) body["key"] = *erasure.key;
  return post("features/" + percent_encoded(erasure.group) + "/erase", std::move(body), kSlowMs);
}

Result<json::object> ApiClient::dead_letters(int last) { return get("dead-letters", fmt::format("last={}", last)); }
Result<json::object> ApiClient::dead_letter(std::int64_t number) { return get(fmt::format("dead-letters/{}", number)); }
Result<json::object> ApiClient::late(int last) { return get("late", fmt::format("last={}", last)); }

Result<json::object> ApiClient::replay_dead(const std::vector<std::int64_t>& numbers, const std::string& actor) {
  json::object body = given({{"actor", actor}});
  if (!numbers.empty()) body["numbers"] = json::array(numbers.begin(), numbers.end());
  return post("dead-letters/replay", body, kSlowMs);
}

Result<json::object> ApiClient::verify(const std::string& from, const std::string& until) {
  return get("verify", query_of({{"from", from}, {"until", until}}), kVerySlowMs);
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

Result<SqlFile> ApiClient::sql_file(const std::string& statement, const std::string& format) {
  return file("sql", query_of({{"format", format}}), {{"statement", statement}});
}

Result<SqlFile> ApiClient::join(const JoinRequest& request) {
  if (request.parquet)
    return invalid_argument("entities: found Parquet, allowed: CSV, where a server runs over the data folder");
  json::object body = given({{"entities", request.entities},
                             {"time_column", request.time_column},
                             {"known", request.known_now ? "now" : ""},
                             {"max_age", request.max_age}});
  if (!request.groups.empty()) {
    json::array groups;
    for (const std::string& group : request.groups) groups.emplace_back(group);
    body["groups"] = std::move(groups);
  }
  return file("join", query_of({{"format", request.format}}), body);
}

Result<SqlFile> ApiClient::file(const std::string& path, const std::string& query, const json::object& body) {
  const HttpRequest request{.method = "POST",
                            .path = "/api/v1/" + path,
                            .query = query,
                            .headers = {{"Content-Type", "application/json"}},
                            .body = to_text(body)};
  HttpResponse response = TRY(http_call(address_, port_, request, kSlowMs));
  if (response.status >= 300) return error_of(request, response);
  SqlFile file{.bytes = std::move(response.body)};
  for (const auto& [name, value] : response.headers) file.truncated |= name == "tidecast-truncated";
  return file;
}

Result<std::string> ApiClient::artefact(int version) {
  const HttpRequest request{.method = "GET", .path = "/api/v1/" + versioned(version, "artefact")};
  HttpResponse response = TRY(http_call(address_, port_, request, kSlowMs));
  if (response.status != 200) return error_of(request, response);
  return std::move(response.body);
}

Result<json::object> ApiClient::train(const std::string& why, const std::string& actor, int warm_start) {
  json::object body = given({{"why", why}, {"actor", actor}});
  if (warm_start != 0) body["warm_start"] = warm_start;
  return post("runs", std::move(body), kSlowMs);
}

Result<json::object> ApiClient::training_data() { return get("training-data", "", kSlowMs); }

Result<json::object> ApiClient::record_trials(const TrialRecords& records) {
  return post("trials", {{"as_of", records.as_of}, {"seed", records.seed}, {"trials", records.trials}}, kSlowMs);
}

Result<json::object> ApiClient::parameters() { return get("parameters"); }

Result<json::object> ApiClient::set_parameters(const json::object& values, const std::string& why,
                                               const std::string& actor) {
  return post("parameters", {{"values", values}, {"why", why}, {"actor", actor}}, kSlowMs);
}

Result<json::object> ApiClient::reject(const Decision& decision) {
  return post(versioned(decision.version, "reject"), given({{"why", decision.why}, {"actor", decision.actor}}),
              kSlowMs);
}

Result<json::object> ApiClient::decide(const char* what, const Decision& decision) {
  return post(versioned(decision.version, what),
              given({{"stage", decision.stage}, {"why", decision.why}, {"actor", decision.actor}}), kSlowMs);
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
  if (response.status < 300 && body.ok() && body->is_object()) return body->get_object();
  return error_of(request, response);
}

// Of an answer that is none of success, or that is no JSON object.
Status ApiClient::error_of(const HttpRequest& request, const HttpResponse& response) const {
  const Result<json::value> body = parse_json(response.body);
  if (!body.ok() || !body->is_object())
    return internal_error("{}:{} answered {} {} with {} and no JSON object; is it a Tidecast?", address_, port_,
                          request.method, request.path, response.status);
  const json::value* detail = body->get_object().if_contains("detail");
  return Status(code_of(response.status), detail && detail->is_string() ? std::string(detail->get_string())
                                                                        : fmt::format("{} {}: HTTP {}", request.method,
                                                                                      request.path, response.status));
}

}  // namespace tidecast
