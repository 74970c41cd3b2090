#include "app/deployer.h"

#include <algorithm>

#include "base/json.h"
#include "base/log.h"

namespace tidecast {

Status Deployer::restore() {
  for (const char* stage : {"staging", "production"}) {
    const std::optional<int> current = TRY(project_.registry().placed(stage));
    if (!current) continue;
    // What no longer runs, a program of somebody's own perhaps, must not keep the stream from running; nor may the
    // model before it serve in its place.
    const auto serves = [&](int version) -> Result<bool> {
      const auto up =
          endpoints_.deploy(stage, version, TRY(project_.registry().artefact(version)), TRY(sample(version)));
      if (!up.ok()) log_warning("app", "{}; it serves again once it is deployed again", up.message());
      return up.ok();
    };
    if (!TRY(serves(*current))) continue;
    const std::optional<int> previous = TRY(project_.registry().previous(stage));
    if (previous && *previous != *current && TRY(serves(*previous))) TRY(endpoints_.rollback(stage));
  }
  return ok();
}

// The smoke request forecasts from the end of what the model was trained on, which is the same at any time.
Result<TimeSeries> Deployer::sample(int version) const {
  const ModelVersion model = TRY(project_.registry().get(version));
  return project_.target_series(model.data_end, ProcessingTime::max(), kForecastHistory);
}

Result<std::optional<ProcessingTime>> Deployer::on_registered(int version, ProcessingTime now, const std::string& why) {
  const DeploymentDefinition& rule = project_.definition().deployment;
  const std::string subject = fmt::format("model {}", version);
  if (!rule.staging_auto) {
    TRY(timeline_.note(now, "model", subject,
                       fmt::format("registered, waits for approval: tidecast approve {}", version)));
    return std::optional<ProcessingTime>();
  }
  TRY(project_.registry().approve(version, now, "auto", why));
  TRY(timeline_.note(now, "model", subject, "registered, approved by auto (gate passed)"));
  if (!TRY(deploy_or_tell("staging", version, now, "auto", why))) return std::optional<ProcessingTime>();
  if (!rule.production_auto) {
    TRY(timeline_.note(now, "model", subject,
                       fmt::format("in staging, waits for approval: tidecast approve {} --for production", version)));
    return std::optional<ProcessingTime>();
  }
  if (rule.soak > 0ms) return std::optional(now + rule.soak);
  TRY(deploy_or_tell("production", version, now, "auto", why));
  return std::optional<ProcessingTime>();
}

Status Deployer::deploy(const std::string& stage, int version, ProcessingTime now, const std::string& actor,
                        const std::string& why) {
  const ModelVersion model = TRY(project_.registry().get(version));
  if (model.approval != Approval::kApproved)
    return failed_precondition("model {} is {}; approve it first: tidecast approve {}", version,
                               name_of(model.approval), version);
  return move_traffic(stage, version, now, actor, why, TRY(bring_up(stage, version)));
}

Result<bool> Deployer::deploy_or_tell(const std::string& stage, int version, ProcessingTime now,
                                      const std::string& actor, const std::string& why) {
  Status no_good;
  const std::optional<double> smoke_ms = TRY(bring_up(stage, version, &no_good));
  if (!no_good.ok()) {
    const std::optional<ServedModel> serving = endpoints_.serving(stage);
    TRY(timeline_.note(now, "deployment", stage,
                       fmt::format("model {} is not deployed: {}; {} serves on", version, no_good.message(),
                                   serving ? fmt::format("model {}", serving->version) : "nothing")));
    return false;
  }
  TRY(move_traffic(stage, version, now, actor, why, smoke_ms));
  return true;
}

Result<std::optional<double>> Deployer::bring_up(const std::string& stage, int version, Status* no_good) {
  const std::optional<ServedModel> before = endpoints_.serving(stage);
  if (before && before->version == version) return std::optional<double>();
  const std::string artefact = TRY(project_.registry().artefact(version));
  const TimeSeries past = TRY(sample(version));
  const Result<double> smoke_ms =
      endpoints_.deploy(stage, version, artefact, past, [&] { return smoke_over_http(stage); });
  if (smoke_ms.ok()) return std::optional(*smoke_ms);
  if (no_good == nullptr || smoke_ms.code() == Code::kUnavailable) return smoke_ms.status();
  *no_good = smoke_ms.status();
  return std::optional<double>();
}

Status Deployer::move_traffic(const std::string& stage, int version, ProcessingTime now, const std::string& actor,
                              const std::string& why, std::optional<double> smoke_ms) {
  // Once a version: going back and forth between two must not tighten it each time.
  const std::vector<Transition> log = TRY(project_.registry().log());
  const bool is_new = std::none_of(log.begin(), log.end(),
                                   [&](const Transition& row) { return row.stage == stage && row.version == version; });
  std::optional<double> threshold;
  if (stage == "production" && is_new) {
    const ModelVersion model = TRY(project_.registry().get(version));
    threshold = updated_threshold(TRY(project_.registry().threshold()), project_.definition().validation.update_rate,
                                  model.loss, model.loss_point_90);
  }
  TRY(project_.registry().place(stage, version, now, actor, why, threshold));
  return tell(stage, smoke_ms);
}

// The timeline tells what the registry's log says of the stage's last change, unless its own last line of the stage
// does so: a crash may have come between the two.
Status Deployer::tell(const std::string& stage, std::optional<double> smoke_ms) {
  const std::vector<Transition> log = TRY(project_.registry().log());
  const auto change = std::find_if(log.rbegin(), log.rend(), [&](const Transition& row) { return row.stage == stage; });
  CHECK(change != log.rend());
  std::string text = fmt::format("model {} deployed", change->version);
  if (const json::value& before = change->details.at("from"); !before.is_null())
    text += fmt::format(", model {} kept for rollback", before.to_number<int>());
  const std::vector<TimelineEvent> timeline = TRY(project_.tracking().timeline());
  const auto told = std::find_if(timeline.rbegin(), timeline.rend(), [&](const TimelineEvent& event) {
    return event.subject == stage && event.text.find(" deployed") != std::string::npos &&
           event.text.find(" is not deployed") == std::string::npos;
  });
  if (told != timeline.rend() && told->at == change->at && told->text == text) return ok();
  TRY(timeline_.note(change->at, "deployment", stage, text, smoke_ms ? std::optional(*smoke_ms / 1000) : std::nullopt));
  if (change == log.rbegin()) return ok();
  const Transition& next = *(change.base());  // The row after it.
  if (next.what != "threshold" || next.version != change->version) return ok();
  return timeline_.note(
      next.at, "threshold", "threshold",
      fmt::format("{:.3f} -> {:.3f} (update rate {})", next.details.at("from").to_number<double>(),
                  next.details.at("to").to_number<double>(), project_.definition().validation.update_rate));
}

// A real request over a real socket, as a client would send it.
Status Deployer::smoke_over_http(const std::string& stage) const {
  if (!server_) return ok();
  HttpRequest request{.method = "POST",
                      .path = "/endpoints/" + stage + "/invocations",
                      .query = "",
                      .headers = {{"content-type", "application/json"}},
                      .body = to_text(json::object{{"series", project_.series_name()}})};
  const HttpResponse reply = TRY(http_call(server_->address, server_->port, request, 10'000));
  if (reply.status != 200) return internal_error("the endpoint answered {}: {}", reply.status, reply.body);
  const json::value answer = TRY(parse_json(reply.body));
  const json::value* mean = answer.is_object() ? answer.as_object().if_contains("mean") : nullptr;
  if (mean == nullptr || !mean->is_array() ||
      mean->as_array().size() != static_cast<std::size_t>(project_.forecast().horizon))
    return internal_error("the endpoint's answer holds no mean of {} steps", project_.forecast().horizon);
  return ok();
}

}  // namespace tidecast
