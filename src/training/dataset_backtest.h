#pragma once
// How accurate DeepAR is on somebody's data: a rolling back-test over many series, for several seeds, beside what costs
// nothing.  What `tidecast backtest` prints.  Pure but for threads and the seconds it reports.
//
//   each series:  training part | window | window | ... | window |      `windows` of `horizon` steps, at its end
//
// One model a seed is trained on all training parts; every window is forecast from all values before it.

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "baselines/baseline_model.h"
#include "deepar/deepar.h"

namespace tidecast {

struct NamedSeries {
  std::string name;
  TimeSeries series;
};

struct DatasetBacktestOptions {
  DeepArOptions deepar;  // Its seed is not used.
  int windows = 1;
  std::vector<std::uint64_t> seeds{1};
  int paths = 100;
  std::vector<Baseline> beside{Baseline::kNpts, Baseline::kEts};  // Besides the naive ones; ETS is 1 to 50 ms a window.
  // Told what goes on now and then; false ends the back-test in kCancelled.
  std::function<bool(std::string_view what, double share)> progress{};
};

inline constexpr int kJudgedLevels = 9;  // .1, .2, ... .9, as papers and GluonTS's tables have them.

// What was forecast by one method, judged.  Definitions: docs/metrics.md.
struct DatasetAccuracy {
  double mean_wql = 0;           // Pooled over all series and windows, mean over the levels.
  double mase = 0;               // Mean over series and windows; NaN values, where a past is constant, are passed over.
  std::vector<double> coverage;  // [levels]: share of truths at or below the quantile.
};

struct SeedResult {
  std::uint64_t seed = 0;
  DatasetAccuracy accuracy;
  int steps = 0, best_step = 0;        // TrainedDeepAr's, as
  double held_out_loss = 0;            // this.
  double train_s = 0, forecast_s = 0;  // Wall time.
};

struct DatasetBacktest {
  std::size_t series = 0, points = 0, windows = 0;  // points: observed, to train on; windows: over all series.
  std::size_t left_out = 0;                         // Series that are not longer than their windows.
  int season = 0;
  std::vector<nn::Head> members;  // Of each seed's model its networks' likelihoods.
  std::vector<SeedResult> seeds;
  std::optional<DatasetAccuracy> pooled;  // All seeds' paths together, where there are several.
  DatasetAccuracy naive, seasonal_naive;
  std::vector<std::pair<Baseline, DatasetAccuracy>> beside;  // As asked for; the naive forecast where one has none.
};

// Errors: kInvalidArgument - an option out of range, no truth in any window, or what the training says;
// kFailedPrecondition - no series is longer than its windows;  kCancelled.
Result<DatasetBacktest> backtest_dataset(std::span<const NamedSeries> series, const DatasetBacktestOptions& options);

}  // namespace tidecast
