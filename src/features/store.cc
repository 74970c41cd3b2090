// What a store that keeps nothing of the kind answers.

#include "features/store.h"

#include <algorithm>

namespace tidecast {

Status FeatureStore::visit_archive_range(const ArchiveRange& range,
                                         const std::function<bool(std::string_view line)>& visit) const {
  Status damaged;
  TRY(visit_archive([&](std::string_view line) {
    const auto record = parse_archived(line);
    if (!record.ok()) return (damaged = record.status()).ok();
    if (record->number >= range.after) return false;
    const bool inside = record->number >= range.first && record->arrival >= range.from && record->arrival < range.until;
    return inside ? visit(line) : true;
  }));
  return damaged;
}

Freshness FeatureStore::freshness(std::string_view group) const {
  Freshness freshness;
  const auto rows = select(group, {.history = true});
  if (!rows.ok()) return freshness;
  for (const FeatureRow& row : *rows) {
    freshness.event_time = std::max(freshness.event_time.value_or(row.window_end), row.window_end);
    freshness.write_time = std::max(freshness.write_time.value_or(row.write_time), row.write_time);
  }
  return freshness;
}

Result<StoreComparison> FeatureStore::compare(std::string_view, EventRange) const { return StoreComparison(); }

}  // namespace tidecast
