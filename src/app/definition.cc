#include "app/definition.h"

#include <algorithm>

#include "app/definition_parts.h"
#include "storage/file.h"

namespace tidecast {
namespace {

bool any_id(const Value& event, const Value& events) {
  if (event.find("id")) return true;
  if (!events.is(YamlNode::Kind::kList)) return false;
  const std::vector<Value> items = events.items();
  return std::any_of(items.begin(), items.end(), [](const Value& item) { return bool(item.find("id")); });
}

Definition read(const YamlNode& root, const std::filesystem::path& file, DefinitionErrorList& errors) {
  Definition out;
  const std::filesystem::path folder = file.parent_path();
  const ValueMap map = Value(root, "", errors)
                           .map({
                               .required = {"project", "sources", "features"},
                               .optional = {"event", "events", "data", "forecast", "validation", "deployment",
                                            "monitoring", "server", "notify"},
                               .synonyms = {{"source", "sources"}, {"groups", "features"}},
                           });
  set(out.project, map["project"].name(/*dashes=*/true));
  std::string data = "tidecast-data";
  set(data, map["data"].text("a path of a folder"));
  out.data = (folder / data).lexically_normal();
  const Value event = map["event"], events = map["events"];
  out.sources = read_sources(map["sources"], folder, any_id(event, events) ? EventId::kGiven : EventId::kNone);
  ReadEvents read = read_events(event, events, out.sources);
  out.events = std::move(read.events);
  out.arrivals = std::move(read.arrivals);
  const bool known = event.is(YamlNode::Kind::kMap) || events.is(YamlNode::Kind::kList);
  if (root.kind == YamlNode::Kind::kMap && !event && !events && !map.misspelt("event") && !map.misspelt("events"))
    Value(root, "", errors).error("'event' is missing", "event: how a record becomes an event, or events: a list");
  ReadGroups features = read_features(map["features"], out.events, known);
  out.forecast = read_forecast(map["forecast"], features, folder);
  out.groups = std::move(features.groups);
  out.keep = std::move(features.keep);
  out.keep_raw = features.keep_raw;
  out.validation = read_validation(map["validation"]);
  out.deployment = read_deployment(map["deployment"]);
  out.monitoring = read_monitoring(map["monitoring"]);
  if (!out.forecast && !map.misspelt("forecast"))
    for (const std::string_view key : {"validation", "deployment", "monitoring"})
      map[key].error("there is no forecast that it could be about", "forecast: beside it, or no such key");
  out.server = read_server(map["server"]);
  map["notify"].only_empty_list();
  return out;
}

}  // namespace

Result<Definition> parse_definition(std::string text, const std::filesystem::path& file,
                                    std::vector<DefinitionError>* errors) {
  std::string_view content = text;
  if (content.starts_with("\xef\xbb\xbf")) content.remove_prefix(3);  // The mark that some editors put before UTF-8.
  DefinitionErrorList found(content);
  YamlNode root;
  Definition definition;
  if (const auto error = parse_yaml(content, root))
    found.add({error->place, 1}, "", error->message, error->advice);
  else if (root.kind == YamlNode::Kind::kNull)
    found.add({{}, 1}, "", "the file is empty", "project, sources, event, features, ...");
  else
    definition = read(root, file, found);

  const std::vector<DefinitionError> all = found.take();
  if (errors != nullptr) *errors = all;
  if (!all.empty()) return Status(Code::kInvalidArgument, to_text(all, file.string()));
  definition.file = file;
  definition.text = std::move(text);
  return definition;
}

Result<Definition> load_definition(const std::filesystem::path& file, std::vector<DefinitionError>* errors) {
  return parse_definition(TRY(read_file(file)), file, errors);
}

}  // namespace tidecast
