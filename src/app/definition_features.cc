// features: windows over events, one row a window.
#include <algorithm>
#include <charconv>

#include "app/definition_parts.h"
#include "stream/predicate.h"

namespace tidecast {
namespace {

// Tables of Tidecast's own that SQL sees beside those of the groups.
constexpr std::string_view kOwnTables[] = {"raw",  "dead_letters", "late",   "gaps",     "forecasts",  "scores",
                                           "runs", "models",       "alarms", "timeline", "evaluations"};
// With these behind its name every group has tables of its own.
constexpr std::string_view kGroupTables[] = {"_history", "_outbox_"};
// Columns that every group's table has.
constexpr std::string_view kOwnColumns[] = {"window_start", "window_end", "event_time",    "write_time",
                                            "is_deleted",   "revision",   "closed_by_idle"};

bool contains(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Whether a table of the group `owner` has this name.
bool is_table_of(const std::string& owner, const std::string& name) {
  const auto has_name = [&](std::string_view ending) {
    return as_sql_name(name) == as_sql_name(owner) + std::string(ending);
  };
  return std::any_of(std::begin(kGroupTables), std::end(kGroupTables), has_name);
}

// In the order of AggregateKind.
const std::vector<std::string_view> kAggregates = {"count",          "sum",    "min",   "max",  "avg",
                                                   "count_distinct", "stddev", "first", "last", "quantile"};

struct Span {
  std::size_t from = 0, size = 0;
  std::string_view of(std::string_view text) const { return text.substr(from, size); }
};

Span trimmed(std::string_view text, Span span) {
  while (span.size > 0 && text[span.from] == ' ') ++span.from, --span.size;
  while (span.size > 0 && text[span.from + span.size - 1] == ' ') --span.size;
  return span;
}

// "avg(fee)", "quantile(fee, 0.9)".
AggregateColumn read_aggregate(const Value& key, const Value& value, const EventMapping& event, bool event_known) {
  AggregateColumn out;
  out.name = key.node().text;  // A wrong one too: a target that names it is not wrong once more.
  key.name();
  if (contains(kOwnColumns, as_sql_name(out.name)))
    key.error(fmt::format("'{}' is a column of every group already", out.name), "another name");

  const auto text = value.text("an aggregate like avg(fee)");
  if (!text) return out;
  const std::size_t open = text->find('('), close = text->rfind(')');
  const Span call = trimmed(*text, {0, std::min(open, text->size())});
  const std::string function(call.of(*text));
  const auto index = std::find(kAggregates.begin(), kAggregates.end(), function) - kAggregates.begin();
  if (index == static_cast<std::ptrdiff_t>(kAggregates.size())) {
    value.error_at(call.from, call.size, fmt::format("'{}' is no aggregate of mine", function), listed(kAggregates),
                   nearest_word(function, kAggregates,
                                {{"mean", "avg"},
                                 {"average", "avg"},
                                 {"total", "sum"},
                                 {"minimum", "min"},
                                 {"maximum", "max"},
                                 {"median", "quantile"},
                                 {"percentile", "quantile"},
                                 {"std", "stddev"},
                                 {"distinct", "count_distinct"},
                                 {"COUNT", "count"}}));
    return out;
  }
  out.kind = static_cast<AggregateKind>(index);
  const bool counts = out.kind == AggregateKind::kCount, quantile = out.kind == AggregateKind::kQuantile;
  const std::string shape =
      quantile ? "quantile(field, 0.9)" : fmt::format("{}(field){}", function, counts ? ", count()" : "");
  if (open == std::string::npos || close == std::string::npos || close < open ||
      trimmed(*text, {close + 1, text->size() - close - 1}).size > 0) {
    value.error(fmt::format("'{}' is no aggregate of a field", *text), shape);
    return out;
  }

  Span argument = trimmed(*text, {open + 1, close - open - 1});
  if (quantile) {
    const std::size_t comma = argument.of(*text).find(',');
    if (comma == std::string_view::npos) {
      value.error(fmt::format("'{}' does not say which quantile", *text), shape);
      return out;
    }
    const Span which = trimmed(*text, {argument.from + comma + 1, argument.size - comma - 1});
    const std::string_view number = which.of(*text);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), out.quantile);
    if (error != std::errc() || end != number.data() + number.size() || !(out.quantile >= 0 && out.quantile <= 1))
      value.error_at(which.from, which.size, fmt::format("'{}' is no quantile", number), "a number from 0 to 1");
    argument = trimmed(*text, {argument.from, comma});
  }
  const std::string field(argument.of(*text));
  const bool any_type = counts || out.kind == AggregateKind::kCountDistinct;
  std::vector<std::string_view> fields, numbers;
  for (const EventField& f : event.fields) {
    fields.push_back(f.name);
    if (f.type == FieldType::kInteger || f.type == FieldType::kNumber) numbers.push_back(f.name);
  }
  const std::vector<std::string_view>& allowed = any_type ? fields : numbers;
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
  if (!any_type && !contains(numbers, field))
    value.error_at(
        argument.from, argument.size,
        fmt::format("{} of a {}: '{}' holds no numbers", function, name_of(event.fields[*out.field].type), field),
        choice);
  return out;
}

// Each of them is put together again for every correction.
constexpr std::int64_t kMostOverlapping = 1440;

// "1min"; or { size, every, offset }, or { session }.
void read_window(const Value& window, WindowGroup& group) {
  if (!window.is(YamlNode::Kind::kMap)) return set(group.window, window.duration(1s, kWidestWindow));
  if (window.find("session")) {
    const ValueMap map = window.map({.required = {"session"},
                                     .refused = {{"size", "belongs to no session", "session: the silence that ends it"},
                                                 {"every", "belongs to no session", "no key"},
                                                 {"offset", "belongs to no session", "no key"}}});
    group.kind = WindowKind::kSession;
    return set(group.window, map["session"].duration(1ms, kWidestWindow));
  }
  const ValueMap map = window.map({.required = {"size"},
                                   .optional = {"every", "offset"},
                                   .synonyms = {{"hop", "every"}, {"slide", "every"}, {"gap", "session"}}});
  set(group.window, map["size"].duration(1s, kWidestWindow));
  if (const Value every = map["every"]) {
    set(group.every, every.duration(1s, kWidestWindow));
    if (group.every > group.window || (group.every > 0ms && group.window % group.every != 0ms))
      every.error(fmt::format("{} is no whole number of times {}", to_text(group.window), to_text(group.every)),
                  "a part of the size, like 1min of 5min");
    if (group.every > 0ms && group.window / group.every > kMostOverlapping)
      every.error(fmt::format("{} windows would lie over each other", group.window / group.every),
                  fmt::format("at most {}, so {} or more", kMostOverlapping, to_text(group.window / kMostOverlapping)));
    if (group.every > 0ms && group.every < group.window) group.kind = WindowKind::kHopping;
    if (group.kind != WindowKind::kHopping) group.every = 0ms;
  }
  if (const Value offset = map["offset"]) {
    set(group.offset, offset.duration(0ms, kWidestWindow));
    const Milliseconds step = group.kind == WindowKind::kHopping ? group.every : group.window;
    if (group.offset >= step)
      offset.error(fmt::format("{} is not below {}", to_text(group.offset), to_text(step)),
                   "from 0s up to where the next window begins");
  }
}

// The fields whose values say which series an event belongs to.
void read_key(const Value& key, const EventMapping& event, bool event_known, WindowGroup& group) {
  std::vector<std::string_view> fields, allowed;
  for (const EventField& f : event.fields) {
    fields.push_back(f.name);
    if (f.type != FieldType::kNumber) allowed.push_back(f.name);
  }
  for (const Value& item : key.items()) {
    const auto name = item.text("a field of event.fields");
    if (!name) continue;
    const auto found = std::find(fields.begin(), fields.end(), *name);
    const auto index = static_cast<std::size_t>(found - fields.begin());
    if (found == fields.end()) {
      if (event_known)
        item.error(fmt::format("'{}' is no field of event.fields", *name),
                   allowed.empty() ? "a field of type text, integer or boolean" : listed(allowed),
                   nearest_word(*name, allowed));
      continue;
    }
    if (event.fields[index].type == FieldType::kNumber)
      item.error(fmt::format("'{}' is a number, and near is not equal", *name), listed(allowed));
    else if (contains(kOwnColumns, as_sql_name(*name)))
      item.error(fmt::format("'{}' is a column of every group already", *name), "a field of another name");
    else if (std::find(group.key.begin(), group.key.end(), index) != group.key.end())
      item.error(fmt::format("'{}' stands there twice", *name), "each field once");
    else
      group.key.push_back(index);
  }
}

void read_where(const Value& where, const EventMapping& event, bool event_known, WindowGroup& group) {
  if (where.is(YamlNode::Kind::kScalar) && where.node().text.empty()) return;
  const auto text = where.text("a condition on fields, like fee > 0");
  if (!text || !event_known) return;
  Predicate::Fault fault;
  if (Predicate::parse(*text, event, &fault).ok())
    group.where = *text;
  else
    where.error_at(fault.offset, fault.length, fault.found, fault.allowed);
}

// { new_name: old_name }: rows that were written under the old name are read as the new one's.
void read_renamed(const Value& renamed, WindowGroup& group) {
  for (const auto& [key, value] : renamed.entries()) {
    std::vector<std::string_view> names;
    for (const AggregateColumn& column : group.columns) names.push_back(column.name);
    if (!contains(names, key.node().text)) {
      key.error(fmt::format("'{}' is no column of the group", key.node().text), listed(names),
                nearest_word(key.node().text, names));
      continue;
    }
    if (const auto old = value.name()) {
      if (contains(names, *old)) value.error(fmt::format("'{}' is a column still", *old), "a name that is gone");
      group.renamed_from[key.node().text] = *old;
    }
  }
}

constexpr Milliseconds kLongest = 24h * 3650;

std::optional<Milliseconds> read_age(const Value& age, std::optional<Milliseconds> usual) {
  if (!age) return usual;
  if (age.is_word("forever")) return std::nullopt;
  return age.duration(1h, kLongest, "forever");
}

// Rows older than a while are in the offline store alone.
KeepRows read_keep(const ValueMap& map) {
  return {.online = read_age(map["online"], 24h * 7), .offline = read_age(map["offline"], std::nullopt)};
}

void check_name(const Value& name, const std::string& group, const std::vector<WindowGroup>& others) {
  if (contains(kOwnTables, as_sql_name(group)))
    name.error(fmt::format("'{}' is a table of Tidecast's own", group),
               "another name; taken are " + fmt::format("{}", fmt::join(kOwnTables, ", ")));
  for (const WindowGroup& other : others) {
    if (group.empty() || other.name.empty()) continue;
    if (as_sql_name(other.name) == as_sql_name(group))
      name.error(fmt::format("two groups are named '{}'", other.name),
                 "a name of its own (SQL does not tell capitals from small letters)");
    else if (is_table_of(other.name, group) || is_table_of(group, other.name))
      name.error(fmt::format("'{}' and '{}': one is a table of the other, like <group>_history", other.name, group),
                 "a name that is not another group's with _history or _outbox_ behind it");
  }
}

// Which event the group is of; the first where it cannot be said.
std::size_t read_event_name(const Value& name, const Value& group, const std::vector<EventMapping>& events) {
  std::vector<std::string_view> names;
  for (const EventMapping& event : events) names.push_back(event.name);
  if (!name) {
    if (events.size() > 1) group.error("'event' is missing: of which event?", listed(names));
    return 0;
  }
  if (events.size() == 1 && names[0].empty()) {
    name.error("there is one event, without a name", "no key");
    return 0;
  }
  return name.word({.what = "event", .words = names}).value_or(0);
}

}  // namespace

std::string as_sql_name(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

ReadGroups read_features(const Value& features, const std::vector<EventMapping>& events, bool events_known) {
  ReadGroups out;
  const std::vector<Value> items = features.items();
  if (items.empty()) {
    out.complete = false;
    if (features.is(YamlNode::Kind::kList)) features.error("the list is empty", "at least one group");
  }
  bool raw_forever = items.empty();
  for (const Value& item : items) {
    WindowGroup group;
    const ValueMap map = item.map({.required = {"group", "columns"},
                                   .optional = {"event", "window", "lateness", "allowed_lateness", "key", "where",
                                                "close_when_idle", "renamed", "keep"},
                                   .synonyms = {{"name", "group"}}});
    const Value name = map["group"];
    name.name();
    if (name.is(YamlNode::Kind::kScalar)) group.name = name.node().text;
    check_name(name, group.name, out.groups);
    group.event = read_event_name(map["event"], item, events);
    const EventMapping& event = events[group.event];

    read_window(map["window"], group);
    set(group.lateness, map["lateness"].duration(0s, 24h * 7));
    if (const Value allowed = map["allowed_lateness"]) {
      set(group.allowed_lateness, allowed.duration(0s, 24h * 7));
      if (group.kind == WindowKind::kSession && group.allowed_lateness > 0ms)
        allowed.error("a session's row is final", "0s, or another window");
    }
    if (const Value key = map["key"]) read_key(key, event, events_known, group);
    if (const Value where = map["where"]) read_where(where, event, events_known, group);
    if (const Value idle = map["close_when_idle"]; idle && !idle.is_word("off"))
      group.close_when_idle = idle.duration(1s, 24h * 7, "off");

    const Value columns = map["columns"];
    const auto entries = columns.entries();
    if (columns.is(YamlNode::Kind::kMap) && entries.empty())
      columns.error("the map is empty", "at least one column, like trips: count()");
    for (const auto& [key, value] : entries) {
      AggregateColumn column = read_aggregate(key, value, event, events_known);
      for (const AggregateColumn& other : group.columns)
        if (as_sql_name(other.name) == as_sql_name(column.name))
          key.error(fmt::format("'{}' and '{}' are one name in SQL", other.name, column.name), "a name of its own");
      for (const std::size_t k : group.key)
        if (as_sql_name(event.fields[k].name) == as_sql_name(column.name))
          key.error(fmt::format("'{}' is a key of the group, and a column of its table", column.name), "another name");
      group.columns.push_back(std::move(column));
    }
    if (const Value renamed = map["renamed"]) read_renamed(renamed, group);
    out.complete = out.complete && !group.name.empty() && !entries.empty();
    const ValueMap keep = map["keep"].map({.optional = {"online", "offline", "raw"}});
    out.keep.push_back(read_keep(keep));
    if (const auto& online = out.keep.back().online; online && *online < group.allowed_lateness + 1h)
      (map["allowed_lateness"] ? map["allowed_lateness"] : item)
          .error(fmt::format("rows that are kept online for {} cannot be corrected for {}", to_text(*online),
                             to_text(group.allowed_lateness)),
                 "keep.online at least an hour more");
    // One archive serves all groups, so the longest wish counts.
    const std::optional<Milliseconds> raw = read_age(keep["raw"], std::nullopt);
    raw_forever = raw_forever || !raw;
    if (raw) out.keep_raw = std::max(out.keep_raw.value_or(0ms), *raw);
    out.groups.push_back(std::move(group));
  }
  if (raw_forever) out.keep_raw.reset();
  return out;
}

}  // namespace tidecast
