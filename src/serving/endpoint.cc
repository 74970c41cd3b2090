#include "serving/endpoint.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/log.h"
#include "base/version.h"
#include "base/workers.h"
#include "net/problem.h"
#include "serving/open_inference.h"

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
  if (status == 429) return "ThrottlingException";
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

HttpResponse no_model(const std::string& stage) { return problem(503, fmt::format("{} has no model yet", stage)); }

HttpResponse too_much_waits() {
  HttpResponse response = problem(429, "more forecasts wait already than may; try again later");
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

// The answer of what is all there.
HttpResponse answer_now(std::unique_ptr<PendingAnswer> pending) {
  for (int part = 0; part < pending->parts(); ++part) pending->run(part);
  return pending->answer();
}

// The last values of `sample` that can matter, as a client would send them.
HttpRequest smoke_request(const std::string& stage, const TimeSeries& sample, int history_needed) {
  const std::size_t count = std::min(sample.values.size(), static_cast<std::size_t>(std::max(history_needed, 1)));
  const std::size_t first = sample.values.size() - count;
  json::array target;
  for (std::size_t i = first; i < sample.values.size(); ++i)
    target.push_back(std::isnan(sample.values[i]) ? json::value("NaN") : json::value(sample.values[i]));
  json::object instance{{"start", to_rfc3339(sample.time_of(first))}, {"target", std::move(target)}};
  if (!sample.categories.empty()) instance["cat"] = json::array(sample.categories.begin(), sample.categories.end());
  for (const std::vector<double>& feature : sample.dynamic) {
    json::value& all = instance["dynamic_feat"];
    if (all.is_null()) all = json::array();
    all.as_array().emplace_back(json::array(feature.begin() + static_cast<std::ptrdiff_t>(first), feature.end()));
  }
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
    : options_(std::move(options)),
      history_(std::move(history)),
      loader_(std::move(loader)),
      queue_(options_.threads > 0 ? options_.threads : usable_processors(), options_.waiting_max) {
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
    return invalid_argument("the sample has steps of {}; allowed: {}", to_text(sample.step), to_text(options_.step));
  // The first forecast warms: it pages the weights in and fills the caches that the measured one finds.
  TRY(forecast_quantiles(*candidate.model, sample, options_.default_quantiles, options_.paths, options_.seed));
  const HttpRequest request = smoke_request(stage, sample, candidate.model->history_needed());
  const auto before = std::chrono::steady_clock::now();
  Prepared prepared = prepare(stage, candidate, request);
  auto* pending = std::get_if<std::unique_ptr<PendingAnswer>>(&prepared);
  const HttpResponse response = pending ? answer_now(std::move(*pending)) : std::get<HttpResponse>(prepared);
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
    Stage& place = stages_.at(stage);
    place.current.swap(before.current);
    place.previous.swap(before.previous);
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
  if (path == "/v2" || path.starts_with("/v2/")) return open_inference(request);
  if (path.starts_with(kPrefix) && path.ends_with(kSuffix) && path.size() > kPrefix.size() + kSuffix.size()) {
    if (request.method != "POST") return method_not_allowed("POST");
    return invoke(std::string(path.substr(kPrefix.size(), path.size() - kPrefix.size() - kSuffix.size())), request);
  }
  return problem(404, "nothing is here; allowed: POST /endpoints/{stage}/invocations, GET /ping, /v2");
}

HttpResponse Endpoints::ping() const {
  const std::string& stage = options_.stages.back();
  const std::optional<ServedModel> served = serving(stage);
  if (!served) return no_model(stage);
  const json::object body{{"status", "healthy"}, {"stage", stage}, {"model_version", served->version}};
  return {.body = to_text(body) + "\n"};
}

HttpResponse Endpoints::invoke(const std::string& stage, const HttpRequest& request) const {
  const std::string* attributes = header(request, kAttributes);
  const bool echoed = attributes != nullptr && attributes->size() <= kAttributesMax;
  const std::optional<ServedModel> served = serving(stage);
  const std::string variant = served ? fmt::format("{}/{}", stage, served->version) : "";
  const Finish finish = [variant, echo = echoed ? *attributes : ""](HttpResponse& response) {
    if (response.status == 200) response.headers.emplace_back("x-Amzn-Invoked-Production-Variant", variant);
    if (response.status != 200) response.headers.emplace_back("x-amzn-errortype", amazon_name(response.status));
    if (!echo.empty()) response.headers.emplace_back("X-Amzn-SageMaker-Custom-Attributes", echo);
  };
  if (const Status known = check_stage(stage); !known.ok()) return queued(problem(known), finish);
  return queued(served ? prepare(stage, *served, request) : no_model(stage), finish);
}

Endpoints::Prepared Endpoints::prepare(const std::string& stage, const ServedModel& served,
                                       const HttpRequest& request) const {
  if (const std::optional<Fault> fault = unhonoured_header(request)) return answer_fault(400, *fault);
  Parsed<Invocation> parsed = parse_invocation(request.body, needs_of(*served.model, options_.step));
  if (!parsed.ok()) {
    const bool other = !is_meant_as_json(request) && !parse_json(request.body).ok();
    return answer_fault(other ? 415 : 400, parsed.status());
  }
  Invocation invocation = std::move(parsed).value();
  if (auto* asked = std::get_if<InstancesInvocation>(&invocation))
    return pending_instances(served.model, std::move(*asked), options_.seed);
  const auto& asked = std::get<SeriesInvocation>(invocation);
  return pending_series(
      served.model,
      {.stage = stage,
       .version = served.version,
       .series = asked.series,
       .quantiles = asked.quantiles.value_or(named_quantiles(options_.default_quantiles)),
       .paths = asked.samples.value_or(options_.paths)},
      [this, series = asked.series, as_of = asked.as_of] { return history_(series, as_of); }, options_.seed);
}

HttpResponse Endpoints::open_inference(const HttpRequest& request) const {
  using What = OpenPath::What;
  // The protocol looks for what went wrong in "error".
  const Finish finish = [](HttpResponse& response) {
    if (response.status == 200) return;
    json::object body = parse_json(response.body).value().as_object();
    json::value detail = body.at("detail");  // Of its own: a new key may move the others.
    body["error"] = std::move(detail);
    response.body = to_text(body) + "\n";
  };
  const auto answer = [](const json::object& body) { return HttpResponse{.body = to_text(body) + "\n"}; };
  const std::optional<OpenPath> path = parse_open_path(request.path);
  if (!path) return queued(problem(404, "nothing is here; allowed: the paths of the Open Inference Protocol"), finish);
  const std::string allowed = path->what == What::kInfer ? "POST" : "GET";
  if (request.method != allowed) return queued(method_not_allowed(allowed == "GET" ? "GET, HEAD" : "POST"), finish);
  switch (path->what) {
    case What::kServer: return answer({{"name", "tidecast"}, {"version", kVersion}, {"extensions", json::array()}});
    case What::kLive: return answer({{"live", true}});
    case What::kReady: {
      const bool ready = serving(options_.stages.back()).has_value();
      HttpResponse response = answer({{"live", true}, {"ready", ready}});
      response.status = ready ? 200 : 503;
      return response;
    }
    default: break;
  }
  if (const Status known = check_stage(path->model); !known.ok()) return queued(problem(known), finish);
  std::vector<int> versions;
  std::optional<ServedModel> served;
  for (const std::optional<ServedModel>& loaded : {serving(path->model), previous(path->model)}) {
    if (!loaded) continue;
    versions.push_back(loaded->version);
    if (!served && (path->version.empty() || path->version == std::to_string(loaded->version))) served = loaded;
  }
  if (!served && versions.empty()) return queued(no_model(path->model), finish);
  if (!served)
    return queued(
        problem(404, fmt::format("version {} is not loaded; allowed: {}", path->version, fmt::join(versions, ", "))),
        finish);
  if (path->what == What::kModelReady) return answer({{"name", path->model}, {"ready", true}});
  const SeriesNeeds needs = needs_of(*served->model, options_.step);
  if (path->what == What::kModel) return answer(model_metadata(path->model, versions, needs));
  Parsed<InferenceRequest> parsed = parse_inference(request.body, needs);
  if (!parsed.ok()) return queued(answer_fault(400, parsed.status()), finish);
  return queued(
      pending_inference(served->model, path->model, served->version, std::move(parsed).value(), options_.seed), finish);
}

HttpResponse Endpoints::queued(Prepared prepared, Finish finish) const {
  if (auto* response = std::get_if<HttpResponse>(&prepared)) {
    finish(*response);
    return std::move(*response);
  }
  struct Work {
    std::shared_ptr<PendingAnswer> pending;
    Finish finish;
    std::atomic<bool> failed = false;
  };
  const auto work = std::make_shared<Work>();
  work->pending = std::get<std::unique_ptr<PendingAnswer>>(std::move(prepared));
  work->finish = std::move(finish);
  HttpResponse response;
  response.later = [this, work](const TakeAnswer& give) {
    const auto run = [work](int part) {
      try {
        if (!work->failed) work->pending->run(part);
      } catch (const std::exception& exception) {  // No memory, most likely.
        log_error("serving", "a forecast threw: {}", exception.what());
        work->failed = true;
      }
    };
    const auto done = [work, give] {
      HttpResponse made = problem(500, "the server failed at this request; its log says why");
      try {
        if (!work->failed) made = work->pending->answer();
      } catch (const std::exception& exception) {
        log_error("serving", "an answer threw: {}", exception.what());
      }
      work->finish(made);
      give(std::move(made));
    };
    if (queue_.offer({.parts = work->pending->parts(), .load = work->pending->load(), .run = run, .done = done}))
      return;
    HttpResponse busy = too_much_waits();
    work->finish(busy);
    give(std::move(busy));
  };
  return response;
}

}  // namespace tidecast
