// The feed server as a program, for whole runs against it.  Its first line is the port; it serves until a signal.
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>

#include "base/clock.h"
#include "feed_server.h"

using namespace tidecast;

namespace {

Status serve(int argc, char** argv) {
  FeedServerOptions options;
  options.recording.bodies = TIDECAST_ROOT "/data/bitcoin/blockchain_info_transactions_1020.ndjson.zst";
  options.recording.schedule = TIDECAST_ROOT "/data/bitcoin/schedule_7d.csv.zst";
  options.recording.first_minute = 2880;
  std::string start, anchor;
  double speed = 1;
  std::filesystem::path ca_file;
  std::uint64_t faults = 0;

  CLI::App app("Shows the reconstructed recording as a live feed: the newest transactions at each moment.");
  app.add_option("--minutes", options.recording.minutes, "of the recording's schedule; 0: to its end");
  app.add_option("--first-minute", options.recording.first_minute, "of the recording's schedule");
  app.add_option("--records", options.records, "shown to each request");
  app.add_option("--speed", speed, "feed seconds a second")->check(CLI::PositiveNumber);
  app.add_option("--start", start, "feed time at --anchor; left out: the first minute's");
  app.add_option("--anchor", anchor, "wall time at which the feed stands at --start; left out: now");
  app.add_option("--tls", ca_file, "serve https for localhost and 127.0.0.1; write here whom clients have to trust");
  app.add_option("--port", options.port, "0: any free one");
  app.add_option("--faults", faults, "a seed: one request in six goes wrong");
  app.add_flag("--etag", options.etag, "give an ETag, and 304 where nothing is new");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (app.exit(error) == 0) return cancelled("");
    return invalid_argument("see --help");
  }

  ProcessingTime from = SystemClock().now();
  const ProcessingTime anchored =
      anchor.empty() ? from : ProcessingTime::from_ms(TRY(parse_rfc3339(anchor).in("--anchor")));
  if (start.empty())
    from = TRY(Recording::open(options.recording))->time_of(0) - options.recording.every;
  else
    from = ProcessingTime::from_ms(TRY(parse_rfc3339(start).in("--start")));
  const ScaledClock clock(from, anchored, speed);
  options.now = [&clock] { return clock.now(); };
  if (faults != 0) options.fault = [faults](std::uint64_t request) { return random_fault(faults, request); };
  const TestCertificates certificates("DNS:localhost,IP:127.0.0.1");
  if (!ca_file.empty()) {
    options.certificates = &certificates;
    std::ofstream(ca_file) << certificates.ca_pem();
  }

  sigset_t signals;  // Before there are threads, so that all of them leave signals to us.
  ::sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM}) ::sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const std::unique_ptr<FeedServer> server = TRY(FeedServer::start(std::move(options)));
  fmt::print("{}\n{}\n", server->port(), server->url(ca_file.empty() ? "127.0.0.1" : "localhost"));
  std::fflush(stdout);
  int signal = 0;
  ::sigwait(&signals, &signal);
  fmt::print("{} requests on {} connections; {} records entered\n", server->requests(), server->connections(),
             server->entered());
  return ok();
}

}  // namespace

int main(int argc, char** argv) {
  const Status status = serve(argc, argv);
  if (status.ok() || status.code() == Code::kCancelled) return 0;
  fmt::print(stderr, "feed-server: {}\n", status.message());
  return status.code() == Code::kInvalidArgument ? 2 : 1;
}
