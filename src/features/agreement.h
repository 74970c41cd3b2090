#pragma once
// Watches whether the online and the offline store say the same, a little at every call: what is new since the last one
// (an hour at most), and one older hour of each group in turn.

#include <map>
#include <string>

#include "features/store.h"

namespace tidecast {

class StoreAgreement {
 public:
  explicit StoreAgreement(const FeatureStore& store) : store_(store) {}

  // Of all groups together, with the first mismatches as "fees, key JC014, 2026-05-06T00:01:00Z: fee: online 7, offline
  // 8".
  struct Checked {
    std::uint64_t compared = 0, mismatches = 0;
    std::vector<std::string> first;
  };
  Result<Checked> check_more();  // What this call found.

 private:
  struct Place {
    EventTime checked_until = EventTime::min();  // Of what is new.
    EventTime older = EventTime::min();          // The next older hour ends here; min: at the newest.
  };
  Status check(const FeatureGroup& group, EventRange range, Checked& found) const;

  const FeatureStore& store_;
  std::map<std::string, Place> places_;  // By group.
};

}  // namespace tidecast
