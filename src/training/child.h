#pragma once
// The child process that does a training job: our own binary with a hidden subcommand, at low priority, so that
// training never takes the processor from ingestion and a crash in it takes nothing with it.
//
// The folder is the child's alone and holds, in the end, job.json, log and the result's files (job.h).

#include <filesystem>
#include <memory>

#include "training/job.h"

namespace tidecast {

class TrainingChild {
 public:
  // Writes `job` to folder/job.json, removes the result of an earlier attempt there, and starts `binary train-job
  // folder` (posix_spawn; niceness 10; its output and errors go to folder/log).  The child has no file of ours
  // open, the default signal handlers, a process group of its own (Ctrl-C reaches only us), and dies with the thread
  // that called start().
  // Errors: kInvalidArgument, kUnavailable - the job cannot be written;  kInternal - the binary cannot be started.
  static Result<std::unique_ptr<TrainingChild>> start(const std::filesystem::path& binary, const TrainingJob& job,
                                                      const std::filesystem::path& folder);
  virtual ~TrainingChild() = default;  // Kills and reaps a child that still runs.

  virtual bool finished() = 0;  // Does not block.
  // Blocks until it ends; asked again, it answers the same.  Errors: kInternal - it died (signal or exit code, with
  // the last lines of its log) or left no result;  kCancelled - after cancel(), unless the result was already
  // complete;  kDataLoss - its result is damaged.
  virtual Result<JobResult> wait() = 0;
  // Asks it to end (SIGTERM); does not wait for it.
  virtual void cancel() = 0;
};

// What the hidden subcommand does: folder/job.json -> result files in `folder`.  Returns the process's exit code:
// 0, or 1 with the reason on stderr.
int train_job_main(const std::filesystem::path& folder);

// The first thing that train_job_main does: lowers the priority of this thread and of all it will start, and asks
// the kernel for our end when the thread that started us ends.
void become_training_child();

}  // namespace tidecast
