#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "cli/context.h"
#include "storage/file.h"

namespace tidecast {
namespace {

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

std::string cell_of(const json::value& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return std::string(value.get_string());
  return value.is_double() ? shortest(value.get_double()) : to_text(value);
}

// Rows as a table for people, or as CSV.
void print_rows(const std::string& format, const std::vector<std::string>& head,
                std::vector<std::vector<std::string>> rows) {
  if (format == "csv") {
    fmt::print("{}", csv_line(head));
    for (const auto& row : rows) fmt::print("{}", csv_line(row));
    return;
  }
  Table table(head);
  for (auto& row : rows) table.add(std::move(row));
  fmt::print("{}", table.text());
}

Result<std::vector<double>> parse_quantiles(const std::string& text) {
  std::vector<double> taus;
  for (std::size_t at = 0; at <= text.size() && !text.empty();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    double tau = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + comma, tau);
    if (error != std::errc() || end != text.data() + comma || !(tau > 0 && tau < 1))
      return invalid_argument("--quantiles: found '{}', allowed: numbers between 0 and 1 with commas, like .05,.5,.95",
                              text.substr(at, comma - at));
    if (std::ranges::find(taus, tau) != taus.end()) return invalid_argument("--quantiles: {} is there twice", tau);
    taus.push_back(tau);
    at = comma + 1;
  }
  return taus;
}

Status check_time(std::string_view name, const std::string& text) {
  return text.empty() ? ok() : parse_rfc3339(text).in(name).status();
}

Status print_table(const json::object& answer) {
  std::vector<std::string> head;
  for (const json::value& column : answer.at("columns").as_array()) head.emplace_back(column.at("name").as_string());
  std::vector<std::vector<std::string>> rows;
  for (const json::value& row : answer.at("rows").as_array()) {
    std::vector<std::string> cells;
    for (const json::value& value : row.as_array()) cells.push_back(cell_of(value));
    rows.push_back(std::move(cells));
  }
  const std::size_t count = rows.size();
  print_rows("table", head, std::move(rows));
  if (answer.at("truncated").as_bool())
    fmt::print(stderr, "Only the first {} rows are shown; add a LIMIT or an aggregate.\n", count);
  return ok();
}

std::string format_of(const Context& context, const std::string& format) {
  return context.json ? "json" : format.empty() ? "table" : format;
}

}  // namespace

Status forecast_command(const Context& context, const ForecastArguments& arguments) {
  if (!arguments.batch.empty()) return forecast_file_command(context, arguments);
  ForecastQuery query{.series = arguments.series, .as_of = arguments.as_of};
  query.taus = TRY(parse_quantiles(arguments.quantiles));
  TRY(check_time("--as-of", arguments.as_of));
  Connection connection = TRY(connect(context, "tidecast forecast"));
  json::object answer = TRY(connection.commands().forecast(query));
  const std::string format = format_of(context, arguments.format);
  if (format == "json") {
    answer.erase("taus");
    fmt::print("{}\n", to_text(answer));
    return ok();
  }
  std::vector<std::string> head{"time", "mean"};
  for (const json::value& tau : answer.at("taus").as_array()) head.push_back("q" + shortest(tau.to_number<double>()));
  std::vector<std::vector<std::string>> rows;
  for (const json::value& step : answer.at("steps").as_array()) {
    std::vector<std::string> row{std::string(step.at("time").as_string())};
    for (std::size_t c = 1; c < head.size(); ++c) {
      const double value = step.at(head[c]).to_number<double>();
      row.push_back(format == "table" ? fmt::format("{:.1f}", value) : shortest(value));
    }
    rows.push_back(std::move(row));
  }
  if (format == "table")
    fmt::print("{}, from {} on, by model {}:\n", std::string_view(answer.at("series").as_string()),
               std::string_view(answer.at("origin").as_string()), answer.at("model_version").to_number<int>());
  print_rows(format, head, std::move(rows));
  return ok();
}

Status features_command(const Context& context, const FeaturesArguments& arguments) {
  if (arguments.last < 0) return invalid_argument("--last: found {}, allowed: 0 or more", arguments.last);
  TRY(check_time("--from", arguments.from));
  TRY(check_time("--until", arguments.until));
  TRY(check_time("--as-of", arguments.as_of));
  Connection connection = TRY(connect(context, "tidecast features"));
  const json::object answer = TRY(connection.commands().features({.group = arguments.group,
                                                                  .from = arguments.from,
                                                                  .until = arguments.until,
                                                                  .as_of = arguments.as_of,
                                                                  .last = arguments.last,
                                                                  .key = arguments.key,
                                                                  .history = arguments.history}));
  const json::array& list = answer.at("rows").as_array();
  const std::string format = format_of(context, arguments.format);
  if (format == "json") {
    fmt::print("{}\n", to_text(list));
    return ok();
  }
  if (format == "table" && list.empty()) {
    fmt::print("No rows in {}.\n", std::string_view(answer.at("group").as_string()));
    return ok();
  }
  std::vector<std::string> head{"window_start", "window_end", "write_time"};
  for (const json::value& column : answer.at("columns").as_array()) head.emplace_back(column.at("name").as_string());
  for (const char* unusual : {"revision", "is_deleted", "closed_by_idle"})
    if (std::ranges::any_of(list, [&](const json::value& row) { return row.as_object().contains(unusual); }))
      head.emplace_back(unusual);
  std::vector<std::vector<std::string>> rows;
  for (const json::value& row : list) {
    std::vector<std::string> cells;
    for (const std::string& name : head)
      cells.push_back(row.as_object().contains(name) ? cell_of(row.at(name)) : std::string());
    rows.push_back(std::move(cells));
  }
  print_rows(format, head, std::move(rows));
  return ok();
}

Status sql_command(const Context& context, const SqlArguments& arguments) {
  const std::string format = format_of(context, arguments.format);
  if (format == "parquet" && arguments.output.empty() && ::isatty(::fileno(stdout)) == 1)
    return invalid_argument("parquet is bytes that no terminal shows; name a file: -o FILE");
  if (format == "table" && !arguments.output.empty())
    return invalid_argument("-o: found the format table, allowed: csv, json, ndjson, parquet");
  Connection connection = TRY(connect(context, "tidecast sql"));
  if (format == "table") return print_table(TRY(connection.commands().sql(arguments.statement)));
  const SqlFile file = TRY(connection.commands().sql_file(arguments.statement, format));
  if (!arguments.output.empty())
    TRY(write_output(arguments.output, file.bytes));
  else
    std::fwrite(file.bytes.data(), 1, file.bytes.size(), stdout);
  if (file.truncated) fmt::print(stderr, "There are more rows than the limit; add a LIMIT or an aggregate.\n");
  return ok();
}

}  // namespace tidecast
