// What became of records and rows, and what is done about it.
#include "api/operations.h"
#include "api/schema_parts.h"
#include "net/problem.h"

namespace tidecast {
namespace {

json::object last_records() {
  json::object parameter = schema::integer("The newest so many.", 1);
  parameter["maximum"] = 10'000;
  parameter["default"] = 20;
  return parameter;
}

json::object actor() { return schema::text("Who asks, for the timeline."); }

json::object list_body(std::string_view name, json::object items, std::string_view description, std::int64_t most) {
  json::object list = schema::list_of(std::move(items), description);
  list["maxItems"] = most;
  return {{"type", "object"}, {"properties", json::object{{name, std::move(list)}}}};
}

json::object latest_body() {
  json::object body = list_body("keys", schema::text(""), "Series, like 'JC014' or 'JC014,true'.", 10'000);
  body["required"] = json::array{"keys"};
  return body;
}

json::object replay_body() {
  json::object body =
      list_body("numbers", schema::integer("", 0), "Which; left out: all that were not taken yet.", 100'000);
  body["properties"].as_object()["actor"] = actor();
  return body;
}

json::object erase_body() {
  json::object why = schema::text("The reason, for the timeline.");
  why["minLength"] = 1;
  return {{"type", "object"},
          {"properties", json::object{{"key", schema::text("One series; left out: all.")},
                                      {"from", schema::time("Of windows that end at or after this.")},
                                      {"until", schema::time("Of windows that end before this.")},
                                      {"why", std::move(why)},
                                      {"actor", actor()}}},
          {"required", json::array{"why"}}};
}

json::object join_body() {
  json::object entities = schema::text("CSV with a time, and the keys of groups that have some, as columns.");
  entities["minLength"] = 1;
  return {{"type", "object"},
          {"properties",
           json::object{{"entities", std::move(entities)},
                        {"time_column", schema::text("Left out: event_time.")},
                        {"groups", schema::list_of(schema::text(""), "Left out: all.")},
                        {"known", schema::one_of("As known at the time of each row, or today.", {"then", "now"})},
                        {"max_age", schema::text("Older features do not count: a duration like 1h.")}}},
          {"required", json::array{"entities"}}};
}

std::vector<std::string> texts(const Arguments& given, std::string_view name) {
  std::vector<std::string> list;
  if (given.has(name))
    for (const json::value& text : given.values().at(name).as_array()) list.emplace_back(text.as_string());
  return list;
}

}  // namespace

void add_record_operations(std::vector<Operation>& operations) {
  using Request = const HttpRequest&;
  using Context = const OperationContext&;
  using Given = const Arguments&;
  const Parameter group{In::kPath, "group", schema::text("Name of the feature group.")};
  operations.push_back({.method = "POST",
                        .path = "/api/v1/features/{group}/latest",
                        .id = "getLatestFeatures",
                        .tag = "data",
                        .summary = "The newest rows of many series, as of one moment",
                        .description = "A row for each key, in their order; null where there is none.",
                        .parameters = {group},
                        .body = latest_body(),
                        .result = schema::ref("LatestFeatures"),
                        .problems = {404, 503},
                        .lane = Lane::kReading,
                        .run = [](Context context, Request, Given given) {
                          return answer_of(context.commands.latest(given.text("group"), texts(given, "keys")));
                        }});
  operations.push_back({.method = "POST",
                        .path = "/api/v1/features/{group}/erase",
                        .id = "eraseFeatures",
                        .tag = "data",
                        .summary = "Takes rows out for good",
                        .description = "Online at once; offline as tombstones, which stay in the history.",
                        .parameters = {group},
                        .body = erase_body(),
                        .result = schema::ref("Erased"),
                        .problems = {404, 503},
                        .lane = Lane::kDeciding,
                        .run = [](Context context, Request, Given given) {
                          return answer_of(context.commands.erase({.group = given.text("group"),
                                                                   .key = given.text_if("key"),
                                                                   .from = given.text("from"),
                                                                   .until = given.text("until"),
                                                                   .why = given.text("why"),
                                                                   .actor = given.text("actor")}));
                        }});
  operations.push_back(
      {.method = "POST",
       .path = "/api/v1/join",
       .id = "joinFeatures",
       .tag = "data",
       .summary = "To each row the features as they were known at its time",
       .description = "The point-in-time join: nothing in the result was learned later than the row's own time.",
       .parameters = {{In::kQuery, "format", schema::one_of("Left out: csv.", {"csv", "parquet"})}},
       .body = join_body(),
       .content_type = "text/csv",
       .result = schema::text("The rows that were sent, with columns GROUP__COLUMN behind them."),
       .other_types = {"application/vnd.apache.parquet"},
       .problems = {404, 503},
       .lane = Lane::kReading,
       .run = [](Context context, Request, Given given) {
         const std::string format = given.has("format") ? given.text("format") : "csv";
         Result<SqlFile> file = context.commands.join({.entities = given.text("entities"),
                                                       .time_column = given.text("time_column"),
                                                       .groups = texts(given, "groups"),
                                                       .known_now = given.text("known") == "now",
                                                       .max_age = given.text("max_age"),
                                                       .format = format});
         if (!file.ok()) return problem(file.status());
         return HttpResponse{.content_type = format == "csv" ? "text/csv" : "application/vnd.apache.parquet",
                             .body = std::move(file->bytes)};
       }});
  operations.push_back({.method = "GET",
                        .path = "/api/v1/dead-letters",
                        .id = "getDeadLetters",
                        .tag = "data",
                        .summary = "Records that could not be taken",
                        .description = "Newest first.",
                        .parameters = {{In::kQuery, "last", last_records()}},
                        .result = schema::ref("DeadLetters"),
                        .problems = {503},
                        .lane = Lane::kReading,
                        .run = [](Context context, Request, Given given) {
                          return answer_of(context.commands.dead_letters(static_cast<int>(given.integer("last"))));
                        }});
  operations.push_back({.method = "GET",
                        .path = "/api/v1/dead-letters/{number}",
                        .id = "getDeadLetter",
                        .tag = "data",
                        .summary = "One of them, whole",
                        .description = "",
                        .parameters = {{In::kPath, "number", schema::integer("Its number.", 0)}},
                        .result = schema::ref("DeadLetter"),
                        .problems = {404, 503},
                        .lane = Lane::kReading,
                        .run = [](Context context, Request, Given given) {
                          return answer_of(context.commands.dead_letter(given.integer("number")));
                        }});
  operations.push_back(
      {.method = "POST",
       .path = "/api/v1/dead-letters/replay",
       .id = "replayDeadLetters",
       .tag = "data",
       .summary = "Tries them again by today's definition",
       .description = "Those that can be taken are read as records that arrive now; the others stay as they are.",
       .body = replay_body(),
       .result = schema::ref("Replayed"),
       .problems = {404, 503},
       .lane = Lane::kDeciding,
       .run = [](Context context, Request, Given given) {
         std::vector<std::int64_t> numbers;
         if (given.has("numbers"))
           for (const json::value& number : given.values().at("numbers").as_array())
             numbers.push_back(number.as_int64());
         return answer_of(context.commands.replay_dead(numbers, given.text("actor")));
       }});
  operations.push_back({.method = "GET",
                        .path = "/api/v1/late",
                        .id = "getLate",
                        .tag = "data",
                        .summary = "Records whose window had closed",
                        .description = "Newest first.",
                        .parameters = {{In::kQuery, "last", last_records()}},
                        .result = schema::ref("LateRecords"),
                        .problems = {503},
                        .lane = Lane::kReading,
                        .run = [](Context context, Request, Given given) {
                          return answer_of(context.commands.late(static_cast<int>(given.integer("last"))));
                        }});
  operations.push_back({.method = "GET",
                        .path = "/api/v1/verify",
                        .id = "verify",
                        .tag = "data",
                        .summary = "Recomputes rows from the raw archive and compares them",
                        .description = "Reads the archive: seconds a gigabyte.",
                        .parameters = {{In::kQuery, "from", schema::time("Windows that end at or after this.")},
                                       {In::kQuery, "until", schema::time("Windows that end before this.")}},
                        .result = schema::ref("Verification"),
                        .problems = {503},
                        .lane = Lane::kReading,
                        .run = [](Context context, Request, Given given) {
                          return answer_of(context.commands.verify(given.text("from"), given.text("until")));
                        }});
}

}  // namespace tidecast
