#include "registry/history.h"

#include "base/hash.h"
#include "registry/chain.h"

namespace tidecast {
namespace {

std::string name_of(std::optional<int> version) { return version ? fmt::format("model {}", *version) : "none"; }
std::string name_of(std::optional<double> threshold) { return threshold ? shortest(*threshold) : "none"; }

}  // namespace

json::object registered_facts(const ModelVersion& model) {
  return {{"run", model.run},
          {"data_end", model.data_end.ms()},
          {"artefact_hash", model.artefact_hash},
          {"loss", model.loss},
          {"loss_point_90", model.loss_point_90},
          {"metrics_hash", sha256_hex(to_text(model.metrics))}};
}

Result<json::object> new_parameters(const json::object& details) {
  const json::value* to = details.if_contains("to");
  if (to == nullptr || !to->is_object()) return data_loss("parameters without their new values");
  return to->get_object();
}

Status History::take(const LogRow& row) {
  const Transition& t = row.transition;
  if (t.number != number_ + 1)
    return data_loss("log row {}: it is missing; row {} follows on row {}", number_ + 1, t.number, number_);
  if (t.hash != chained_hash(hash_, t, row.details))
    return data_loss("log row {}: its hash is not that of its content and the rows before it", t.number);
  number_ = t.number;
  hash_ = t.hash;

  if (t.what == "register") {
    models_[t.version] = {row.details, t.at, Approval::kPendingManualApproval};
  } else if (t.what == "approve") {
    models_[t.version].approval = Approval::kApproved;
  } else if (t.what == "reject") {
    models_[t.version].approval = Approval::kRejected;
  } else if (t.what == "deploy" || t.what == "rollback") {
    Placement& placement = placements_[t.stage];
    placement = {t.version, placement.version};
  } else if (t.what == "threshold") {
    const json::value* to = t.details.if_contains("to");
    if (to == nullptr || !to->is_number()) return data_loss("log row {}: a threshold without its new value", t.number);
    threshold_ = to->to_number<double>();
  } else if (t.what == "parameters") {
    TRY(new_parameters(t.details).in(fmt::format("log row {}", t.number)));
  } else {
    return data_loss("log row {}: \"{}\" is no change that a registry knows", t.number, t.what);
  }
  return ok();
}

Status History::check_end(std::int64_t number, const std::string& hash) const {
  if (number_ != number)
    return data_loss("log row {}: it is missing; the log ends with row {} of {}", number_ + 1, number_, number);
  if (hash_ != hash) return data_loss("log row {}: its hash is not the one that was kept of the last row", number_);
  return ok();
}

Status History::check_models(const std::vector<ModelVersion>& models) const {
  if (models.size() != models_.size())
    return data_loss("{} models, but the log registers {}", models.size(), models_.size());
  for (const ModelVersion& model : models) {
    const auto logged = models_.find(model.version);
    if (logged == models_.end()) return data_loss("model {}: the log does not register it", model.version);
    if (model.created_at != logged->second.created_at || to_text(registered_facts(model)) != logged->second.facts)
      return data_loss("model {}: it is not what the log registered", model.version);
    if (model.approval != logged->second.approval)
      return data_loss("model {}: it is {}, but the log says {}", model.version, tidecast::name_of(model.approval),
                       tidecast::name_of(logged->second.approval));
  }
  return ok();
}

Status History::check_placements(const std::map<std::string, Placement>& placements) const {
  for (const auto& [stage, logged] : placements_) {
    const auto found = placements.find(stage);
    const Placement now = found == placements.end() ? Placement{} : found->second;
    if (now.version != logged.version)
      return data_loss("stage {}: {} stands there, but the log says {}", stage, name_of(now.version),
                       name_of(logged.version));
    if (now.previous != logged.previous)
      return data_loss("stage {}: {} stood there before, but the log says {}", stage, name_of(now.previous),
                       name_of(logged.previous));
  }
  for (const auto& [stage, now] : placements)
    if (!placements_.contains(stage))
      return data_loss("stage {}: {} stands there, but the log knows no such stage", stage, name_of(now.version));
  return ok();
}

Status History::check_threshold(std::optional<double> threshold) const {
  if (threshold == threshold_) return ok();
  return data_loss("threshold: it is {}, but the log says {}", name_of(threshold), name_of(threshold_));
}

}  // namespace tidecast
