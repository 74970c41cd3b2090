#pragma once
// What can be said about window groups before any event: whether they make sense, and their layout as text.

#include <string>

#include "stream/pipeline.h"

namespace tidecast {

// What the windows of a group are: "hopping 5min every 1min by station text of trips".  Open windows of another layout
// cannot go on.  Lateness, columns and `where` are not part of it: they may be others at a restart.
std::string layout_of(const PipelineOptions& options, std::size_t group);

// Rows go to the store by the group's index, so both must mean the same group by it.  kFailedPrecondition.
Status check_store(const PipelineOptions& options, const FeatureStore& store);

}  // namespace tidecast
