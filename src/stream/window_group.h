#pragma once
// What can be said about window groups before any event: whether they make sense, and their layout as text.

#include <string>

#include "stream/pipeline.h"

namespace tidecast {

// Everything that open windows depend on, as one line: "per_minute: window 1min, n count(), fee_sum sum(fee integer)".
// Not the lateness: another one may be chosen at a restart and holds from the next record on.
std::string layout_of(const WindowGroup& group, const EventMapping& event);

}  // namespace tidecast
