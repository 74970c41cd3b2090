#pragma once
// Engine states of versions 1 and 2, as 0.1 wrote them: one source, one event, tumbling windows of one series.
//
//   "TCS" 2 | newest event time (0, or 1 and i64 ms) | groups u32 | per group: layout (length u32, bytes) | watermark
//   (0, or 1 and i64 ms)
//           | windows u32 | per window: start i64 ms | per column: count i64, integer i128, number f64
//
// Lowest byte first.  i128 is its lower then its upper half.  A layout is "per_minute: window 1min, n count(), fee_sum
// sum(fee integer)".  Version 1 has no newest event time.

#include "stream/engine_state.h"

namespace tidecast {

// `body` is without the checksum, which was right.  Errors: as decode_engine_state().
Status read_state_before(const PipelineOptions& options, std::string_view body, Watermarks& watermarks,
                         const Operators& operators);

}  // namespace tidecast
