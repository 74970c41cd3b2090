#pragma once
// Reads what save() wrote, one member at a time.  Private to this room.
// Errors: kInvalidArgument - the member is not there or of another type:  "saved "stands": not true or false".

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"

namespace tidecast {

inline Result<bool> saved_bool(const json::object& saved, std::string_view key) {
  const json::value* value = saved.if_contains(key);
  if (value == nullptr || !value->is_bool()) return invalid_argument("saved \"{}\": not true or false", key);
  return value->get_bool();
}

inline Result<std::int64_t> saved_integer(const json::object& saved, std::string_view key) {
  const json::value* value = saved.if_contains(key);
  if (value == nullptr || !value->is_int64()) return invalid_argument("saved \"{}\": not an integer", key);
  return value->get_int64();
}

inline Result<std::string> saved_text(const json::object& saved, std::string_view key) {
  const json::value* value = saved.if_contains(key);
  if (value == nullptr || !value->is_string()) return invalid_argument("saved \"{}\": not a text", key);
  return std::string(std::string_view(value->get_string()));
}

// One of `all` by its name.
template <typename Enum>
Result<Enum> saved_name(const json::object& saved, std::string_view key, std::span<const Enum> all) {
  const std::string name = TRY(saved_text(saved, key));
  std::string allowed;
  for (const Enum candidate : all) {
    if (name_of(candidate) == name) return candidate;
    allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", name_of(candidate));
  }
  return invalid_argument("saved \"{}\": \"{}\"; allowed are {}", key, name, allowed);
}

}  // namespace tidecast
