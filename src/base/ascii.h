#pragma once
// Letters of ASCII, whatever the locale.

#include <string>
#include <string_view>

namespace tidecast {

inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

}  // namespace tidecast
