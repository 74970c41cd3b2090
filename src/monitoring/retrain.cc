#include "monitoring/retrain.h"

#include "monitoring/saved.h"

namespace tidecast {
namespace {

constexpr RetrainState kStates[] = {RetrainState::kIdle,        RetrainState::kQueued,
                                    RetrainState::kTraining,    RetrainState::kWaitingForApproval,
                                    RetrainState::kCoolingDown, RetrainState::kGaveUp};

}  // namespace

std::string_view name_of(RetrainState state) {
  switch (state) {
    case RetrainState::kIdle: return "idle";
    case RetrainState::kQueued: return "queued";
    case RetrainState::kTraining: return "training";
    case RetrainState::kWaitingForApproval: return "waiting_for_approval";
    case RetrainState::kCoolingDown: return "cooling_down";
    case RetrainState::kGaveUp: return "gave_up";
  }
  return "?";
}

void RetrainPolicy::become(RetrainState state) {
  state_ = state;
  if (state == RetrainState::kQueued)
    why_ = "alarm " + standing_alarm_;
  else if (state != RetrainState::kTraining)
    why_.clear();
}

void RetrainPolicy::cool_down(ProcessingTime from) {
  cool_until_ = from + rule_.cool_down;
  become(RetrainState::kCoolingDown);
}

bool RetrainPolicy::on_alarm(ProcessingTime, const std::string& alarm) {
  if (!rule_.on_alarm) return false;
  standing_alarm_ = alarm;
  if (state_ != RetrainState::kIdle) return false;
  become(RetrainState::kQueued);
  return true;
}

bool RetrainPolicy::on_alarm_cleared(ProcessingTime) {
  standing_alarm_.clear();
  failures_ = 0;
  if (state_ != RetrainState::kQueued && state_ != RetrainState::kGaveUp) return false;
  become(RetrainState::kIdle);
  return true;
}

bool RetrainPolicy::on_run_started(ProcessingTime) {
  if (state_ != RetrainState::kQueued) return false;
  become(RetrainState::kTraining);
  return true;
}

bool RetrainPolicy::on_run_ended(ProcessingTime at, RunOutcome outcome, bool needs_approval) {
  if (state_ != RetrainState::kTraining) return false;
  const bool succeeded = outcome == RunOutcome::kSucceeded;
  failures_ = succeeded ? 0 : failures_ + 1;
  if (succeeded && needs_approval) become(RetrainState::kWaitingForApproval);
  // Without a standing alarm nothing would ever wake a policy that gave up.
  else if (failures_ >= rule_.attempts && !standing_alarm_.empty())
    become(RetrainState::kGaveUp);
  else
    cool_down(at);
  return true;
}

bool RetrainPolicy::on_deployed_or_rejected(ProcessingTime at) {
  if (state_ != RetrainState::kWaitingForApproval) return false;
  cool_down(at);  // From here on, so that a newly deployed model is judged before it is replaced.
  return true;
}

bool RetrainPolicy::on_tick(ProcessingTime at) {
  if (state_ != RetrainState::kCoolingDown || at < cool_until_) return false;
  become(standing_alarm_.empty() ? RetrainState::kIdle : RetrainState::kQueued);
  return true;
}

std::optional<ProcessingTime> RetrainPolicy::next_due() const {
  return state_ == RetrainState::kCoolingDown ? std::optional(cool_until_) : std::nullopt;
}

json::object RetrainPolicy::save() const {
  return {{"state", name_of(state_)},
          {"why", why_},
          {"standing_alarm", standing_alarm_},
          {"cool_until_ms", cool_until_.ms()},
          {"failures", failures_}};
}

Status RetrainPolicy::restore(const json::object& saved) {
  const RetrainState state = TRY(saved_name<RetrainState>(saved, "state", kStates));
  std::string why = TRY(saved_text(saved, "why"));
  std::string standing_alarm = TRY(saved_text(saved, "standing_alarm"));
  const std::int64_t cool_until_ms = TRY(saved_integer(saved, "cool_until_ms"));
  const std::int64_t failures = TRY(saved_integer(saved, "failures"));
  state_ = state;
  why_ = std::move(why);
  standing_alarm_ = std::move(standing_alarm);
  cool_until_ = ProcessingTime::from_ms(cool_until_ms);
  failures_ = static_cast<int>(failures);
  return ok();
}

}  // namespace tidecast
