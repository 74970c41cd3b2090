#include "features/agreement.h"

#include <algorithm>

#include "features/record_id.h"

namespace tidecast {

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
    place.older = place.older - 1h;
    const auto view = TRY(store_.offline(group.name));  // Round again after the oldest.
    if (view.files.empty() || place.older <= view.files.front().range.from) place.older = EventTime::min();
  }
  return found;
}

}  // namespace tidecast
