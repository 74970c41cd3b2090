#include "features/schema.h"

namespace tidecast {

std::string_view name_of(WindowKind kind) {
  switch (kind) {
    case WindowKind::kTumbling: return "tumbling";
    case WindowKind::kHopping: return "hopping";
    case WindowKind::kSession: return "session";
  }
  return "unknown";
}

std::optional<std::size_t> FeatureGroup::column(std::string_view column_name) const {
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].name == column_name) return i;
  return std::nullopt;
}

}  // namespace tidecast
