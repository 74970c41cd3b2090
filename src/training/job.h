#pragma once
// A training run's work, done in a child process that gets one job file, writes one result folder and opens no store:
//
//   judge   train on all but the last windows, then a rolling-origin back-test over them
//   refit   train the judged model anew on everything; the artefact that is registered.  Of DeepAR its inputs, steps
//   and
//           schedule are kept; a baseline is fitted, a program called as before
//
// The parent makes the snapshot, gates (gate.h) and registers.  Formats: docs/formats/training.md.

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "deepar/deepar.h"
#include "training/algorithm.h"
#include "training/backtest.h"

namespace tidecast {

enum class JobKind { kJudge, kRefit };
std::string_view name_of(JobKind kind);  // "judge", "refit"

struct TrainingJob {
  JobKind kind = JobKind::kJudge;
  std::string run;          // Id of the run.
  std::string series_name;  // "tx_metrics.avg_fee_1min"
  TimeSeries series;        // The snapshot, as known when the run began.
  int windows = 10;         // Wanted back-test windows (judge).
  double confidence = 90;   // Quantiles low, 0.5, up.
  int paths = 100;
  Algorithm algorithm;
  DeepArOptions options;            // horizon, season and seed of any; the rest DeepAR's; `select` and `like` are the
                                    // kind's.
  std::string judged_artefact;      // Bytes of the model that the judge trained and that is trained anew (refit).
  std::string warm_start_artefact;  // Bytes of the model whose weights the training begins with; "": none.
  std::string production_artefact;  // Bytes of the production model; "" if there is none (judge).
  EventTime production_data_end;    // Where the data of that model ended: only windows after it judge it.
};

struct JobResult {
  JobKind kind = JobKind::kJudge;
  std::optional<Backtest> backtest;  // judge; of fewer than kLeastWindows windows where gaps left no more.
  std::string artefact;              // Bytes of the trained model.
  std::string artefact_hash;         // SHA-256, hex.
  int steps = 0;                     // Run; 0, with NaN for losses, of what is not trained in steps.
  int resumed = 0;                   // Steps of them that a checkpoint had; not in the file.
  int best_step = 0;                 // Chosen by held-out selection (judge), or taken (refit).
  double train_loss = 0;
  double held_out_loss = 0;  // NaN of a refit, which holds nothing out.
  std::string data_hash;     // Of the snapshot's values: hash_of(job.series).
  double seconds = 0;        // Wall time; never part of a decision.
};

// SHA-256, hex, of start, step and values; every NaN is the same.  What "the same snapshot" means.
std::string hash_of(const TimeSeries& series);

// Files, each written atomically; doubles come back bit for bit.  A result is a folder of model,
// backtest.json (judge) and, last, result.json: without that one there is no result.
// Errors: kInvalidArgument - a value that the format cannot hold;  kNotFound - no such file;  kDataLoss - damaged:
// file, key, what was found, what is allowed;  kUnavailable - the disk said no.
Status write_job(const TrainingJob& job, const std::filesystem::path& file);
Result<TrainingJob> read_job(const std::filesystem::path& file);
Status write_result(const JobResult& result, const std::filesystem::path& folder);
Result<JobResult> read_result(const std::filesystem::path& folder);

// The work itself, in this process; what a program of one's own reads and writes lies in `work`.  Pure but for threads
// and such a program: the same job gives the same result, `seconds` aside.
// Errors: kInvalidArgument - the job makes no sense;  kFailedPrecondition - fewer than kLeastWindows windows fit;
// kDataLoss - the production or judged artefact cannot be loaded;  kCancelled - `progress` said no;  and what the
// training says.
Result<JobResult> run_job(const TrainingJob& job, const std::filesystem::path& work,
                          const TrainingProgress& progress = {}, const TrainingCheckpoints& checkpoints = {});

// Who trains and loads models: the job's algorithm, or in tests something small in its place.
struct Learner {
  std::function<Result<TrainedDeepAr>(std::span<const TimeSeries>, const DeepArOptions&)> train;
  std::function<Result<std::shared_ptr<const Forecaster>>(std::string_view)> load;
};
Result<JobResult> run_job_with(const Learner& learner, const TrainingJob& job);

}  // namespace tidecast
