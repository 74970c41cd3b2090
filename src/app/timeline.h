#pragma once
// One history of everything that happened, in the clock's time: stored in `tracking`, and told to whoever watches.

#include <functional>
#include <optional>

#include "tracking/tracking.h"

namespace tidecast {

// `wall_seconds`: how long it really took, for people; it is not stored, so that two replays give the same history.
using TimelineObserver = std::function<void(const TimelineEvent& event, std::optional<double> wall_seconds)>;

class Timeline {
 public:
  Timeline(Tracking& tracking, TimelineObserver observer) : tracking_(tracking), observer_(std::move(observer)) {}

  // `subject` is the line's short label: "run 1", "threshold", "ALARM".
  Status note(ProcessingTime at, std::string kind, std::string subject, std::string text,
              std::optional<double> wall_seconds = std::nullopt) {
    TimelineEvent event{at, std::move(kind), std::move(subject), std::move(text)};
    event.number = TRY(tracking_.put(event));
    if (observer_) observer_(event, wall_seconds);
    return ok();
  }

 private:
  Tracking& tracking_;
  TimelineObserver observer_;
};

}  // namespace tidecast
