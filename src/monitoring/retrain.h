#pragma once
// From alarms to the wish to train again.  A small state machine with values in and out: the scheduler asks it, does
// what it wishes and tells it how that ended.

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "tracking/tracking.h"

namespace tidecast {

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
