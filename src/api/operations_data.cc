#include "api/operations.h"
#include "api/schema_parts.h"

namespace tidecast {
namespace {

json::object last_rows() {
  json::object parameter = schema::integer("Only the newest so many; 0: all.", 0);
  parameter["maximum"] = 1'000'000;
  parameter["default"] = 20;
  return parameter;
}

json::object levels() {
  json::object level = schema::number("");
  level["exclusiveMinimum"] = 0;
  level["exclusiveMaximum"] = 1;
  json::object parameter = schema::list_of(std::move(level), "Levels, joined by commas; left out: the definition's.");
  parameter["minItems"] = 1;
  parameter["maxItems"] = 99;
  return parameter;
}

json::object statement_body() {
  json::object statement = schema::text("One SELECT, or EXPLAIN of one, in DuckDB's dialect (docs/sql.md).");
  statement["minLength"] = 1;
  statement["maxLength"] = 100'000;
  return schema::object("", {{"statement", std::move(statement)}});
}

std::vector<Parameter> rows_parameters() {
  return {{In::kQuery, "from", schema::time("Only windows that end at or after this.")},
          {In::kQuery, "until", schema::time("Only windows that end before this.")},
          {In::kQuery, "last", last_rows()},
          {In::kQuery, "as_of", schema::time("Only what was known then.")}};
}

HttpResponse features_of(const OperationContext& context, const Arguments& given) {
  return answer_of(context.commands.features({.group = given.text("group"),
                                              .from = given.text("from"),
                                              .until = given.text("until"),
                                              .as_of = given.text("as_of"),
                                              .last = static_cast<int>(given.integer("last"))}));
}

}  // namespace

void add_data_operations(std::vector<Operation>& operations) {
  using Request = const HttpRequest&;
  using Context = const OperationContext&;
  using Given = const Arguments&;
  operations.push_back({.method = "GET",
                        .path = "/api/v1/features",
                        .id = "getFirstFeatures",
                        .tag = "data",
                        .summary = "Rows of the first feature group",
                        .description = "",
                        .parameters = rows_parameters(),
                        .result = schema::ref("Features"),
                        .problems = {503},
                        .lane = Lane::kReading,
                        .run = [](Context context, Request, Given given) { return features_of(context, given); }});
  std::vector<Parameter> parameters{{In::kPath, "group", schema::text("Name of the feature group.")}};
  for (Parameter& parameter : rows_parameters()) parameters.push_back(std::move(parameter));
  operations.push_back({.method = "GET",
                        .path = "/api/v1/features/{group}",
                        .id = "getFeatures",
                        .tag = "data",
                        .summary = "Rows of a feature group",
                        .description = "",
                        .parameters = std::move(parameters),
                        .result = schema::ref("Features"),
                        .problems = {404, 503},
                        .lane = Lane::kReading,
                        .run = [](Context context, Request, Given given) { return features_of(context, given); }});
  operations.push_back(
      {.method = "GET",
       .path = "/api/v1/forecast",
       .id = "getForecast",
       .tag = "data",
       .summary = "The production model's forecast",
       .description = "",
       .parameters = {{In::kQuery, "series", schema::text("Feature group and column; left out: the target.")},
                      {In::kQuery, "as_of", schema::time("From what was known then; left out: from the newest.")},
                      {In::kQuery, "quantiles", levels()}},
       .result = schema::ref("Forecast"),
       .problems = {404, 409, 503},
       .lane = Lane::kReading,
       .run = [](Context context, Request, Given given) {
         return answer_of(context.commands.forecast(
             {.series = given.text("series"), .as_of = given.text("as_of"), .taus = given.numbers("quantiles")}));
       }});
  operations.push_back({.method = "POST",
                        .path = "/api/v1/sql",
                        .id = "runSql",
                        .tag = "data",
                        .summary = "One SQL statement that reads",
                        .description = "",
                        .body = statement_body(),
                        .result = schema::ref("SqlResult"),
                        .problems = {503},
                        .lane = Lane::kReading,
                        .run = [](Context context, Request, Given given) {
                          return answer_of(context.commands.sql(given.text("statement")));
                        }});
}

}  // namespace tidecast
