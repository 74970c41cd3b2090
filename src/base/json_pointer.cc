#include "base/json_pointer.h"

#include <charconv>

namespace tidecast {

Result<std::vector<std::string>> split_pointer(std::string_view pointer) {
  std::vector<std::string> tokens;
  if (!pointer.empty() && pointer[0] != '/')
    return invalid_argument("'{}' is no JSON Pointer; it begins with / or is empty", pointer);
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      tokens.emplace_back();
    } else if (pointer[i] != '~') {
      tokens.back() += pointer[i];
    } else {
      const char code = i + 1 < pointer.size() ? pointer[++i] : ' ';
      if (code != '0' && code != '1') return invalid_argument("'{}': after ~ only 0 and 1 are allowed", pointer);
      tokens.back() += code == '0' ? '~' : '/';
    }
  }
  return tokens;
}

std::optional<std::uint64_t> array_index(std::string_view token) {
  std::uint64_t index = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (error != std::errc() || end != token.data() + token.size()) return std::nullopt;
  if (token.size() > 1 && token[0] == '0') return std::nullopt;
  return index;
}

}  // namespace tidecast
