#include "serving/endpoint.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "net/problem.h"
#include "serving/answer.h"

namespace tidecast {
namespace {

constexpr std::string_view kPrefix = "/endpoints/", kSuffix = "/invocations";
constexpr const char* kAttributes = "x-amzn-sagemaker-custom-attributes";
constexpr std::size_t kAttributesMax = 1024;  // Bytes; SageMaker's limit.

const std::string* header(const HttpRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() || found->second.empty() ? nullptr : &found->second;
}

HttpResponse method_not_allowed(const std::string& allowed) {
  HttpResponse response = problem(405, "allowed: " + allowed);
  response.headers.emplace_back("Allow", allowed);
  return response;
}

// The names that Amazon's clients know an invocation's errors by.
std::string_view amazon_name(int status) {
  return status == 503 ? "ServiceUnavailable" : status >= 500 ? "InternalFailure" : "ValidationError";
}

// Headers of a request that we could only ignore; better to say so.
std::optional<Fault> unhonoured_header(const HttpRequest& request) {
  for (const char* name : {"x-amzn-sagemaker-target-variant", "x-amzn-sagemaker-target-model",
                           "x-amzn-sagemaker-target-container-hostname", "x-amzn-sagemaker-inference-component",
                           "x-amzn-sagemaker-session-id"})
    if (const std::string* value = header(request, name))
      return Fault{fmt::format("header {}", name), fmt::format("a text of {} bytes", value->size()),
                   "none: an endpoint has one model, no sessions and no components"};
  if (const std::string* attributes = header(request, kAttributes))
    if (attributes->size() > kAttributesMax)
      return Fault{fmt::format("header {}", kAttributes), fmt::format("{} bytes", attributes->size()),
                   fmt::format("{} bytes", kAttributesMax)};
  return std::nullopt;
}

// A body that is no JSON is a 415 if its sender said that it is something else, and a 400 if it was meant to be JSON
// (curl sends a form's type unless told otherwise).
bool is_meant_as_json(const HttpRequest& request) {
  const std::string* type = header(request, "content-type");
  if (type == nullptr) return true;
  const auto contains = [&](std::string_view part) { return type->find(part) != std::string::npos; };
  return contains("json") || contains("text/plain") || contains("octet-stream") || contains("x-www-form-urlencoded");
}

// The last values of `sample` that can matter, as a client would send them.
HttpRequest smoke_request(const std::string& stage, const TimeSeries& sample, int history_needed) {
  const std::size_t count = std::min(sample.values.size(), static_cast<std::size_t>(std::max(history_needed, 1)));
  const std::size_t first = sample.values.size() - count;
  json::array target;
  for (std::size_t i = first; i < sample.values.size(); ++i)
    target.push_back(std::isnan(sample.values[i]) ? json::value("NaN") : json::value(sample.values[i]));
  const json::object instance{{"start", to_rfc3339(sample.time_of(first))}, {"target", std::move(target)}};
  return {.method = "POST",
          .path = fmt::format("{}{}{}", kPrefix, stage, kSuffix),
          .headers = {{"content-type", "application/json"}},
          .body = to_text(json::object{{"instances", json::array{instance}}})};
}

// Whether `response` is an answer to it: a mean of `horizon` numbers and nine quantiles.
Status check_smoke(const HttpResponse& response, int horizon) {
  if (response.status != 200)
    return internal_error("the smoke request was answered {}: {}", response.status, response.body);
  const json::value body = TRY(parse_json(response.body));
  const json::object& prediction = body.at("predictions").as_array().at(0).as_object();
  json::array series{prediction.at("mean")};
  for (const auto& [name, values] : prediction.at("quantiles").as_object()) series.push_back(values);
  if (series.size() != 10)
    return internal_error("the smoke request was answered with {} quantiles instead of 9", series.size() - 1);
  for (const json::value& values : series) {
    const json::array& numbers = values.as_array();
    const bool finite = std::all_of(numbers.begin(), numbers.end(), [](const json::value& v) { return v.is_number(); });
    if (numbers.size() != static_cast<std::size_t>(horizon) || !finite)
      return internal_error("the smoke request was not answered with {} numbers: {}", horizon, to_text(values));
  }
  return ok();
}

}  // namespace

Endpoints::Endpoints(EndpointOptions options, HistoryReader history, ModelLoader loader)
    : options_(std::move(options)), history_(std::move(history)), loader_(std::move(loader)) {
  CHECK(!options_.stages.empty() && history_ && loader_);
  for (const std::string& stage : options_.stages) stages_[stage];
}

Status Endpoints::check_stage(const std::string& stage) const {
  if (stages_.contains(stage)) return ok();
  return not_found("there is no such stage; allowed: {}", fmt::join(options_.stages, ", "));
}

Result<double> Endpoints::smoke(const std::string& stage, const ServedModel& candidate,
                                const TimeSeries& sample) const {
  if (sample.step != options_.step)
    return invalid_argument("the sample has steps of {}; allowed: {}", to_text(sample.step),
                            to_text(Frequency(options_.step)));
  // The first forecast warms: it pages the weights in and fills the caches that the measured one finds.
  TRY(forecast_quantiles(*candidate.model, sample, options_.default_quantiles, options_.paths, options_.seed));
  const HttpRequest request = smoke_request(stage, sample, candidate.model->history_needed());
  const auto before = std::chrono::steady_clock::now();
  const HttpResponse response = respond(stage, candidate, request);
  const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - before;
  TRY(check_smoke(response, candidate.model->horizon()));
  return wall.count();
}

Result<double> Endpoints::deploy(const std::string& stage, int version, std::string_view artefact,
                                 const TimeSeries& sample, const std::function<Status()>& probe) {
  TRY(check_stage(stage).in(stage));
  if (version < 1) return invalid_argument("model version {}; allowed: from 1", version);
  const std::string where = fmt::format("{}: model {}", stage, version);
  ServedModel candidate{version, TRY(loader_(artefact).in(where))};
  const double smoke_ms = TRY(smoke(stage, candidate, sample).in(where));

  Stage before;  // What it alone holds is freed after the lock.
  {
    const std::lock_guard lock(mutex_);
    Stage& place = stages_.at(stage);
    before = place;
    if (before.current && before.current->version != version) place.previous = before.current;
    place.current = std::move(candidate);
  }
  if (Status status = probe ? probe() : ok(); !status.ok()) {
    const std::lock_guard lock(mutex_);
    stages_.at(stage) = before;
    return std::move(status).in(where);
  }
  return smoke_ms;
}

Result<int> Endpoints::rollback(const std::string& stage) {
  TRY(check_stage(stage).in(stage));
  const std::lock_guard lock(mutex_);
  Stage& place = stages_.at(stage);
  if (!place.previous) return failed_precondition("{}: no earlier model is kept to roll back to", stage);
  std::swap(place.current, place.previous);
  return place.current->version;
}

std::optional<ServedModel> Endpoints::serving(const std::string& stage) const {
  const std::lock_guard lock(mutex_);
  const auto found = stages_.find(stage);
  return found == stages_.end() ? std::nullopt : found->second.current;
}

std::optional<ServedModel> Endpoints::previous(const std::string& stage) const {
  const std::lock_guard lock(mutex_);
  const auto found = stages_.find(stage);
  return found == stages_.end() ? std::nullopt : found->second.previous;
}

HttpResponse Endpoints::handle(const HttpRequest& request) const {
  const std::string_view path = request.path;
  if (path == "/ping") return request.method == "GET" ? ping() : method_not_allowed("GET, HEAD");
  if (path.starts_with(kPrefix) && path.ends_with(kSuffix) && path.size() > kPrefix.size() + kSuffix.size()) {
    if (request.method != "POST") return method_not_allowed("POST");
    const std::string_view stage = path.substr(kPrefix.size(), path.size() - kPrefix.size() - kSuffix.size());
    HttpResponse response = invoke(std::string(stage), request);
    if (response.status != 200) response.headers.emplace_back("x-amzn-errortype", amazon_name(response.status));
    const std::string* attributes = header(request, kAttributes);
    if (attributes != nullptr && attributes->size() <= kAttributesMax)
      response.headers.emplace_back("X-Amzn-SageMaker-Custom-Attributes", *attributes);
    return response;
  }
  return problem(404, "nothing is here; allowed: POST /endpoints/{stage}/invocations, GET /ping");
}

HttpResponse Endpoints::ping() const {
  const std::string& stage = options_.stages.back();
  const std::optional<ServedModel> served = serving(stage);
  if (!served) return problem(503, fmt::format("{} has no model yet", stage));
  const json::object body{{"status", "healthy"}, {"stage", stage}, {"model_version", served->version}};
  return {.body = to_text(body) + "\n"};
}

HttpResponse Endpoints::invoke(const std::string& stage, const HttpRequest& request) const {
  if (const Status known = check_stage(stage); !known.ok()) return problem(known);
  const std::optional<ServedModel> served = serving(stage);
  if (!served) return problem(503, fmt::format("{} has no model yet", stage));
  return respond(stage, *served, request);
}

HttpResponse Endpoints::respond(const std::string& stage, const ServedModel& served, const HttpRequest& request) const {
  if (const std::optional<Fault> fault = unhonoured_header(request)) return answer_fault(400, *fault);
  const Parsed<Invocation> parsed = parse_invocation(request.body, options_.step);
  if (!parsed.ok()) {
    const bool other = !is_meant_as_json(request) && !parse_json(request.body).ok();
    return answer_fault(other ? 415 : 400, parsed.status());
  }
  HttpResponse response;
  if (const auto* asked = std::get_if<InstancesInvocation>(&parsed.value())) {
    response = answer_instances(*served.model, *asked, options_.seed);
  } else {
    const auto& series = std::get<SeriesInvocation>(parsed.value());
    const Result<TimeSeries> history = history_(series.series, series.as_of);
    if (!history.ok()) return problem(http_status_of(history.code()), history.message(), {{"where", "/series"}});
    const SeriesAnswer about{.stage = stage,
                             .version = served.version,
                             .series = series.series,
                             .quantiles = series.quantiles.value_or(named_quantiles(options_.default_quantiles)),
                             .paths = series.samples.value_or(options_.paths)};
    response = answer_series(*served.model, about, *history, options_.seed);
  }
  response.headers.emplace_back("x-Amzn-Invoked-Production-Variant", fmt::format("{}/{}", stage, served.version));
  return response;
}

}  // namespace tidecast
