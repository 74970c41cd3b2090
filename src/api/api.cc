#include "api/api.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "api/operations.h"
#include "net/problem.h"

namespace tidecast {
namespace {

constexpr std::size_t kQuickBody = 64 << 10;  // Bytes of a request for forecasts that is read at once.

using PathValues = std::map<std::string, std::string>;

// The values of the template's {names}, decoded; nullopt: the path is none of this template.
std::optional<PathValues> match(std::string_view path_template, std::string_view path) {
  PathValues values;
  while (true) {
    const std::size_t brace = path_template.find('{');
    if (path.substr(0, brace) != path_template.substr(0, brace)) return std::nullopt;
    if (brace == path_template.npos) return values;
    const std::size_t end = path_template.find('}');
    const std::string name(path_template.substr(brace + 1, end - brace - 1));
    path_template.remove_prefix(end + 1);
    path.remove_prefix(brace);
    const std::size_t length = std::min(path.find('/'), path.size());
    std::optional<std::string> value = percent_decoded(path.substr(0, length), Plus::kIsPlus);
    if (!value || value->empty()) return std::nullopt;
    values[name] = *std::move(value);
    path.remove_prefix(length);
  }
}

}  // namespace

struct Api::Table {
  Table(Commands& its_commands, const EventHub& its_events, ApiParts its_parts)
      : commands(its_commands), events(its_events), parts(std::move(its_parts)) {}

  // The operations of a path; all match it by the same names, so the values are of any of them.
  struct Found {
    std::vector<const Operation*> operations;
    PathValues values;
  };
  Found find(const std::string& path) const {
    Found found;
    for (const Operation& operation : operations)
      if (std::optional<PathValues> values = match(operation.path, path)) {
        found.operations.push_back(&operation);
        found.values = *std::move(values);
      }
    return found;
  }
  // The one that answers the method.
  static const Operation* of_method(const Found& found, std::string_view method) {
    for (const Operation* operation : found.operations)
      if (operation->method == method || operation->input == Input::kUnchecked) return operation;
    return nullptr;
  }

  Commands& commands;
  const EventHub& events;
  const ApiParts parts;
  const std::vector<Operation> operations = make_operations();
  const std::string document = to_text(openapi_document(operations)) + "\n";
};

Api::Api(Commands& commands, const EventHub& events, ApiParts parts)
    : table_(std::make_unique<Table>(commands, events, std::move(parts))) {}
Api::~Api() = default;

HttpResponse Api::handle(const HttpRequest& request) const {
  const Table::Found found = table_->find(request.path);
  HttpResponse response;
  if (const Operation* operation = Table::of_method(found, request.method)) {
    const OperationContext context{table_->commands, table_->events, table_->parts, table_->document};
    if (operation->input == Input::kUnchecked) return operation->run(context, request, {});
    Checked checked = check_request(*operation, request, found.values);
    response = checked.refusal ? *std::move(checked.refusal) : operation->run(context, request, checked.arguments);
  } else if (!found.operations.empty()) {
    std::string allowed;
    for (const Operation* other : found.operations)
      allowed += (allowed.empty() ? "" : ", ") + std::string(other->method == "GET" ? "GET, HEAD" : other->method);
    response = problem(405, "allowed: " + allowed);
    response.headers.emplace_back("Allow", allowed);
  } else if (std::optional<HttpResponse> file = console_answer(table_->parts.console, request)) {
    return *std::move(file);
  } else {
    response = problem(404, "nothing is here; /api/v1/openapi.json says what there is");
  }
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return response;
}

int Api::lane(const HttpRequest& request) const {
  const Operation* operation = Table::of_method(table_->find(request.path), request.method);
  if (operation == nullptr) return 0;
  // What it wants forecast waits in a queue of its own; only to read a large request takes long.
  if (operation->lane == Lane::kForecasting && request.body.size() <= kQuickBody) return 0;
  return static_cast<int>(operation->lane);
}

}  // namespace tidecast
