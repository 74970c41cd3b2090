#include "app/service.h"

#include <unistd.h>

#include <algorithm>

#include "api/console.h"
#include "app/records_json.h"
#include "app/server_file.h"
#include "base/log.h"
#include "base/version.h"
#include "net/problem.h"

namespace tidecast {
namespace {

constexpr Milliseconds kPushPatience = 30s;  // For a commit.
constexpr std::chrono::milliseconds kPublishEvery{250};
constexpr std::chrono::seconds kHeartbeat{5};  // The clock goes on although nothing happens.
constexpr std::chrono::seconds kMeasureDataEvery{10};

std::uint64_t bytes_below(const std::filesystem::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (auto at = std::filesystem::recursive_directory_iterator(folder, error);
       !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error))
    if (at->is_regular_file(error))
      if (const std::uintmax_t size = at->file_size(error); !error) bytes += size;
  return bytes;
}

}  // namespace

Service::Service(Project& project, Endpoints& endpoints, LoopMetrics& metrics, ServiceOptions options)
    : project_(project),
      endpoints_(endpoints),
      metrics_(metrics),
      options_(std::move(options)),
      started_at_(SystemClock().now()),
      at_(project.definition().server),
      observer_(project, /*live=*/!options_.simulated, options_.simulated) {}

Result<std::unique_ptr<Service>> Service::start(Project& project, Endpoints& endpoints, LoopMetrics& metrics,
                                                ServiceOptions options) {
  const TakenPort taken_port = options.taken_port;
  std::unique_ptr<Service> service(new Service(project, endpoints, metrics, std::move(options)));
  Service* self = service.get();
  const auto listen = [self](std::uint16_t port) {
    return HttpServer::start(
        {.address = self->at_.address,
         .port = port,
         .lane = [self](const HttpRequest& request) { return self->ready_ ? self->api_->lane(request) : 0; }},
        [self](const HttpRequest& request) { return self->handle(request); });
  };
  Result<std::unique_ptr<HttpServer>> server = listen(service->at_.port);
  if (!server.ok() && server.code() == Code::kUnavailable && taken_port == TakenPort::kUseAnother) server = listen(0);
  service->server_ = TRY(std::move(server));
  service->at_.port = service->server_->port();
  return service;
}

Service::~Service() {
  close();
  hub_.on_news({});
  if (ready_) remove_server_file(project_.definition().data);
}

HttpResponse Service::handle(const HttpRequest& request) {
  if (ready_) return api_->handle(request);
  if (request.path == "/healthz") return {.body = R"({"status":"ok"})"};
  return problem(unavailable("it has only just started; ask again in a moment"));
}

std::string Service::url() const {
  const bool v6 = at_.address.find(':') != std::string::npos;
  return fmt::format(fmt::runtime(v6 ? "http://[{}]:{}" : "http://{}:{}"), at_.address, at_.port);
}

Status Service::attach(Scheduler& scheduler, const Clock& clock) {
  scheduler_ = &scheduler;
  now_ms_ = clock.now().ms();
  std::vector<TimelineEvent> past = TRY(project_.tracking().recent(EventHub::kItemsKept));
  std::reverse(past.begin(), past.end());
  for (const TimelineEvent& event : past) hub_.add(event.number, to_text(timeline_json(event)));
  noted_.clear();  // What restoring noted is among them.

  const ServerFile file{.address = at_.address,
                        .port = at_.port,
                        .process = ::getpid(),
                        .project = project_.definition().project,
                        .project_id = TRY(project_.id())};
  commands_ = std::make_unique<ProjectCommands>(
      ProjectCommands::Parts{.project = project_,
                             .scheduler = scheduler,
                             .endpoints = endpoints_,
                             .on_loop = [this](Mailbox::Task task) { return ask(std::move(task)); },
                             .status = [this] { return status(); },
                             .now = [this] { return ProcessingTime::from_ms(now_ms_.load()); },
                             .server = {{"project", file.project},
                                        {"project_id", file.project_id},
                                        {"process", file.process},
                                        {"version", kVersion},
                                        {"mode", options_.mode},
                                        {"started_at", to_rfc3339(started_at_)}},
                             .ending = [this] { return ended_.load(); }});
  api_ = std::make_unique<Api>(
      *commands_, hub_,
      ApiParts{.ready = [this]() -> Status { return ended_ ? unavailable("it is ending") : ok(); },
               .metrics = [this] { return metrics_.text(); },
               .endpoints = [this](const HttpRequest& request) { return endpoints_.handle(request); },
               .push = [this](const HttpRequest& request) { return push(request); },
               .console = console_files()});
  TRY(publish_now());
  hub_.on_news([server = server_.get()](std::chrono::milliseconds delay) { server->wake_streams(delay); });
  ready_ = true;
  return write_server_file(project_.definition().data, file);
}

HttpResponse Service::push(const HttpRequest& request) {
  constexpr std::string_view kBefore = "/sources/", kAfter = "/events";
  std::string name = request.path.substr(kBefore.size());
  name.resize(name.size() - kAfter.size());
  if (request.method != "POST") {
    HttpResponse response = problem(405, "allowed: POST");
    response.headers.emplace_back("Allow", "POST");
    return response;
  }
  PushSource* source = scheduler_->push_source(name);
  if (source == nullptr) return problem(404, fmt::format("no source '{}' of kind http_push", name));
  const auto given = request.headers.find("content-encoding");
  const std::string encoding = given == request.headers.end() ? "" : given->second;
  Result<RawBatch> batch = parse_push(request.body, encoding);
  if (batch.code() == Code::kFailedPrecondition) return problem(413, batch.message());
  if (!batch.ok()) return problem(is_push_encoding(encoding) ? 400 : 415, batch.message());
  const Result<Taken> taken = source->push(std::move(batch).value(), kPushPatience);
  if (taken.ok()) {
    json::array reasons;
    for (const std::string& reason : taken->reasons) reasons.emplace_back(as_utf8(reason));
    const json::object books{{"read", taken->records},
                             {"stored", taken->stored},
                             {"duplicate", taken->duplicate},
                             {"late", taken->late},
                             {"dead", taken->dead}};
    return {.body = to_text(json::object{{"books", books}, {"reasons", std::move(reasons)}}) + "\n"};
  }
  HttpResponse response = problem(taken.code() == Code::kUnavailable ? 429 : 503, taken.message());
  response.headers.emplace_back("Retry-After", fmt::format("{}", PushSource::kRetryAfter.count() / 1000));
  return response;
}

// The answer comes after the status that shows what was done.
Result<json::object> Service::ask(Mailbox::Task task) {
  return mailbox_.ask([this, task = std::move(task)]() -> Result<json::object> {
    Result<json::object> result = task();
    if (const Status published = publish_now(); !published.ok())
      log_warning("app", "the status could not be told: {}", published.message());
    return result;
  });
}

Result<json::object> Service::status() const {
  const std::lock_guard lock(mutex_);
  if (!status_) return unavailable("there is no status yet");
  return *status_;
}

bool Service::has_changed(const LoopState& state) const {
  if (state.changes != published_.changes || project_.features().books().read != published_read_) return true;
  if (!state.source || !published_.source) return false;
  return state.source->state != published_.source->state || state.source->text != published_.source->text ||
         state.source->last_reply_at != published_.source->last_reply_at;
}

Status Service::publish() {
  const auto now = std::chrono::steady_clock::now();
  if (noted_.empty() && now - published_at_ < kPublishEvery) return ok();
  if (noted_.empty() && now - published_at_ < kHeartbeat && !has_changed(scheduler_->state())) return ok();
  return publish_now();
}

Status Service::publish_now() {
  const auto now = std::chrono::steady_clock::now();
  if (now - measured_at_ > kMeasureDataEvery || !status_) {
    data_bytes_ = bytes_below(project_.definition().data);
    measured_at_ = now;
  }
  LoopState state = scheduler_->state();
  now_ms_ = state.now.ms();
  const bool v6 = at_.address.find(':') != std::string::npos;
  const ProcessFacts process{.mode = options_.mode,
                             .address = fmt::format(fmt::runtime(v6 ? "[{}]:{}" : "{}:{}"), at_.address, at_.port),
                             .started_at = started_at_,
                             .data_bytes = data_bytes_};
  auto status =
      std::make_shared<const json::object>(status_json(TRY(observer_.look(state)), project_.definition(), process));
  auto line = std::make_shared<const std::string>(to_text(*status));
  {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
  }
  hub_.set_status(std::move(line));
  for (const TimelineEvent& event : std::exchange(noted_, {})) hub_.add(event.number, to_text(timeline_json(event)));
  published_read_ = project_.features().books().read;
  published_ = std::move(state);
  published_at_ = now;
  return ok();
}

void Service::close() {
  ended_ = true;
  mailbox_.close();
}

}  // namespace tidecast
