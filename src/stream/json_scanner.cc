#include "stream/json_scanner.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "base/json_pointer.h"
#include "flow/event.h"

namespace tidecast {
namespace {

constexpr int kMaxDepth = 64;  // As many as the bits of the word that serves as the stack of open brackets.

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }
bool is_hex(char c) { return is_digit(c) || static_cast<unsigned char>((c | 0x20) - 'a') < 6; }
bool ends_scalar(char c) { return c == ',' || c == '}' || c == ']' || is_space(c); }

// Whether a scalar other than a text begins at `p`.  Reads at most six bytes: the padding allows it.
bool scalar_starts(const char* p) {
  switch (*p) {
    case 't': return std::memcmp(p, "true", 4) == 0 && ends_scalar(p[4]);
    case 'f': return std::memcmp(p, "false", 5) == 0 && ends_scalar(p[5]);
    case 'n': return std::memcmp(p, "null", 4) == 0 && ends_scalar(p[4]);
    case '-': return is_digit(p[1]);
    default: return is_digit(*p);
  }
}

std::string_view explain(simdjson::error_code code) {
  switch (code) {
    case simdjson::UTF8_ERROR: return "invalid UTF-8";
    case simdjson::UNCLOSED_STRING: return "a text does not end";
    case simdjson::UNESCAPED_CHARS: return "a control character inside a text";
    case simdjson::EMPTY: return "empty";
    default: return simdjson::error_message(code);
  }
}

}  // namespace

JsonScanner::JsonScanner(PointerTree tree) : tree_(std::move(tree)), places_(tree_.slots()) {}
JsonScanner::JsonScanner(JsonScanner&&) noexcept = default;
JsonScanner::~JsonScanner() = default;

bool JsonScanner::scan(std::string_view record) {
  std::fill(places_.begin(), places_.end(), nullptr);
  if (simd_ == nullptr || simd_->capacity() < record.size()) {  // Grows a few times, then never again.
    const std::size_t capacity = std::max<std::size_t>(2 * record.size(), 1 << 16);
    const auto code =
        simdjson::get_active_implementation()->create_dom_parser_implementation(capacity, kMaxDepth, simd_);
    CHECK(code == simdjson::SUCCESS);
  }
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.data());
  if (record.empty()) return error_ = "not JSON: empty", false;
  if (const auto code = simd_->stage1(bytes, record.size(), simdjson::stage1_mode::regular); code != simdjson::SUCCESS)
    return error_ = fmt::format("not JSON: {}", explain(code)), false;

  record_ = record.data();
  const Position begin = simd_->structural_indexes.get();
  end_ = begin + simd_->n_structural_indexes;
  if (at(begin) != '{') return fail(begin, "an object"), false;
  if (at(end_ - 1) != '}') return error_ = "not JSON: cut off, or something follows the object", false;
  has_escapes_ = std::memchr(record.data(), '\\', record.size()) != nullptr;
  if (has_escapes_ && !escapes_are_valid(record)) return false;
  // From here on the list ends with a closing brace, so only after one can it be at its end.
  const Position after = walk_object(begin + 1, tree_.root());
  if (after == nullptr) return false;
  return after == end_ || (fail(after, "nothing after the object"), false);
}

JsonScanner::Position JsonScanner::fail(Position position, std::string_view expected) {
  error_ = position == end_ ? std::string("not JSON: cut off")
                            : fmt::format("not JSON: byte {}: expected {}", *position, expected);
  return nullptr;
}

// Every backslash begins an escape: outside of a text the grammar refuses it.
bool JsonScanner::escapes_are_valid(std::string_view record) {
  for (std::size_t i = record.find('\\'); i != record.npos; i = record.find('\\', i + 2)) {
    const char* p = record.data() + i + 1;
    const bool simple = std::strchr("\"\\/bfnrt", *p) != nullptr && *p != '\0';
    const bool unicode = *p == 'u' && is_hex(p[1]) && is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]);
    if (!simple && !unicode) return error_ = fmt::format("not JSON: byte {}: no such escape", i), false;
  }
  return true;
}

// `position` is behind the opening brace; the result is behind the closing one.
JsonScanner::Position JsonScanner::walk_object(Position position, const PointerTree::Node& node) {
  if (at(position) == '}') return position + 1;
  for (;;) {
    if (at(position) != '"' || at(position + 1) != ':') return fail(position, "a key and a colon");
    std::string_view key = scalar(position);
    key = key.substr(1, key.size() - 2);
    if (has_escapes_)
      key = text({JsonKind::kText, scalar(position)}).value_or(key);  // With half a pair it names nothing.
    const std::uint32_t child = PointerTree::child(node, key);
    position = child == PointerTree::kNone ? skip_value(position + 2) : take(position + 2, tree_.node(child));
    if (position == nullptr) return nullptr;
    if (position == end_) return fail(position, "a closing brace");
    const char c = at(position++);
    if (c == '}') return position;
    if (c != ',') return fail(position - 1, "a comma or a closing brace");
  }
}

JsonScanner::Position JsonScanner::walk_array(Position position, const PointerTree::Node& node) {
  if (at(position) == ']') return position + 1;
  for (std::uint64_t index = 0;; ++index) {
    const std::uint32_t child = PointerTree::child(node, index);
    position = child == PointerTree::kNone ? skip_value(position) : take(position, tree_.node(child));
    if (position == nullptr) return nullptr;
    if (position == end_) return fail(position, "a closing bracket");
    const char c = at(position++);
    if (c == ']') return position;
    if (c != ',') return fail(position - 1, "a comma or a closing bracket");
  }
}

JsonScanner::Position JsonScanner::take(Position position, const PointerTree::Node& node) {
  for (const std::uint32_t slot : node.subtree) places_[slot] = nullptr;  // Of an earlier key of the same name.
  for (const std::uint32_t slot : node.slots) places_[slot] = position;
  if (!node.children.empty() && at(position) == '{') return walk_object(position + 1, node);
  if (!node.children.empty() && at(position) == '[') return walk_array(position + 1, node);
  return skip_value(position);
}

// The value at `position` by the grammar alone; half of all time is spent here.
JsonScanner::Position JsonScanner::skip_value(Position position) {
  std::uint64_t objects = 0;  // The stack of open brackets, innermost lowest: 1 is an object, 0 an array.
  int depth = 0;
  for (;;) {
    const char* p = record_ + *position++;
    if (*p == '{') {
      if (++depth >= kMaxDepth) return fail(position - 1, "at most 64 levels");
      objects = objects << 1 | 1;
      if (at(position) != '}') {
        if (at(position) != '"' || at(position + 1) != ':') return fail(position, "a key and a colon");
        position += 2;
        continue;
      }
    } else if (*p == '[') {
      if (++depth >= kMaxDepth) return fail(position - 1, "at most 64 levels");
      objects <<= 1;
      if (at(position) != ']') continue;
    } else if (*p != '"' && !scalar_starts(p)) {
      return fail(position - 1, "a value");
    }
    for (;;) {  // A value has ended, and so may those round it.
      if (depth == 0) return position;
      const char c = at(position++);
      if (c == ',') {
        if ((objects & 1) == 0) break;
        if (at(position) != '"' || at(position + 1) != ':') return fail(position, "a key and a colon");
        position += 2;
        break;
      }
      if (c != ((objects & 1) != 0 ? '}' : ']')) return fail(position - 1, "a comma or the closing bracket");
      objects >>= 1;
      --depth;
      if (position == end_) return fail(position, "a closing brace");
    }
  }
}

// From where it begins to the next thing, less the space between.
std::string_view JsonScanner::scalar(Position position) const {
  const char* first = record_ + position[0];
  const char* last = record_ + position[1];
  while (is_space(last[-1])) --last;
  return {first, static_cast<std::size_t>(last - first)};
}

JsonValue JsonScanner::value(std::size_t slot) const {
  return places_[slot] == nullptr ? JsonValue{} : value_at(places_[slot]);
}

JsonValue JsonScanner::value_at(Position place) const {
  switch (at(place)) {
    case '{': return {JsonKind::kObject, {record_ + *place, 1}};
    case '[': return {JsonKind::kArray, {record_ + *place, 1}};
    case '"': return {JsonKind::kText, scalar(place)};
    case 't':
    case 'f': return {JsonKind::kBoolean, scalar(place)};
    case 'n': return {JsonKind::kNull, scalar(place)};
    default: return {JsonKind::kNumber, scalar(place)};
  }
}

bool JsonScanner::collect(std::size_t slot, std::span<const std::string> path, std::vector<JsonValue>& values) {
  return places_[slot] != nullptr && collect_at(places_[slot], path, values);
}

// The record is known to be JSON, so nothing can be amiss with brackets and commas.
bool JsonScanner::collect_at(Position position, std::span<const std::string> path, std::vector<JsonValue>& values) {
  if (path.empty()) return values.push_back(value_at(position)), true;
  const char bracket = at(position++);
  if (bracket == '[') {
    const std::optional<std::uint64_t> wanted = array_index(path[0]);
    if (path[0] != "*" && !wanted) return false;
    if (at(position) == ']') return !wanted;
    for (std::uint64_t index = 0;; ++index) {
      if ((!wanted || index == *wanted) && !collect_at(position, path.subspan(1), values)) return false;
      if (wanted && index == *wanted) return true;
      position = skip_value(position);
      if (at(position++) == ']') return !wanted;
    }
  }
  if (bracket != '{' || at(position) == '}') return false;
  Position found = nullptr;  // Of two equal keys the last.
  for (;;) {
    const auto key = text({JsonKind::kText, scalar(position)});
    if (key == path[0]) found = position + 2;
    position = skip_value(position + 2);
    if (at(position++) == '}') return found != nullptr && collect_at(found, path.subspan(1), values);
  }
}

std::optional<std::string_view> JsonScanner::text(JsonValue value) {
  const std::string_view inside = value.raw.substr(1, value.raw.size() - 2);
  if (!has_escapes_ || inside.find('\\') == inside.npos) return inside;
  unescaped_.resize(std::max(unescaped_.size(), inside.size() + kRawPadding));
  const auto* source = reinterpret_cast<const std::uint8_t*>(inside.data());
  const std::uint8_t* end = simd_->parse_string(source, unescaped_.data());
  if (end == nullptr) return std::nullopt;
  const auto* first = reinterpret_cast<const char*>(unescaped_.data());
  return std::string_view(first, static_cast<std::size_t>(end - unescaped_.data()));
}

}  // namespace tidecast
