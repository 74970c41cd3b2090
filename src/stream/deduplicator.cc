#include "stream/deduplicator.h"

namespace tidecast {

void Deduplicator::restore(std::span<const KeySeen> keys) {
  for (const KeySeen& seen : keys) {
    first_seen_[seen.key] = seen.first_seen;
    if (keep_) by_age_.push_back(seen);
  }
}

bool Deduplicator::knows(const RecordKey& key, ProcessingTime arrival) const {
  const auto known = first_seen_.find(key);
  return known != first_seen_.end() && (!keep_ || arrival - known->second < *keep_);
}

bool Deduplicator::is_new(const RecordKey& key, ProcessingTime arrival) {
  if (keep_) forget_before(arrival);
  if (!first_seen_.try_emplace(key, arrival).second) return false;
  if (keep_) by_age_.push_back({key, arrival});
  return true;
}

void Deduplicator::forget_before(ProcessingTime arrival) {
  while (!by_age_.empty() && arrival - by_age_.front().first_seen >= *keep_) {
    const auto known = first_seen_.find(by_age_.front().key);
    // A key restored twice, of which the first sight had expired, stays for its second.
    if (known != first_seen_.end() && known->second == by_age_.front().first_seen) first_seen_.erase(known);
    by_age_.pop_front();
  }
}

}  // namespace tidecast
