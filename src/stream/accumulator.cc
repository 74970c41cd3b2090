#include "stream/accumulator.h"

#include <cmath>

namespace tidecast {

FeatureValue value_of(const Accumulator& total, AggregateKind kind, FieldType type, bool& overflow) {
  if (kind == AggregateKind::kCount) return total.count;
  if (total.count == 0) return std::monostate{};
  if (type == FieldType::kNumber || kind == AggregateKind::kAvg) {
    double number = type == FieldType::kNumber ? total.number : static_cast<double>(total.integer);
    if (kind == AggregateKind::kAvg) number /= static_cast<double>(total.count);
    if (std::isfinite(number)) return number;
    overflow = true;
    return std::monostate{};
  }
  if (total.integer >= INT64_MIN && total.integer <= INT64_MAX) return static_cast<std::int64_t>(total.integer);
  overflow = true;
  return std::monostate{};
}

}  // namespace tidecast
