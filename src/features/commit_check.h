#pragma once
// What every feature store asks of a commit before it takes it, so that the one of the tests (stream/memory_store.h) is
// no more lenient than the one on the disk.

#include <optional>
#include <span>
#include <vector>

#include "features/store.h"

namespace tidecast {

// newest: window_end of each group's last row that was no correction; last_number: of the last archived record.
// nullopt: none so far. Errors: kInvalidArgument - see FeatureStore::commit.
Status check_commit(const Commit& commit, std::span<const FeatureGroup> groups,
                    std::vector<std::optional<EventTime>> newest, std::optional<std::uint64_t> last_number);

}  // namespace tidecast
