#pragma once
// A text scenario: a definition, then records with what becomes of each.
//
//   # Comment.
//   id /id                                        JSON Pointers of the identifier
//   time /t seconds                               or milliseconds, microseconds, nanoseconds, rfc3339
//   field fee /fee integer optional
//   deduplicate_for 3h
//   max_ahead 2min
//   max_behind 1d
//   group minutes window=1min lateness=1min n=count() fee=sum(fee)
//
//   12:00:05 {"id":"a","t":...}                   arrival on 2020-01-01, the record
//     stored                                      its fate: stored, late, duplicate, or dead and why
//     minutes 11:58 n=2 fee=30                    rows of the windows that it closed
//
// A scenario passes if the transcript of a run is the file itself.

#include <string>
#include <string_view>

#include "base/result.h"

namespace tidecast {

enum class Restarts { kNone, kBeforeEachRecord };

// The file with what really became of each record.
Result<std::string> transcript_of(std::string_view scenario, Restarts restarts);

}  // namespace tidecast
