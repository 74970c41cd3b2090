// event: how a record becomes an event.
#include "app/definition_parts.h"

namespace tidecast {
namespace {

constexpr Milliseconds kLongest = 24h * 3650;

void read_time(const Value& time, EventMapping& out) {
  const ValueMap map = time.map({.required = {"from", "unit"}});
  set(out.time_pointer, map["from"].pointer());
  const Value unit = map["unit"];
  if (unit.is(YamlNode::Kind::kScalar) && unit.node().text.find('%') != std::string::npos)
    return unit.error("a strftime format is not in this version", "s, ms, us, ns, rfc3339");
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
    out.time.unit = kUnits[*index];
}

EventField read_field(const Value& key, const Value& value) {
  EventField field;
  field.name = key.node().text;  // A wrong one too: aggregates of it are not wrong once more.
  key.name();
  const ValueMap map = value.map({.required = {"from", "type"}, .optional = {"unit", "optional"}});
  set(field.pointer, map["from"].pointer());
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
  return field;
}

// A duration, or the word for none at all.
std::optional<Milliseconds> read_limit(const Value& value, std::string_view none, std::optional<Milliseconds> usual) {
  if (!value) return usual;
  if (value.is_word(none)) return std::nullopt;
  return value.duration(1s, kLongest, none);
}

}  // namespace

EventMapping read_event(const Value& event) {
  EventMapping out;
  const ValueMap map =
      event.map({.required = {"time"}, .optional = {"id", "fields", "deduplicate_for", "max_ahead", "max_behind"}});
  const Value id = map["id"];
  if (id.is(YamlNode::Kind::kList)) {
    if (id.items().empty())
      id.error("the list is empty", "a JSON Pointer like /hash, or a list of them; no key: no de-duplication");
    for (const Value& item : id.items())
      if (const auto pointer = item.pointer()) out.id.push_back(*pointer);
  } else if (const auto pointer = id.pointer()) {
    out.id.push_back(*pointer);
  }
  read_time(map["time"], out);
  if (const Value fields = map["fields"])
    for (const auto& [key, value] : fields.entries()) out.fields.push_back(read_field(key, value));

  const Value deduplicate_for = map["deduplicate_for"];
  if (deduplicate_for && !id)
    deduplicate_for.error("without event.id nothing is de-duplicated", "an id beside it, or no such key");
  if (id) out.deduplicate_for = read_limit(deduplicate_for, "forever", 3h);
  out.max_ahead = read_limit(map["max_ahead"], "off", 10min);
  out.max_behind = read_limit(map["max_behind"], "off", std::nullopt);
  return out;
}

}  // namespace tidecast
