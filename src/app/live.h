#pragma once
// The program as it runs for good: a live source, the system's clock, every door open.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "app/scheduler.h"
#include "app/service.h"

namespace tidecast {

struct LiveOptions {
  std::filesystem::path binary;  // Our own, for training children.
  std::unique_ptr<Clock> clock;  // Null: the system's.
};

class Live {
 public:
  // Opens everything, listens, goes on where the last process stopped.
  // Errors: kUnavailable - the folder or the port is in use;  kFailedPrecondition - a recorded source, or a folder that
  // a replay made; those of Project::open and Scheduler::restore.
  static Result<std::unique_ptr<Live>> open(Definition definition, LiveOptions options, TimelineObserver observer);
  ~Live();

  std::string url() const { return service_->url(); }
  const Project& project() const { return *project_; }

  // Until `stop`, which is asked at least five times a second; ends at a commit.
  Status run(const std::function<bool()>& stop);

 private:
  Live() = default;
  std::unique_ptr<Project> project_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Endpoints> endpoints_;
  LoopMetrics metrics_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<Service> service_;  // Before the scheduler it asks.
};

}  // namespace tidecast
