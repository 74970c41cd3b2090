#include "app/commands.h"

#include <algorithm>

#include "app/records_json.h"
#include "app/tables.h"
#include "app/tuning.h"
#include "query/query.h"
#include "serving/forecast.h"

namespace tidecast {
namespace {

constexpr std::size_t kMostFileRows = 1'000'000;  // Of an SQL result as a file.

}  // namespace

Result<json::object> ProjectCommands::definition() {
  const Definition& definition = parts_.project.definition();
  return json::object{
      {"file", definition.file.string()}, {"text", definition.text}, {"description", describe(definition)}};
}

Result<json::object> ProjectCommands::forecast(const ForecastQuery& query) {
  Project& project = parts_.project;
  if (!project.definition().forecast) return failed_precondition("the definition has no forecast");
  const std::optional<ServedModel> served = parts_.endpoints.serving("production");
  if (!served) return failed_precondition("no model is in production yet; see: tidecast models");
  const EventTime until =
      query.as_of.empty() ? EventTime::max() : EventTime::from_ms(TRY(parse_rfc3339(query.as_of).in("as_of")));
  const std::string series = query.series.empty() ? project.series_name() : query.series;
  const TimeSeries history = TRY(project.series(series, until, ProcessingTime::max(), kForecastHistory));
  if (history.values.empty())
    return not_found("{}: no window ended by {}", series, query.as_of.empty() ? "now" : query.as_of);
  const ValidationDefinition& validation = project.definition().validation;
  const std::vector<double> taus = query.taus.empty() ? confidence_quantiles(validation.confidence) : query.taus;
  const QuantilesOfForecast forecast =
      TRY(forecast_quantiles(*served->model, history, taus, validation.paths, project.forecast().seed));
  json::array levels, steps;
  for (const double tau : taus) levels.push_back(tau);
  for (std::size_t k = 0; k < forecast.mean.size(); ++k) {
    json::object step{{"time", to_rfc3339(history.step.advance(forecast.origin, static_cast<std::int64_t>(k)))},
                      {"mean", forecast.mean[k]}};
    for (std::size_t q = 0; q < taus.size(); ++q) step["q" + shortest(taus[q])] = forecast.quantiles[q][k];
    steps.push_back(std::move(step));
  }
  return json::object{{"series", series},
                      {"model_version", served->version},
                      {"origin", to_rfc3339(forecast.origin)},
                      {"taus", std::move(levels)},
                      {"steps", std::move(steps)}};
}

Result<json::object> ProjectCommands::sql(const std::string& statement) {
  const std::vector<SqlTable> tables = sql_tables(parts_.project);
  QueryResult result = TRY(run_query(parts_.project.features(), tables, statement, {.stop = parts_.ending}));
  json::array columns, rows;
  for (const QueryColumn& column : result.columns)
    columns.push_back(json::object{{"name", column.name}, {"type", column.type}});
  for (SqlRow& row : result.rows) {
    json::array cells;
    for (SqlValue& value : row) cells.push_back(std::move(value));
    rows.push_back(std::move(cells));
  }
  return json::object{{"columns", std::move(columns)}, {"rows", std::move(rows)}, {"truncated", result.truncated}};
}

Result<SqlFile> ProjectCommands::sql_file(const std::string& statement, const std::string& format) {
  const SqlFormat as = TRY(parse_sql_format(format));
  const std::vector<SqlTable> tables = sql_tables(parts_.project);
  QueryFile file =
      TRY(query_file(parts_.project.features(), tables, statement, as, {.rows = kMostFileRows, .stop = parts_.ending}));
  return SqlFile{std::move(file.bytes), file.truncated};
}

Result<json::object> ProjectCommands::runs() {
  json::array list;
  for (const Run& run : TRY(parts_.project.tracking().runs())) list.push_back(run_json(run));
  return json::object{{"runs", std::move(list)}};
}

Result<json::object> ProjectCommands::run(int id) { return run_json(TRY(parts_.project.tracking().run(id))); }

Result<json::object> ProjectCommands::train(const std::string& why, const std::string& actor, int warm_start) {
  json::object run = TRY(parts_.on_loop([&]() -> Result<json::object> {
    return run_json(TRY(parts_.scheduler.train(why.empty() ? "no reason given" : why, actor, warm_start)));
  }));
  if (!parts_.wait_for_run) return run;
  TRY(parts_.wait_for_run());
  return this->run(run.at("id").to_number<int>());
}

Result<json::object> ProjectCommands::training_data() { return training_data_json(parts_.project, parts_.now()); }

Result<json::object> ProjectCommands::record_trials(const TrialRecords& records) {
  if (!parts_.project.definition().forecast)
    return failed_precondition("the definition has no forecast: there is nothing to train");
  return parts_.on_loop([&] { return tidecast::record_trials(parts_.project, records, parts_.now()); });
}

Result<json::object> ProjectCommands::parameters() { return parameters_json(parts_.project, parts_.now()); }

Result<json::object> ProjectCommands::set_parameters(const json::object& values, const std::string& why,
                                                     const std::string& actor) {
  if (why.empty())
    return invalid_argument("why: found nothing, allowed: the reason, which whoever comes next will read");
  if (const auto& forecast = parts_.project.definition().forecast; forecast && !forecast->algorithm.is_deepar())
    return failed_precondition("forecast.algorithm is {}; only deepar has hyperparameters",
                               name_of(forecast->algorithm));
  DeepArOptions checked;
  TRY(set_hyperparameters(values, checked));
  return parts_.on_loop([&]() -> Result<json::object> {
    const ProcessingTime now = parts_.now();
    Registry& registry = parts_.project.registry();
    if (TRY(registry.parameters(now)) != values) {
      TRY(registry.set_parameters(values, now, actor, why));
      TRY(parts_.scheduler.note(
          "parameters", "parameters",
          fmt::format("{}, by {}: {}", values.empty() ? "as the definition says" : to_text(values), actor, why)));
    }
    return parameters_json(parts_.project, now);
  });
}

Result<json::object> ProjectCommands::models() {
  const Placements placements = TRY(placements_of(parts_.project.registry()));
  json::array list;
  for (const ModelVersion& model : TRY(parts_.project.registry().list())) list.push_back(model_json(model, placements));
  return json::object{{"models", std::move(list)}};
}

Result<json::object> ProjectCommands::model(int version) {
  const Placements placements = TRY(placements_of(parts_.project.registry()));
  return model_json(TRY(parts_.project.registry().get(version)), placements);
}

// Where a decision has left the version.
Result<json::object> ProjectCommands::decide(const Decision& decision, const std::function<Status()>& act) {
  return parts_.on_loop([&]() -> Result<json::object> {
    TRY(act());
    const Placements placements = TRY(placements_of(parts_.project.registry()));
    const ModelVersion model = TRY(parts_.project.registry().get(decision.version));
    return json::object{{"version", model.version},
                        {"approval", name_of(model.approval)},
                        {"stages", placements.stages_of(model.version)}};
  });
}

Result<json::object> ProjectCommands::approve(const Decision& d) {
  return decide(d, [&] { return parts_.scheduler.approve(d.version, d.stage, d.actor, d.why); });
}

Result<json::object> ProjectCommands::reject(const Decision& d) {
  if (d.why.empty())
    return invalid_argument("why: found nothing, allowed: the reason, which whoever comes next will read");
  return decide(d, [&] { return parts_.scheduler.reject(d.version, d.actor, d.why); });
}

Result<json::object> ProjectCommands::deploy(const Decision& d) {
  return decide(d, [&] { return parts_.scheduler.deploy(d.stage, d.version, d.actor, d.why); });
}

Result<json::object> ProjectCommands::timeline(int last, std::int64_t before) {
  if (last < 1) return invalid_argument("last: found {}, allowed: 1 or more", last);
  const std::vector<TimelineEvent> events =
      TRY(parts_.project.tracking().recent(static_cast<std::size_t>(last) + 1, before));
  json::array items;
  for (std::size_t i = 0; i < std::min(events.size(), static_cast<std::size_t>(last)); ++i)
    items.push_back(timeline_json(events[i]));
  return json::object{{"items", std::move(items)}, {"more", events.size() > static_cast<std::size_t>(last)}};
}

}  // namespace tidecast
