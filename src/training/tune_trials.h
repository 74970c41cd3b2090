#pragma once
// What a trial of tuning does: trains DeepAR and, in full, judges it by the rolling back-test.

#include <span>

#include "training/dataset_backtest.h"
#include "training/job.h"
#include "training/tune.h"

namespace tidecast {

// Told of each trial what goes on; false stops the search.
using TuneProgress = std::function<bool(const Trial& trial, std::string_view what, double share)>;

// A search over trainings of one data set, whose defaults have the context and the steps that the recipe gives them.
struct Trials {
  TuneOptions search;  // Space and defaults; seed, trials and budget are the caller's.
  DeepArOptions defaults;
  TrialFunction train;  // Has its own copy of all but `series` and what `progress` refers to.
};

// Over many series, as `tidecast backtest` judges them; coverage is that of .1 to .9.  `series` must outlive the
// result. Errors: kInvalidArgument - what planning a training says;  kFailedPrecondition - no series is longer than its
// windows.
Result<Trials> trials_on(std::span<const NamedSeries> series, const DatasetBacktestOptions& options,
                         const TuneProgress& progress = {});

// Over the series of a training run, as its judge does it, so that the loss is that of a run with these
// hyperparameters; coverage is that of the confidence.
// Errors: kFailedPrecondition - too few observations for kLeastWindows windows;  kInvalidArgument.
Result<Trials> trials_on(const TrainingJob& job, const TuneProgress& progress = {});

// What a training's held-out loss needs added to be in the series' own unit: the mean over the held-out windows of log
// s (nn/heads.h).  The scale s of a window depends on the context length, so losses without it could not be compared.
// 0 for likelihoods of the values themselves, and for deterministic-L1, whose loss no sum makes comparable.
// Errors: kInvalidArgument - an option out of range.
Result<double> held_out_log_scale(std::span<const TimeSeries> series, const DeepArOptions& options);

}  // namespace tidecast
