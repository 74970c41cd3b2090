#include "app/deployer.h"

#include "base/json.h"

namespace tidecast {

Status Deployer::restore() {
  for (const char* stage : {"staging", "production"}) {
    const std::optional<int> current = TRY(project_.registry().placed(stage));
    if (!current) continue;
    for (const std::optional<int>& version : {TRY(project_.registry().previous(stage)), current}) {
      if (!version || (version != current && *version == *current)) continue;
      TRY(endpoints_.deploy(stage, *version, TRY(project_.registry().artefact(*version)), TRY(sample(*version)))
              .in(fmt::format("{}: model {}", stage, *version)));
    }
  }
  return ok();
}

// The smoke request forecasts from the end of what the model was trained on, which is the same at any time.
Result<TimeSeries> Deployer::sample(int version) const {
  const ModelVersion model = TRY(project_.registry().get(version));
  return project_.target_series(model.data_end, ProcessingTime::max());
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
  TRY(deploy("staging", version, now, "auto", why));
  if (!rule.production_auto) {
    TRY(timeline_.note(now, "model", subject,
                       fmt::format("in staging, waits for approval: tidecast approve {} --for production", version)));
    return std::optional<ProcessingTime>();
  }
  if (rule.soak > 0ms) return std::optional(now + rule.soak);
  TRY(deploy("production", version, now, "auto", why));
  return std::optional<ProcessingTime>();
}

Status Deployer::deploy(const std::string& stage, int version, ProcessingTime now, const std::string& actor,
                        const std::string& why) {
  const ModelVersion model = TRY(project_.registry().get(version));
  if (model.approval != Approval::kApproved)
    return failed_precondition("model {} is {}; approve it first: tidecast approve {}", version,
                               name_of(model.approval), version);
  const std::optional<ServedModel> before = endpoints_.serving(stage);
  double smoke_ms = 0;
  if (!before || before->version != version) {
    smoke_ms = TRY(endpoints_.deploy(stage, version, TRY(project_.registry().artefact(version)), TRY(sample(version))));
    if (Status smoke = smoke_over_http(stage); !smoke.ok()) {
      if (before) TRY(endpoints_.rollback(stage));
      return std::move(smoke).in(
          fmt::format("{}: model {}: smoke request failed, the old model serves on", stage, version));
    }
  }
  if (TRY(project_.registry().placed(stage)) != version) {
    const std::string text =
        before ? fmt::format("model {} deployed, model {} kept for rollback", version, before->version)
               : fmt::format("model {} deployed", version);
    TRY(project_.registry().place(stage, version, now, actor, why));
    TRY(timeline_.note(now, "deployment", stage, text, smoke_ms / 1000));
  }
  return stage == "production" ? move_threshold(version, now, actor) : ok();
}

// A real request over a real socket, as a client would send it.
Status Deployer::smoke_over_http(const std::string& stage) const {
  if (!port_) return ok();
  HttpRequest request{.method = "POST",
                      .path = "/endpoints/" + stage + "/invocations",
                      .query = "",
                      .headers = {{"content-type", "application/json"}},
                      .body = to_text(json::object{{"series", project_.series_name()}})};
  const HttpResponse reply = TRY(http_call("127.0.0.1", *port_, request, 10'000));
  if (reply.status != 200) return unavailable("the endpoint answered {}: {}", reply.status, reply.body);
  const json::value answer = TRY(parse_json(reply.body));
  const json::value* mean = answer.is_object() ? answer.as_object().if_contains("mean") : nullptr;
  if (mean == nullptr || !mean->is_array() ||
      mean->as_array().size() != static_cast<std::size_t>(project_.forecast().horizon))
    return internal_error("the endpoint's answer holds no mean of {} steps", project_.forecast().horizon);
  return ok();
}

Status Deployer::move_threshold(int version, ProcessingTime now, const std::string& actor) {
  const ModelVersion model = TRY(project_.registry().get(version));
  const double old_value = TRY(project_.registry().threshold());
  const double rate = project_.definition().validation.update_rate;
  const double new_value = updated_threshold(old_value, rate, model.loss, model.loss_point_90);
  if (new_value == old_value) return ok();
  const std::string why =
      fmt::format("model {} in production with loss {:.3f}, update rate {}", version, model.loss, rate);
  TRY(project_.registry().set_threshold(new_value, now, actor, why));
  return timeline_.note(now, "threshold", "threshold",
                        fmt::format("{:.3f} -> {:.3f} (update rate {})", old_value, new_value, rate));
}

}  // namespace tidecast
