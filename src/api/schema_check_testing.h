#pragma once
// For tests: whether JSON is as a JSON Schema says, and whether an OpenAPI document holds together.  Knows the keywords
// that we use; any other in a schema is an error too, so that nothing is silently left unchecked.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace tidecast {

class SchemaCheck {
 public:
  // `document`: what "#/..." refers to.
  explicit SchemaCheck(const json::value& document) : document_(document) {}

  // "/stages/0/state: \"x\" is not in [...]"; empty: the value conforms.
  std::vector<std::string> errors(const json::value& value, const json::object& schema) {
    errors_.clear();
    check(value, schema, "");
    return errors_;
  }

  // Of an answer to `method` ("GET") and `path` ("/api/v1/runs/2", without a query) with this status.
  std::vector<std::string> answer_errors(const std::string& method, const std::string& path, int status,
                                         const json::value& body) {
    std::string key = method;
    for (char& c : key) c = static_cast<char>(c | 0x20);
    for (const auto& [path_template, item] : document_.at("paths").as_object()) {
      const json::value* operation = item.as_object().if_contains(key);
      if (!operation || !is_of(path_template, path)) continue;
      const json::object& responses = operation->at("responses").as_object();
      const json::value* response = responses.if_contains(std::to_string(status));
      if (!response) return {"status " + std::to_string(status) + " is not among the operation's"};
      return errors(body, response->at("content").as_object().begin()->value().at("schema").as_object());
    }
    return {method + " " + path + " is no operation"};
  }

  static bool is_operation(std::string_view path_template, std::string_view path) { return is_of(path_template, path); }

 private:
  static bool is_of(std::string_view path_template, std::string_view path) {
    while (!path_template.empty() && !path.empty()) {
      if (path_template.front() == '{') {
        path_template.remove_prefix(path_template.find('}') + 1);
        path.remove_prefix(std::min(path.find('/'), path.size()));
      } else if (path_template.front() != path.front()) {
        return false;
      } else {
        path_template.remove_prefix(1);
        path.remove_prefix(1);
      }
    }
    return path_template.empty() && path.empty();
  }

  static bool is_of_type(const json::value& value, std::string_view type) {
    if (type == "null") return value.is_null();
    if (type == "boolean") return value.is_bool();
    if (type == "string") return value.is_string();
    if (type == "array") return value.is_array();
    if (type == "object") return value.is_object();
    if (type == "integer") return value.is_int64() || value.is_uint64();
    return type == "number" && value.is_number();
  }

  void complain(const std::string& where, const std::string& what) {
    errors_.push_back((where.empty() ? "/" : where) + ": " + what);
  }

  void check(const json::value& value, const json::object& schema, const std::string& where) {
    for (const auto& [keyword, rule] : schema) check(value, schema, keyword, rule, where);
  }

  void check(const json::value& value, const json::object& schema, std::string_view keyword, const json::value& rule,
             const std::string& where) {
    const double number = value.is_number() ? value.to_number<double>() : 0;
    const auto bounded = [&](bool applies, bool holds) {
      if (applies && !holds)
        complain(where, to_text(value) + " is beyond " + std::string(keyword) + " " + to_text(rule));
    };
    const auto limit = [&] { return rule.to_number<double>(); };
    const auto size = [&] {
      return static_cast<double>(value.is_string()  ? value.get_string().size()
                                 : value.is_array() ? value.get_array().size()
                                                    : 0);
    };
    if (keyword == "type") {
      const json::array types = rule.is_array() ? rule.get_array() : json::array{rule};
      if (std::ranges::none_of(types, [&](const json::value& type) { return is_of_type(value, type.as_string()); }))
        complain(where, to_text(value).substr(0, 100) + " is not of type " + to_text(rule));
    } else if (keyword == "enum") {
      if (std::ranges::find(rule.as_array(), value) == rule.as_array().end())
        complain(where, to_text(value) + " is not in " + to_text(rule));
    } else if (keyword == "$ref") {
      check(value, resolve(rule.as_string()), where);
    } else if (keyword == "anyOf") {
      if (std::ranges::none_of(rule.as_array(), [&](const json::value& choice) {
            return SchemaCheck(document_).errors(value, choice.as_object()).empty();
          }))
        complain(where, "is none of the choices: " + to_text(value).substr(0, 100));
    } else if (keyword == "required") {
      if (!value.is_object()) return;
      for (const json::value& name : rule.as_array())
        if (!value.get_object().contains(name.as_string()))
          complain(where, std::string(name.as_string()) + " is missing");
    } else if (keyword == "properties" || keyword == "additionalProperties") {
      if (value.is_object()) check_members(value.get_object(), schema, keyword, rule, where);
    } else if (keyword == "items") {
      if (!value.is_array()) return;
      for (std::size_t i = 0; i < value.get_array().size(); ++i)
        check(value.get_array()[i], rule.as_object(), where + "/" + std::to_string(i));
    } else if (keyword == "minimum") {
      bounded(value.is_number(), number >= limit());
    } else if (keyword == "maximum") {
      bounded(value.is_number(), number <= limit());
    } else if (keyword == "exclusiveMinimum") {
      bounded(value.is_number(), number > limit());
    } else if (keyword == "exclusiveMaximum") {
      bounded(value.is_number(), number < limit());
    } else if (keyword == "minLength") {
      bounded(value.is_string(), size() >= limit());
    } else if (keyword == "maxLength") {
      bounded(value.is_string(), size() <= limit());
    } else if (keyword == "minItems") {
      bounded(value.is_array(), size() >= limit());
    } else if (keyword == "maxItems") {
      bounded(value.is_array(), size() <= limit());
    } else if (keyword == "format") {
      if (!value.is_string()) return;
      const auto time = parse_rfc3339(std::string_view(value.get_string()));
      if (!time.ok() || to_rfc3339(*time) != value.get_string())
        complain(where, to_text(value) + " is not a time as we write it, 2026-05-06T12:00:00Z");
    } else if (keyword != "description" && keyword != "default") {
      complain(where, "the schema has a keyword that is not known here: " + std::string(keyword));
    }
  }

  void check_members(const json::object& value, const json::object& schema, std::string_view keyword,
                     const json::value& rule, const std::string& where) {
    const json::value* properties = schema.if_contains("properties");
    for (const auto& [name, member] : value) {
      const json::value* property = properties ? properties->as_object().if_contains(name) : nullptr;
      const std::string there = where + "/" + std::string(name);
      if (keyword == "properties") {
        if (property) check(member, property->as_object(), there);
      } else if (!property) {
        if (rule.is_object()) check(member, rule.get_object(), there);
        if (rule == json::value(false)) complain(there, "the schema has no such member");
      }
    }
  }

  const json::object& resolve(std::string_view reference) {
    static const json::object kNothing{{"$ref to nothing", true}};
    const json::value* at = &document_;
    for (std::size_t begin = 2; begin <= reference.size();) {
      const std::size_t end = std::min(reference.find('/', begin), reference.size());
      at = at->is_object() ? at->get_object().if_contains(reference.substr(begin, end - begin)) : nullptr;
      if (!at) return kNothing;
      begin = end + 1;
    }
    return at->is_object() ? at->get_object() : kNothing;
  }

  const json::value& document_;
  std::vector<std::string> errors_;
};

// What is wrong with an OpenAPI 3.1 document's structure; empty: nothing that we know of.
inline std::vector<std::string> openapi_errors(const json::value& document) {
  std::vector<std::string> errors;
  const auto expect = [&](bool holds, const std::string& what) {
    if (!holds) errors.push_back(what);
    return holds;
  };
  const auto check_references = [&](const auto& self, const json::value& value) -> void {
    if (value.is_array())
      for (const json::value& item : value.get_array()) self(self, item);
    if (!value.is_object()) return;
    for (const auto& [name, member] : value.get_object()) {
      if (name == "$ref" && member.is_string()) {
        boost::system::error_code missing;
        const std::string reference(member.get_string());
        expect(reference.starts_with("#/") && document.find_pointer(reference.substr(1), missing) != nullptr,
               reference + " leads nowhere");
      }
      self(self, member);
    }
  };
  expect(document.at("openapi").as_string().starts_with("3.1."), "openapi is not 3.1");
  for (const char* name : {"title", "version"})
    expect(document.at("info").as_object().contains(name), std::string("info has no ") + name);
  check_references(check_references, document);
  std::set<std::string> ids;
  for (const auto& [path, item] : document.at("paths").as_object()) {
    expect(path.starts_with('/'), std::string(path) + " has no / at its start");
    for (const auto& [method, operation] : item.as_object()) {
      const std::string where = std::string(method) + " " + std::string(path);
      static const std::set<std::string_view> kMethods{"get", "put", "post", "delete", "patch", "head", "options"};
      expect(kMethods.contains(std::string_view(method)), where + ": no such method");
      const json::object& object = operation.as_object();
      if (expect(object.contains("operationId"), where + ": no operationId"))
        expect(ids.insert(std::string(object.at("operationId").as_string())).second,
               where + ": operationId is not unique");
      std::set<std::string> named;
      if (const json::value* parameters = object.if_contains("parameters"))
        for (const json::value& parameter : parameters->as_array()) {
          const std::string in(parameter.at("in").as_string()), name(parameter.at("name").as_string());
          expect(named.insert(in + " " + name).second, where + ": " + name + " is declared twice");
          expect(parameter.as_object().contains("schema"), where + ": " + name + " has no schema");
          if (in != "path") continue;
          const json::value* required = parameter.as_object().if_contains("required");
          expect(required && *required == json::value(true), where + ": " + name + " is not required");
          expect(path.find("{" + name + "}") != path.npos, where + ": " + name + " is not in the path");
        }
      for (std::size_t at = path.find('{'); at != path.npos; at = path.find('{', at + 1)) {
        const std::string name(path.substr(at + 1, path.find('}', at) - at - 1));
        expect(named.contains("path " + name), where + ": {" + name + "} is not declared");
      }
      const json::value* responses = object.if_contains("responses");
      if (!expect(responses && !responses->as_object().empty(), where + ": no responses")) continue;
      for (const auto& [status, response] : responses->as_object())
        expect(response.as_object().contains("description"),
               where + ": " + std::string(status) + " has no description");
    }
  }
  return errors;
}

}  // namespace tidecast
