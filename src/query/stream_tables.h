#pragma once
// The tables of what the stream read beside its windows: raw, late, dead_letters, gaps.  Private to this room.

#include <vector>

#include "query/deadline.h"
#include "query/query.h"

namespace tidecast {

// Filled only when a query names them; both must outlive the tables.  Of raw, late and dead_letters, each, the newest
// 100,000, or as many as have 64 MiB of text.
std::vector<SqlTable> stream_tables(const FeatureStore& store, const Deadline& deadline);

}  // namespace tidecast
