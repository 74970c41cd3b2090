#pragma once
// One pass over a raw record that checks it as JSON and notes where the mapped values stand; nothing is built or
// copied.
//
// simdjson's first stage (SIMD, chosen at run time) checks UTF-8, quotes and control characters and lists where each
// bracket, comma, colon and scalar begins.  The scanner walks that list once by JSON's grammar.  Why not its on-demand
// front end: that skips what it is not asked for without looking, so a record that is no JSON would pass into the
// archive; and this is no slower (docs/windows.md has the figures).
//
// Checked: the whole record, once: one object, brackets, commas, colons, keys, strings and their escapes, literals,
// UTF-8, nothing after the end, at most 64 levels.  Not checked: what follows the first digit of a number that no
// pointer names.  A key that comes twice: the last one counts, with all that is below it.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stream/pointer_tree.h"

namespace simdjson::internal {
class dom_parser_implementation;  // Its header is large; only the .cc needs it.
}

namespace tidecast {

enum class JsonKind { kMissing, kNull, kBoolean, kNumber, kText, kObject, kArray };

// A value as it stands in the record: of a scalar its exact characters (a text with its quotes), of an object or array
// only the first.  Valid as long as the record.
struct JsonValue {
  JsonKind kind = JsonKind::kMissing;
  std::string_view raw;
};

class JsonScanner {
 public:
  explicit JsonScanner(PointerTree tree);
  JsonScanner(JsonScanner&&) noexcept;
  ~JsonScanner();

  // True if `record` is JSON; then value() answers for it.  At least kRawPadding readable bytes must follow it.
  bool scan(std::string_view record);
  // Why the last scan said no: "not JSON: byte 17: expected a key".
  const std::string& error() const { return error_; }

  JsonValue value(std::size_t slot) const;
  // What stands at `path` below the value of a slot, '*' being every element of an array; appended to `values`.  False
  // if something on the way is not there.  Walks the value again: for what is needed now and then.
  bool collect(std::size_t slot, std::span<const std::string> path, std::vector<JsonValue>& values);
  // The characters that a text stands for.  Without escapes a view into the record, else into a buffer that the next
  // call overwrites.  nullopt: half of a surrogate pair.
  std::optional<std::string_view> text(JsonValue value);

 private:
  using Position = const std::uint32_t*;  // Into the list of where things begin; nullptr after an error.

  char at(Position position) const { return record_[*position]; }
  Position fail(Position position, std::string_view expected);
  Position walk_object(Position position, const PointerTree::Node& node);
  Position walk_array(Position position, const PointerTree::Node& node);
  Position take(Position position, const PointerTree::Node& node);
  Position skip_value(Position position);
  JsonValue value_at(Position position) const;
  bool collect_at(Position position, std::span<const std::string> path, std::vector<JsonValue>& values);
  std::string_view scalar(Position position) const;
  bool escapes_are_valid(std::string_view record);

  PointerTree tree_;
  std::unique_ptr<simdjson::internal::dom_parser_implementation> simd_;
  const char* record_ = nullptr;
  Position end_ = nullptr;
  bool has_escapes_ = false;
  std::vector<Position> places_;  // By slot; nullptr: missing.
  std::vector<std::uint8_t> unescaped_;
  std::string error_;
};

}  // namespace tidecast
