#pragma once
// The commands where no server runs: this process holds the folder's lock, and the scheduler acts when asked.  After a
// replay the clock stands where it ended.

#include <filesystem>
#include <memory>
#include <string>

#include "app/commands.h"

namespace tidecast {

class Offline {
 public:
  // Errors: those of Project::open and Scheduler::restore.
  static Result<std::unique_ptr<Offline>> open(Definition definition, const std::string& who,
                                               std::filesystem::path binary, TimelineObserver observer);
  Commands& commands() { return *commands_; }

 private:
  Offline() = default;
  Result<json::object> status();

  std::unique_ptr<Project> project_;
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Endpoints> endpoints_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<ProjectCommands> commands_;
  bool simulated_ = true;
};

}  // namespace tidecast
