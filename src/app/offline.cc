#include "app/offline.h"

#include <unistd.h>

#include <thread>

#include "app/replay.h"
#include "base/version.h"

namespace tidecast {

Result<std::unique_ptr<Offline>> Offline::open(Definition definition, const std::string& who,
                                               std::filesystem::path binary, TimelineObserver observer) {
  std::unique_ptr<Offline> offline(new Offline);
  offline->project_ = TRY(Project::open(std::move(definition), who, DataFolder::kMustExist));
  Project& project = *offline->project_;
  const std::optional<ProcessingTime> now = TRY(project.simulated_now());
  offline->simulated_ = now.has_value();
  if (now)
    offline->clock_ = std::make_unique<SimulatedClock>(*now);
  else
    offline->clock_ = std::make_unique<SystemClock>();
  offline->endpoints_ = make_endpoints(project);
  offline->scheduler_ = std::make_unique<Scheduler>(
      project, *offline->clock_, *offline->endpoints_, nullptr,
      SchedulerOptions{.binary = std::move(binary), .simulated = offline->simulated_}, std::move(observer));
  TRY(offline->scheduler_->restore());
  offline->commands_ = std::make_unique<ProjectCommands>(
      ProjectCommands::Parts{.project = project,
                             .scheduler = *offline->scheduler_,
                             .endpoints = *offline->endpoints_,
                             .on_loop = [](Mailbox::Task task) { return task(); },
                             .status = [self = offline.get()] { return self->status(); },
                             .now = [self = offline.get()] { return self->clock_->now(); },
                             .wait_for_run = [self = offline.get()]() -> Status {
                               while (!TRY(self->scheduler_->tend_run())) std::this_thread::sleep_for(20ms);
                               return ok();
                             },
                             .server = {{"project", project.definition().project},
                                        {"project_id", TRY(project.id())},
                                        {"process", ::getpid()},
                                        {"version", kVersion},
                                        {"mode", "offline"},
                                        {"started_at", to_rfc3339(SystemClock().now())}}});
  return offline;
}

Result<json::object> Offline::status() {
  Observer observer(*project_, /*live=*/false, simulated_);
  const Situation at = TRY(observer.look(scheduler_->state()));
  return status_json(at, project_->definition(), {.mode = "offline", .address = "", .started_at = SystemClock().now()});
}

}  // namespace tidecast
