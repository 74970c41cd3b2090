#include "api/operations.h"
#include "api/schema_parts.h"
#include "net/problem.h"

namespace tidecast {
namespace {

json::object last_rows() {
  json::object parameter = schema::integer("Only the newest so many; 0: all.", 0);
  parameter["maximum"] = 1'000'000;
  parameter["default"] = 20;
  return parameter;
}

json::object revisions() {
  json::object parameter =
      schema::one_of("What counts of each window, or every revision and tombstone.", {"latest", "all"});
  parameter["default"] = "latest";
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

struct SqlType {
  std::string_view format, content_type;
};
constexpr SqlType kSqlTypes[] = {{"rows", "application/json"},
                                 {"csv", "text/csv"},
                                 {"json", "application/json"},
                                 {"ndjson", "application/x-ndjson"},
                                 {"parquet", "application/vnd.apache.parquet"}};

// What ?format says, else the first type of the header Accept that there is.
const SqlType& sql_type(const HttpRequest& request, const std::string& format) {
  for (const SqlType& type : kSqlTypes)
    if (type.format == format) return type;
  const auto accept = request.headers.find("accept");
  std::string_view wanted = accept == request.headers.end() ? std::string_view() : accept->second;
  while (!wanted.empty()) {
    std::string_view one = wanted.substr(0, wanted.find(','));
    wanted.remove_prefix(std::min(one.size() + 1, wanted.size()));
    one = one.substr(0, one.find(';'));
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    for (const SqlType& type : kSqlTypes)
      if (one == type.content_type) return type;
  }
  return kSqlTypes[0];
}

HttpResponse run_sql(const OperationContext& context, const HttpRequest& request, const Arguments& given) {
  const SqlType& type = sql_type(request, given.text("format"));
  const std::string statement = given.text("statement");
  if (type.format == "rows") return answer_of(context.commands.sql(statement));
  Result<SqlFile> file = context.commands.sql_file(statement, std::string(type.format));
  if (!file.ok()) return problem(file.status());
  HttpResponse response{.content_type = std::string(type.content_type), .body = std::move(file->bytes)};
  if (file->truncated) response.headers.emplace_back("Tidecast-Truncated", "true");
  return response;
}

std::vector<Parameter> rows_parameters() {
  return {{In::kQuery, "from", schema::time("Only windows that end at or after this.")},
          {In::kQuery, "until", schema::time("Only windows that end before this.")},
          {In::kQuery, "last", last_rows()},
          {In::kQuery, "as_of", schema::time("Only what was known then.")},
          {In::kQuery, "key", schema::text("One series of a group with keys, like 'JC014' or 'JC014,true'.")},
          {In::kQuery, "revisions", revisions()}};
}

HttpResponse features_of(const OperationContext& context, const Arguments& given) {
  return answer_of(context.commands.features({.group = given.text("group"),
                                              .from = given.text("from"),
                                              .until = given.text("until"),
                                              .as_of = given.text("as_of"),
                                              .last = static_cast<int>(given.integer("last")),
                                              .key = given.text_if("key"),
                                              .history = given.text("revisions") == "all"}));
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
  operations.push_back(
      {.method = "POST",
       .path = "/api/v1/sql",
       .id = "runSql",
       .tag = "data",
       .summary = "One SQL statement that reads",
       .description = "",
       .parameters = {{In::kQuery, "format",
                       schema::one_of("rows: as the schema says; json: an array of objects. Left out: "
                                      "by the header Accept, else rows. Where there are more rows than "
                                      "the limit, the header Tidecast-Truncated says so.",
                                      {"rows", "csv", "json", "ndjson", "parquet"})}},
       .body = statement_body(),
       .result = schema::ref("SqlResult"),
       .other_types = {"text/csv", "application/x-ndjson", "application/vnd.apache.parquet"},
       .problems = {503},
       .lane = Lane::kReading,
       .run = run_sql});
}

}  // namespace tidecast
