#pragma once
// What a restarted engine goes on from, as bytes for the commit: newest event time, and layout, watermark and open
// windows of every group.
//
//   "TCS" 2 | newest event time (0, or 1 and i64 ms) | groups u32 | per group: layout (length u32, bytes) | watermark
//   (0, or 1 and i64 ms)
//           | windows u32 | per window: start i64 ms | per column: count i64, integer i128, number f64
//   | the first 8 bytes of SHA-256 of all before
//
// Lowest byte first.  i128 is its lower then its upper half.  Version 1, which had no newest event time, is still read.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stream/tumbling_window.h"

namespace tidecast {

// What one group's state looks like: its layout (layout_of) and how many columns it has.
struct GroupShape {
  std::string layout;
  Milliseconds window;
  std::size_t columns;
};

struct EngineState {
  std::optional<EventTime> newest;  // Of all records that were no duplicates; nullopt: none yet, or not known.
  std::vector<TumblingWindow::State> groups;
  bool operator==(const EngineState&) const = default;
};

// Replaces what is in `bytes`.  states[g] belongs to shapes[g].
void encode_engine_state(std::span<const GroupShape> shapes, std::optional<EventTime> newest,
                         std::span<const TumblingWindow::State* const> states, std::string& bytes);

// The states in the order of the shapes, matched by layout; a group that was not there when they were written starts
// empty.  Errors: kFailedPrecondition - a group was written that is not among the shapes (the message names it);
// kDataLoss - damaged, or of another version.
Result<EngineState> decode_engine_state(std::span<const GroupShape> shapes, std::string_view bytes);

}  // namespace tidecast
