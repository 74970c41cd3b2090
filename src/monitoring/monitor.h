#pragma once
// Forecasts against truth, evaluations against a threshold, evaluations to alarms, alarms to a wish to retrain.  Pure
// functions and small state machines with values in and out: the scheduler stores what they return.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "flow/series.h"
#include "tracking/tracking.h"

namespace tidecast {

// The score of one forecast, whose taus rise; `truth` [steps] from its origin on, NaN where there is none: such steps
// count nowhere.
Score score_of(const Forecast& forecast, std::span<const double> truth, ProcessingTime landed_at);

// Pools scores of one stage and version: per quantile 2 sum QL / sum |y|, then the mean over the quantiles; a breach is
// loss > threshold.  naive and seasonal_naive are the same loss of those forecasts, rmse and bias (mean - truth) in the
// series' unit, coverage the share of steps within [low, up].  No scores, or every truth 0: forecasts = 0 and no loss.
// A forecast that is no number where there is a truth makes the loss infinite.
Evaluation evaluate(const std::string& stage, int version, std::span<const Score> scores, ProcessingTime at,
                    double threshold);

// M of the last N evaluations, exactly those and in the order in which they came, with no hidden look-back; a separate
// rule clears it.  1 <= breaches <= of, clear_after >= 1.
struct AlarmRule {
  int breaches = 3;
  int of = 3;
  int clear_after = 2;  // So many good evaluations in a row.
};
enum class AlarmState { kOk, kAlarm, kNoData };
std::string_view name_of(AlarmState state);

class Alarm {
 public:
  Alarm(std::string name, AlarmRule rule) : name_(std::move(name)), rule_(rule) {}

  // Takes the next evaluation; returns the change of state, if there is one.  An evaluation without a loss is no breach
  // and no good one: it takes its place among the last N and ends a row of good ones; three of them in a row are
  // NO_DATA.  Data again shows what NO_DATA hid: an alarm that was not cleared still stands.  Clearing forgets the
  // breaches that raised it.  A new model version starts the count anew (reset()).
  std::optional<AlarmChange> on_evaluation(const Evaluation& evaluation);
  // After a deployment: forgets the evaluations of the old version.  An ALARM stays until good evaluations clear it.
  void reset();

  AlarmState state() const { return state_; }
  int breaches() const;  // Among the last rule.of evaluations.
  const std::string& name() const { return name_; }
  json::object save() const;
  Status restore(const json::object& saved);

 private:
  std::string name_;
  AlarmRule rule_;
  AlarmState state_ = AlarmState::kOk;
  bool stands_ = false;       // Raised and not cleared, whether state_ shows it or NO_DATA hides it.
  std::vector<char> recent_;  // Last evaluations: breach, good, or none.
  int good_in_a_row_ = 0;
  int none_in_a_row_ = 0;
};

struct RetrainRule {
  bool on_alarm = true;
  Milliseconds cool_down{7'200'000};  // After a run has ended, or after the decision on its model where one waits.
  int attempts = 3;                   // Unsuccessful ones in a row before it gives up until the alarm clears.
};
enum class RetrainState { kIdle, kQueued, kTraining, kWaitingForApproval, kCoolingDown, kGaveUp };
std::string_view name_of(RetrainState state);  // "idle", "queued", "training", "waiting_for_approval", ...

// idle -> queued (alarm) -> training -> waiting_for_approval | cooling_down -> idle; gave_up after `attempts` failures,
// a failure being any outcome but succeeded.  The table of all states and events: docs/monitoring.md.
class RetrainPolicy {
 public:
  explicit RetrainPolicy(RetrainRule rule) : rule_(rule) {}

  // Each returns true if the state changed.  `alarm` asks while idle; while busy or cooling down it is remembered only
  // as long as the alarm stands (still_in_alarm at the end of the cool-down asks again).
  bool on_alarm(ProcessingTime at, const std::string& alarm);
  bool on_alarm_cleared(ProcessingTime at);
  bool on_run_started(ProcessingTime at);
  bool on_run_ended(ProcessingTime at, RunOutcome outcome, bool needs_approval);
  bool on_deployed_or_rejected(ProcessingTime at);
  bool on_tick(ProcessingTime at);  // Ends a cool-down that is over.

  RetrainState state() const { return state_; }
  const std::string& why() const { return why_; }  // "alarm loss_production" while queued or training.
  std::optional<ProcessingTime> next_due() const;  // When on_tick has something to do.
  json::object save() const;
  Status restore(const json::object& saved);

 private:
  void become(RetrainState state);
  void cool_down(ProcessingTime from);

  RetrainRule rule_;
  RetrainState state_ = RetrainState::kIdle;
  std::string why_;
  std::string standing_alarm_;
  ProcessingTime cool_until_;
  int failures_ = 0;
};

}  // namespace tidecast
