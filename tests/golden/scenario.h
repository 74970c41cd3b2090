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
//   group hops window=1min every=10s lateness=0s key=kind offset=5s allowed_lateness=1min n=count()
//   where fee > 0 AND kind = 'a'                  of the group before
//   group visits session=30s lateness=0s close_when_idle=5min n=count()
//
//   source a idle_after=20s                       before the events; without one there is one source
//   event trips when=/kind=trip,ride sources=a    id, time, field and so on after it are its; groups too, or
//   event=trips
//
//   12:00:05 {"id":"a","t":...}                   arrival on 2020-01-01, the record
//     stored                                      its fate: stored, unmatched, late, duplicate, or dead and why
//     a is idle at 12:00:04                       what the clock did until then
//     minutes 11:58 n=2 fee=30                    rows of the windows that closed
//   12:00:06 a {"id":"b","t":...}                 the same from source a
//   12:05:00 clock                                nothing came until then
//   12:05:01 replay                               all dead letters are tried again
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
