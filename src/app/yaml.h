#pragma once
// A YAML text as a tree that remembers where everything stood and every key that was written, twice or not: yaml-cpp's
// own nodes forget repeated keys and follow aliases without end.  Aliases, anchors, tags and second documents, which a
// definition file has no use for, are errors.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidecast {

struct YamlPlace {
  int line = 0;    // From 0.
  int column = 0;  // From 0, in bytes.
};

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  YamlPlace place;
  std::string text;             // kScalar.
  bool quoted = false;          // kScalar: in quotes, or a block of text.
  std::vector<YamlNode> items;  // kList; kMap: key, value, key, value, ... in the order of the text.
};

struct YamlError {
  YamlPlace place;
  std::string message;  // "not YAML: illegal map value"
  std::string advice;   // What to do about it; "" where there is no telling.
};

// Fills `root` (kNull for a text without content), or says what is wrong.  Takes at most 1 MB of UTF-8 without control
// characters.
std::optional<YamlError> parse_yaml(std::string_view text, YamlNode& root);

// Bytes of the UTF-8 character that `text` begins with; 0 if it begins with none, or with one that controls a terminal.
// Tabs and line ends are characters.
std::size_t printable_bytes(std::string_view text);

}  // namespace tidecast
