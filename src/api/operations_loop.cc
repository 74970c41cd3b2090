#include <limits>

#include "api/operations.h"
#include "api/schema_parts.h"

namespace tidecast {
namespace {

json::object hours(std::int64_t by_default) {
  json::object parameter = schema::integer("How far back, in hours.", 1);
  parameter["maximum"] = 48;
  parameter["default"] = by_default;
  return parameter;
}

json::object last_items() {
  json::object parameter = schema::integer("At most so many.", 1);
  parameter["maximum"] = 256;
  parameter["default"] = 20;
  return parameter;
}

HttpResponse events_of(const OperationContext& context, const Arguments& arguments) {
  std::optional<std::int64_t> last;
  for (const char* name : {"after", "Last-Event-ID"})  // The header is the later knowledge: a client that comes again.
    if (arguments.has(name)) last = arguments.integer(name);
  return {.content_type = "text/event-stream",
          .headers = {{"X-Accel-Buffering", "no"}},  // A proxy is to pass on each event as it comes.
          .stream = context.events.stream(last)};
}

}  // namespace

void add_loop_operations(std::vector<Operation>& operations) {
  using Request = const HttpRequest&;
  using Context = const OperationContext&;
  using Given = const Arguments&;
  operations.push_back({.method = "GET",
                        .path = "/api/v1/status",
                        .id = "getStatus",
                        .tag = "loop",
                        .summary = "How everything stands",
                        .description = "What `tidecast status` prints: the answer, the loop's stages, what needs you.",
                        .result = schema::ref("Status"),
                        .problems = {503},
                        .run = [](Context context, Request, Given) { return answer_of(context.commands.status()); }});
  operations.push_back({.method = "GET",
                        .path = "/api/v1/target",
                        .id = "getTarget",
                        .tag = "loop",
                        .summary = "The target's past, what was said of it, and what comes",
                        .description = "At most 2,000 values, the newest. 409 without a forecast in the definition.",
                        .parameters = {{In::kQuery, "hours", hours(3)}},
                        .result = schema::ref("Target"),
                        .problems = {409, 503},
                        .lane = Lane::kReading,
                        .run = [](Context context, Request, Given given) {
                          return answer_of(context.commands.target(static_cast<int>(given.integer("hours"))));
                        }});
  operations.push_back({.method = "GET",
                        .path = "/api/v1/accuracy",
                        .id = "getAccuracy",
                        .tag = "loop",
                        .summary = "Loss against threshold, and what happened because of it",
                        .description = "409 without a forecast in the definition.",
                        .parameters = {{In::kQuery, "hours", hours(24)}},
                        .result = schema::ref("Accuracy"),
                        .problems = {409, 503},
                        .lane = Lane::kReading,
                        .run = [](Context context, Request, Given given) {
                          return answer_of(context.commands.accuracy(static_cast<int>(given.integer("hours"))));
                        }});
  operations.push_back(
      {.method = "GET",
       .path = "/api/v1/timeline",
       .id = "getTimeline",
       .tag = "loop",
       .summary = "What happened, newest first",
       .description = "",
       .parameters = {{In::kQuery, "last", last_items()},
                      {In::kQuery, "before", schema::integer("Only items with a number below this.", 1)}},
       .result = schema::ref("Timeline"),
       .problems = {503},
       .run = [](Context context, Request, Given given) {
         const std::int64_t before =
             given.has("before") ? given.integer("before") : std::numeric_limits<std::int64_t>::max();
         return answer_of(context.commands.timeline(static_cast<int>(given.integer("last")), before));
       }});
  operations.push_back(
      {.method = "GET",
       .path = "/api/v1/events",
       .id = "getEvents",
       .tag = "loop",
       .summary = "What changes, as it changes: server-sent events",
       .description =
           "`status` with the status, when one connects and then at most four times a second; `timeline` with "
           "an item of the timeline and its number as id; `reset` where more than 256 items were missed. A "
           "comment every 15 s. Without `after` and Last-Event-ID only new items come.",
       .parameters = {{In::kQuery, "after", schema::integer("Number of the last item that is known.", 0)},
                      {In::kHeader, "Last-Event-ID",
                       schema::integer("The same; an EventSource sends it by itself.", 0)}},
       .content_type = "text/event-stream",
       .result = schema::text("Server-sent events; the data of each is JSON on one line."),
       .problems = {503},
       .run = [](Context context, Request, Given given) { return events_of(context, given); }});
}

}  // namespace tidecast
