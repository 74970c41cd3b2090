#include "api/arguments.h"

#include <algorithm>
#include <charconv>

#include "api/operations.h"
#include "base/ascii.h"
#include "base/time.h"
#include "net/problem.h"

namespace tidecast {
namespace {

constexpr std::size_t kFoundMax = 100;  // Bytes of what was found that are repeated.

std::string_view type_of(const json::object& schema) { return schema.at("type").as_string(); }

std::string bounds_text(const json::object& schema, const char* least, const char* most) {
  const json::value* low = schema.if_contains(least);
  const json::value* high = schema.if_contains(most);
  if (low && high) return fmt::format("{} to {}", to_text(*low), to_text(*high));
  if (low) return fmt::format("{} or more", to_text(*low));
  return high ? fmt::format("up to {}", to_text(*high)) : "";
}

// What a schema allows, for people.
std::string allowed_by(const json::object& schema) {
  if (const json::value* values = schema.if_contains("enum")) {
    std::string text;
    for (const json::value& value : values->as_array())
      text += (text.empty() ? "" : ", ") + std::string(value.as_string());
    return text;
  }
  const std::string_view type = type_of(schema);
  if (type == "integer") {
    const std::string bounds = bounds_text(schema, "minimum", "maximum");
    return bounds.empty() ? "an integer" : "an integer, " + bounds;
  }
  if (type == "object" || (type == "array" && type_of(schema.at("items").as_object()) == "object"))
    return fmt::format("{} as the OpenAPI document says", type == "object" ? "an object" : "a list of objects");
  if (type == "array" && type_of(schema.at("items").as_object()) != "number")
    return fmt::format("a list of {} {}", bounds_text(schema, "minItems", "maxItems"),
                       type_of(schema.at("items").as_object()) == "integer" ? "integers" : "texts");
  if (type == "array")
    return fmt::format("{} numbers above 0 and below 1, joined by commas", bounds_text(schema, "minItems", "maxItems"));
  if (schema.contains("format")) return "a time as 2026-05-06T12:00:00Z, or a date";
  const std::string bounds = bounds_text(schema, "minLength", "maxLength");
  return bounds.empty() ? "text" : "text of " + bounds + " characters";
}

bool is_within(const json::object& schema, double value) {
  const auto bound = [&](const char* name, double fallback) {
    const json::value* found = schema.if_contains(name);
    return found ? found->to_number<double>() : fallback;
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return value >= bound("minimum", -kInfinity) && value <= bound("maximum", kInfinity) &&
         value > bound("exclusiveMinimum", -kInfinity) && value < bound("exclusiveMaximum", kInfinity);
}

bool has_size(const json::object& schema, std::size_t size, const char* least, const char* most) {
  const json::value* low = schema.if_contains(least);
  const json::value* high = schema.if_contains(most);
  return (!low || size >= low->to_number<std::size_t>()) && (!high || size <= high->to_number<std::size_t>());
}

// Only what the table uses: the types string, integer, number, array of them and object of all these.
bool conforms(const json::object& schema, const json::value& value) {
  const std::string_view type = type_of(schema);
  if (type == "integer") return value.is_int64() && is_within(schema, static_cast<double>(value.get_int64()));
  if (type == "number") return value.is_number() && is_within(schema, value.to_number<double>());
  if (type == "array") {
    if (!value.is_array() || !has_size(schema, value.get_array().size(), "minItems", "maxItems")) return false;
    const json::object& items = schema.at("items").as_object();
    return std::ranges::all_of(value.get_array(), [&](const json::value& item) { return conforms(items, item); });
  }
  if (type == "object") {
    if (!value.is_object()) return false;
    const json::value* members = schema.if_contains("properties");
    const json::value* others = schema.if_contains("additionalProperties");
    for (const auto& [name, member] : value.get_object()) {
      const json::value* of = members ? members->as_object().if_contains(name) : nullptr;
      if (of == nullptr) of = others;
      if (of == nullptr || !of->is_object() || !conforms(of->get_object(), member)) return false;
    }
    const json::value* required = schema.if_contains("required");
    return !required || std::ranges::all_of(required->as_array(), [&](const json::value& name) {
      return value.get_object().contains(name.as_string());
    });
  }
  if (!value.is_string()) return false;
  const std::string_view text = value.get_string();
  if (const json::value* values = schema.if_contains("enum"))
    return std::ranges::any_of(values->as_array(), [&](const json::value& one) { return one.as_string() == text; });
  if (schema.contains("format") && !parse_rfc3339(text).ok()) return false;
  return has_size(schema, text.size(), "minLength", "maxLength");
}

// JSON, and so every answer that repeats it, is UTF-8; without overlong forms and surrogates (RFC 3629).
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(i + k < text.size() ? text[i + k] : 0); };
    const unsigned char first = byte(0), second = byte(1);
    std::size_t length = 1;
    if (first >= 0x80) {
      if (first < 0xC2 || first > 0xF4) return false;
      length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
      const unsigned char least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
      const unsigned char most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
      if (second < least || second > most) return false;
      for (std::size_t k = 2; k < length; ++k)
        if (byte(k) < 0x80 || byte(k) > 0xBF) return false;
    }
    i += length;
  }
  return true;
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// A parameter's text as a value of the schema's type; null, which conforms to nothing, if it is none.
json::value value_of(const json::object& schema, const std::string& text) {
  const std::string_view type = type_of(schema);
  if (type == "integer") {
    const auto number = number_of<std::int64_t>(text);
    return number ? json::value(*number) : json::value(nullptr);
  }
  if (type != "array") return json::value(text);
  json::array list;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const auto number = number_of<double>(std::string_view(text).substr(begin, end - begin));
    if (!number) return nullptr;
    list.emplace_back(*number);
    begin = end + 1;
  }
  return list;
}

HttpResponse refused(const std::string& where, std::string found, const std::string& allowed) {
  if (!is_utf8(found)) found = "bytes that are no UTF-8";
  if (found.size() > kFoundMax) {
    found.resize(kFoundMax);
    while (!found.empty() && (found.back() & 0xC0) == 0x80) found.pop_back();  // Not in the middle of a character.
    if (!found.empty() && (found.back() & 0x80)) found.pop_back();
    found += "...";
  }
  return problem(400, fmt::format("{}: found {}, allowed: {}", where, found, allowed),
                 {{"where", where}, {"found", found}, {"allowed", allowed}});
}

std::string quoted(std::string_view text) { return fmt::format("'{}'", text); }

std::string list_or(const std::vector<std::string>& names, std::string_view none) {
  return names.empty() ? std::string(none) : fmt::format("{}", fmt::join(names, ", "));
}

// A name that stands there twice, or an escape that is none, is an error too.
std::optional<HttpResponse> read_query(const std::string& query, std::map<std::string, std::string>& values) {
  for (std::size_t begin = 0; begin < query.size();) {
    const std::size_t end = std::min(query.find('&', begin), query.size());
    const std::string_view pair = std::string_view(query).substr(begin, end - begin);
    begin = end + 1;
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const auto name = percent_decoded(pair.substr(0, equals), Plus::kIsSpace);
    const auto value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())), Plus::kIsSpace);
    if (!name || !value) return refused("the query", quoted(pair), "UTF-8, with % before two hexadecimal digits only");
    if (!values.emplace(*name, *value).second) return refused("?" + *name, "it twice", "once");
  }
  return std::nullopt;
}

// curl sends "application/x-www-form-urlencoded" with -d unless told otherwise; its users need not tell it.  Pages of
// other origins, which could send that too, have been refused before (net/http.h).
bool is_json_type(std::string_view type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  std::string name(type);
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return name.empty() || name == "application/json" || name == "application/x-www-form-urlencoded";
}

std::optional<HttpResponse> read_body(const json::object& schema, const HttpRequest& request, json::object& values) {
  const auto type = request.headers.find("content-type");
  if (type != request.headers.end() && !is_json_type(type->second))
    return problem(415, fmt::format("Content-Type: found '{}', allowed: application/json",
                                    is_utf8(type->second) ? type->second : "no text"));
  const json::object& properties = schema.at("properties").as_object();
  std::vector<std::string> names;
  for (const auto& [name, property] : properties) names.emplace_back(name);
  const std::string members = list_or(names, "none");
  if (request.body.empty()) return refused("the body", "nothing", "a JSON object with the members " + members);
  const Result<json::value> body = parse_json(request.body);
  if (!body.ok()) return refused("the body", "no JSON (" + body.message() + ")", "a JSON object");
  if (!body->is_object()) return refused("the body", to_text(*body), "a JSON object with the members " + members);
  for (const auto& [name, value] : body->get_object()) {
    const std::string where = "/" + std::string(name);
    const json::value* property = properties.if_contains(name);
    if (!property) return refused(where, "this member", "the members " + members);
    if (!conforms(property->as_object(), value))
      return refused(where, to_text(value), allowed_by(property->as_object()));
    values[name] = value;
  }
  if (const json::value* required = schema.if_contains("required"))
    for (const json::value& name : required->as_array())
      if (!values.contains(name.as_string()))
        return refused("/" + std::string(name.as_string()), "nothing",
                       allowed_by(properties.at(name.as_string()).as_object()));
  return std::nullopt;
}

void fill_default(const json::object& schema, std::string_view name, json::object& values) {
  const json::value* fallback = schema.if_contains("default");
  if (fallback && !values.contains(name)) values[name] = *fallback;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

std::string Arguments::text(std::string_view name) const {
  const json::value* value = values_.if_contains(name);
  return value ? std::string(value->as_string()) : "";
}

std::vector<double> Arguments::numbers(std::string_view name) const {
  std::vector<double> list;
  if (const json::value* value = values_.if_contains(name))
    for (const json::value& number : value->as_array()) list.push_back(number.to_number<double>());
  return list;
}

std::optional<std::string> percent_decoded(std::string_view text, Plus plus) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i] == '+' && plus == Plus::kIsSpace ? ' ' : text[i];
    }
  }
  return is_utf8(out) ? std::optional(std::move(out)) : std::nullopt;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Checked check_request(const Operation& operation, const HttpRequest& request,
                      const std::map<std::string, std::string>& path_values) {
  Checked checked;
  json::object& values = checked.arguments.values();
  std::map<std::string, std::string> query;
  if ((checked.refusal = read_query(request.query, query))) return checked;
  std::vector<std::string> names;
  for (const Parameter& parameter : operation.parameters) {
    const std::string name(parameter.name);
    std::string where;
    const std::string* text = nullptr;
    const auto take = [&](const std::map<std::string, std::string>& from, const std::string& key) {
      if (const auto found = from.find(key); found != from.end()) text = &found->second;
    };
    switch (parameter.in) {
      case In::kPath: where = "{" + name + "}", take(path_values, name); break;
      case In::kHeader: where = name, take(request.headers, lower(name)); break;
      case In::kQuery: where = "?" + name, take(query, name), names.push_back(name); break;
    }
    if (!text) {
      fill_default(parameter.schema, parameter.name, values);
      continue;
    }
    json::value value = value_of(parameter.schema, *text);
    if (!conforms(parameter.schema, value)) {
      checked.refusal = refused(where, quoted(*text), allowed_by(parameter.schema));
      return checked;
    }
    values[parameter.name] = std::move(value);
  }
  for (const auto& [name, value] : query)
    if (std::ranges::find(names, name) == names.end()) {
      checked.refusal = refused("?" + name, "this parameter", list_or(names, "no parameters"));
      return checked;
    }
  if (operation.body.empty()) return checked;
  if ((checked.refusal = read_body(operation.body, request, values))) return checked;
  for (const auto& [name, property] : operation.body.at("properties").as_object())
    fill_default(property.as_object(), name, values);
  return checked;
}

}  // namespace tidecast
