#pragma once
// Reads the log from its beginning and says whether it is whole, and whether what the tables hold is what it tells.
// Private to this room.  Errors, of all: kDataLoss - where, what was found, and what the log says.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "registry/registry.h"

namespace tidecast {

struct LogRow {
  Transition transition;
  std::string details;  // As they are stored: the hash covers this very text.
};

struct Placement {  // Of one stage.
  std::optional<int> version, previous;
  bool operator==(const Placement&) const = default;
};

// What the log keeps of a model version: all of it but the approval, the metrics as a hash.
json::object registered_facts(const ModelVersion& model);

// The values that a "parameters" row of the log sets, from its details.
Result<json::object> new_parameters(const json::object& details);

class History {
 public:
  Status take(const LogRow& row);                                        // Oldest first.
  Status check_end(std::int64_t number, const std::string& hash) const;  // Of the last row, as kept apart from the log.
  Status check_models(const std::vector<ModelVersion>& models) const;
  Status check_placements(const std::map<std::string, Placement>& placements) const;
  Status check_threshold(std::optional<double> threshold) const;

 private:
  struct Model {
    std::string facts;
    ProcessingTime created_at;
    Approval approval = Approval::kPendingManualApproval;
  };
  std::int64_t number_ = 0;
  std::string hash_;
  std::map<int, Model> models_;
  std::map<std::string, Placement> placements_;
  std::optional<double> threshold_;
};

}  // namespace tidecast
