#pragma once
// The live program under a simulated clock and a recorded source, its doors on a real socket.

#include <filesystem>
#include <memory>
#include <optional>

#include "app/report.h"
#include "app/scheduler.h"
#include "app/service.h"

namespace tidecast {

struct ReplayOptions {
  std::optional<ProcessingTime> from;   // Records that arrive earlier are passed over (only at the very first start).
  std::optional<ProcessingTime> until;  // Records and jobs later than this are left for the next replay.
  double speed = 0;                     // Simulated seconds a second; 0: as fast as it goes.
  std::filesystem::path binary;         // Our own, for training children.
};

class Replay {
 public:
  // Opens the source where the last replay stopped, loads the deployed models, opens the port.  A taken port is no
  // error: any free one is used instead.
  // Errors: kFailedPrecondition - a live source, an empty one, or a time that has passed already; those of
  // Project::open.
  static Result<std::unique_ptr<Replay>> open(Definition definition, ReplayOptions options, TimelineObserver observer);
  ~Replay();

  ProcessingTime start() const { return start_; }
  std::optional<std::uint64_t> records_to_come() const { return total_; }
  std::string url() const { return service_->url(); }
  bool port_was_taken() const;  // The definition's, so that it is another one.
  const Project& project() const { return *project_; }

  // To the end.  `progress` is told after every batch; it returns false to stop (kCancelled; a later replay goes on).
  Status run(const std::function<bool(const LoopProgress&)>& progress);
  Result<json::object> report();  // After run().
  // After run(): does what is asked through the doors, until `stop`, which is asked for at least five times a second.
  Status serve(const std::function<bool()>& stop);

 private:
  Replay() = default;
  std::unique_ptr<Project> project_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Endpoints> endpoints_;
  LoopMetrics metrics_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<Service> service_;
  ProcessingTime start_;
  std::optional<std::uint64_t> total_;
  double wall_seconds_ = 0;
};

// Endpoints over the project's feature store, as the definition says: stages, quantiles, seed.
std::unique_ptr<Endpoints> make_endpoints(Project& project);

}  // namespace tidecast
