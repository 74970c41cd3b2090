#pragma once
// The live program under a simulated clock and a recorded source, its endpoint on a real socket.

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>

#include "app/report.h"
#include "app/scheduler.h"
#include "net/http.h"

namespace tidecast {

struct ReplayOptions {
  std::optional<ProcessingTime> from;   // Records that arrive earlier are passed over (only at the very first start).
  std::optional<ProcessingTime> until;  // Records and jobs later than this are left for the next replay.
  double speed = 0;                     // Simulated seconds a second; 0: as fast as it goes.
  bool serve = true;                    // Open the endpoint's port.
  std::filesystem::path binary;         // Our own, for training children.
};

class Replay {
 public:
  // Opens the source where the last replay stopped, loads the deployed models, opens the port.  A taken port is no
  // error: any free one is used instead.
  static Result<std::unique_ptr<Replay>> open(Definition definition, ReplayOptions options, TimelineObserver observer);
  ~Replay();

  ProcessingTime start() const { return start_; }
  std::optional<std::uint64_t> records_to_come() const { return total_; }
  std::optional<std::string> url() const;  // "http://127.0.0.1:8080"; nullopt where nothing is served.
  bool port_was_taken() const;             // The definition's, so that it is another one.
  const Project& project() const { return *project_; }

  // To the end.  `progress` is told after every batch; it returns false to stop (kCancelled; a later replay goes on).
  Status run(const std::function<bool(const LoopProgress&)>& progress);
  Result<json::object> report();  // After run().

 private:
  Replay() = default;
  std::unique_ptr<Project> project_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Endpoints> endpoints_;
  LoopMetrics metrics_;
  std::unique_ptr<HttpServer> server_;  // Before the scheduler, which sends smoke requests to it.
  std::unique_ptr<Scheduler> scheduler_;
  std::optional<ServerDefinition> served_at_;  // With the port that it really got.
  ProcessingTime start_;
  std::optional<std::uint64_t> total_;
  double wall_seconds_ = 0;
};

// Endpoints over the project's feature store, as the definition says: stages, quantiles, seed.
std::unique_ptr<Endpoints> make_endpoints(Project& project);

}  // namespace tidecast
