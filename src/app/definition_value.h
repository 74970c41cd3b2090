#pragma once
// A node of the definition file on its way to become a value: readers that return what they were asked for, or note an
// error with its place and what is allowed, and return nothing.  So reading goes on, and every error is found, not the
// first only.
//
//   const ValueMap map = value.map({.optional = {"every", "seed"}, .required = {"name"}});
//   set(options.every, map["every"].duration(1s, 24h));    // Keeps the default where the key is absent or wrong.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/definition_errors.h"
#include "app/yaml.h"
#include "base/time.h"

namespace tidecast {

// Errors in the order they are found, with the text they are about.
class DefinitionErrorList {
 public:
  explicit DefinitionErrorList(std::string_view text);  // `text` must outlive it.

  struct Mark {
    YamlPlace place;
    std::size_t bytes = 1;  // Marked, from there on; never beyond the end of the line.
  };
  // The whole of a scalar; of a list or map, its first character.
  Mark mark_of(const YamlNode& node) const;
  // The part [from, from + bytes) of a scalar's text; all of it where the text stands otherwise in the file (escapes,
  // blocks).
  Mark mark_of(const YamlNode& node, std::size_t from, std::size_t bytes) const;

  void add(Mark mark, std::string path, std::string found, std::string allowed, std::string nearest = "");

  std::vector<DefinitionError> take();  // By their places.

 private:
  std::string_view line(int number) const;
  bool stands_at(YamlPlace place, std::string_view text) const;

  std::vector<std::string_view> lines_;
  std::vector<DefinitionError> errors_;
};

// Words a value may be.  `what` is for messages: "'mean' is no aggregate of mine".  `later` are known words that this
// version cannot do.
struct Vocabulary {
  std::string_view what;
  std::vector<std::string_view> words;
  std::vector<std::string_view> later = {};
  Synonyms synonyms = {};
};
// "a, b, c"
std::string listed(const std::vector<std::string_view>& words);

// A known key that cannot be used here, and what to do instead.
struct RefusedKey {
  std::string_view key, found, allowed;
};
// One that belongs to the format, of which this version has no such part.
constexpr RefusedKey later(std::string_view key, std::string_view allowed) {
  return {key, "is not in this version", allowed};
}

struct Keys {
  std::vector<std::string_view> required = {};
  std::vector<std::string_view> optional = {};
  std::vector<RefusedKey> refused = {};
  Synonyms synonyms = {};
};

enum class Bounds { kIncluded, kExcluded };

class ValueMap;

// A node with its key path, or an absent one, of which every reader returns nothing and says nothing.
// Holds pointers: the tree and the error list must outlive it.
class Value {
 public:
  Value() = default;  // Absent.
  Value(const YamlNode& node, std::string path, DefinitionErrorList& errors)
      : node_(&node), path_(std::move(path)), errors_(&errors) {}

  explicit operator bool() const { return node_ != nullptr; }
  const YamlNode& node() const { return *node_; }  // Only where there is one.
  bool is(YamlNode::Kind kind) const { return node_ != nullptr && node_->kind == kind; }

  // Any text; `expected` says in messages what: "a path".
  std::optional<std::string> text(std::string_view expected) const;
  // A letter or _, then letters, digits, _ and, where `dashes`, -; at most 64.
  std::optional<std::string> name(bool dashes = false) const;
  // A JSON Pointer (RFC 6901): "/fee", "/x/0".
  std::optional<std::string> pointer() const;
  // The same, or the bare name of a column or key: "fee" is "/fee".
  std::optional<std::string> field_pointer() const;
  std::optional<std::int64_t> integer(std::int64_t least, std::int64_t most) const;
  std::optional<std::uint64_t> seed() const;
  // A finite number; `most` may be infinite.
  std::optional<double> number(double least, double most, Bounds bounds = Bounds::kIncluded) const;
  // "off" or the like, where allowed, is handled by is_word() first.
  std::optional<Milliseconds> duration(Milliseconds least, Milliseconds most, std::string_view or_word = "") const;
  std::optional<bool> boolean() const;
  std::optional<std::size_t> word(const Vocabulary& vocabulary) const;  // Index into its words.
  bool is_word(std::string_view word) const;

  // For keys of the format of which this version can do only one thing.
  void only_word(std::string_view word) const;
  void only_empty_list() const;
  void only_empty_text() const;

  std::vector<Value> items() const;                      // A list; nothing (and an error) if it is none.
  ValueMap map(const Keys& keys) const;                  // A map with these keys and no others.
  std::vector<std::pair<Value, Value>> entries() const;  // A map with any keys, each once: key, value.
  Value find(std::string_view key) const;                // The first of that key, without a word about anything else.

  void error(std::string found, std::string allowed, std::string nearest = "") const;
  // About the part [from, from + bytes) of its text.
  void error_at(std::size_t from, std::size_t bytes, std::string found, std::string allowed,
                std::string nearest = "") const;

 private:
  std::optional<std::string_view> scalar(std::string_view expected) const;
  Value child(const YamlNode& node, std::string_view key) const;

  const YamlNode* node_ = nullptr;
  std::string path_;
  DefinitionErrorList* errors_ = nullptr;
};

class ValueMap {
 public:
  Value operator[](std::string_view key) const;  // Absent if the key is.
  bool misspelt(std::string_view key) const;     // It is absent, but an unknown key is near it.

 private:
  friend class Value;
  std::vector<std::string> misspelt_;
  std::vector<std::pair<std::string_view, Value>> values_;
};

// Takes a value that was read; leaves the default otherwise.
template <typename T, typename U>
void set(T& target, std::optional<U> value) {
  if (value) target = static_cast<T>(std::move(*value));
}

}  // namespace tidecast
