#pragma once
// DeepAR (Salinas et al., arXiv:1704.04110), trained by recipe R (docs/deepar.md): location-scale
// windows, copy gate, window constants, few lags on small data, cosine rate, averaged weights, held-out selection.
//
// Pure: no clock, no files.  The same series, options and seed give the same bytes, whatever the number of threads.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "flow/forecaster.h"
#include "flow/series.h"
#include "nn/heads.h"

namespace tidecast {

struct DeepArOptions {
  int horizon = 30;    // Steps to forecast, > 0.
  int season = 0;      // In steps; 0: by the step's width (stats/season.h).
  int context = 0;     // Context length; 0: by the recipe.
  int steps = 0;       // Optimiser steps; 0: by the recipe (2,500; 1,000 for small sets).
  bool select = true;  // Held-out windows choose the averaged weights to keep; false: train exactly `steps` on
                       // all data and keep the last.
  int batch = 32;
  int cells = 40;
  int layers = 2;
  double learning_rate = 1e-3;
  double dropout = 0.1;  // Between layers;
  double zoneout = 0;    // above 0 in its place: states that keep their value, SageMaker's regulariser.
  // What is said of the next value.  Of counts (negative-binomial, poisson) values must be whole and not below 0, of
  // gamma above 0, of beta in (0, 1); gamma and beta have no copy gate.
  nn::Head likelihood = nn::Head::kStudentT;
  int embedding_dimension = 10;  // Of each category that the series have.
  std::uint64_t seed = 7;
  int threads = 2;  // Decides who computes, never what.
  // Null, or the model to train anew on more data (the refit after a passed gate): with its inputs and network, for
  // exactly the steps that were best for it, on its rate schedule, nothing held out.  What it says of itself counts
  // then, and not horizon, season, context, steps, select, cells, layers, zoneout, likelihood and embeddings.
  std::shared_ptr<const Forecaster> like;
};

// Progress of a training: called now and then; return false to stop (the training then ends in kCancelled).
using TrainingProgress = std::function<bool(int step, int steps, double loss)>;

// Errors: kInvalidArgument - "byte ...", another format version, wrong shapes.
// Format: docs/formats/model.md.
Result<std::shared_ptr<const Forecaster>> load_deepar(std::string_view artefact);

struct TrainedDeepAr {
  std::shared_ptr<const Forecaster> model;
  int best_step = 0;         // Steps after which the kept averaged weights were taken.
  int steps = 0;             // Steps run.
  double train_loss = 0;     // Mean NLL of the last 50 batches, in scaled units.
  double held_out_loss = 0;  // Of the kept weights; NaN when select is off.
};
// Errors: kInvalidArgument - an option out of range, a value that the likelihood cannot have, series that differ in
// what they carry beside their values, too short to cut one window, a model in `like` that does not say how it was
// trained or has another step; kCancelled; kInternal - the loss left the numbers (it says at which step).
Result<TrainedDeepAr> train_deepar(std::span<const TimeSeries> series, const DeepArOptions& options,
                                   const TrainingProgress& progress = {});

}  // namespace tidecast
