#pragma once
// One training run from its start to its end: snapshot, judge (in a child process), gate, refit (in a child process),
// register.
//
// A run started at T has its result at T + nominal in a replay, and when its children have ended live: until then the
// stream goes on with the old model.  In a replay, how long a child really takes enters no result.  One run at a time.
// A run that a crash interrupted is done again from the same snapshot, because the snapshot is what was known at T.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "app/project.h"
#include "app/timeline.h"
#include "training/child.h"

namespace tidecast {

// As a run records them.
json::object parameters_of(const TrainingJob& job);

struct RunEnd {
  Run run;
  std::optional<int> version;  // Registered.
};

class TrainingRuns {
 public:
  TrainingRuns(Project& project, Timeline& timeline, std::filesystem::path binary, Milliseconds nominal)
      : project_(project), timeline_(timeline), binary_(std::move(binary)), nominal_(nominal) {}

  // Starts again what was running when the process ended.
  Status restore();

  // kFailedPrecondition while another run is active.  Too few observations: the run ends at finish() as skipped.
  // warm_start: the model version whose weights the training begins with; 0: none.
  Status start(const std::string& why, ProcessingTime now, int warm_start = 0);
  bool active() const { return active_.has_value(); }
  const Run& run() const { return active_->run; }                            // Only while active, as the next three.
  ProcessingTime due() const { return active_->run.started_at + nominal_; }  // In a replay.
  // Live: takes the run as far as it goes without waiting; true where finish() has nothing to wait for.
  Result<bool> advance();
  // Waits for the children and takes the run to its end.  An error is one of the stores'; a run that fails is an end.
  Result<RunEnd> finish(ProcessingTime now);

 private:
  enum class Stage { kJudging, kRefitting, kOver };
  struct Active {
    Run run;
    TrainingJob job;
    Stage stage = Stage::kJudging;
    std::unique_ptr<TrainingChild> child;  // Of the stage; null once it is over.
    JobResult judged, refitted;            // Those that came.
    std::string verdict;                   // Of the gate.
  };
  Status launch(Run run);
  Status step();                       // Waits for the stage's child and begins the next stage.
  Status on_judged(JobResult judged);  // Gate; starts the refit of a model that passed.
  Status on_refitted(JobResult refitted);
  Status register_model(ProcessingTime now);
  void end(RunOutcome outcome, std::string reason);
  std::filesystem::path folder(const Run& run, std::string_view step) const;

  Project& project_;
  Timeline& timeline_;
  std::filesystem::path binary_;
  Milliseconds nominal_;
  std::optional<Active> active_;
};

}  // namespace tidecast
