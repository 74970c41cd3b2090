// What a store that keeps nothing of the kind answers.

#include "features/store.h"

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
  const auto newest = latest(group);
  if (!newest.ok() || !newest->has_value()) return {};
  return {(*newest)->window_end, (*newest)->write_time};
}

Result<StoreComparison> FeatureStore::compare(std::string_view, EventRange) const { return StoreComparison(); }

}  // namespace tidecast
