// What watching costs: a status of 10 kB to 200 event streams, and one request for it, over real sockets.
//   ./dev bench api
#include "api/api.h"

#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <vector>

#include "api/fake_commands_testing.h"

namespace tidecast {
namespace {

constexpr int kStreams = 200;

class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;

  void send(std::string_view text) {
    CHECK(::send(fd_, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  }
  void read_until(std::string_view end) {
    while (!text_.ends_with(end)) {
      char chunk[16'384];
      const ssize_t count = ::recv(fd_, chunk, sizeof chunk, 0);
      CHECK(count > 0);
      text_.append(chunk, static_cast<std::size_t>(count));
    }
    text_.clear();
  }

 private:
  int fd_;
  std::string text_;
};

// The process's CPU time, clients included, so an upper bound of the server's.
double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

struct Fixture {
  Fixture() {
    server = HttpServer::start({.port = 0}, [this](const HttpRequest& request) { return api.handle(request); }).value();
    events.on_news([this](std::chrono::milliseconds delay) { server->wake_streams(delay); });
  }
  ~Fixture() { events.on_news({}); }
  FakeCommands commands;
  std::atomic<int> quarters = 0;  // Of a second: each status is told at once.
  EventHub events{[this] { return EventHub::Time(std::chrono::milliseconds(250 * quarters)); }};
  Api api{commands, events, {}};
  std::unique_ptr<HttpServer> server;
};

void status_to_200_streams(benchmark::State& state) {
  Fixture fixture;
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < kStreams; ++i) {
    clients.push_back(std::make_unique<Client>(fixture.server->port()));
    clients.back()->send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    clients.back()->read_until("\r\n\r\n");
  }
  int number = 0;
  const double before = cpu_seconds();
  for (auto _ : state) {
    ++fixture.quarters;
    fixture.events.set_status(std::make_shared<const std::string>(std::to_string(++number) + std::string(10'000, '0')));
    for (const auto& client : clients) client->read_until("\n\n\r\n");
  }
  // At its most often, four statuses a second.
  state.counters["percent_of_a_core"] = 4 * 100 * (cpu_seconds() - before) / number;
}

void request_for_the_status(benchmark::State& state) {
  Fixture fixture;
  Client client(fixture.server->port());
  for (auto _ : state) {
    client.send("GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.read_until("}\n");
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(status_to_200_streams)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(request_for_the_status)->Unit(benchmark::kMicrosecond)->UseRealTime();

}  // namespace
}  // namespace tidecast

BENCHMARK_MAIN();
