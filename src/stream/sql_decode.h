#pragma once
// How a record of the archive becomes an event's time and fields, in DuckDB SQL.

#include <string>

#include "base/result.h"
#include "stream/pipeline.h"

namespace tidecast::sql {

// SELECT n$, at$, name$ (of the source), t$ and the fields by name FROM archive; t$ is the event time in milliseconds,
// null in records of other events.  Errors: kInvalidArgument - a pointer that is none.
Result<std::string> decoded(const EventMapping& event);

}  // namespace tidecast::sql
