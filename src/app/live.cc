#include "app/live.h"

#include "app/replay.h"
#include "app/supervisor.h"

namespace tidecast {

Result<std::unique_ptr<Live>> Live::open(Definition definition, LiveOptions options, TimelineObserver observer) {
  if (!definition.sources[0].live())
    return failed_precondition("the source {} is recorded, not live; replay it: tidecast replay",
                               definition.sources[0].name);
  std::unique_ptr<Live> live(new Live);
  live->project_ = TRY(Project::open(std::move(definition), "tidecast run", DataFolder::kMayBeNew));
  Project& project = *live->project_;
  if (TRY(project.simulated_now()))
    return failed_precondition(
        "{}: a replay made this data folder, and its clock is simulated; use another one "
        "(data: in the definition, or --data)",
        project.definition().data.string());
  live->clock_ = options.clock ? std::move(options.clock) : std::make_unique<SystemClock>();
  live->endpoints_ = make_endpoints(project);
  live->service_ = TRY(Service::start(project, *live->endpoints_, live->metrics_,
                                      {.mode = "live", .simulated = false, .taken_port = TakenPort::kRefuse}));
  Service& service = *live->service_;
  SchedulerOptions scheduler{.binary = std::move(options.binary), .simulated = false, .server = service.at()};
  live->scheduler_ = std::make_unique<Scheduler>(
      project, *live->clock_, *live->endpoints_, &live->metrics_, std::move(scheduler),
      [&service, observer = std::move(observer)](const TimelineEvent& event, std::optional<double> wall_seconds) {
        service.note(event);
        if (observer) observer(event, wall_seconds);
      });
  TRY(live->scheduler_->restore());
  TRY(service.attach(*live->scheduler_, *live->clock_));
  return live;
}

Live::~Live() = default;

Status Live::run(const std::function<bool()>& stop) {
  tell_supervisor(fmt::format("READY=1\nSTATUS={}", url()));
  Status publishing;
  Status status = scheduler_->live(
      service_->mailbox(), [&] { return stop() || !publishing.ok(); }, [&] { publishing = service_->publish(); });
  tell_supervisor("STOPPING=1");
  service_->close();
  return status.ok() ? publishing : status;
}

}  // namespace tidecast
