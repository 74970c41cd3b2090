#include "features/agreement.h"

#include <algorithm>

#include "features/record_id.h"

namespace tidecast {
namespace {

// No window that ended before `bound` ended later; min: there is none.  Of a file only its first and last are known.
EventTime last_before(const FeatureStore::OfflineView& view, EventTime bound) {
  EventTime last = EventTime::min();
  for (const OfflineFile& file : view.files)
    if (file.range.from < bound) last = std::max(last, std::min(file.range.until, bound) - 1ms);
  for (const FeatureRow& row : view.outbox)
    if (row.window_end < bound) last = std::max(last, row.window_end);
  return last;
}

}  // namespace

Status StoreAgreement::check(const FeatureGroup& group, EventRange range, Checked& found) const {
  constexpr std::size_t kShown = 10;
  const auto compared = TRY(store_.compare(group.name, range));
  found.compared += compared.compared;
  found.mismatches += compared.mismatches;
  for (const auto& mismatch : compared.first) {
    if (found.first.size() == kShown) break;
    const std::string key = group.keys.empty() ? "" : ", key " + key_text(group.keys, mismatch.key);
    found.first.push_back(fmt::format("{}{}, {}: {}", group.name, key, to_rfc3339(mismatch.window_end), mismatch.what));
  }
  return ok();
}

Result<StoreAgreement::Checked> StoreAgreement::check_more() {
  Checked found;
  for (const FeatureGroup& group : store_.groups()) {
    const auto newest = store_.freshness(group.name).event_time;
    if (!newest) continue;
    Place& place = places_[group.name];
    const EventTime until = *newest + 1ms, from = std::max(place.checked_until, *newest - 1h);
    TRY(check(group, {from, until}, found));
    place.checked_until = until;
    if (place.older == EventTime::min()) place.older = floor_to(*newest, 1h);
    TRY(check(group, {place.older - 1h, place.older}, found));
    const EventTime last = last_before(TRY(store_.offline(group.name)), place.older - 1h);
    const bool nothing_older = last == EventTime::min() || (group.keep_online && last < *newest - *group.keep_online);
    place.older = nothing_older ? EventTime::min() : floor_to(last, 1h) + 1h;  // Round again after the oldest.
  }
  return found;
}

}  // namespace tidecast
