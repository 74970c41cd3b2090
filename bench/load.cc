// The whole program under load on one core: it ingests a live feed in fast motion, forecasts at every window, and
// serves 200 open event streams and 500 requests a second, while the client and the feed have the other core.
//   ./dev bench load [--seconds 30] [--streams 200] [--rate 500] [--speed 300] [--forecasts 0] [--train 0]
//                    [--real-time 0] [--awake 0] [--pinned 1]
// --forecasts 1: the requests are forecasts in SageMaker's form, 100 paths of 30 steps, instead of what a console asks.
// --train 1: a training runs on the client's core meanwhile, as nice as the loop's own.
// --real-time 1: when a model is in production the program is started anew with a clock that runs as ours do, and
// without its feed, so that the core is the requests' but for a window a minute.
// --awake 1: the program's core never sleeps, for a process that nobody waits for turns on it.  A virtual machine's
// core that sleeps between requests is given to others, and comes back for a while at three fifths of its speed.  Not
// with
// --pinned 0.
// --pinned 0: nobody has a core of their own; training stands back where the program wants its core.
//
// Latency is counted from the moment when a request was due, so that a stall shows in all that waited behind it.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "net/client.h"

namespace tidecast {
namespace {

using Steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

struct Child {
  pid_t process = 0;
  std::string first_line;
};

constexpr std::string_view kNothing = "(nothing)";  // Is waited for.

constexpr int kAnyCore = -1;

void pin_to(int core) {
  if (core == kAnyCore) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  ::sched_setaffinity(0, sizeof one, &one);
}

// Starts a program pinned to a core and reads its output up to the first line that begins so.
Child start(const std::vector<std::string>& words, int core, std::string_view wanted, int niceness = 0) {
  int ends[2];
  CHECK(::pipe(ends) == 0);
  Child child{.process = ::fork()};
  CHECK(child.process >= 0);
  if (child.process == 0) {
    pin_to(core);
    ::setpriority(PRIO_PROCESS, 0, niceness);
    ::dup2(ends[1], STDOUT_FILENO);
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  if (wanted == kNothing) return child;
  std::string line;
  for (char c = 0; ::read(ends[0], &c, 1) == 1;) {
    if (c != '\n') {
      line += c;
      continue;
    }
    if (line.starts_with(wanted)) {
      child.first_line = line.substr(wanted.size());
      std::thread([fd = ends[0]] {  // So that it never waits for us to read.
        char rest[4096];
        while (::read(fd, rest, sizeof rest) > 0) continue;
      })
          .detach();
      return child;
    }
    line.clear();
  }
  fmt::print(stderr, "{} did not start\n", words[0]);
  std::exit(1);
}

// Until we end, whatever else wants the core comes first.
void keep_awake(int core) {
  const pid_t process = ::fork();
  CHECK(process >= 0);
  if (process != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin_to(core);
  const sched_param none{};
  if (::sched_setscheduler(0, SCHED_IDLE, &none) != 0) {
    fmt::print(stderr, "--awake: the scheduler's idle class was refused; the core sleeps\n");
    ::_exit(1);
  }
  for (volatile std::uint64_t turns = 0;;) turns = turns + 1;
}

int stop(const Child& child) {
  ::kill(child.process, SIGTERM);
  int status = 0;
  ::waitpid(child.process, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

int connect_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return socket;
}

json::value get(std::uint16_t port, const std::string& path) {
  static const std::unique_ptr<HttpClient> client = HttpClient::make({}).value();
  return parse_json(client->get(fmt::format("http://127.0.0.1:{}{}", port, path)).value().body).value();
}

// A connection that stays open and posts the same request over and over.
class Poster {
 public:
  Poster(std::uint16_t port, const std::string& path, const std::string& body)
      : fd_(connect_to(port)),
        request_(fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                             "Content-Length: {}\r\n\r\n{}",
                             path, body.size(), body)) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~Poster() { ::close(fd_); }
  Poster(const Poster&) = delete;

  // The answer's status; 0: the connection is gone.
  int ask() {
    if (::send(fd_, request_.data(), request_.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request_.size())) return 0;
    buffer_.clear();
    while (true) {
      char chunk[65'536];
      const ssize_t count = ::recv(fd_, chunk, sizeof chunk, 0);
      if (count <= 0) return 0;
      buffer_.append(chunk, static_cast<std::size_t>(count));
      const std::size_t head = buffer_.find("\r\n\r\n");
      if (head == buffer_.npos) continue;
      const std::size_t length = std::stoul(buffer_.substr(buffer_.find("Content-Length: ") + 16, 12));
      if (buffer_.size() >= head + 4 + length) return std::stoi(buffer_.substr(9, 3));
    }
  }

 private:
  int fd_;
  std::string request_, buffer_;
};

// Four hours of minutes, as a client would send them.
std::string forecast_request() {
  json::array target;
  for (int i = 0; i < 240; ++i) target.push_back(3000 + 500 * std::sin(i / 9.5) + 100 * ((i * 7919) % 13));
  const json::object instance{{"start", "2026-05-06 00:00:00"}, {"target", std::move(target)}};
  return to_text(json::object{{"instances", json::array{instance}}});
}

// Two days of minutes for a training.
void write_series(const std::string& file) {
  std::ofstream out(file);
  out << "time,value\n";
  for (int i = 0; i < 2880; ++i)
    out << to_rfc3339(1'778'025'600'000 + i * std::int64_t{60'000}) << ','
        << 3000 + 500 * std::sin(i / 9.5) + 100 * ((i * 7919) % 13) << '\n';
}

double peak_mb(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/status", process));
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1000;
  return 0;
}

// Seconds of a processor that it has taken.
double processor_seconds(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));  // From the third on: state is the first of them.
  std::vector<std::string> all((std::istream_iterator<std::string>(fields)), {});
  return (std::stod(all.at(11)) + std::stod(all.at(12))) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

constexpr const char* kDefinition = R"(project: load
data: ./data
sources: [ {{ name: feed, kind: http_poll, url: "http://127.0.0.1:{}/unconfirmed-transactions?format=json", every: 5s, records: /txs }} ]
event: {{ id: /hash, time: {{ from: /time, unit: s }}, fields: {{ fee: {{ from: /fee, type: integer }} }}, deduplicate_for: 3h }}
features: [ {{ group: tx_metrics, window: 1min, lateness: 60s, columns: {{ transactions: count(), avg_fee_1min: avg(fee) }} }} ]
forecast: {{ target: tx_metrics.avg_fee_1min, horizon: {} }}
validation: {{ threshold: {{ weighted_quantile_loss: 10 }}, must_beat: [] }}
deployment: {{ approval: auto }}
server: {{ listen: "127.0.0.1:0" }}
)";

// In turn; most of what a console and a few scripts ask.
constexpr const char* kPaths[] = {"/api/v1/status",
                                  "/api/v1/status",
                                  "/api/v1/timeline?last=20",
                                  "/api/v1/status",
                                  "/api/v1/features/tx_metrics?last=20",
                                  "/api/v1/status",
                                  "/api/v1/models",
                                  "/api/v1/runs",
                                  "/metrics",
                                  "/api/v1/target?hours=3"};

int run(int seconds, int streams, int rate, double speed, bool forecasts, bool train, bool real_time, bool awake,
        bool pinned) {
  const std::filesystem::path build = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
  std::string folder = (std::filesystem::temp_directory_path() / "tidecast-load-XXXXXX").string();
  CHECK(::mkdtemp(folder.data()) != nullptr);
  const int core = pinned ? 0 : kAnyCore, other_core = pinned ? 1 : kAnyCore;
  // A clock: simulated milliseconds at a wall time, and how fast it runs.
  const std::int64_t begun = wall_ms();
  const std::string start_at = "2026-05-06T00:00:00Z", anchor = to_rfc3339(begun), times = fmt::format("{}", speed);
  const Child feed =
      start({(build / "tests/feed-server").string(), "--first-minute", "2880", "--minutes", "2880", "--records", "1000",
             "--start", start_at, "--anchor", anchor, "--speed", times, "--port", "0"},
            other_core, "");
  std::ofstream(folder + "/tidecast.yaml")
      << fmt::format(fmt::runtime(kDefinition), feed.first_line, forecasts ? 30 : 10);
  const auto run_with_clock = [&](const std::string& clock) {
    return start({(build / "tidecast").string(), "run", "-c", folder + "/tidecast.yaml", "--clock", clock}, core,
                 "Console: http://127.0.0.1:");
  };
  Child program = run_with_clock(fmt::format("{},{},{}", start_at, anchor, times));
  const auto port_of = [](const Child& child) { return static_cast<std::uint16_t>(std::stoi(child.first_line)); };
  std::uint16_t port = port_of(program);
  pin_to(other_core);
  if (awake && pinned) keep_awake(core);

  fmt::print("waiting for a model in production ...\n");
  while (get(port, "/api/v1/status").at("production").is_null()) std::this_thread::sleep_for(1s);
  if (real_time) {
    ::kill(feed.process, SIGKILL);
    CHECK(stop(program) == 0);
    const std::int64_t now = wall_ms(), simulated = parse_rfc3339(start_at).value() +
                                                    static_cast<std::int64_t>(static_cast<double>(now - begun) * speed);
    program = run_with_clock(fmt::format("{},{},1", to_rfc3339(simulated), to_rfc3339(now)));
    port = port_of(program);
    while (get(port, "/api/v1/status").at("production").is_null()) std::this_thread::sleep_for(1s);
  }
  std::optional<Child> training;
  if (train) {
    write_series(folder + "/series.csv");
    training = start({(build / "tidecast").string(), "backtest", "--file", folder + "/series.csv", "--freq", "1min",
                      "--horizon", "30", "--seeds", "1,2,3,4,5,6,7,8,9,10", "--steps", "100000"},
                     other_core, kNothing, 10);
  }
  const json::value before = get(port, "/api/v1/status");

  std::vector<pollfd> readers;
  for (int i = 0; i < streams; ++i) {
    readers.push_back({connect_to(port), POLLIN, 0});
    const std::string request = "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n";
    CHECK(::send(readers.back().fd, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
  }
  const double busy_before = processor_seconds(program.process);
  std::atomic<bool> over = false;
  std::uint64_t bytes = 0, events = 0, lost = 0;
  std::thread reader([&] {
    std::string chunk(1 << 16, '\0');
    while (!over) {
      if (::poll(readers.data(), readers.size(), 100) <= 0) continue;
      for (pollfd& each : readers) {
        if ((each.revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
        const ssize_t count = ::recv(each.fd, chunk.data(), chunk.size(), MSG_DONTWAIT);
        if (count <= 0) {
          ++lost;
          each.fd = -1;
          continue;
        }
        bytes += static_cast<std::uint64_t>(count);
        const std::string_view text(chunk.data(), static_cast<std::size_t>(count));
        for (std::size_t at = 0; (at = text.find("event: ", at)) != text.npos; ++at) ++events;
      }
    }
  });

  constexpr int kCallers = 16;
  std::mutex mutex;
  std::vector<double> latency_ms;
  std::atomic<int> failures = 0;
  const Steady::time_point began = Steady::now() + 100ms, end = began + std::chrono::seconds(seconds);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      const std::unique_ptr<HttpClient> client = HttpClient::make({}).value();
      Poster poster(port, "/endpoints/production/invocations", forecast_request());
      std::vector<double> mine;
      for (int i = caller;; i += kCallers) {
        const Steady::time_point due = began + std::chrono::nanoseconds(std::int64_t{1'000'000'000} * i / rate);
        if (due >= end) break;
        std::this_thread::sleep_until(due);
        if (forecasts) {
          failures += poster.ask() != 200;
        } else {
          const auto answer = client->get(fmt::format(
              "http://127.0.0.1:{}{}", port, kPaths[static_cast<std::size_t>(i / kCallers) % std::size(kPaths)]));
          failures += !answer.ok() || answer->status != 200;
        }
        mine.push_back(std::chrono::duration<double, std::milli>(Steady::now() - due).count());
      }
      const std::lock_guard lock(mutex);
      latency_ms.insert(latency_ms.end(), mine.begin(), mine.end());
    });
  }
  for (std::thread& caller : callers) caller.join();
  over = true;
  reader.join();

  const double busy = processor_seconds(program.process) - busy_before;
  const json::value after = get(port, "/api/v1/status");
  const double peak = peak_mb(program.process);
  const int exit_code = stop(program);
  if (training) {
    ::kill(training->process, SIGKILL);
    ::waitpid(training->process, nullptr, 0);
  }
  ::kill(feed.process, SIGKILL);
  ::waitpid(feed.process, nullptr, 0);
  std::filesystem::remove_all(folder);

  std::sort(latency_ms.begin(), latency_ms.end());
  const auto point = [&](double at) {
    return latency_ms[static_cast<std::size_t>(at * static_cast<double>(latency_ms.size() - 1))];
  };
  const auto grown = [&](const char* key) {
    return after.at("events").at(key).to_number<std::int64_t>() - before.at("events").at(key).to_number<std::int64_t>();
  };
  const double real = static_cast<double>(seconds);
  fmt::print(
      "{} requests in {} s, {} failed: p50 {:.1f} ms, p99 {:.1f} ms, worst {:.1f} ms; all it did took {:.2f} ms of a "
      "core each\n",
      latency_ms.size(), seconds, failures.load(), point(0.5), point(0.99), latency_ms.back(),
      1e3 * busy / static_cast<double>(latency_ms.size()));
  fmt::print("{} event streams, {} lost: {:.0f} events/s, {:.1f} MB/s in all\n", streams, lost,
             static_cast<double>(events) / real, static_cast<double>(bytes) / real / 1e6);
  fmt::print(
      "meanwhile {:.0f} records/s read, {:.0f} new ones/s, {} replies; gaps {}, balance {}; peak memory {:.0f} MB; "
      "exit {}\n",
      static_cast<double>(grown("read")) / real, static_cast<double>(grown("stored")) / real,
      after.at("source").at("replies").to_number<std::int64_t>() -
          before.at("source").at("replies").to_number<std::int64_t>(),
      after.at("gaps").to_number<std::int64_t>(), std::string_view(after.at("balance").as_string()), peak, exit_code);
  return 0;
}

}  // namespace
}  // namespace tidecast

int main(int argc, char** argv) {
  int seconds = 30, streams = 200, rate = 500;
  double speed = 300;
  bool forecasts = false, train = false, real_time = false, awake = false, pinned = true;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seconds") == 0) seconds = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--streams") == 0) streams = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--rate") == 0) rate = std::atoi(argv[i + 1]);
    if (std::strcmp(argv[i], "--speed") == 0) speed = std::atof(argv[i + 1]);
    if (std::strcmp(argv[i], "--forecasts") == 0) forecasts = std::atoi(argv[i + 1]) != 0;
    if (std::strcmp(argv[i], "--train") == 0) train = std::atoi(argv[i + 1]) != 0;
    if (std::strcmp(argv[i], "--real-time") == 0) real_time = std::atoi(argv[i + 1]) != 0;
    if (std::strcmp(argv[i], "--awake") == 0) awake = std::atoi(argv[i + 1]) != 0;
    if (std::strcmp(argv[i], "--pinned") == 0) pinned = std::atoi(argv[i + 1]) != 0;
  }
  ::signal(SIGPIPE, SIG_IGN);
  return tidecast::run(seconds, streams, rate, speed, forecasts, train, real_time, awake, pinned);
}
