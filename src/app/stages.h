#pragma once
// The loop's nine stages, what needs a person, and what comes next and why: as values for the status.  Pure.

#include <optional>
#include <string>
#include <vector>

#include "app/situation.h"

namespace tidecast {

struct Stage {
  std::string id, name;
  std::string state;                      // "ok", "warn", "alarm", "waiting", "running", "no_data", "idle".
  std::string value, note;                // "0.132 > 0.127", "02:00 to 03:00"
  std::optional<ProcessingTime> note_at;  // Given: the note is followed by its age, or by the time until then.
};
// In data order: source, window, feature, forecast, score, alarm, retrain, approve, deploy.
std::vector<Stage> stages_of(const Situation& at);

struct Need {
  std::string kind;  // "approval", "production", "gave_up", "alarm", "source", "books".
  std::string title, text;
  std::optional<ProcessingTime> since;
  std::optional<int> version;        // To decide about, and
  std::optional<std::string> stage;  // where a yes would put it.
  std::vector<std::string> commands;
  std::string consequences;  // Of a yes.
};
std::vector<Need> needs_of(const Situation& at);

struct Next {
  std::optional<ProcessingTime> at;
  std::string what, why;
};
std::vector<Next> next_of(const Situation& at);  // Soonest first, at most six.

// Why a group's oldest open window is not closed yet, in one sentence: "12:00 to 12:01 waits for an event of 12:02:00
// or later; the newest, 12:00:41, is 37 s old."
std::string why_open(const OpenWindowState& window, const LoopState& loop);

}  // namespace tidecast
