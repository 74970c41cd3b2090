#include "features/record_id.h"

#include <algorithm>
#include <charconv>

namespace tidecast {
namespace {

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

Status damaged(std::string_view what) { return data_loss("record identifier is damaged: {}", what); }

Result<KeyValue> take_value(const FeatureKey& key, std::string_view& rest) {
  if (rest.empty()) return damaged("cut off");
  const char tag = rest.front();
  rest.remove_prefix(1);
  if (tag == 'n') return KeyValue();
  if (key.type == FieldType::kBoolean && (tag == 'f' || tag == 't')) return KeyValue(tag == 't');
  if (key.type == FieldType::kInteger && tag == 'i') {
    if (rest.size() < 8) return damaged("cut off");
    std::uint64_t bits = 0;
    for (const char byte : rest.substr(0, 8)) bits = bits << 8 | static_cast<unsigned char>(byte);
    rest.remove_prefix(8);
    return KeyValue(static_cast<std::int64_t>(bits ^ kSignBit));
  }
  if (key.type != FieldType::kText || tag != 's') return damaged("another type");
  std::string text;
  for (;;) {
    const std::size_t zero = rest.find('\0');
    if (zero == rest.npos || zero + 1 >= rest.size()) return damaged("a text that does not end");
    text += rest.substr(0, zero);
    const char after = rest[zero + 1];
    rest.remove_prefix(zero + 2);
    if (after == '\x01') return KeyValue(std::move(text));
    if (after != '\xff') return damaged("a text that does not end");
    text += '\0';
  }
}

std::string text_of(const KeyValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* boolean = std::get_if<bool>(&value)) return *boolean ? "true" : "false";
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return "\\N";
  std::string out;
  for (const char c : *text) {
    if (c == ',' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

Result<KeyValue> parse_value(const FeatureKey& key, const std::string& text) {
  if (key.type == FieldType::kText) return KeyValue(text);
  if (key.type == FieldType::kBoolean && (text == "true" || text == "false")) return KeyValue(text == "true");
  std::int64_t integer = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), integer);
  if (key.type == FieldType::kInteger && error == std::errc() && end == text.data() + text.size())
    return KeyValue(integer);
  return invalid_argument("key {}: '{}' is no {}", key.name, text, name_of(key.type));
}

}  // namespace

void append_key_null(std::string& id) { id += 'n'; }
void append_key_boolean(std::string& id, bool value) { id += value ? 't' : 'f'; }

void append_key_integer(std::string& id, std::int64_t value) {
  id += 'i';
  const std::uint64_t bits = __builtin_bswap64(static_cast<std::uint64_t>(value) ^ kSignBit);
  id.append(reinterpret_cast<const char*>(&bits), sizeof bits);
}

void append_key_text(std::string& id, std::string_view value) {
  id += 's';
  for (std::size_t zero; (zero = value.find('\0')) != value.npos; value.remove_prefix(zero + 1)) {
    id += value.substr(0, zero);
    id += '\0';
    id += '\xff';
  }
  id += value;
  id += '\0';
  id += '\x01';
}

std::string record_id(std::span<const KeyValue> values) {
  std::string id;
  for (const KeyValue& value : values) {
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      append_key_integer(id, *integer);
    else if (const auto* boolean = std::get_if<bool>(&value))
      append_key_boolean(id, *boolean);
    else if (const auto* text = std::get_if<std::string>(&value))
      append_key_text(id, *text);
    else
      append_key_null(id);
  }
  return id;
}

Result<std::vector<KeyValue>> key_values(std::span<const FeatureKey> keys, std::string_view id) {
  std::vector<KeyValue> values;
  for (const FeatureKey& key : keys) values.push_back(TRY(take_value(key, id)));
  if (!id.empty()) return damaged("something follows");
  return values;
}

std::string key_text(std::span<const FeatureKey> keys, std::string_view id) {
  const auto values = key_values(keys, id);
  if (!values.ok()) return "?";
  std::string text;
  for (const KeyValue& value : *values) text += (&value == values->data() ? "" : ",") + text_of(value);
  return text;
}

Result<std::string> parse_key(std::span<const FeatureKey> keys, std::string_view text) {
  std::vector<std::string> parts(1);
  std::vector<bool> null(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      std::size_t end = std::min(i + 2, text.size());
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;  // A whole character.
      const std::string_view escape = text.substr(i, end - i);
      ++i;
      const bool alone = parts.back().empty() && (i + 1 == text.size() || text[i + 1] == ',');
      if (escape == "\\N" && alone)
        null.back() = true;
      else if (escape == "\\," || escape == "\\\\")
        parts.back() += text[i];
      else
        return invalid_argument("key '{}': found '{}', allowed: '\\,' and '\\\\' in a text, '\\N' alone for null", text,
                                escape);
    } else if (text[i] == ',') {
      parts.emplace_back();
      null.push_back(false);
    } else {
      parts.back() += text[i];
    }
  }
  if (keys.empty() && text.empty()) return std::string();
  if (parts.size() != keys.size()) {
    std::string names;
    for (const FeatureKey& key : keys) names += (names.empty() ? "" : ",") + key.name;
    return invalid_argument("key '{}': {} values, expected {}{}", text, parts.size(), keys.size(),
                            keys.empty() ? "" : ": " + names);
  }
  std::vector<KeyValue> values;
  for (std::size_t k = 0; k < keys.size(); ++k)
    values.push_back(null[k] ? KeyValue() : TRY(parse_value(keys[k], parts[k])));
  return record_id(values);
}

}  // namespace tidecast
