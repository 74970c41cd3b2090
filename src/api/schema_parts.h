#pragma once
// JSON Schemas (2020-12, as OpenAPI 3.1 uses them), put together from few parts.  Private to this room.

#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"

namespace tidecast::schema {

inline json::object typed(std::string_view type, std::string_view description) {
  json::object schema{{"type", type}};
  if (!description.empty()) schema["description"] = description;
  return schema;
}
inline json::object text(std::string_view description) { return typed("string", description); }
inline json::object boolean(std::string_view description) { return typed("boolean", description); }
inline json::object number(std::string_view description) { return typed("number", description); }
inline json::object integer(std::string_view description,
                            std::int64_t least = std::numeric_limits<std::int64_t>::min()) {
  json::object schema = typed("integer", description);
  if (least != std::numeric_limits<std::int64_t>::min()) schema["minimum"] = least;
  return schema;
}
inline json::object count(std::string_view description) { return integer(description, 0); }
// RFC 3339, UTC.
inline json::object time(std::string_view description) {
  json::object schema = typed("string", description);
  schema["format"] = "date-time";
  return schema;
}
inline json::object one_of(std::string_view description, std::initializer_list<std::string_view> values) {
  json::object schema = typed("string", description);
  json::array list;
  for (const std::string_view value : values) list.emplace_back(value);
  schema["enum"] = std::move(list);
  return schema;
}
inline json::object list_of(json::object items, std::string_view description) {
  json::object schema = typed("array", description);
  schema["items"] = std::move(items);
  return schema;
}
// Any names, all with values of one schema.
inline json::object map_of(json::object values, std::string_view description) {
  json::object schema = typed("object", description);
  schema["additionalProperties"] = std::move(values);
  return schema;
}
inline json::object ref(std::string_view name) { return {{"$ref", "#/components/schemas/" + std::string(name)}}; }

// The same, or null.
inline json::object nullable(json::object schema) {
  if (json::value* type = schema.if_contains("type")) {
    json::array types;
    types.push_back(*type);
    types.emplace_back("null");
    *type = std::move(types);
    if (json::value* values = schema.if_contains("enum")) values->as_array().emplace_back(nullptr);
    return schema;
  }
  json::array choices;
  choices.emplace_back(std::move(schema));
  choices.emplace_back(json::object{{"type", "null"}});
  return {{"anyOf", std::move(choices)}};
}

// What becomes of a training run.
inline json::object outcome(std::string_view description) {
  return one_of(description,
                {"running", "succeeded", "rejected_by_gate", "skipped_insufficient_data", "failed", "cancelled"});
}

struct Member {
  std::string_view name;
  json::object schema;
  bool required = true;
};
inline Member optional(std::string_view name, json::object schema) { return {name, std::move(schema), false}; }

// No other members are allowed; `others` adds names whose values are of that schema.
inline json::object object(std::string_view description, std::initializer_list<Member> members,
                           json::value others = false) {
  json::object schema = typed("object", description), properties;
  json::array required;
  for (const Member& member : members) {
    properties[member.name] = member.schema;
    if (member.required) required.emplace_back(member.name);
  }
  schema["properties"] = std::move(properties);
  if (!required.empty()) schema["required"] = std::move(required);
  schema["additionalProperties"] = std::move(others);
  return schema;
}

}  // namespace tidecast::schema
