#pragma once
// One training run from its start to its end: snapshot, judge (in a child process), gate, refit (in a child process),
// register.
//
// A run started at T has its result at T + nominal in a replay: until then the stream goes on with the old model.  How
// long the child really takes enters no result.  One run at a time.  A run that a crash interrupted is done again from
// the same snapshot, because the snapshot is what was known at T.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "app/project.h"
#include "app/timeline.h"
#include "training/child.h"

namespace tidecast {

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
  Status start(const std::string& why, ProcessingTime now);
  bool active() const { return active_.has_value(); }
  ProcessingTime due() const { return active_->run.started_at + nominal_; }  // Only while active.
  // Waits for the child and takes the run to its end.  An error is one of the stores'; a run that fails is an end.
  Result<RunEnd> finish(ProcessingTime now);

 private:
  struct Active {
    Run run;
    TrainingJob job;
    std::unique_ptr<TrainingChild> child;  // Null where there is too little data.
  };
  Status launch(Run run);
  Status complete(Active& active, ProcessingTime now);
  Result<JobResult> refit(const Active& active, const JobResult& judged);
  std::filesystem::path folder(const Run& run, std::string_view step) const;

  Project& project_;
  Timeline& timeline_;
  std::filesystem::path binary_;
  Milliseconds nominal_;
  std::optional<Active> active_;
};

}  // namespace tidecast
