#include "app/definition_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace tidecast {
namespace {

constexpr std::size_t kLongestName = 64;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// `text` with a ? for every byte that is no text or would control a terminal.
std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t bytes = printable_bytes(text);
    if (bytes == 0)
      out += '?';
    else
      out += text.substr(0, bytes);
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return out;
}

int characters(std::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// A text as messages show it: on one line, and not all of a long one.
std::string shown(std::string_view text) {
  constexpr std::size_t kShown = 60;
  std::string out = printable(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  if (out.size() <= kShown) return out;
  std::size_t end = kShown;
  while ((static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;  // Whole characters only.
  return out.substr(0, end) + "...";
}
std::string quoted(std::string_view text) { return "'" + shown(text) + "'"; }

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "5 sec" and "1hour" as they would be right: "5s", "1h"; "" where it is not that.
std::string nearest_duration(std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> kUnits[] = {
      {"sec", "s"},       {"secs", "s"}, {"second", "s"}, {"seconds", "s"}, {"mins", "min"}, {"minute", "min"},
      {"minutes", "min"}, {"hr", "h"},   {"hour", "h"},   {"hours", "h"},   {"day", "d"},    {"days", "d"},
      {"S", "s"},         {"H", "h"},    {"D", "d"},      {"M", "min"},     {"ms", "ms"},    {"s", "s"},
      {"min", "min"},     {"m", "min"},  {"h", "h"},      {"d", "d"}};
  std::size_t digits = 0;
  while (digits < text.size() && (is_digit(text[digits]) || text[digits] == '.')) ++digits;
  std::string_view unit = text.substr(digits);
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  for (const auto& [written, ours] : kUnits)
    if (digits > 0 && unit == written) return fmt::format("{}{}", text.substr(0, digits), ours);
  return "";
}

}  // namespace

std::string listed(const std::vector<std::string_view>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

DefinitionErrorList::DefinitionErrorList(std::string_view text) {
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    lines_.push_back(text.substr(from, end - from));
    if (lines_.back().ends_with('\r')) lines_.back().remove_suffix(1);
    from = end + 1;
  }
}

std::string_view DefinitionErrorList::line(int number) const {
  return number >= 0 && static_cast<std::size_t>(number) < lines_.size() ? lines_[static_cast<std::size_t>(number)]
                                                                         : "";
}

bool DefinitionErrorList::stands_at(YamlPlace place, std::string_view text) const {
  const std::string_view source = line(place.line);
  const auto column = static_cast<std::size_t>(place.column);
  return column <= source.size() && source.substr(column).starts_with(text);
}

DefinitionErrorList::Mark DefinitionErrorList::mark_of(const YamlNode& node) const {
  if (node.kind != YamlNode::Kind::kScalar) return {node.place, 1};
  return mark_of(node, 0, node.text.size());
}

DefinitionErrorList::Mark DefinitionErrorList::mark_of(const YamlNode& node, std::size_t from,
                                                       std::size_t bytes) const {
  YamlPlace place = node.place;
  const bool in_quotes = stands_at(place, "\"") || stands_at(place, "'");
  if (node.quoted && in_quotes) ++place.column;
  if (!stands_at(place, node.text)) return {node.place, 1};
  if (node.text.empty()) return {node.place, node.quoted ? std::size_t{2} : 1};
  place.column += static_cast<int>(from);
  return {place, std::max<std::size_t>(bytes, 1)};
}

void DefinitionErrorList::add(Mark mark, std::string path, std::string found, std::string allowed,
                              std::string nearest) {
  const std::string_view source = line(mark.place.line);
  const std::size_t from = std::min(static_cast<std::size_t>(std::max(mark.place.column, 0)), source.size());
  errors_.push_back({.line = mark.place.line + 1,
                     .column = characters(printable(source.substr(0, from))) + 1,
                     .width = std::max(1, characters(printable(source.substr(from, mark.bytes)))),
                     .path = std::move(path),
                     .found = std::move(found),
                     .allowed = std::move(allowed),
                     .nearest = std::move(nearest),
                     .source = printable(source)});
}

std::vector<DefinitionError> DefinitionErrorList::take() {
  std::stable_sort(errors_.begin(), errors_.end(), [](const DefinitionError& a, const DefinitionError& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  return std::move(errors_);
}

void Value::error(std::string found, std::string allowed, std::string nearest) const {
  if (node_ != nullptr)
    errors_->add(errors_->mark_of(*node_), path_, std::move(found), std::move(allowed), std::move(nearest));
}

void Value::error_at(std::size_t from, std::size_t bytes, std::string found, std::string allowed,
                     std::string nearest) const {
  if (node_ != nullptr)
    errors_->add(errors_->mark_of(*node_, from, bytes), path_, std::move(found), std::move(allowed),
                 std::move(nearest));
}

// Its text; or an error, where there is a list, a map or nothing.
std::optional<std::string_view> Value::scalar(std::string_view expected) const {
  if (node_ == nullptr) return std::nullopt;
  switch (node_->kind) {
    case YamlNode::Kind::kScalar: return node_->text;
    case YamlNode::Kind::kNull: error("nothing stands here", std::string(expected)); break;
    case YamlNode::Kind::kList: error("a list stands here", std::string(expected)); break;
    case YamlNode::Kind::kMap: error("a map stands here", std::string(expected)); break;
  }
  return std::nullopt;
}

std::optional<std::string> Value::text(std::string_view expected) const {
  const auto text = scalar(expected);
  if (!text) return std::nullopt;
  if (text->empty() || text->find_first_of("\r\n") != std::string_view::npos) {
    error(text->empty() ? "an empty text stands here" : "more than one line stands here", std::string(expected));
    return std::nullopt;
  }
  return std::string(*text);
}

std::optional<std::string> Value::name(bool dashes) const {
  const std::string allowed =
      fmt::format("a letter or _, then letters, digits, _{}; at most {}", dashes ? " and -" : "", kLongestName);
  const auto text = scalar(allowed);
  if (!text) return std::nullopt;
  const auto fits = [&](char c) { return is_letter(c) || is_digit(c) || (dashes && c == '-'); };
  if (text->empty() || text->size() > kLongestName || !is_letter(text->front()) ||
      !std::all_of(text->begin(), text->end(), fits)) {
    error(fmt::format("{} is no name", quoted(*text)), allowed);
    return std::nullopt;
  }
  return std::string(*text);
}

std::optional<std::string> Value::pointer() const {
  constexpr std::string_view kAllowed = "a JSON Pointer like /fee or /block/0/time";
  const auto text = scalar(kAllowed);
  if (!text) return std::nullopt;
  if (!text->starts_with('/')) {
    error(fmt::format("{} is no JSON Pointer", quoted(*text)), std::string(kAllowed),
          text->empty() ? "" : "/" + std::string(*text));
    return std::nullopt;
  }
  for (std::size_t i = 0; i < text->size(); ++i) {
    if ((*text)[i] != '~' || (i + 1 < text->size() && ((*text)[i + 1] == '0' || (*text)[i + 1] == '1'))) continue;
    error_at(i, 1, "'~' in a JSON Pointer begins ~0 or ~1", "~0 for ~, ~1 for / inside a name");
    return std::nullopt;
  }
  return std::string(*text);
}

std::optional<std::string> Value::field_pointer() const {
  if (node_ == nullptr || !is(YamlNode::Kind::kScalar) || node_->text.empty() ||
      node_->text.find('/') != std::string::npos)
    return pointer();
  std::string name = "/";
  for (const char c : node_->text) name += c == '~' ? std::string("~0") : std::string(1, c);
  return name;
}

std::optional<std::int64_t> Value::integer(std::int64_t least, std::int64_t most) const {
  const std::string allowed = most == std::numeric_limits<std::int64_t>::max()
                                  ? fmt::format("a whole number from {} on", least)
                                  : fmt::format("a whole number from {} to {}", least, most);
  const auto text = scalar(allowed);
  if (!text) return std::nullopt;
  const auto number = parse_number<std::int64_t>(*text);
  if (number && *number >= least && *number <= most) return number;
  const bool digits = !text->empty() && std::all_of(text->begin() + (text->front() == '-'), text->end(), is_digit);
  error(fmt::format("{} {}", quoted(*text), number || digits ? "is out of range" : "is no whole number"), allowed);
  return std::nullopt;
}

std::optional<std::uint64_t> Value::seed() const {
  constexpr std::string_view kAllowed = "a whole number from 0 to 18446744073709551615";
  const auto text = scalar(kAllowed);
  if (!text) return std::nullopt;
  const auto number = parse_number<std::uint64_t>(*text);
  if (!number) error(fmt::format("{} is no seed", quoted(*text)), std::string(kAllowed));
  return number;
}

std::optional<double> Value::number(double least, double most, Bounds bounds) const {
  const bool included = bounds == Bounds::kIncluded;
  std::string allowed = fmt::format("a number {} {}", included ? "from" : "above", least);
  if (std::isfinite(most)) allowed += fmt::format(" {} {}", included ? "to" : "and below", most);
  const auto text = scalar(allowed);
  if (!text) return std::nullopt;
  const auto number = parse_number<double>(*text);
  if (!number || !std::isfinite(*number)) {
    error(fmt::format("{} is no number", quoted(*text)), allowed);
    return std::nullopt;
  }
  if (included ? *number >= least && *number <= most : *number > least && *number < most) return number;
  error(fmt::format("{} is out of range", quoted(*text)), allowed);
  return std::nullopt;
}

std::optional<Milliseconds> Value::duration(Milliseconds least, Milliseconds most, std::string_view or_word) const {
  std::string allowed = fmt::format("a duration (ms, s, min, h, d) from {} to {}", to_text(least), to_text(most));
  if (!or_word.empty()) allowed += fmt::format(", or {}", or_word);
  const auto text = scalar(allowed);
  if (!text) return std::nullopt;
  const Result<Milliseconds> duration = parse_duration(*text);
  if (!duration.ok()) {
    const bool bare = parse_number<double>(*text).has_value();
    const std::string_view words[] = {or_word};
    std::string nearest = nearest_duration(*text);
    if (nearest.empty() && !or_word.empty() && !bare) nearest = nearest_word(*text, words);
    error(fmt::format("{} {}", quoted(*text), bare ? "has no unit" : "is no duration"), allowed, nearest);
    return std::nullopt;
  }
  if (*duration >= least && *duration <= most) return *duration;
  error(fmt::format("{} is out of range", quoted(*text)), allowed);
  return std::nullopt;
}

std::optional<bool> Value::boolean() const {
  const auto index =
      word({.what = "truth value",
            .words = {"true", "false"},
            .synonyms = {
                {"yes", "true"}, {"no", "false"}, {"on", "true"}, {"off", "false"}, {"1", "true"}, {"0", "false"}}});
  if (!index) return std::nullopt;
  return *index == 0;
}

std::optional<std::size_t> Value::word(const Vocabulary& vocabulary) const {
  const std::string allowed = listed(vocabulary.words);
  const auto text = scalar(allowed);
  if (!text) return std::nullopt;
  const auto at = std::find(vocabulary.words.begin(), vocabulary.words.end(), *text);
  if (at != vocabulary.words.end()) return static_cast<std::size_t>(at - vocabulary.words.begin());
  if (std::find(vocabulary.later.begin(), vocabulary.later.end(), *text) != vocabulary.later.end())
    error(fmt::format("{} {} is not in this version", vocabulary.what, quoted(*text)), allowed);
  else
    error(fmt::format("{} is no {} of mine", quoted(*text), vocabulary.what), allowed,
          nearest_word(*text, vocabulary.words, vocabulary.synonyms));
  return std::nullopt;
}

bool Value::is_word(std::string_view word) const { return is(YamlNode::Kind::kScalar) && node_->text == word; }

void Value::only_word(std::string_view word) const {
  const std::string allowed = fmt::format("{} (the default)", word);
  const auto text = scalar(allowed);
  if (text && *text != word) error(fmt::format("{} is not in this version", quoted(*text)), allowed);
}

void Value::only_empty_list() const {
  if (node_ == nullptr || (is(YamlNode::Kind::kList) && node_->items.empty())) return;
  error("is not in this version", "[] (the default)");
}

void Value::only_empty_text() const {
  const std::string allowed = "\"\" (the default)";
  const auto text = scalar(allowed);
  if (text && !text->empty()) error(fmt::format("{} is not in this version", quoted(*text)), allowed);
}

Value Value::child(const YamlNode& node, std::string_view key) const {
  return Value(node, path_.empty() ? shown(key) : fmt::format("{}.{}", path_, shown(key)), *errors_);
}

std::vector<Value> Value::items() const {
  std::vector<Value> out;
  if (node_ == nullptr) return out;
  if (!is(YamlNode::Kind::kList)) {
    error(is(YamlNode::Kind::kMap)    ? "a map stands here"
          : is(YamlNode::Kind::kNull) ? "nothing stands here"
                                      : "a single value stands here",
          "a list: [ ... ], or lines that begin with '- '");
    return out;
  }
  for (std::size_t i = 0; i < node_->items.size(); ++i)
    out.emplace_back(node_->items[i], fmt::format("{}[{}]", path_, i), *errors_);
  return out;
}

std::vector<std::pair<Value, Value>> Value::entries() const {
  std::vector<std::pair<Value, Value>> out;
  if (node_ == nullptr) return out;
  if (!is(YamlNode::Kind::kMap)) {
    error(is(YamlNode::Kind::kList)   ? "a list stands here"
          : is(YamlNode::Kind::kNull) ? "nothing stands here"
                                      : "a single value stands here",
          "a map: { key: value, ... }, or indented lines 'key: value'");
    return out;
  }
  for (std::size_t i = 0; i + 1 < node_->items.size(); i += 2) {
    const YamlNode& key = node_->items[i];
    const Value at = child(key, key.text);
    const auto first =
        std::find_if(out.begin(), out.end(), [&](const auto& entry) { return entry.first.node().text == key.text; });
    if (first != out.end())
      at.error(fmt::format("the key stands twice, first in line {}", first->first.node().place.line + 1),
               "each key once");
    else
      out.emplace_back(at, child(node_->items[i + 1], key.text));
  }
  return out;
}

Value Value::find(std::string_view key) const {
  if (is(YamlNode::Kind::kMap))
    for (std::size_t i = 0; i + 1 < node_->items.size(); i += 2)
      if (node_->items[i].text == key) return child(node_->items[i + 1], key);
  return {};
}

ValueMap Value::map(const Keys& keys) const {
  ValueMap out;
  if (node_ == nullptr) return out;
  std::vector<std::string_view> known = keys.required;
  known.insert(known.end(), keys.optional.begin(), keys.optional.end());
  for (auto& [key, value] : entries()) {
    const std::string_view name = key.node().text;
    if (std::find(known.begin(), known.end(), name) != known.end()) {
      out.values_.emplace_back(name, std::move(value));
      continue;
    }
    const auto refused =
        std::find_if(keys.refused.begin(), keys.refused.end(), [&](const RefusedKey& r) { return r.key == name; });
    if (refused != keys.refused.end()) {
      key.error(fmt::format("'{}' {}", name, refused->found), std::string(refused->allowed));
      continue;
    }
    out.misspelt_.push_back(nearest_word(name, known, keys.synonyms));
    key.error(fmt::format("{} is no key of mine", quoted(name)), listed(known), out.misspelt_.back());
  }
  if (!is(YamlNode::Kind::kMap)) return out;
  for (const std::string_view name : keys.required)
    if (!out[name] && !out.misspelt(name)) error(fmt::format("'{}' is missing", name), listed(known));
  return out;
}

bool ValueMap::misspelt(std::string_view key) const {
  return std::find(misspelt_.begin(), misspelt_.end(), key) != misspelt_.end();
}

Value ValueMap::operator[](std::string_view key) const {
  for (const auto& [name, value] : values_)
    if (name == key) return value;
  return {};
}

}  // namespace tidecast
