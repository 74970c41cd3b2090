#pragma once
// A hole in what was read: a reply that should have repeated the newest records of the reply before repeated none of
// them, so records may have been missed.  Found by `stream`, kept by the feature store, minded by whoever makes a
// series of rows: a window of which nobody knows whether it is whole is null in it.

#include <string>

#include "flow/series.h"

namespace tidecast {

struct SourceGap {
  std::string source;
  EventTime from, until;    // What was missed lies between these event times, both included.
  ProcessingTime found_at;  // Arrival of the reply that showed it.

  // Whether something may be missing from the window [start, end).
  bool touches(EventTime start, EventTime end) const { return from < end && until >= start; }
  bool operator==(const SourceGap&) const = default;
};

// Makes every step of `series` that the gap touches null (NaN).
void blank(TimeSeries& series, const SourceGap& gap);

}  // namespace tidecast
