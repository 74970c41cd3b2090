#pragma once
// A regular time series on a grid: what the feature store hands to training and serving, and what forecasters take.

#include <vector>

#include "base/time.h"
#include "flow/frequency.h"

namespace tidecast {

struct TimeSeries {
  EventTime start;             // Of the first step (a window's start: calendar features use it).
  Frequency step{60'000ms};    // From one value to the next, multiple() >= 1.
  std::vector<double> values;  // One a step, oldest first; NaN where missing.

  // What travels beside the values, all optional; series that are trained together have the same number of each.
  std::vector<int> categories;               // [category]: 0-based codes (store 3, region 0), the same for all steps.
  std::vector<double> static_reals;          // [feature]: numbers that are the same for all steps.
  std::vector<std::vector<double>> dynamic;  // [feature][step]: known beforehand, without gaps; values.size() steps, or
                                             // the horizon more, where a forecast from the end needs them.

  EventTime time_of(std::size_t i) const { return step.advance(start, static_cast<std::int64_t>(i)); }
  EventTime end() const { return time_of(values.size()); }
};

// The values first .. last - 1 with what travels beside them: dynamic features reach `ahead` steps further, as far as
// they are known.
TimeSeries cut(const TimeSeries& series, std::size_t first, std::size_t last, std::size_t ahead = 0);

}  // namespace tidecast
