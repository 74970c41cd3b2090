#include "app/replay.h"

#include <sys/resource.h>

#include <chrono>
#include <thread>

namespace tidecast {
namespace {

// A simulated clock that takes its time: `speed` simulated seconds a second.
class PacedClock final : public Clock {
 public:
  PacedClock(ProcessingTime start, double speed)
      : start_(start), now_(start), speed_(speed), began_(std::chrono::steady_clock::now()) {}
  ProcessingTime now() const override { return now_; }
  void wait_until(ProcessingTime due) override {
    if (due <= now_) return;
    now_ = due;
    const auto wall = std::chrono::duration<double, std::milli>(static_cast<double>((now_ - start_).count()) / speed_);
    std::this_thread::sleep_until(began_ + std::chrono::duration_cast<std::chrono::nanoseconds>(wall));
  }

 private:
  ProcessingTime start_, now_;
  double speed_;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace

std::unique_ptr<Endpoints> make_endpoints(Project& project) {
  EndpointOptions options;
  options.default_quantiles = confidence_quantiles(project.definition().validation.confidence);
  if (project.definition().forecast) {
    options.paths = project.definition().validation.paths;
    options.seed = project.forecast().seed;
    options.step = project.step();
  }
  // What an earlier process left there, that had no time to clean up.
  const std::filesystem::path work = project.definition().data / "programs";
  std::error_code ignored;
  std::filesystem::remove_all(work, ignored);
  return std::make_unique<Endpoints>(
      std::move(options),
      [&project](const std::string& series, std::optional<EventTime> as_of) {
        return project.series(series, as_of.value_or(EventTime::max()), ProcessingTime::max(), kForecastHistory);
      },
      [work](std::string_view artefact) { return load_forecaster(artefact, work); });
}

Result<std::unique_ptr<Replay>> Replay::open(Definition definition, ReplayOptions options, TimelineObserver observer) {
  if (definition.sources[0].live())
    return failed_precondition("the source {} is live; run it: tidecast run", definition.sources[0].name);
  std::unique_ptr<Replay> replay(new Replay);
  replay->project_ = TRY(Project::open(std::move(definition), "tidecast replay", DataFolder::kMayBeNew));
  Project& project = *replay->project_;
  {
    SourceSet sources = TRY(project.open_sources());
    replay->total_ = sources.total_records();
    const std::optional<ProcessingTime> first = TRY(sources.next_arrival());
    if (!first) return failed_precondition("the source {} is empty", sources.at(0).name());
    std::optional<ProcessingTime> stands_at = TRY(project.simulated_now());
    if (project.features().books().read == 0) stands_at.reset();  // It was killed before it had read anything.
    if (stands_at && options.from && *options.from > *stands_at)
      return failed_precondition(
          "--from {}: only the first replay of a data folder passes records over; this one "
          "stands at {}",
          to_rfc3339(*options.from), to_rfc3339(*stands_at));
    replay->start_ = stands_at.value_or(options.from.value_or(*first));
    if (options.until && *options.until < replay->start_)
      return failed_precondition("--until {}: the replay stands at {} already", to_rfc3339(*options.until),
                                 to_rfc3339(replay->start_));
  }
  if (options.speed > 0)
    replay->clock_ = std::make_unique<PacedClock>(replay->start_, options.speed);
  else
    replay->clock_ = std::make_unique<SimulatedClock>(replay->start_);

  replay->endpoints_ = make_endpoints(project);
  replay->service_ = TRY(Service::start(project, *replay->endpoints_, replay->metrics_,
                                        {.mode = "replay", .taken_port = TakenPort::kUseAnother}));
  Service& service = *replay->service_;
  SchedulerOptions scheduler{
      .binary = options.binary, .server = service.at(), .from = options.from, .until = options.until};
  if (options.speed > 0) scheduler.batch_max = 50;
  replay->scheduler_ = std::make_unique<Scheduler>(
      project, *replay->clock_, *replay->endpoints_, &replay->metrics_, std::move(scheduler),
      [&service, observer = std::move(observer)](const TimelineEvent& event, std::optional<double> wall_seconds) {
        service.note(event);
        if (observer) observer(event, wall_seconds);
      });
  TRY(replay->scheduler_->restore());
  TRY(project.set_simulated_now(replay->start_));
  TRY(service.attach(*replay->scheduler_, *replay->clock_));
  return replay;
}

Replay::~Replay() = default;

bool Replay::port_was_taken() const {
  const std::uint16_t wanted = project_->definition().server.port;
  return wanted != 0 && service_->at().port != wanted;
}

Status Replay::run(const std::function<bool(const LoopProgress&)>& progress) {
  const auto began = std::chrono::steady_clock::now();
  Status publishing;
  Status status = scheduler_->run([&](const LoopProgress& at) {
    const bool asked = service_->mailbox().serve();
    publishing = asked ? service_->publish_now() : service_->publish();
    return progress(at) && publishing.ok();
  });
  wall_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (!publishing.ok()) return publishing;
  TRY(std::move(status));
  return service_->publish_now();
}

Status Replay::serve(const std::function<bool()>& stop) {
  while (!stop()) {
    const bool asked = service_->mailbox().serve();
    if (TRY(scheduler_->tend_run()) || asked) TRY(service_->publish_now());
    service_->mailbox().wait(std::chrono::milliseconds(200));
  }
  service_->close();
  return ok();
}

Result<json::object> Replay::report() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const ReplayRange range{.from = start_,
                          .until = clock_->now(),
                          .wall_seconds = wall_seconds_,
                          .peak_memory_bytes = static_cast<std::size_t>(usage.ru_maxrss) * 1024,
                          .open_windows = scheduler_->open_windows()};
  return make_report(*project_, range);
}

}  // namespace tidecast
