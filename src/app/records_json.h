#pragma once
// Runs, models, evaluations and lines of the timeline as JSON, as the commands and the API show them.

#include "base/json.h"
#include "registry/registry.h"
#include "tracking/tracking.h"

namespace tidecast {

json::object run_json(const Run& run);

// Where versions stand.
struct Placements {
  std::optional<int> staging, production, previous;
  std::string stages_of(int version) const;  // "staging, production"; "-" for none.
};
Result<Placements> placements_of(const Registry& registry);
json::object model_json(const ModelVersion& model, const Placements& placements);

json::object timeline_json(const TimelineEvent& event);

}  // namespace tidecast
