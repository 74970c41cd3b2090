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
#include "deepar/parts.h"
#include "flow/forecaster.h"
#include "flow/series.h"
#include "nn/heads.h"

namespace tidecast {

struct DeepArOptions {
  int horizon = 30;  // Steps to forecast, > 0.
  int season = 0;    // In steps; 0: by the step's width (stats/season.h).
  int context = 0;   // Context length; 0: by the recipe.
  deepar::Recipe recipe;
  // How long to train: steps, or else epochs (deepar/recipe.h says how many steps one has); 0 of both: by the recipe,
  // 3,500 steps, 1,000 of a small set, 5,000 of gluonts.
  int steps = 0, epochs = 0;
  int patience = 0;    // Epochs without a better loss, by what selects, that end the training; 0: by the recipe.
  bool select = true;  // False: train exactly so many steps on all data and keep the last weights.
  int batch = 32;
  int cells = 40;
  int layers = 2;
  double learning_rate = 1e-3;
  double dropout = 0.1;  // Between layers;
  double zoneout = 0;    // above 0 in its place: states that keep their value, SageMaker's regulariser.
  // What is said of the next value.  Of counts (negative-binomial, poisson) values must be whole and not below 0, of
  // gamma above 0, of beta in (0, 1); gamma and beta have no copy gate.  Several: see members.  None: by the recipe,
  // student-T and, of counts that are now and then 0, negative-binomial too; of gluonts student-T alone.
  std::vector<nn::Head> likelihoods;
  // Models to train, whose paths are pooled: member i has likelihood i modulo their number and, each time around, the
  // next seed.  0: by the recipe, one of each likelihood and at least two; of gluonts one of each.
  int members = 0;
  // The spread of the paths is stretched on either side of their median until the held-out windows are covered as they
  // should be (deepar/pool.h).
  bool calibrate = false;
  int embedding_dimension = 0;  // Of each category that the series have; 0: 10, of gluonts by its cardinality.
  std::uint64_t seed = 7;
  int threads = 2;  // Decides who computes, never what.
  // Null, or the model to train anew on more data (the refit after a passed gate): with its inputs and networks, for
  // exactly the steps that were best for each, on their rate schedule, nothing held out, its calibration kept.  What it
  // says of itself counts then, and not horizon, season, context, recipe, steps, epochs, select, cells, layers,
  // zoneout, likelihoods, members, calibrate and embeddings.
  std::shared_ptr<const Forecaster> like;
  // Null, or the model whose weights the training begins with: its inputs and networks are taken, the rest is the
  // options'.
  std::shared_ptr<const Forecaster> warm_start;
};

// Progress of a training: called now and then; return false to stop (the training then ends in kCancelled).
using TrainingProgress = std::function<bool(int step, int steps, double loss)>;

// The model of an artefact (docs/formats/model.md).  Errors: kInvalidArgument - "byte ...", another format version,
// wrong shapes.
Result<std::shared_ptr<const Forecaster>> load_deepar(std::string_view artefact);

// Of several members: the sum of their steps, and the means of their losses.
struct TrainedDeepAr {
  std::shared_ptr<const Forecaster> model;
  int best_step = 0;         // Steps after which the kept weights were taken.
  int steps = 0;             // Steps run,
  int resumed = 0;           // of which so many were not: a checkpoint had them.
  int diverged = 0;          // 0, or the step at which the loss left the numbers; what was best before it was kept.
  double train_loss = 0;     // Mean NLL of the last 50 batches, in scaled units.
  double held_out_loss = 0;  // Of the kept weights, by the held-out windows; NaN where there are none.
};

// Where a training that may be killed leaves its state now and then, one for each member, so that begun anew it goes on
// and ends in the same bytes.
struct TrainingCheckpoints {
  int every = 250;                                                      // Steps.
  std::function<std::string(int member)> load;                          // "": there is none.
  std::function<Status(int member, std::string_view checkpoint)> save;  // An error ends the training.
};

// Errors: kInvalidArgument - an option out of range, a value that the likelihood cannot have, series that differ in
// what they carry beside their values, too short to cut one window, a model in `like` or `warm_start` that does not say
// how it was trained, has another step or, to begin with, another horizon; kCancelled; kInternal - the loss left the
// numbers before anything was worth keeping (it says at which step); what checkpoints.save says.
Result<TrainedDeepAr> train_deepar(std::span<const TimeSeries> series, const DeepArOptions& options,
                                   const TrainingProgress& progress = {}, const TrainingCheckpoints& checkpoints = {});

}  // namespace tidecast
