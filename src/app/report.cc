#include "app/report.h"

#include <map>

#include "monitoring/monitor.h"

namespace tidecast {
namespace {

json::value number_or_null(const std::optional<double>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

// What any set of scores comes to.
struct Pooled {
  PooledScores scores;
  std::int64_t forecasts = 0, steps = 0, inside = 0;

  void add(const Score& score) {
    scores.add(score);
    steps += score.steps;
    inside += score.inside;
    ++forecasts;
  }
  json::value coverage() const {
    return steps > 0 ? json::value(static_cast<double>(inside) / static_cast<double>(steps)) : json::value(nullptr);
  }
};

json::array runs_of(const std::vector<Run>& runs) {
  json::array list;
  for (const Run& run : runs) {
    const auto baseline = [&run](const char* name) {
      const json::value* loss = run.metrics.if_contains(name);
      return loss == nullptr ? json::value(nullptr) : *loss;
    };
    list.push_back(
        json::object{{"id", run.id},
                     {"why", run.why},
                     {"outcome", name_of(run.outcome)},
                     {"reason", run.reason},
                     {"simulated_at", to_rfc3339(run.started_at)},
                     {"seconds", run.seconds},
                     {"observations", run.observations},
                     {"loss", number_or_null(run.loss)},
                     {"threshold", number_or_null(run.threshold)},
                     {"baselines", json::object{{"naive", baseline("naive")},
                                                {"seasonal_naive", baseline("seasonal_naive")},
                                                {"npts", baseline("npts")},
                                                {"ets", baseline("ets")}}},
                     {"data_hash", run.data_hash},
                     {"model_version", run.model_version ? json::value(*run.model_version) : json::value(nullptr)}});
  }
  return list;
}

// How each production model did beside the one it replaced, which went on as a shadow: on the forecasts that both made.
json::array replaced_of(const std::vector<Score>& scores) {
  std::map<std::int64_t, const Score*> shadow;
  for (const Score& score : scores)
    if (score.stage == "shadow") shadow[score.origin.ms()] = &score;
  std::map<std::pair<int, int>, std::pair<Pooled, Pooled>> pairs;  // (new, old) -> sums of both.
  for (const Score& score : scores) {
    if (score.stage != "production") continue;
    const auto old = shadow.find(score.origin.ms());
    if (old == shadow.end()) continue;
    auto& [ours, theirs] = pairs[{score.version, old->second->version}];
    ours.add(score);
    theirs.add(*old->second);
  }
  json::array list;
  for (const auto& [versions, sums] : pairs)
    list.push_back(json::object{{"version", versions.first},
                                {"replaced", versions.second},
                                {"forecasts", sums.first.forecasts},
                                {"mean_wql", number_or_null(sums.first.scores.loss.value())},
                                {"mean_wql_replaced", number_or_null(sums.second.scores.loss.value())},
                                {"mean_wql_naive", number_or_null(sums.first.scores.naive.value())}});
  return list;
}

}  // namespace

Result<json::object> make_report(Project& project, const ReplayRange& range) {
  const Books books = project.features().books();
  json::object windows;
  for (const FeatureGroup& group : project.features().groups())
    windows[group.name] = project.features().rows(group.name);

  const std::vector<Score> scores = TRY(project.tracking().all_scores());
  Pooled production;
  for (const Score& score : scores)
    if (score.stage == "production") production.add(score);

  json::array models, deployments, alarms;
  for (const ModelVersion& model : TRY(project.registry().list()))
    models.insert(models.begin(), json::object{{"version", model.version},
                                               {"run", model.run},
                                               {"approval", name_of(model.approval)},
                                               {"loss", model.loss},
                                               {"artefact_hash", model.artefact_hash}});
  for (const Transition& change : TRY(project.registry().log()))
    if (change.what == "deploy" || change.what == "rollback")
      deployments.push_back(
          json::object{{"stage", change.stage}, {"version", change.version}, {"simulated_at", to_rfc3339(change.at)}});
  for (const AlarmChange& change : TRY(project.tracking().alarm_changes()))
    alarms.push_back(json::object{{"name", change.name},
                                  {"state", change.state},
                                  {"simulated_at", to_rfc3339(change.at)},
                                  {"loss", number_or_null(change.loss)},
                                  {"threshold", change.threshold}});

  return json::object{
      {"simulated", json::object{{"from", to_rfc3339(range.from)}, {"until", to_rfc3339(range.until)}}},
      {"wall_seconds", range.wall_seconds},
      {"peak_memory_bytes", range.peak_memory_bytes},
      {"events", json::object{{"read", books.read},
                              {"stored", books.stored},
                              {"duplicate", books.duplicate},
                              {"late", books.late},
                              {"dead", books.dead}}},
      {"windows", std::move(windows)},
      {"open_windows", range.open_windows},
      {"runs", runs_of(TRY(project.tracking().runs()))},
      {"models", std::move(models)},
      {"deployments", std::move(deployments)},
      {"alarms", std::move(alarms)},
      {"forecasts",
       json::object{{"algorithm", project.definition().forecast ? title_of(project.forecast().algorithm) : ""},
                    {"made", project.tracking().forecasts_made("production")},
                    {"scored", production.forecasts},
                    {"mean_wql", number_or_null(production.scores.loss.value())},
                    {"coverage", production.coverage()}}},
      {"baselines",
       json::object{
           {"naive", json::object{{"mean_wql", number_or_null(production.scores.naive.value())}}},
           {"seasonal_naive", json::object{{"mean_wql", number_or_null(production.scores.seasonal_naive.value())}}}}},
      {"replaced", replaced_of(scores)},
      {"balance", books.balanced() ? "ok" : "broken"}};
}

std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), 1, ',');
  return text;
}

namespace {

std::string count_text(const json::value& count) { return grouped(count.to_number<std::int64_t>()); }
std::string loss_text(const json::value& loss) {
  return loss.is_null() ? "-" : fmt::format("{:.3f}", loss.to_number<double>());
}

}  // namespace

std::string report_table(const json::object& report) {
  std::string out;
  const auto line = [&out](std::string_view label, const std::string& text) {
    out += fmt::format(" {:<14}{}\n", label, text);
  };

  const json::object& events = report.at("events").as_object();
  line("Events",
       fmt::format("{} read = {} stored + {} duplicate + {} late + {} dead   {}", count_text(events.at("read")),
                   count_text(events.at("stored")), count_text(events.at("duplicate")), count_text(events.at("late")),
                   count_text(events.at("dead")), report.at("balance") == "ok" ? "balanced" : "NOT BALANCED"));
  std::string windows;
  for (const auto& [group, count] : report.at("windows").as_object())
    windows +=
        fmt::format("{}{} closed in {}", windows.empty() ? "" : ", ", count_text(count), std::string_view(group));
  line("Windows", fmt::format("{}, {} open", windows, count_text(report.at("open_windows"))));

  const json::object& forecasts = report.at("forecasts").as_object();
  const json::object& baselines = report.at("baselines").as_object();
  if (forecasts.at("made").to_number<std::int64_t>() > 0) {
    line("Forecasts", fmt::format("{} made by production, {} scored", count_text(forecasts.at("made")),
                                  count_text(forecasts.at("scored"))));
    if (!forecasts.at("mean_wql").is_null())
      line("", fmt::format("mean loss: {} {}, naive {}, seasonal naive {}; inside the interval {:.0f} %",
                           forecasts.at("algorithm").as_string().c_str(), loss_text(forecasts.at("mean_wql")),
                           loss_text(baselines.at("naive").at("mean_wql")),
                           loss_text(baselines.at("seasonal_naive").at("mean_wql")),
                           forecasts.at("coverage").to_number<double>() * 100));
    for (const json::value& pair : report.at("replaced").as_array())
      line("", fmt::format("since model {} replaced {}: {} forecasts, loss {}; the old model {}, naive {}",
                           pair.at("version").as_int64(), pair.at("replaced").as_int64(),
                           count_text(pair.at("forecasts")), loss_text(pair.at("mean_wql")),
                           loss_text(pair.at("mean_wql_replaced")), loss_text(pair.at("mean_wql_naive"))));
  }
  for (const json::value& run : report.at("runs").as_array())
    line(fmt::format("Run {}", run.at("id").as_int64()),
         fmt::format("{:<28}{:<28}loss {}  threshold {}", run.at("why").as_string().c_str(),
                     run.at("outcome").as_string().c_str(), loss_text(run.at("loss")), loss_text(run.at("threshold"))));
  for (const json::value& alarm : report.at("alarms").as_array())
    line("Alarm", fmt::format("{}  {:<9} at {}  loss {} threshold {}", alarm.at("name").as_string().c_str(),
                              alarm.at("state").as_string().c_str(), alarm.at("simulated_at").as_string().c_str(),
                              loss_text(alarm.at("loss")), loss_text(alarm.at("threshold"))));
  for (const json::value& deployment : report.at("deployments").as_array())
    line("Deployment",
         fmt::format("model {} to {:<11} at {}", deployment.at("version").as_int64(),
                     deployment.at("stage").as_string().c_str(), deployment.at("simulated_at").as_string().c_str()));
  line("Wall time", fmt::format("{:.1f} s, peak memory {:.0f} MB", report.at("wall_seconds").to_number<double>(),
                                report.at("peak_memory_bytes").to_number<double>() / 1e6));
  return out;
}

}  // namespace tidecast
