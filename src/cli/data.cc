#include <charconv>
#include <cmath>

#include "app/tables.h"
#include "cli/context.h"
#include "query/query.h"
#include "serving/endpoint.h"

namespace tidecast {
namespace {

std::string text_of(const FeatureValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* number = std::get_if<double>(&value)) return shortest(*number);
  return "";
}

json::value json_of(const FeatureValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return nullptr;
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) line += (i == 0 ? "" : ",") + csv_cell(cells[i]);
  return line + "\n";
}

Result<std::vector<double>> parse_quantiles(const std::string& text) {
  std::vector<double> taus;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    double tau = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + comma, tau);
    if (error != std::errc() || end != text.data() + comma || !(tau > 0 && tau < 1))
      return invalid_argument("--quantiles: found '{}', allowed: numbers between 0 and 1 with commas, like .05,.5,.95",
                              text.substr(at, comma - at));
    taus.push_back(tau);
    at = comma + 1;
  }
  return taus;
}

Result<std::int64_t> time_or(const std::string& name, const std::string& text, std::int64_t otherwise) {
  return text.empty() ? Result<std::int64_t>(otherwise) : parse_rfc3339(text).in(name);
}

}  // namespace

Status forecast_command(const Context& context, const ForecastArguments& arguments) {
  const Workbench bench = TRY(open_workbench(context, "tidecast forecast"));
  if (!bench.project->definition().forecast) return failed_precondition("the definition has no forecast");
  const std::optional<ServedModel> served = bench.endpoints->serving("production");
  if (!served) return failed_precondition("no model is in production yet; see: tidecast models");
  const EventTime until = EventTime::from_ms(TRY(time_or("--as-of", arguments.as_of, EventTime::max().ms())));
  const std::string series = arguments.series.empty() ? bench.project->series_name() : arguments.series;
  const TimeSeries history = TRY(bench.project->series(series, until, ProcessingTime::max(), kForecastHistory));
  if (history.values.empty())
    return not_found("{}: no window ended by {}", series, arguments.as_of.empty() ? "now" : arguments.as_of);
  const std::vector<double> taus = arguments.quantiles.empty()
                                       ? confidence_quantiles(bench.project->definition().validation.confidence)
                                       : TRY(parse_quantiles(arguments.quantiles));
  const QuantilesOfForecast forecast = TRY(forecast_quantiles(
      *served->model, history, taus, bench.project->definition().validation.paths, bench.project->forecast().seed));
  const std::string format = context.json ? "json" : arguments.format.empty() ? "table" : arguments.format;
  std::vector<std::string> head{"time", "mean"};
  for (const double tau : taus) head.push_back("q" + shortest(tau));
  std::vector<std::vector<std::string>> rows;
  json::array steps;
  for (std::size_t k = 0; k < forecast.mean.size(); ++k) {
    const std::string time = to_rfc3339(forecast.origin + history.step * static_cast<std::int64_t>(k));
    std::vector<std::string> row{
        time, format == "table" ? fmt::format("{:.1f}", forecast.mean[k]) : shortest(forecast.mean[k])};
    json::object step{{"time", time}, {"mean", forecast.mean[k]}};
    for (std::size_t q = 0; q < taus.size(); ++q) {
      row.push_back(format == "table" ? fmt::format("{:.1f}", forecast.quantiles[q][k])
                                      : shortest(forecast.quantiles[q][k]));
      step["q" + shortest(taus[q])] = forecast.quantiles[q][k];
    }
    rows.push_back(std::move(row));
    steps.push_back(std::move(step));
  }
  if (format == "json") {
    fmt::print("{}\n", to_text(json::object{{"series", series},
                                            {"model_version", served->version},
                                            {"origin", to_rfc3339(forecast.origin)},
                                            {"steps", std::move(steps)}}));
  } else if (format == "csv") {
    fmt::print("{}", csv_line(head));
    for (const auto& row : rows) fmt::print("{}", csv_line(row));
  } else {
    Table table(head);
    for (auto& row : rows) table.add(std::move(row));
    fmt::print("{}, from {} on, by model {}:\n{}", series, to_rfc3339(forecast.origin), served->version, table.text());
  }
  return ok();
}

Status features_command(const Context& context, const FeaturesArguments& arguments) {
  const std::unique_ptr<Project> project =
      TRY(Project::open(TRY(load(context)), "tidecast features", DataFolder::kMustExist));
  const std::vector<FeatureGroup>& groups = project->features().groups();
  const FeatureGroup* group = nullptr;
  std::string known;
  for (const FeatureGroup& candidate : groups) {
    if (candidate.name == arguments.group || (arguments.group.empty() && group == nullptr)) group = &candidate;
    known += (known.empty() ? "" : ", ") + candidate.name;
  }
  if (group == nullptr) return not_found("no feature group '{}'; there are: {}", arguments.group, known);
  if (arguments.last < 0) return invalid_argument("--last: found {}, allowed: 0 or more", arguments.last);

  const EventRange range{EventTime::from_ms(TRY(time_or("--from", arguments.from, EventTime::min().ms()))),
                         EventTime::from_ms(TRY(time_or("--until", arguments.until, EventTime::max().ms())))};
  const auto as_of = ProcessingTime::from_ms(TRY(time_or("--as-of", arguments.as_of, ProcessingTime::max().ms())));
  std::vector<FeatureRow> rows = TRY(project->features().range(group->name, range, as_of));
  if (arguments.last > 0 && rows.size() > static_cast<std::size_t>(arguments.last))
    rows.erase(rows.begin(), rows.end() - arguments.last);

  const std::string format = context.json ? "json" : arguments.format.empty() ? "table" : arguments.format;
  std::vector<std::string> head{"window_start", "window_end", "write_time"};
  for (const FeatureColumn& column : group->columns) head.push_back(column.name);
  if (format == "json") {
    json::array list;
    for (const FeatureRow& row : rows) {
      json::object entry{{"window_start", to_rfc3339(row.window_start)},
                         {"window_end", to_rfc3339(row.window_end)},
                         {"write_time", to_rfc3339(row.write_time)}};
      for (std::size_t c = 0; c < group->columns.size(); ++c) entry[group->columns[c].name] = json_of(row.values[c]);
      list.push_back(std::move(entry));
    }
    fmt::print("{}\n", to_text(list));
    return ok();
  }
  Table table(head);
  std::string csv = csv_line(head);
  for (const FeatureRow& row : rows) {
    std::vector<std::string> cells{to_rfc3339(row.window_start), to_rfc3339(row.window_end),
                                   to_rfc3339(row.write_time)};
    for (const FeatureValue& value : row.values) cells.push_back(text_of(value));
    csv += csv_line(cells);
    table.add(std::move(cells));
  }
  fmt::print("{}", format == "csv" ? csv : rows.empty() ? fmt::format("No rows in {}.\n", group->name) : table.text());
  return ok();
}

Status sql_command(const Context& context, const std::string& statement, const std::string& format) {
  const std::unique_ptr<Project> project =
      TRY(Project::open(TRY(load(context)), "tidecast sql", DataFolder::kMustExist));
  const std::vector<SqlTable> tables = sql_tables(*project);
  const QueryResult result = TRY(run_query(project->features(), tables, statement));
  const std::string chosen = context.json ? "json" : format;
  if (chosen == "json") {
    json::array list;
    for (const SqlRow& row : result.rows) {
      json::object entry;
      for (std::size_t c = 0; c < row.size(); ++c) entry[result.columns[c].name] = row[c];
      list.push_back(std::move(entry));
    }
    fmt::print("{}\n", to_text(list));
  } else {
    std::vector<std::string> head;
    for (const QueryColumn& column : result.columns) head.push_back(column.name);
    Table table(head);
    std::string csv = csv_line(head);
    for (const SqlRow& row : result.rows) {
      std::vector<std::string> cells;
      for (const SqlValue& value : row)
        cells.push_back(value.is_null() ? "" : value.is_string() ? std::string(value.get_string()) : to_text(value));
      csv += csv_line(cells);
      table.add(std::move(cells));
    }
    fmt::print("{}", chosen == "csv" ? csv : table.text());
  }
  if (result.truncated)
    fmt::print(stderr, "Only the first {} rows are shown; add a LIMIT or an aggregate.\n", result.rows.size());
  return ok();
}

}  // namespace tidecast
