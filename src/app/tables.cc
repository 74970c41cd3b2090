#include "app/tables.h"

#include "monitoring/monitor.h"

namespace tidecast {
namespace {

SqlValue cell(std::string_view text) { return json::string(text); }
SqlValue cell(double number) { return number; }
SqlValue cell(std::int64_t number) { return number; }
SqlValue cell(int number) { return number; }
SqlValue cell(bool value) { return value; }
SqlValue cell(EventTime time) { return time.ms(); }
SqlValue cell(ProcessingTime time) { return time.ms(); }
template <typename T>
SqlValue cell(const std::optional<T>& value) {
  return value ? cell(*value) : SqlValue(nullptr);
}

template <typename... Cells>
SqlRow row(const Cells&... cells) {
  return {cell(cells)...};
}

template <typename Item, typename RowOf>
Result<std::vector<SqlRow>> rows_of(const Result<std::vector<Item>>& items, RowOf row_of) {
  std::vector<SqlRow> rows;
  if (!items.ok()) return items.status();
  for (const Item& item : *items) rows.push_back(row_of(item));
  return rows;
}

// Of each stage; what all forecasts ever made come to would not fit in a query's memory after some weeks.
constexpr std::size_t kMostForecastRows = 120'000;

// One row a step: what the production and other models said about each minute.
Result<std::vector<SqlRow>> forecast_rows(Project& project) {
  std::vector<SqlRow> rows;
  const std::size_t newest = kMostForecastRows / static_cast<std::size_t>(project.forecast().horizon);
  for (const char* stage : {"staging", "production", "shadow"}) {
    for (const Forecast& forecast : TRY(project.tracking().forecasts(stage, newest))) {
      for (std::size_t k = 0; k < forecast.mean.size(); ++k) {
        const EventTime start = forecast.origin + project.step() * static_cast<std::int64_t>(k);
        rows.push_back(row(forecast.stage, forecast.version, forecast.series, forecast.origin, start, forecast.made_at,
                           forecast.mean[k], forecast.quantiles.front()[k],
                           forecast.quantiles[forecast.quantiles.size() / 2][k], forecast.quantiles.back()[k],
                           forecast.naive[k], forecast.seasonal_naive[k]));
      }
    }
  }
  return rows;
}

SqlRow score_row(const Score& score) {
  PooledScores pool;
  pool.add(score);
  return row(score.stage, score.version, score.series, score.origin, score.landed_at, score.steps, pool.loss.value(),
             pool.naive.value(), pool.seasonal_naive.value(), score.inside);
}

}  // namespace

std::vector<SqlTable> sql_tables(Project& project) {
  using enum SqlType;
  std::vector<SqlTable> tables;
  tables.push_back({"runs",
                    {{"id", kInteger},
                     {"why", kText},
                     {"outcome", kText},
                     {"reason", kText},
                     {"started_at", kTime},
                     {"observations", kInteger},
                     {"loss", kNumber},
                     {"threshold", kNumber},
                     {"model_version", kInteger}},
                    [&project] {
                      return rows_of<Run>(project.tracking().runs(), [](const Run& run) {
                        return row(run.id, run.why, name_of(run.outcome), run.reason, run.started_at, run.observations,
                                   run.loss, run.threshold, run.model_version);
                      });
                    }});
  tables.push_back({"models",
                    {{"version", kInteger},
                     {"run", kText},
                     {"created_at", kTime},
                     {"approval", kText},
                     {"loss", kNumber},
                     {"artefact_hash", kText}},
                    [&project] {
                      return rows_of<ModelVersion>(project.registry().list(), [](const ModelVersion& model) {
                        return row(model.version, model.run, model.created_at, name_of(model.approval), model.loss,
                                   model.artefact_hash);
                      });
                    }});
  tables.push_back({"forecasts",
                    {{"stage", kText},
                     {"version", kInteger},
                     {"series", kText},
                     {"origin", kTime},
                     {"window_start", kTime},
                     {"made_at", kTime},
                     {"mean", kNumber},
                     {"low", kNumber},
                     {"median", kNumber},
                     {"up", kNumber},
                     {"naive", kNumber},
                     {"seasonal_naive", kNumber}},
                    [&project] { return forecast_rows(project); }});
  tables.push_back({"scores",
                    {{"stage", kText},
                     {"version", kInteger},
                     {"series", kText},
                     {"origin", kTime},
                     {"landed_at", kTime},
                     {"steps", kInteger},
                     {"loss", kNumber},
                     {"naive", kNumber},
                     {"seasonal_naive", kNumber},
                     {"inside", kInteger}},
                    [&project] { return rows_of<Score>(project.tracking().all_scores(), score_row); }});
  tables.push_back({"evaluations",
                    {{"stage", kText},
                     {"version", kInteger},
                     {"evaluated_at", kTime},
                     {"forecasts", kInteger},
                     {"loss", kNumber},
                     {"threshold", kNumber},
                     {"breach", kBoolean},
                     {"rmse", kNumber},
                     {"coverage", kNumber},
                     {"naive", kNumber},
                     {"seasonal_naive", kNumber}},
                    [&project] {
                      return rows_of<Evaluation>(project.tracking().evaluations("production"), [](const Evaluation& e) {
                        return row(e.stage, e.version, e.at, e.forecasts, e.loss, e.threshold, e.breach, e.rmse,
                                   e.coverage, e.naive, e.seasonal_naive);
                      });
                    }});
  tables.push_back({"alarms",
                    {{"name", kText},
                     {"state", kText},
                     {"changed_at", kTime},
                     {"loss", kNumber},
                     {"threshold", kNumber},
                     {"why", kText}},
                    [&project] {
                      return rows_of<AlarmChange>(project.tracking().alarm_changes(), [](const AlarmChange& change) {
                        return row(change.name, change.state, change.at, change.loss, change.threshold, change.why);
                      });
                    }});
  tables.push_back(
      {"timeline",
       {{"number", kInteger}, {"happened_at", kTime}, {"kind", kText}, {"subject", kText}, {"text", kText}},
       [&project] {
         return rows_of<TimelineEvent>(project.tracking().timeline(), [](const TimelineEvent& event) {
           return row(event.number, event.at, event.kind, event.subject, event.text);
         });
       }});
  return tables;
}

}  // namespace tidecast
