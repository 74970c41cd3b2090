#pragma once
// From evaluations to the change of an alarm.  A small state machine with values in and out: the scheduler stores what
// it returns.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "tracking/tracking.h"

namespace tidecast {

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

}  // namespace tidecast
