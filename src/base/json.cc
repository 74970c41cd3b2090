#include "base/json.h"

#include <boost/json/src.hpp>

#include <charconv>
#include <cmath>

namespace tidecast {
namespace {

void append_text(std::string& out, const json::string& text) { out += json::serialize(text); }

// indent < 0: everything on one line.
void append(std::string& out, const json::value& value, int indent) {
  const auto line_break = [&](int level) {
    if (indent < 0) return;
    out += '\n';
    out.append(static_cast<std::size_t>(level) * 2, ' ');
  };
  const int inner = indent < 0 ? indent : indent + 1;
  switch (value.kind()) {
    case json::kind::double_: out += shortest(value.get_double()); break;
    case json::kind::string: append_text(out, value.get_string()); break;
    case json::kind::array: {
      out += '[';
      bool first = true, nested = false;
      for (const auto& item : value.get_array()) {
        if (!first) out += indent < 0 ? "," : ", ";
        first = false;
        if (item.is_object()) nested = true, line_break(inner);
        append(out, item, inner);
      }
      if (nested) line_break(indent);
      out += ']';
      break;
    }
    case json::kind::object: {
      out += '{';
      bool first = true;
      for (const auto& [key, item] : value.get_object()) {
        if (!first) out += ',';
        first = false;
        line_break(inner);
        out += json::serialize(json::string(key));
        out += indent < 0 ? ":" : ": ";
        append(out, item, inner);
      }
      if (!first) line_break(indent);
      out += '}';
      break;
    }
    default: out += json::serialize(value);
  }
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  json::error_code error;
  json::stream_parser parser;
  const std::size_t read = parser.write_some(text.data(), text.size(), error);
  if (error) return invalid_argument("byte {}: {}", read, error.message());
  std::size_t rest = read;
  while (rest < text.size() && (text[rest] == ' ' || text[rest] == '\n' || text[rest] == '\t' || text[rest] == '\r')) ++rest;
  if (rest != text.size()) return invalid_argument("byte {}: text after the end of the JSON value", rest);
  if (!parser.done()) return invalid_argument("byte {}: the JSON value ends too early", text.size());
  return parser.release();
}

std::string to_text(const json::value& value) {
  std::string out;
  append(out, value, -1);
  return out;
}

std::string to_pretty_text(const json::value& value) {
  std::string out;
  append(out, value, 0);
  return out;
}

std::string shortest(double value) {
  if (!std::isfinite(value)) return "null";
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  CHECK(error == std::errc());
  return {buffer, end};
}

}  // namespace tidecast
