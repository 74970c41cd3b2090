#include "base/json.h"

#include <simdjson.h>

#include <boost/json/src.hpp>
#include <charconv>
#include <cmath>

namespace tidecast {
namespace {

constexpr std::size_t kDepthMax = 32;

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
    case json::kind::string: out += json::serialize(value.get_string()); break;
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

namespace {

// simdjson reads every double exactly; Boost.JSON 1.81 is off by one in the last place for one number in eight.
json::value value_of(const simdjson::dom::element& element) {
  switch (element.type()) {
    case simdjson::dom::element_type::ARRAY: {
      const simdjson::dom::array items(element);
      json::array array;
      for (const simdjson::dom::element item : items) array.push_back(value_of(item));
      return array;
    }
    case simdjson::dom::element_type::OBJECT: {
      const simdjson::dom::object members(element);
      json::object object;
      for (const auto [key, item] : members) object[key] = value_of(item);
      return object;
    }
    case simdjson::dom::element_type::INT64: return std::int64_t(element);
    case simdjson::dom::element_type::UINT64: return std::uint64_t(element);
    case simdjson::dom::element_type::DOUBLE: return double(element);
    case simdjson::dom::element_type::STRING: return json::string(std::string_view(element));
    case simdjson::dom::element_type::BOOL: return bool(element);
    case simdjson::dom::element_type::NULL_VALUE: return nullptr;
  }
  return nullptr;
}

// simdjson does not say where a text is wrong; Boost.JSON does.
Status error_in(std::string_view text, std::string_view otherwise) {
  json::error_code error;
  json::stream_parser parser;
  const std::size_t read = parser.write_some(text.data(), text.size(), error);
  if (error) return invalid_argument("byte {}: {}", read, error.message());
  const std::size_t rest = text.find_first_not_of(" \n\t\r", read);
  if (rest != std::string_view::npos) return invalid_argument("byte {}: text after the end of the JSON value", rest);
  parser.finish(error);
  if (error) return invalid_argument("byte {}: the JSON value ends too early", text.size());
  return invalid_argument("{} (an integer has to fit 64 bits)", otherwise);
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  simdjson::dom::parser parser;
  if (parser.allocate(text.size() + 1, kDepthMax) != simdjson::SUCCESS)
    return internal_error("no memory for {} bytes of JSON", text.size());
  simdjson::dom::element root;
  const simdjson::error_code error = parser.parse(simdjson::padded_string(text)).get(root);
  if (error == simdjson::DEPTH_ERROR) return invalid_argument("nested deeper than {} levels", kDepthMax);
  if (error != simdjson::SUCCESS) return error_in(text, simdjson::error_message(error));
  return value_of(root);
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
  // Beyond 2^53 with an exponent: readers take a number without one for an integer, which has to fit 64 bits.
  const auto [end, error] = std::abs(value) < 0x1p53
                                ? std::to_chars(buffer, buffer + sizeof buffer, value)
                                : std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  CHECK(error == std::errc());
  return {buffer, end};
}

std::string as_utf8(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size();) {
    const auto at = [&](std::size_t k) { return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u; };
    const unsigned first = at(0);
    const std::size_t length = first < 0x80                    ? 1
                               : first >= 0xc2 && first < 0xe0 ? 2
                               : first >= 0xe0 && first < 0xf0 ? 3
                               : first >= 0xf0 && first < 0xf5 ? 4
                                                               : 0;
    bool valid = length > 0;
    for (std::size_t k = 1; k < length; ++k) valid = valid && (at(k) & 0xc0) == 0x80;
    if (length == 3)
      valid = valid && !(first == 0xe0 && at(1) < 0xa0) && !(first == 0xed && at(1) >= 0xa0);  // Too long; surrogates.
    if (length == 4) valid = valid && !(first == 0xf0 && at(1) < 0x90) && !(first == 0xf4 && at(1) >= 0x90);
    text += valid ? bytes.substr(i, length) : "\xef\xbf\xbd";
    i += valid ? length : 1;
  }
  return text;
}

}  // namespace tidecast
