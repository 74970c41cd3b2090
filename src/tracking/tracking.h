#pragma once
// What happened: runs, forecasts, scores, evaluations, alarms, and one timeline of events.  One SQLite file
// (tracking.db).  One writer; any number of readers.  Nothing here is ever changed after the fact but a run while it
// goes on.
//
// A crash of the program loses nothing that was committed (WAL mode); a power cut may lose the newest commits, never
// their order, and what they held is made again.  Numbers come back as the same bits, but outside a forecast NaN as any
// NaN, and within JSON a whole double as an integer.
//
// Threads: any; calls take turns, and all see what an open transaction has written.
// Errors: kFailedPrecondition - written by a newer program, or locked by another;  kDataLoss - damaged, with the file's
// name;  kUnavailable - the disk said no.

#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace tidecast {

enum class RunOutcome { kRunning, kSucceeded, kRejectedByGate, kSkippedInsufficientData, kFailed, kCancelled };
std::string_view name_of(RunOutcome outcome);  // "running", "succeeded", "rejected_by_gate", ...

struct Run {
  int id = 0;       // 1, 2, 3, ...
  std::string why;  // "initial", "alarm loss_production", "manual: TEXT"
  RunOutcome outcome = RunOutcome::kRunning;
  std::string reason;  // One sentence, with figures.
  ProcessingTime started_at, finished_at;
  EventTime data_from, data_until;  // Of the snapshot's grid.
  std::int64_t observations = 0;
  std::uint64_t seed = 0;
  std::optional<double> loss, threshold;
  std::optional<int> model_version;
  std::string data_hash, artefact_hash;
  json::object parameters;  // What it used.
  json::object metrics;     // What it measured: back-test, gate, losses of both fits, steps.
  double seconds = 0;       // Wall time; not part of any result.
};

// A forecast by the model of a stage, made when the window that ends at `origin` closed.
// Key: stage, version, series, origin.
struct Forecast {
  std::string stage;  // "staging", "production"
  int version = 0;
  std::string series;  // "tx_metrics.avg_fee_1min"
  EventTime origin;    // Start of its first step.
  ProcessingTime made_at;
  std::vector<double> taus;
  std::vector<std::vector<double>> quantiles;  // [taus][steps]
  std::vector<double> mean;                    // [steps]
  std::vector<double> naive, seasonal_naive;   // [steps], the baselines' forecasts from the same history.
};

// A forecast's score once its last truth has landed: sums, so that evaluations can pool them.
struct Score {
  std::string stage;
  int version = 0;
  std::string series;
  EventTime origin;
  ProcessingTime landed_at;
  int steps = 0;                                   // With a truth.
  std::vector<double> quantile_losses;             // [taus] 2 sum rho
  double naive_loss = 0, seasonal_naive_loss = 0;  // sum |y - f|, which is 2 sum rho averaged over low, 0.5, up.
  double absolute_truth = 0;                       // sum |y|
  double squared_error = 0;                        // of the mean
  double error = 0;                                // sum(mean - y)
  int inside = 0;                                  // Steps within [low, up].
};

struct Evaluation {
  std::string stage;
  int version = 0;
  ProcessingTime at;
  int forecasts = 0;           // Pooled; 0: nothing to judge, and loss is not set.
  std::optional<double> loss;  // mean wQL
  double threshold = 0;
  bool breach = false;
  double rmse = 0, coverage = 0, bias = 0, naive = 0, seasonal_naive = 0;
};

struct AlarmChange {
  std::string name;   // "loss_production"
  std::string state;  // "OK", "ALARM", "NO_DATA"
  ProcessingTime at;
  std::optional<double> loss;
  double threshold = 0;
  std::string why;
};

struct TimelineEvent {
  ProcessingTime at;
  std::string kind;         // "started", "run", "model", "deployment", "threshold", "breach", "alarm", ...
  std::string subject;      // "run 2", "model 1", "loss_production"
  std::string text;         // One sentence.
  std::int64_t number = 0;  // 1, 2, 3, ... as they were put; given there.
};

class Tracking {
 public:
  static Result<std::unique_ptr<Tracking>> open(const std::filesystem::path& directory);
  virtual ~Tracking() = default;

  // Everything between begin() and end() is one transaction: many forecasts a batch cost one.  Nesting is not allowed
  // (kFailedPrecondition).  A change outside of one commits by itself.  After a change that failed, further ones return
  // the same error, and end() undoes the whole transaction and returns it too.
  virtual Status begin() = 0;
  virtual Status end(Status outcome = ok()) = 0;  // An error undoes it all, and comes back.

  virtual Result<int> add_run(const Run& run) = 0;    // `id` is given here.
  virtual Status update_run(const Run& run) = 0;      // kNotFound; kFailedPrecondition once it has ended.
  virtual Result<Run> run(int id) const = 0;          // kNotFound.
  virtual Result<std::vector<Run>> runs() const = 0;  // Oldest first.

  // The same key again changes nothing.  kInvalidArgument - its parts differ in length.
  virtual Status put(const Forecast& forecast) = 0;
  // Those without a score; by origin, and of one origin as they were put.
  virtual Result<std::vector<Forecast>> unscored_forecasts() const = 0;
  // The newest of a stage, of whichever version; by origin, oldest first.
  virtual Result<std::vector<Forecast>> forecasts(const std::string& stage, std::size_t newest) const = 0;
  virtual Result<std::optional<EventTime>> last_origin(const std::string& stage, int version) const = 0;
  virtual Status put(const Score& score) = 0;  // The same key again changes nothing.
  // Scores of one stage and version whose last truth landed in (after, until], by origin.
  virtual Result<std::vector<Score>> scores(const std::string& stage, int version, ProcessingTime after,
                                            ProcessingTime until) const = 0;
  virtual Result<std::vector<Score>> all_scores() const = 0;  // By origin.
  virtual std::uint64_t forecasts_made(const std::string& stage) const = 0;

  virtual Status put(const Evaluation& evaluation) = 0;
  // Those made after `after`, oldest first.
  virtual Result<std::vector<Evaluation>> evaluations(const std::string& stage,
                                                      ProcessingTime after = ProcessingTime::min()) const = 0;
  virtual Status put(const AlarmChange& change) = 0;
  virtual Result<std::vector<AlarmChange>> alarm_changes() const = 0;  // Oldest first.
  virtual Result<std::int64_t> put(const TimelineEvent& event) = 0;    // Its number.
  virtual Result<std::vector<TimelineEvent>> timeline() const = 0;     // Oldest first.
  // The `newest` of those with a number below `before`, by number, the newest first.
  virtual Result<std::vector<TimelineEvent>> recent(
      std::size_t newest, std::int64_t before = std::numeric_limits<std::int64_t>::max()) const = 0;

  // Small durable state of the scheduler, by key (next evaluation, alarm and retrain states, simulated now).
  virtual Status set_state(const std::string& key, const json::value& value) = 0;
  virtual Result<std::optional<json::value>> state(const std::string& key) const = 0;
};

// `body`, a function that returns a Status, as one transaction; an error of it undoes all of it.
template <typename Body>
Status in_transaction(Tracking& tracking, Body&& body) {
  TRY(tracking.begin());
  return tracking.end(body());
}

}  // namespace tidecast
