#pragma once
// A regular time series on a grid: what the feature store hands to training and serving, and what forecasters take.

#include <vector>

#include "base/time.h"

namespace tidecast {

struct TimeSeries {
  EventTime start;             // Start of the first step (a window's start: calendar features use it).
  Milliseconds step{60'000};   // Width of a step, > 0.
  std::vector<double> values;  // One a step, oldest first; NaN where missing.

  EventTime time_of(std::size_t i) const { return start + step * static_cast<std::int64_t>(i); }
  EventTime end() const { return time_of(values.size()); }
};

}  // namespace tidecast
