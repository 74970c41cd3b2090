#pragma once
// Hyperparameter search: which settings train better than the defaults, under a budget of time or of trials.  Pure but
// for the clock: what a trial is worth comes from a function that is passed in (tune_trials.h: a training of DeepAR).
//
// Random search with successive halving (Jamieson and Talwalkar, arXiv:1502.07943) over the optimiser's steps.  Random
// search because a training takes seconds and a budget holds dozens of them: too few for a model of the loss over six
// dimensions (of which TPE draws the first ten or twenty at random anyway), and each trial is a function of the seed
// and its number alone.
//
//   trial 1     the defaults, in full: what all others are compared with
//   trials 2..  in groups of at most eight: all for a quarter of the steps, the better half for half of them, the
//               better half of those in full, each with its own whole rate schedule
//
// A variant keeps each default with probability 1/2, since the defaults are good: so it differs in about three.
//
// The same space, seed and number of trials give the same trials and, where the trials' losses are functions of what
// they are given, the same ranking.  The budget decides only how many are begun: a variant is begun where what it will
// cost to take its group to its end, by the mean cost of what was trained so far, still fits.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "deepar/deepar.h"

namespace tidecast {

// Hyperparameters by SageMaker's names: context_length, mini_batch_size, learning_rate, num_cells, num_layers,
// dropout_rate.
json::object hyperparameters_of(const DeepArOptions& options);
// Sets those that `values` has and leaves the others.  Errors: kInvalidArgument - no such name, no number, or one out
// of range; nothing is set then.
Status set_hyperparameters(const json::object& values, DeepArOptions& options);

// What one hyperparameter may be: one of the choices or, without any, a number between low and high.
struct SearchRange {
  enum class Scale { kLinear, kLog };
  std::string name;
  std::vector<double> choices{};
  double low = 0, high = 0;
  Scale scale = Scale::kLinear;
};
// Around `defaults`, whose context is the recipe's and not 0.  Narrower than SageMaker's tuning ranges (its
// documentation, "Tune a DeepAR Model"; its impact order: epochs, context_length, mini_batch_size, learning_rate,
// num_cells): epochs are what the halving spends, and held-out windows choose the best step; wide networks and large
// batches cost more than they gave one series.  The likelihood is what the user says of the values and is not searched.
// Without context_length for deterministic-L1, whose loss in the window's own scale no constant makes comparable.
std::vector<SearchRange> search_space(const DeepArOptions& defaults);
// Trial `number` (from 2 on): what differs from `defaults`, at least one value.  A function of seed and number.
json::object draw_variant(const std::vector<SearchRange>& space, const json::object& defaults, std::uint64_t seed,
                          int number);

// Of the rolling back-test, on windows that neither training nor ranking has seen.
struct TrialAccuracy {
  double mean_wql = 0, mase = 0;
  double coverage = 0;  // Share of truths within the interval that the back-test looks at.
};
struct TrialResult {
  double held_out_loss = 0;  // Mean negative log likelihood of the held-out windows, comparable between trials.
  int steps = 0, best_step = 0;
  std::optional<TrialAccuracy> accuracy{};  // Of a trial in full.
};

inline constexpr double kRungs[] = {0.25, 0.5, 1};  // Shares of the steps.
inline constexpr int kFullRung = 2;

struct Trial {
  int number = 1;          // 1: the defaults.
  json::object differs;    // From the defaults: {"num_cells": 60}.
  int rung = kFullRung;    // How far it came: an index of kRungs.
  TrialResult result{};    // Of that rung.
  double seconds = 0;      // Of all its trainings; enters no decision about what it is worth.
  std::string diverged{};  // Why it has no result; empty where it has.
};

// Trains and judges `trial` with kRungs[trial.rung] of the steps.  Errors: kInternal - it diverged, or has no loss;
// kCancelled - stop; any other ends the search.
using TrialFunction = std::function<Result<TrialResult>(const Trial& trial)>;

struct TuneOptions {
  std::vector<SearchRange> space;
  json::object defaults;  // As hyperparameters_of() says.
  std::uint64_t seed = 1;
  int trials = 0;                        // The defaults among them; 0: as many as the budget holds.
  std::optional<Milliseconds> budget{};  // By the clock; nullopt: as long as `trials` take.
};
inline constexpr int kMostTrials = 1000;

struct Tuning {
  // Best first: those in full by their held-out loss, then those of the rung below, ...; the diverged last.
  std::vector<Trial> ranked;
  bool stopped = false;           // By kCancelled: a trial that was under way is left out, or stands at its last rung.
  int not_begun = 0;              // Of options.trials; 0 where those were not given.
  const Trial* defaults() const;  // Null where they were stopped.
  const Trial* best() const;      // In full; null where there is none.
};

// Errors: kInvalidArgument - neither trials nor a budget, or one out of range;  what `train` says.
Result<Tuning> tune(const TuneOptions& options, const Clock& clock, const TrialFunction& train);

}  // namespace tidecast
