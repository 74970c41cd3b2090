#pragma once
// Where everything stands, gathered from the loop and the stores into plain values: what the answer, the stages, the
// list of what needs a person and of what comes next are written from (answer.h, stages.h).

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/project.h"
#include "app/scheduler.h"

namespace tidecast {

// A model version that a person has to decide about.
struct Waiting {
  int version = 0;
  std::string stage;     // Where a yes would put it.
  ProcessingTime since;  // It was registered, or placed in staging.
  double loss = 0;       // Of its back-test.
  std::int64_t windows = 0;
  int checks = 0, passed = 0;  // Of the gate that ran.
  bool other_waits = false;    // Another version waits too.
};

struct Situation {
  std::string project, source, target;  // "bitcoin-fees", "blockchain", "tx_metrics.avg_fee_1min"
  LoopState loop;
  bool live = false;      // A live source, whose loop runs.
  bool pushed = false;    // `source` is pushed to, and asks nobody.
  bool simulated = true;  // By a clock of a replay.
  Books books;
  std::map<std::string, std::uint64_t> rows;  // Windows ever closed, by group.
  std::optional<double> events_per_s;
  std::optional<double> dead_share;  // Of the new records of the last minute; nullopt: too few to say.
  std::string dead_reason;           // Of the newest dead letter, where they are many.
  std::uint64_t gaps = 0;

  bool forecasts = false;           // The definition has a forecast; without one the rest stays empty.
  std::uint64_t windows = 0;        // Closed, one a series, of the target's group (the first group without a forecast).
  std::int64_t windows_needed = 0;  // For a first model.
  Milliseconds step{60'000}, lateness{0}, evaluate_every{3'600'000}, soak{0};
  std::optional<FeatureRow> newest;     // Of that group; of many series the times alone.
  bool keyed = false, session = false;  // That group.
  int horizon = 0;
  std::optional<int> staging, production, previous;
  std::optional<ProcessingTime> production_since;
  std::optional<Waiting> waiting;
  std::optional<Run> last_run;  // The newest that has ended.
  std::size_t runs = 0;
  double threshold = 0;                          // In force.
  std::optional<Evaluation> evaluation;          // The newest of production's present version.
  std::optional<ProcessingTime> breached_since;  // The first of the breaches in a row that end with it.
  std::optional<double> bias_share;              // Of the same: sum(forecast - truth) / sum |truth|.
  std::optional<AlarmChange> alarm;              // The newest change.
  AlarmRule alarm_rule;
  RetrainRule retrain_rule;
  bool approval_auto = false;
  std::optional<ProcessingTime> forecast_made_at;  // Of production's newest forecast.
  std::optional<EventTime> forecast_until;
};

// Reads again only what may have changed: little when a window was closed, the rest when `loop.changes` says so.
class Observer {
 public:
  Observer(Project& project, bool live, bool simulated) : project_(project), live_(live), simulated_(simulated) {}
  Result<Situation> look(const LoopState& loop);

 private:
  std::size_t shown_group() const;  // The target's; the first without a forecast.
  Status look_at_windows(Situation& at, std::map<std::string, std::uint64_t> rows);
  Status look_at_models(Situation& at);
  Status look_at_accuracy(Situation& at);
  Status measure_rate(Situation& at);

  Project& project_;
  const bool live_, simulated_;
  std::optional<Situation> last_;
  struct Reading {
    ProcessingTime at;
    std::uint64_t taken, dead;  // Records that were none of the known ones; dead letters among them.
  };
  std::vector<Reading> readings_;  // Of the last minute, the oldest first.
};

}  // namespace tidecast
