// event: how a record becomes an event.
#include "app/definition_parts.h"
#include "stream/event_time_reader.h"

namespace tidecast {
namespace {

constexpr Milliseconds kLongest = 24h * 3650;

TimeFormat read_time_format(const ValueMap& map) {
  TimeFormat out;
  const Value unit = map["unit"], zone = map["zone"];
  if (unit.is(YamlNode::Kind::kScalar) && unit.node().text.find('%') != std::string::npos) {
    out.unit = TimeUnit::kFormat;
    out.format = unit.node().text;
    set(out.zone, zone.text("UTC, an offset like +03:00, or a name like America/New_York"));
    if (const Status status = TimeParser::compile(out).status(); !status.ok())
      (zone && status.message().find("zone") != std::string::npos ? zone : unit)
          .error(status.message(),
                 "strptime's %Y-%m-%d %H:%M:%S and the like, %E*S with a fraction, %z; zones by name");
    return out;
  }
  if (zone) zone.error("belongs to a unit with % in it", "no key: these times say their zone themselves");
  static constexpr TimeUnit kUnits[] = {TimeUnit::kSeconds, TimeUnit::kMilliseconds, TimeUnit::kMicroseconds,
                                        TimeUnit::kNanoseconds, TimeUnit::kRfc3339};
  if (const auto index = unit.word({.what = "time unit",
                                    .words = {"s", "ms", "us", "ns", "rfc3339"},
                                    .synonyms = {{"sec", "s"},
                                                 {"second", "s"},
                                                 {"seconds", "s"},
                                                 {"millis", "ms"},
                                                 {"milliseconds", "ms"},
                                                 {"microseconds", "us"},
                                                 {"nanoseconds", "ns"},
                                                 {"iso8601", "rfc3339"},
                                                 {"iso", "rfc3339"},
                                                 {"ISO8601", "rfc3339"}}}))
    out.unit = kUnits[*index];
  return out;
}

std::optional<ArrivalMapping> read_time(const Value& time, EventMapping& out) {
  const ValueMap map = time.map({.required = {"from", "unit"}, .optional = {"zone", "arrival"}});
  set(out.time_pointer, map["from"].field_pointer());
  out.time = read_time_format(map);
  const Value arrival = map["arrival"];
  if (!arrival) return std::nullopt;
  const ValueMap parts = arrival.map({.required = {"from", "unit"}, .optional = {"zone"}});
  ArrivalMapping mapping;
  set(mapping.pointer, parts["from"].field_pointer());
  mapping.time = read_time_format(parts);
  return mapping;
}

// What `parts` lists, with '*' for every element of an array.
std::vector<std::string> read_pointers(const Value& list) {
  std::vector<std::string> out;
  if (list.is(YamlNode::Kind::kList)) {
    for (const Value& item : list.items())
      if (const auto pointer = item.pointer()) out.push_back(*pointer);
  } else if (const auto pointer = list.pointer()) {
    out.push_back(*pointer);
  }
  return out;
}

EventField read_field(const Value& key, const Value& value) {
  EventField field;
  field.name = key.node().text;  // A wrong one too: aggregates of it are not wrong once more.
  key.name();
  const ValueMap map = value.map({.required = {"from", "type"}, .optional = {"unit", "optional", "if_missing"}});
  set(field.pointer, map["from"].field_pointer());
  static constexpr FieldType kTypes[] = {FieldType::kInteger, FieldType::kNumber, FieldType::kText,
                                         FieldType::kBoolean};
  if (const auto index = map["type"].word({.what = "field type",
                                           .words = {"integer", "number", "text", "boolean"},
                                           .synonyms = {{"long", "integer"},
                                                        {"bigint", "integer"},
                                                        {"float", "number"},
                                                        {"double", "number"},
                                                        {"real", "number"},
                                                        {"decimal", "number"},
                                                        {"string", "text"},
                                                        {"str", "text"}}}))
    field.type = kTypes[*index];
  set(field.unit, map["unit"].text("a word like satoshi"));
  set(field.optional, map["optional"].boolean());
  if (const Value missing = map["if_missing"]) {
    const ValueMap parts = missing.map({.required = {"plus"}, .optional = {"minus"}});
    field.else_plus = read_pointers(parts["plus"]);
    field.else_minus = read_pointers(parts["minus"]);
    if (field.type != FieldType::kInteger && field.type != FieldType::kNumber)
      missing.error(fmt::format("a {} is no sum", name_of(field.type)), "integer or number");
  }
  return field;
}

// A duration, or the word for none at all.
std::optional<Milliseconds> read_limit(const Value& value, std::string_view none, std::optional<Milliseconds> usual) {
  if (!value) return usual;
  if (value.is_word(none)) return std::nullopt;
  return value.duration(1s, kLongest, none);
}

// One value, or a list of them, that the record must have there.
EventMatch read_match(const Value& key, const Value& value) {
  EventMatch match;
  set(match.pointer, key.field_pointer());
  constexpr std::string_view kAllowed = "a text, a number, true, false, null, or a list of these";
  if (value.is(YamlNode::Kind::kList)) {
    for (const Value& item : value.items())
      if (const auto text = item.text(kAllowed)) match.values.push_back(*text);
    if (match.values.empty()) value.error("the list is empty", std::string(kAllowed));
  } else if (const auto text = value.text(kAllowed)) {
    match.values.push_back(*text);
  }
  return match;
}

const std::vector<std::string_view> kEventKeys = {"id", "fields", "deduplicate_for", "max_ahead", "max_behind"};

// Of the keys that a mapping has whether it is the only one or not.
std::optional<ArrivalMapping> read_mapping(const ValueMap& map, EventMapping& out) {
  const Value id = map["id"];
  if (id.is(YamlNode::Kind::kList)) {
    if (id.items().empty())
      id.error("the list is empty", "a JSON Pointer like /hash, or a list of them; no key: no de-duplication");
    for (const Value& item : id.items())
      if (const auto pointer = item.field_pointer()) out.id.push_back(*pointer);
  } else if (const auto pointer = id.field_pointer()) {
    out.id.push_back(*pointer);
  }
  std::optional<ArrivalMapping> arrival = read_time(map["time"], out);
  if (const Value fields = map["fields"])
    for (const auto& [key, value] : fields.entries()) {
      EventField field = read_field(key, value);
      for (const EventField& other : out.fields)
        if (other.name != field.name && as_sql_name(other.name) == as_sql_name(field.name))
          key.error(fmt::format("'{}' and '{}' are one name in SQL", other.name, field.name), "a name of its own");
      out.fields.push_back(std::move(field));
    }

  const Value deduplicate_for = map["deduplicate_for"];
  if (deduplicate_for && !id)
    deduplicate_for.error("without event.id nothing is de-duplicated", "an id beside it, or no such key");
  if (id) out.deduplicate_for = read_limit(deduplicate_for, "forever", 3h);
  out.max_ahead = read_limit(map["max_ahead"], "off", 10min);
  out.max_behind = read_limit(map["max_behind"], "off", std::nullopt);
  return arrival;
}

// The indexes of the sources that are named.
std::vector<std::size_t> read_from(const Value& from, const std::vector<SourceDefinition>& sources) {
  std::vector<std::string_view> names;
  for (const SourceDefinition& source : sources) names.push_back(source.name);
  std::vector<std::size_t> out;
  const auto add = [&](const Value& name) {
    if (const auto index = name.word({.what = "source", .words = names})) out.push_back(*index);
  };
  if (from.is(YamlNode::Kind::kList))
    for (const Value& item : from.items()) add(item);
  else
    add(from);
  return out;
}

}  // namespace

ReadEvents read_events(const Value& event, const Value& events, const std::vector<SourceDefinition>& sources) {
  ReadEvents out;
  if (event || !events) {
    if (events) events.error("beside 'event' there is no 'events'", "one of the two");
    EventMapping only;
    const ValueMap map =
        event.map({.required = {"time"},
                   .optional = kEventKeys,
                   .refused = {{"when", "belongs to events, a list", "events: [{ name: ..., when: ... }, ...]"},
                               {"name", "belongs to events, a list", "no key: there is one event"}}});
    out.arrivals.push_back(read_mapping(map, only));
    out.events.push_back(std::move(only));
    return out;
  }
  const std::vector<Value> items = events.items();
  if (items.empty() && events.is(YamlNode::Kind::kList)) events.error("the list is empty", "one event at least");
  for (const Value& item : items) {
    EventMapping mapping;
    Keys keys{.required = {"name", "time"}, .optional = {"when", "from"}};
    keys.optional.insert(keys.optional.end(), kEventKeys.begin(), kEventKeys.end());
    const ValueMap map = item.map(keys);
    const Value name = map["name"];
    set(mapping.name, name.name());
    for (const EventMapping& other : out.events)
      if (!mapping.name.empty() && other.name == mapping.name)
        name.error(fmt::format("two events are named '{}'", other.name), "a name of its own");
    if (const Value when = map["when"])
      for (const auto& [key, value] : when.entries()) mapping.when.push_back(read_match(key, value));
    if (const Value from = map["from"]) mapping.sources = read_from(from, sources);
    std::optional<ArrivalMapping> arrival = read_mapping(map, mapping);
    if (!mapping.id.empty())
      for (const EventMapping& other : out.events)
        if (!other.id.empty() && other.deduplicate_for != mapping.deduplicate_for) {
          const Value given = map["deduplicate_for"];
          (given ? given : item)
              .error(fmt::format("deduplicate_for of event '{}' is another one than that of '{}'", mapping.name,
                                 other.name),
                     "the same for all events: ids of all are remembered together");
          break;
        }
    out.arrivals.push_back(std::move(arrival));
    out.events.push_back(std::move(mapping));
  }
  if (out.events.empty()) out.events.emplace_back(), out.arrivals.emplace_back();
  return out;
}

}  // namespace tidecast
