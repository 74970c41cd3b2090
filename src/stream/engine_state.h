#pragma once
// What a restarted engine goes on from, as bytes for the commit: pieces, of which a snapshot replaces all before it and
// changes go on from the one before.
//
//   "TCS" 3 | 0 snapshot, 1 changes
//           | sources | per source: name, last heard of, idle 0 or 1
//           | events  | per event: name | how many sources | per one: its name, its newest event time
//           | groups  | per group: name, layout (window_group.h), watermark, the operator's piece as a text
//           | the first 8 bytes of SHA-256 of all before
//
// Numbers and texts as piece.h has them; times are 0 (none), or 1 and ms, signed.  Versions 1 and 2, which knew one
// source and tumbling windows without keys, are still read (engine_state_before.h).

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stream/watermarks.h"
#include "stream/window_operator.h"

namespace tidecast {

using Operators = std::vector<std::unique_ptr<WindowOperator>>;  // One a group.

// Replaces what is in `bytes`.  The operators begin a new piece.
void encode_engine_state(const PipelineOptions& options, const Watermarks& watermarks, const Operators& operators,
                         bool snapshot, std::string& bytes);

// Takes the pieces from the last snapshot on.  What is matched by name: sources, events, groups.  A source or group
// that is new is as at the beginning; one that is gone is forgotten, a source by its name in `gone`.
// Errors: kFailedPrecondition - a group's layout is another one; kDataLoss - damaged.
Status decode_engine_state(const PipelineOptions& options, std::span<const std::string> pieces, Watermarks& watermarks,
                           const Operators& operators, std::vector<std::string>& gone);

// "engine state is damaged: ..."
Status damaged_engine_state(std::string_view what);

}  // namespace tidecast
