#include "flow/series.h"

#include <algorithm>

namespace tidecast {

TimeSeries cut(const TimeSeries& series, std::size_t first, std::size_t last, std::size_t ahead) {
  const auto part = [first](const std::vector<double>& values, std::size_t end) {
    const auto at = [&](std::size_t i) {
      return values.begin() + static_cast<std::ptrdiff_t>(std::min(i, values.size()));
    };
    return std::vector<double>(at(first), at(end));
  };
  TimeSeries out{.start = series.time_of(first),
                 .step = series.step,
                 .values = part(series.values, last),
                 .categories = series.categories,
                 .static_reals = series.static_reals,
                 .dynamic = {}};
  for (const auto& feature : series.dynamic) out.dynamic.push_back(part(feature, last + ahead));
  return out;
}

}  // namespace tidecast
