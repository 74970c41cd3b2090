// Requests a second over HTTP on loopback, one server thread and one client connection: /ping, the short form and the
// long form, 100 paths of 30 minutes.  The short form is measured with a DeepAR and with a model that costs nothing,
// which leaves the endpoint's own share: HTTP, JSON, quantiles.  The CPU column is of client and server together.

#include "serving/endpoint.h"

#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/rng.h"

namespace {

using namespace tidecast;

constexpr int kHorizon = 30;

TimeSeries minutes(std::size_t count) {
  Rng rng(1);
  TimeSeries series{.start = EventTime::epoch(), .step = 60s, .values = {}};
  for (std::size_t i = 0; i < count; ++i)
    series.values.push_back(30 + 10 * std::sin(static_cast<double>(i) / 9.5) + 3 * rng.normal());
  return series;
}

// Costs nothing but its paths' memory.
class FreeModel final : public Forecaster {
 public:
  Result<ForecastPaths> forecast(const TimeSeries&, int paths, std::uint64_t seed) const override {
    Rng rng(seed);
    ForecastPaths out{.paths = paths, .horizon = kHorizon, .values = std::vector<float>(paths * kHorizon)};
    for (float& value : out.values) value = static_cast<float>(rng.uniform());
    return out;
  }
  int horizon() const override { return kHorizon; }
  int history_needed() const override { return 60; }
  const json::object& describe() const override { return description_; }
  std::string serialize() const override { return ""; }

 private:
  json::object description_;
};

Result<std::shared_ptr<const Forecaster>> trained() {
  const std::vector<TimeSeries> series{minutes(1500)};
  return TRY(train_deepar(series, {.horizon = kHorizon, .season = 60, .steps = 20, .select = false})).model;
}

// A connection that stays open, as a client in a hurry has; counts the bytes that an answer's head announces.
class Connection {
 public:
  explicit Connection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;

  // Whether the answer's status is 200.
  bool ask(std::string_view request) {
    if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return false;
    buffer_.clear();
    while (true) {
      char chunk[65'536];
      const ssize_t count = ::recv(fd_, chunk, sizeof chunk, 0);
      if (count <= 0) return false;
      buffer_.append(chunk, static_cast<std::size_t>(count));
      const std::size_t head = buffer_.find("\r\n\r\n");
      if (head == buffer_.npos) continue;
      const std::size_t length = std::stoul(buffer_.substr(buffer_.find("Content-Length: ") + 16, 12));
      if (buffer_.size() >= head + 4 + length) return buffer_.starts_with("HTTP/1.1 200");
    }
  }

 private:
  int fd_;
  std::string buffer_;
};

void serve(benchmark::State& state, std::shared_ptr<const Forecaster> model, const HttpRequest& request) {
  const TimeSeries history = minutes(1500);
  Endpoints endpoints(
      {}, [&](const std::string&, std::optional<EventTime>) { return Result<TimeSeries>(history); },
      [&](std::string_view) { return Result<std::shared_ptr<const Forecaster>>(model); });
  const Result<double> smoke_ms = endpoints.deploy("production", 1, "", history);
  if (!smoke_ms.ok()) return state.SkipWithError(smoke_ms.message().c_str());
  const auto server = HttpServer::start({.port = 0}, [&](const HttpRequest& asked) { return endpoints.handle(asked); });
  if (!server.ok()) return state.SkipWithError(server.message().c_str());
  Connection connection((*server)->port());
  const std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}",
                                       request.method, request.path, request.body.size(), request.body);
  std::vector<double> wall_us;
  for (auto _ : state) {
    const auto before = std::chrono::steady_clock::now();
    if (!connection.ask(text)) return state.SkipWithError("not answered 200");
    wall_us.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - before).count());
  }
  std::sort(wall_us.begin(), wall_us.end());
  state.counters["p50_us"] = wall_us[wall_us.size() / 2];
  state.counters["p99_us"] = wall_us[wall_us.size() * 99 / 100];
  state.SetItemsProcessed(state.iterations());
}

HttpRequest invocation(std::string body) {
  return {.method = "POST", .path = "/endpoints/production/invocations", .body = std::move(body)};
}
HttpRequest short_form() { return invocation(R"({"series":"fees.avg"})"); }
HttpRequest long_form() {
  json::array target;
  for (const double value : minutes(1500).values) target.push_back(value);
  const json::object instance{{"start", "2026-05-06 00:00:00"}, {"target", std::move(target)}};
  return invocation(to_text(json::object{{"instances", json::array{instance}}}));
}

void ping(benchmark::State& state) { serve(state, std::make_shared<FreeModel>(), {.method = "GET", .path = "/ping"}); }
void short_form_free_model(benchmark::State& state) { serve(state, std::make_shared<FreeModel>(), short_form()); }
void short_form_deepar(benchmark::State& state) {
  const auto model = trained();
  if (!model.ok()) return state.SkipWithError(model.message().c_str());
  serve(state, *model, short_form());
}
void long_form_deepar(benchmark::State& state) {
  const auto model = trained();
  if (!model.ok()) return state.SkipWithError(model.message().c_str());
  serve(state, *model, long_form());
}
BENCHMARK(ping)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(short_form_free_model)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(short_form_deepar)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(long_form_deepar)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
