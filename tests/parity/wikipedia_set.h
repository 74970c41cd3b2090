#pragma once
// Edits of Wikipedia per minute on 2015-09-12, the set on which spec and bench state DeepAR's accuracy: trained on the
// first 1,044 minutes, judged on the eleven windows of 30 minutes after them, each forecast from all that came before
// it.

#include <functional>
#include <string>
#include <vector>

#include "deepar/deepar.h"
#include "stats/metrics.h"

namespace tidecast {

struct WikipediaSet {
  static constexpr int kHorizon = 30, kSeason = 60;
  TimeSeries series;                 // Edits a minute.
  std::size_t cut = 0;               // Values to train on.
  std::vector<std::size_t> origins;  // First value of each window.

  TimeSeries until(std::size_t end) const;  // The first `end` values.
};

// From data/wikipedia_edits_20150912.ndjson.zst.  The first 12 records are misdated and left out, the first minute is
// partial.
Result<WikipediaSet> load_wikipedia_set();

struct Accuracy {
  double wql = 0;                           // Mean weighted quantile loss over .1, .2, ... .9.
  double coverage_10 = 0, coverage_90 = 0;  // Share of truth at or below that quantile.
};
// forecast: the nine quantiles [9][30] of the window that begins at `origin`.
Accuracy judge(const WikipediaSet& set,
               const std::function<std::vector<std::vector<double>>(std::size_t origin)>& forecast);

// Nine times the last value, or the value a season ago.
Accuracy judge_naive(const WikipediaSet& set, int season);
// 100 paths of a model a window.
Accuracy judge_model(const WikipediaSet& set, const Forecaster& model, std::uint64_t seed);

}  // namespace tidecast
