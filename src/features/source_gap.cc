#include "features/source_gap.h"

#include <algorithm>
#include <limits>

namespace tidecast {

void blank(TimeSeries& series, const SourceGap& gap) {
  if (series.values.empty() || gap.until < series.start || gap.from >= series.end()) return;
  const auto step_of = [&](EventTime time) {
    return static_cast<std::size_t>(series.step.steps_between(series.start, time));
  };
  const std::size_t first = gap.from <= series.start ? 0 : step_of(gap.from);
  const std::size_t last = gap.until >= series.end() ? series.values.size() - 1 : step_of(gap.until);
  for (std::size_t i = first; i <= last; ++i) series.values[i] = std::numeric_limits<double>::quiet_NaN();
}

}  // namespace tidecast
