#pragma once
// Forecasts against truth, and scores against a threshold.  Pure functions: the scheduler stores what they return.

#include <span>
#include <string>

#include "stats/metrics.h"
#include "tracking/tracking.h"

namespace tidecast {

// The score of one forecast, whose taus rise; `truth` [steps] from its origin on, NaN where there is none: such steps
// count nowhere.
Score score_of(const Forecast& forecast, std::span<const double> truth, ProcessingTime landed_at);

// The loss of any set of scores and, beside it, of both naive forecasts: what evaluations, reports and tables show.
struct PooledScores {
  PooledLoss loss, naive, seasonal_naive;
  void add(const Score& score);
};

// Pools scores of one stage and version: per quantile 2 sum QL / sum |y|, then the mean over the quantiles; a breach is
// loss > threshold.  naive and seasonal_naive are the same loss of those forecasts, rmse and bias (mean - truth) in the
// series' unit, coverage the share of steps within [low, up].  No scores, or every truth 0: forecasts = 0 and no loss.
// A forecast that is no number where there is a truth makes the loss infinite.
Evaluation evaluate(const std::string& stage, int version, std::span<const Score> scores, ProcessingTime at,
                    double threshold);

// How sure that loss is: the middle `level` of `rounds` resamples of the scores, by origin, drawn in circular blocks of
// `block` that follow one another, because forecasts whose horizons overlap miss alike (circular block bootstrap,
// Politis and Romano 1992).  NaN where there is no loss, or fewer scores than two blocks.  The same seed gives the same
// interval.
Interval loss_interval(std::span<const Score> scores, std::size_t block, double level, int rounds, std::uint64_t seed);

}  // namespace tidecast
