#pragma once
// The loop: records in, windows closed, forecasts and scores, and what is due at its time: runs, deployments after a
// soak, evaluations, alarms, retraining, files.  The same code under the system's clock and under a simulated one.
//
// Everything that is due has a time known beforehand; records that arrive at or before it are taken first.  So a result
// depends on the records and on the times alone, never on how the records came in batches.

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "app/deployer.h"
#include "app/live_forecasts.h"
#include "app/loop_metrics.h"
#include "app/mailbox.h"
#include "app/project.h"
#include "app/timeline.h"
#include "app/training_runs.h"
#include "base/clock.h"
#include "features/agreement.h"
#include "monitoring/alarm.h"
#include "monitoring/retrain.h"

namespace tidecast {

struct SchedulerOptions {
  std::filesystem::path binary;            // Our own, for training children.
  bool simulated = true;                   // The clock stands where it was put, and that is kept.
  Milliseconds nominal_run{60'000};        // A run's length by a simulated clock.
  std::size_t batch_max = 1000;            // Records a commit.
  std::optional<ServerDefinition> server;  // Where the endpoints are served, for smoke requests.
  std::optional<ProcessingTime> from;      // Pass over records that arrive earlier (at the very first start only).
  std::optional<ProcessingTime> until;     // Stop before records and jobs later than this.
};

// How far a replay is; told after every batch.
struct LoopProgress {
  ProcessingTime now;
  double done = 0;  // 0 to 1.
  Books books;
};

// What the loop knows beside the stores: where it stands, and what comes next.
struct LoopState {
  ProcessingTime now;
  bool running = false;      // Else nothing happens by itself.
  bool live_source = false;  // Records come when they come; else they are recorded.
  double progress = 0;       // Of a recorded source: 0 to 1.
  std::optional<EventTime> watermark;
  std::size_t open_windows = 0;  // In all groups.
  AlarmState alarm = AlarmState::kOk;
  int breaches = 0;  // Among the last evaluations that the alarm looks at.
  RetrainState retrain = RetrainState::kIdle;
  std::optional<Run> run;  // Under way.
  // The version that the last run made and that nobody has decided about; 0: none.  While it soaks it goes to
  // production by itself.
  int candidate = 0;
  std::optional<ProcessingTime> next_evaluation, first_run, soak_over, retrain_due;
  // Of live sources that are being asked: the worst one's health, and its name.
  std::optional<SourceHealth> source;
  std::string source_name;
  struct OfSource {
    std::string name;
    std::optional<EventTime> newest;  // Event time that it brought.
    bool idle = false;                // Watermarks do not wait for it.
    std::optional<SourceHealth> health;
  };
  std::vector<OfSource> sources;
  struct OfGroup {
    std::string name;
    std::optional<EventTime> watermark;
    std::size_t open_windows = 0;
    std::optional<OpenWindowState> oldest;  // Why it is not closed yet.
    std::optional<EventTime> newest_row;    // Its event time.
  };
  std::vector<OfGroup> groups;
  std::optional<LiveForecasts::Mute> mute;  // In production; by now another may be there.
  std::optional<SourceGap> last_gap;        // Since this process started.
  std::uint64_t changes = 0;  // Grows whenever runs, models, evaluations, alarms or the timeline may have changed.
};

class Scheduler {
 public:
  // `metrics` may be null where nobody asks for them.
  Scheduler(Project& project, Clock& clock, Endpoints& endpoints, LoopMetrics* metrics, SchedulerOptions options,
            TimelineObserver observer);

  // Goes on where the last process stopped.  Call once, first.
  // Errors: kFailedPrecondition - the models here forecast something else than the definition now asks for.
  Status restore();
  // Takes all records, and does all that is due, up to options.until, and nothing later; a run that is under way then
  // is brought to its end by the next call.  Without it: up to the source's last record, or the end of a run that is
  // under way then.  `progress` returns false to stop early (kCancelled, after the commit).
  Status run(const std::function<bool(const LoopProgress&)>& progress);
  // Live: takes what has come and does what is due, until `stop` says so; asked for after each step and at least five
  // times a second.  `mailbox` is served between the steps; `on_step` is told of each.
  Status live(Mailbox& mailbox, const std::function<bool()>& stop, const std::function<void()>& on_step);

  // Starts a run.  Where no loop runs, tend_run() takes it to its end.
  Result<Run> train(const std::string& why, const std::string& actor, int warm_start);

  // Where no loop runs: ends a run whose work is done; whether there was one.
  Result<bool> tend_run();

  // What a person decides, now.  `approve` also deploys to `stage` ("staging", or "production" by way of staging).
  Status approve(int version, const std::string& stage, const std::string& actor, const std::string& why);
  Status reject(int version, const std::string& actor, const std::string& why);
  Status deploy(const std::string& stage, int version, const std::string& actor, const std::string& why);

  // Takes rows out of a group for good; how many.
  Result<std::uint64_t> erase(const std::string& group, const std::optional<std::string>& key, EventRange range,
                              const std::string& actor, const std::string& why);
  // Tries dead letters again, by today's definition.
  Result<Replayed> replay_dead(std::span<const DeadLetter> letters, const std::string& actor);

  // For the history, of what was changed elsewhere.
  Status note(const std::string& kind, const std::string& subject, const std::string& text);

  // The source of that name that takes what is pushed to it; null if there is none.  Any thread, once restored.
  PushSource* push_source(std::string_view name);

  LoopState state() const;
  std::size_t open_windows() const;  // In all groups.

 private:
  enum class Mode { kIdle, kReplay, kLive };
  struct Told {
    std::optional<ProcessingTime> down, silent;  // Since when.
  };
  Status take_batch(ProcessingTime until);
  Status take(const Ingested& ingested);   // What closed and what was found: told, forecast.
  Status plan_jobs(ProcessingTime first);  // At the very first record.
  std::optional<ProcessingTime> next_due() const;
  Status run_due(ProcessingTime now);
  Status run_jobs(ProcessingTime now);
  Status plan_first_run();
  Status begin_first_run(ProcessingTime now);
  Status start_run(const std::string& why, ProcessingTime now);
  Result<bool> live_step();  // Whether there was anything to do.
  Status watch_sources();
  Status watch_source(const Source& source, const SourceHealth& health, Told& told, ProcessingTime now);
  Status note_gap(const SourceGap& gap, ProcessingTime now);
  Result<bool> run_is_over(ProcessingTime now);
  Result<RunEnd> finish_run(ProcessingTime now);
  Status start_manual_run(const std::string& why, const std::string& actor, int warm_start);
  Result<RunEnd> end_run_now();
  Status end_soak(ProcessingTime now);
  void on_production(int version, ProcessingTime now);  // It has just arrived there.
  void on_decided(int version, ProcessingTime now);     // It went to production, or was rejected.
  Status plan_another_first_run(ProcessingTime now);
  Status check_target();
  Status restore_metrics();
  Status evaluate_all(ProcessingTime now);
  Status on_alarm_change(const AlarmChange& change, int version, ProcessingTime now);
  Status save();
  Status tend_files(ProcessingTime now);  // Outboxes to files, small files to larger ones, and that both stores agree.

  Project& project_;
  Clock& clock_;
  Endpoints& endpoints_;
  LoopMetrics* metrics_;
  SchedulerOptions options_;
  Timeline timeline_;
  Deployer deployer_;
  SourceSet sources_;
  std::unique_ptr<Pipeline> pipeline_;
  StoreAgreement agreement_;
  std::optional<LiveForecasts> forecasts_;  // These four only where the definition has a forecast.
  std::optional<TrainingRuns> runs_;
  Alarm alarm_;
  RetrainPolicy retrain_;

  // Due times; nullopt: nothing planned.
  std::optional<ProcessingTime> next_flush_, next_evaluation_, first_run_, soak_over_;
  Mode mode_ = Mode::kIdle;
  std::uint64_t changes_ = 0;
  std::vector<Told> told_;  // In the timeline, of each source.
  std::optional<SourceGap> last_gap_;
  std::optional<ProcessingTime> gap_told_;
  int candidate_ = 0;  // The version that the last run made, until it is in production or rejected; 0: none.
  bool first_run_started_ = false;
};

}  // namespace tidecast
