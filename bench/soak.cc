// The real program for a long while under a steady stream, in real time: 5,000 new events a second, of which each comes
// about twice and every 50th is late.  Its memory is sampled, and at the end it is said whether that stays flat.
//
//   bench_soak [MINUTES] [EVENTS_A_SECOND]     30, 5000
//
// What it has to remember grows until the de-duplication window (2 min here) and RocksDB's buffer for writes (64 MiB)
// have been full; so the first third, and 150 s at least, is left out.  "Flat" is the last half of the rest against the
// first: a mean not more than 5 % above.

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <iostream>
#include <numeric>
#include <span>
#include <thread>

#include "../tests/e2e/program.h"
#include "base/json.h"
#include "base/time.h"
#include "net/http.h"

namespace tidecast {
namespace {

using namespace std::chrono_literals;
using Wall = std::chrono::system_clock;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Wall::now().time_since_epoch()).count();
}

// The newest events at this moment, oldest first; which they are follows from the time alone.
class Events {
 public:
  explicit Events(std::int64_t rate) : rate_(rate), begin_(now_ms()) {}
  std::int64_t so_far() const { return (now_ms() - begin_) * rate_ / 1000; }
  std::string reply() const {
    const std::int64_t end = so_far();
    std::string text = R"({"events":[)";
    const std::size_t empty = text.size();
    for (std::int64_t n = std::max<std::int64_t>(0, end - 2 * rate_); n < end; ++n) {
      const std::int64_t late = n % 50 == 7 ? 300'000 : 0;
      fmt::format_to(std::back_inserter(text), R"({}{{"id":"event-{}","t":{},"fee":{},"size":{}}})",
                     text.size() > empty ? "," : "", n, begin_ + n * 1000 / rate_ - late, n * 7919 % 100'000,
                     200 + n % 900);
    }
    return text + "]}";
  }

 private:
  std::int64_t rate_, begin_;
};

double resident_mb(pid_t process) {
  std::ifstream status(fmt::format("/proc/{}/status", process));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
  return 0;
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

int soak(int minutes, std::int64_t rate) {
  const Events events(rate);
  auto server =
      HttpServer::start({.port = 0}, [&](const HttpRequest&) { return HttpResponse{.body = events.reply()}; });
  if (!server.ok()) return std::cerr << server.message() << '\n', 1;
  const e2e::Folder folder;
  const std::string file = (folder / "tidecast.yaml").string();
  e2e::write(
      file, fmt::format(
                "project: soak\n"
                "sources:\n"
                "  - {{ name: feed, kind: http_poll, url: \"http://127.0.0.1:{}/events\", every: 1s, records: /events, "
                "order: oldest_first }}\n"
                "event:\n"
                "  id: /id\n"
                "  time: {{ from: /t, unit: ms }}\n"
                "  fields: {{ fee: {{ from: /fee, type: integer }}, size: {{ from: /size, type: integer }} }}\n"
                "  deduplicate_for: 2min\n"
                "features:\n"
                "  - group: fees\n"
                "    window: 1min\n"
                "    lateness: 10s\n"
                "    columns: {{ n: count(), sum_fee: sum(fee), mean_size: avg(size) }}\n"
                "server: {{ listen: \"127.0.0.1:0\" }}\n",
                (*server)->port()));
  e2e::Running program(e2e::own_binary(), {"run", "-c", file});
  const auto began = std::chrono::steady_clock::now();
  const auto warm = std::max(150s, std::chrono::seconds(minutes * 20));
  std::vector<double> all, of_minute;
  fmt::print("minute   events offered   memory MB (mean, most)\n");
  for (auto next = began + 2s; next < began + std::chrono::minutes(minutes); next += 2s) {
    std::this_thread::sleep_until(next);
    const double mb = resident_mb(program.process());
    if (mb == 0) return std::cerr << "it ended: " << program.end().value_or(-1) << '\n' << program.output(), 1;
    if (next >= began + warm) all.push_back(mb);
    of_minute.push_back(mb);
    if (of_minute.size() < 30) continue;
    fmt::print("{:6} {:16} {:10.1f} {:6.1f}\n",
               std::chrono::duration_cast<std::chrono::minutes>(next - began).count() + 1, events.so_far(),
               mean(of_minute), *std::ranges::max_element(of_minute));
    std::fflush(stdout);
    of_minute.clear();
  }
  const std::int64_t offered = events.so_far();
  const auto status = e2e::tidecast({"status", "-c", file, "--json"});
  program.signal(SIGTERM);
  if (program.end(30s) != 0) return std::cerr << "it did not end well\n" << program.output(), 1;
  fmt::print("offered {}; {}\n", offered, status.out);
  if (all.size() < 20) return fmt::print("too short to tell whether memory is flat: it takes some minutes\n"), 0;
  const std::span<const double> samples(all);
  const double early = mean(samples.first(all.size() / 2)), late = mean(samples.last(all.size() / 2));
  const bool flat = late < 1.05 * early;
  fmt::print("memory after {} s: first half {:.1f} MB, second {:.1f} MB: {}\n", warm.count(), early, late,
             flat ? "flat" : "NOT FLAT");
  return flat ? 0 : 1;
}

}  // namespace
}  // namespace tidecast

int main(int argc, char** argv) {
  return tidecast::soak(argc > 1 ? std::stoi(argv[1]) : 30, argc > 2 ? std::stoll(argv[2]) : 5'000);
}
