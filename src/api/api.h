#pragma once
// The server's door: everything under /api/v1 (docs/api.md), health, metrics, the model endpoints and the console, as
// one handler for HttpServer.
//
//   EventHub events;
//   Api api(commands, events, {.ready = ..., .metrics = ..., .endpoints = ..., .console = console_files()});
//   HttpServerOptions options{.lane = [&](const HttpRequest& r) { return api.lane(r); }};
//   auto server = HttpServer::start(options, [&](const HttpRequest& r) { return api.handle(r); });
//   events.on_news([&](std::chrono::milliseconds delay) { server->wake_streams(delay); });
//   ...
//   events.on_news({});  // Before the server ends.
//
// Threads: any; commands and the callbacks are called on the server's thread and on those of its slow handlers.

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "api/commands.h"
#include "api/console.h"
#include "api/events.h"
#include "net/http.h"

namespace tidecast {

struct ApiParts {
  std::function<Status()> ready{};         // Why the program is not ready yet.  Empty: it is.
  std::function<std::string()> metrics{};  // Text for Prometheus.
  HttpHandler endpoints{};                 // GET /ping, POST /endpoints/{stage}/invocations.
  HttpHandler push{};                      // POST /sources/{name}/events.
  std::span<const ConsoleFile> console{};  // Lives as long as the program.
};

class Api {
 public:
  // All live longer than this.
  Api(Commands& commands, const EventHub& events, ApiParts parts);
  ~Api();

  HttpResponse handle(const HttpRequest& request) const;
  // HttpServerOptions::lane.
  int lane(const HttpRequest& request) const;

 private:
  struct Table;
  const std::unique_ptr<const Table> table_;
};

}  // namespace tidecast
