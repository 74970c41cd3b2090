// features: windows over events, one row a window.
#include <algorithm>

#include "app/definition_parts.h"

namespace tidecast {
namespace {

// Tables of Tidecast's own that SQL sees beside those of the groups.
constexpr std::string_view kOwnTables[] = {"raw",  "dead_letters", "late",   "gaps",     "forecasts",  "scores",
                                           "runs", "models",       "alarms", "timeline", "evaluations"};
// With these behind its name every group has tables of its own.
constexpr std::string_view kGroupTables[] = {"_history", "_outbox_"};
// Columns that every group's table has.
constexpr std::string_view kOwnColumns[] = {"window_start", "window_end", "event_time", "write_time", "is_deleted"};

// SQL does not tell Fee from fee.
std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool contains(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Whether a table of the group `owner` has this name.
bool is_table_of(const std::string& owner, const std::string& name) {
  const auto has_name = [&](std::string_view ending) { return lower(name) == lower(owner) + std::string(ending); };
  return std::any_of(std::begin(kGroupTables), std::end(kGroupTables), has_name);
}

const std::vector<std::string_view> kAggregates = {"count", "sum", "min", "max", "avg"};
constexpr std::string_view kLaterAggregates[] = {"count_distinct", "stddev", "first", "last", "quantile"};

struct Span {
  std::size_t from = 0, size = 0;
  std::string_view of(std::string_view text) const { return text.substr(from, size); }
};

Span trimmed(std::string_view text, Span span) {
  while (span.size > 0 && text[span.from] == ' ') ++span.from, --span.size;
  while (span.size > 0 && text[span.from + span.size - 1] == ' ') --span.size;
  return span;
}

// "avg(fee)".
AggregateColumn read_aggregate(const Value& key, const Value& value, const EventMapping& event, bool event_known) {
  AggregateColumn out;
  out.name = key.node().text;  // A wrong one too: a target that names it is not wrong once more.
  key.name();
  if (contains(kOwnColumns, lower(out.name)))
    key.error(fmt::format("'{}' is a column of every group already", out.name), "another name");

  const auto text = value.text("an aggregate like avg(fee)");
  if (!text) return out;
  const std::size_t open = text->find('('), close = text->rfind(')');
  const Span call = trimmed(*text, {0, std::min(open, text->size())});
  const std::string function(call.of(*text));
  const auto index = std::find(kAggregates.begin(), kAggregates.end(), function) - kAggregates.begin();
  if (contains(kLaterAggregates, function)) {
    value.error_at(call.from, call.size, fmt::format("'{}' is not in this version", function), listed(kAggregates));
    return out;
  }
  if (index == static_cast<std::ptrdiff_t>(kAggregates.size())) {
    value.error_at(call.from, call.size, fmt::format("'{}' is no aggregate of mine", function), listed(kAggregates),
                   nearest_word(function, kAggregates,
                                {{"mean", "avg"},
                                 {"average", "avg"},
                                 {"total", "sum"},
                                 {"minimum", "min"},
                                 {"maximum", "max"},
                                 {"COUNT", "count"}}));
    return out;
  }
  static constexpr AggregateKind kKinds[] = {AggregateKind::kCount, AggregateKind::kSum, AggregateKind::kMin,
                                             AggregateKind::kMax, AggregateKind::kAvg};
  out.kind = kKinds[index];
  if (open == std::string::npos || close == std::string::npos || close < open ||
      trimmed(*text, {close + 1, text->size() - close - 1}).size > 0) {
    value.error(fmt::format("'{}' is no aggregate of a field", *text),
                fmt::format("{0}(field){1}", function, out.kind == AggregateKind::kCount ? ", count()" : ""));
    return out;
  }

  const Span argument = trimmed(*text, {open + 1, close - open - 1});
  const std::string field(argument.of(*text));
  std::vector<std::string_view> fields, numbers;
  for (const EventField& f : event.fields) {
    fields.push_back(f.name);
    if (f.type == FieldType::kInteger || f.type == FieldType::kNumber) numbers.push_back(f.name);
  }
  const bool counts = out.kind == AggregateKind::kCount;
  const std::vector<std::string_view>& allowed = counts ? fields : numbers;
  const std::string choice = allowed.empty() ? "a field of event.fields, where there is none yet" : listed(allowed);
  if (field.empty()) {
    if (!counts) value.error_at(open, close - open + 1, fmt::format("{} of what?", function), choice);
    return out;
  }
  const auto found = std::find(fields.begin(), fields.end(), field);
  if (found == fields.end()) {
    if (event_known)
      value.error_at(argument.from, argument.size, fmt::format("'{}' is no field of event.fields", field), choice,
                     nearest_word(field, allowed));
    return out;
  }
  out.field = static_cast<std::size_t>(found - fields.begin());
  if (!counts && !contains(numbers, field))
    value.error_at(
        argument.from, argument.size,
        fmt::format("{} of a {}: '{}' holds no numbers", function, name_of(event.fields[*out.field].type), field),
        choice);
  return out;
}

// Rows older than a while are in the offline store alone; everything else is kept for ever.
std::optional<Milliseconds> read_keep(const Value& keep) {
  const ValueMap map = keep.map({.optional = {"online", "offline", "raw"}});
  map["offline"].only_word("forever");
  map["raw"].only_word("forever");
  const Value online = map["online"];
  if (!online) return 24h * 7;
  if (online.is_word("forever")) return std::nullopt;
  return online.duration(1h, 24h * 3650, "forever");
}

}  // namespace

ReadGroups read_features(const Value& features, const EventMapping& event, bool event_known) {
  ReadGroups out;
  const std::vector<Value> items = features.items();
  if (items.empty()) {
    out.complete = false;
    if (features.is(YamlNode::Kind::kList)) features.error("the list is empty", "at least one group");
  }
  for (const Value& item : items) {
    WindowGroup group;
    const ValueMap map = item.map({.required = {"group", "columns"},
                                   .optional = {"window", "lateness", "key", "where", "close_when_idle", "keep"},
                                   .synonyms = {{"name", "group"}}});
    const Value name = map["group"];
    name.name();
    if (name.is(YamlNode::Kind::kScalar)) group.name = name.node().text;
    if (contains(kOwnTables, lower(group.name)))
      name.error(fmt::format("'{}' is a table of Tidecast's own", group.name),
                 "another name; taken are " + fmt::format("{}", fmt::join(kOwnTables, ", ")));
    for (const WindowGroup& other : out.groups) {
      if (group.name.empty() || other.name.empty()) continue;
      if (lower(other.name) == lower(group.name))
        name.error(fmt::format("two groups are named '{}'", other.name),
                   "a name of its own (SQL does not tell capitals from small letters)");
      else if (is_table_of(other.name, group.name) || is_table_of(group.name, other.name))
        name.error(
            fmt::format("'{}' and '{}': one is a table of the other, like <group>_history", other.name, group.name),
            "a name that is not another group's with _history or _outbox_ behind it");
    }

    if (const Value window = map["window"]; window.is(YamlNode::Kind::kMap))
      window.error("a hopping window is not in this version", "a duration: tumbling windows");
    else
      set(group.window, window.duration(1s, kWidestWindow));
    set(group.lateness, map["lateness"].duration(0s, 24h * 7));
    map["key"].only_empty_list();
    map["where"].only_empty_text();
    map["close_when_idle"].only_word("off");

    const Value columns = map["columns"];
    const auto entries = columns.entries();
    if (columns.is(YamlNode::Kind::kMap) && entries.empty())
      columns.error("the map is empty", "at least one column, like trips: count()");
    for (const auto& [key, value] : entries) {
      AggregateColumn column = read_aggregate(key, value, event, event_known);
      for (const AggregateColumn& other : group.columns)
        if (lower(other.name) == lower(column.name))
          key.error(fmt::format("'{}' and '{}' are one name in SQL", other.name, column.name), "a name of its own");
      group.columns.push_back(std::move(column));
    }
    out.complete = out.complete && !group.name.empty() && !entries.empty();
    out.keep_online.push_back(read_keep(map["keep"]));
    out.groups.push_back(std::move(group));
  }
  return out;
}

}  // namespace tidecast
