#include "app/definition_change.h"

#include <algorithm>

namespace tidecast {
namespace {

using Kind = DefinitionChange::Kind;

constexpr const char* kNewFolder = "put it back, or use another data folder (data:, --data)";
constexpr const char* kNewGroup = "put it back, and add the changed one as a group of another name";
constexpr const char* kNewColumn = "put it back, and add the changed one as a column of another name";

template <typename T>
const T* named(const std::vector<T>& items, const std::string& name) {
  const auto found = std::ranges::find(items, name, &T::name);
  return found == items.end() ? nullptr : &*found;
}

std::string text_of(const std::optional<Milliseconds>& duration, const char* none) {
  return duration ? to_text(*duration) : none;
}

std::string text_of(const TimeFormat& time) {
  static constexpr std::string_view kUnits[] = {"s", "ms", "us", "ns", "rfc3339"};
  if (time.unit != TimeUnit::kFormat) return std::string(kUnits[static_cast<std::size_t>(time.unit)]);
  return fmt::format("{} in {}", time.format, time.zone);
}

std::string text_of(const WindowGroup& group) {
  std::string text = fmt::format("{} {}", name_of(group.kind), to_text(group.window));
  if (group.kind == WindowKind::kHopping) text += " every " + to_text(group.every);
  if (group.offset > 0ms) text += " offset " + to_text(group.offset);
  return text;
}

std::string text_of(const std::vector<std::size_t>& key, const EventMapping& event) {
  std::string text;
  for (const std::size_t k : key) text += (text.empty() ? "" : ", ") + event.fields[k].name;
  return "[" + text + "]";
}

std::string text_of(const AggregateColumn& column, const EventMapping& event) {
  const std::string field = column.field ? event.fields[*column.field].name : "";
  if (column.kind == AggregateKind::kQuantile) return fmt::format("quantile({}, {:g})", field, column.quantile);
  return fmt::format("{}({})", name_of(column.kind), field);
}

std::string text_of(const EventField& field) {
  std::string text = fmt::format("{} {}", name_of(field.type), field.pointer);
  if (!field.else_plus.empty())
    text += fmt::format(" or {} - {}", fmt::join(field.else_plus, " + "), fmt::join(field.else_minus, " - "));
  return text;
}

std::string text_of(const EventMapping& event, const std::vector<EventMatch>& when) {
  std::string text;
  for (const EventMatch& match : when)
    text += fmt::format("{}{} in [{}]", text.empty() ? "" : ", ", match.pointer, fmt::join(match.values, ", "));
  for (const std::size_t s : event.sources) text += fmt::format(" source {}", s);
  return text.empty() ? "all" : text;
}

class Comparison {
 public:
  // `was` and `is` as people read them.
  void compare(Kind kind, const std::string& path, const std::string& was, const std::string& is,
               const char* way_out = "") {
    if (was != is) add(kind, path, fmt::format("was {}, is {}", was, is), way_out);
  }
  void add(Kind kind, const std::string& path, std::string text, const char* way_out = "") {
    changes.push_back({kind, path, std::move(text), way_out});
  }
  std::vector<DefinitionChange> changes;
};

void compare_sources(const Definition& before, const Definition& now, Comparison& out) {
  const auto stays = [&](const SourceDefinition& source) { return named(now.sources, source.name) != nullptr; };
  const auto names = [](const std::vector<SourceDefinition>& sources) {
    std::string text;
    for (const SourceDefinition& source : sources) text += (text.empty() ? "" : ", ") + source.name;
    return text;
  };
  if (std::ranges::none_of(before.sources, stays))
    return out.add(Kind::kRefused, "sources",
                   fmt::format("was {}, is {}: read from the beginning, what was read so far would count twice",
                               names(before.sources), names(now.sources)),
                   "give one its name back, or use another data folder (data:, --data)");
  for (const SourceDefinition& source : now.sources)
    if (named(before.sources, source.name) == nullptr) out.add(Kind::kFree, "sources." + source.name, "is new");
  for (const SourceDefinition& source : before.sources) {
    const SourceDefinition* next = named(now.sources, source.name);
    if (next == nullptr) {
      out.add(Kind::kFree, "sources." + source.name, "is gone; watermarks wait for it no more");
      continue;
    }
    if (next->kind != source.kind)
      out.add(Kind::kRefused, "sources." + source.name + ".kind",
              "is another one: how far it was read means nothing there",
              "put it back, or give the new source a name of its own");
    out.compare(Kind::kFree, "sources." + source.name + ".idle_after", text_of(source.idle_after, "off"),
                text_of(next->idle_after, "off"));
  }
}

void compare_event(const EventMapping& before, const EventMapping& now, Comparison& out) {
  const std::string path = now.name.empty() ? "event" : "events." + now.name;
  const auto id = [](const EventMapping& event) { return fmt::format("[{}]", fmt::join(event.id, ", ")); };
  out.compare(Kind::kRefused, path + ".id", id(before), id(now), kNewFolder);
  out.compare(Kind::kRefused, path + ".time", before.time_pointer + " " + text_of(before.time),
              now.time_pointer + " " + text_of(now.time), kNewFolder);
  out.compare(Kind::kFree, path + ".when", text_of(before, before.when), text_of(now, now.when));
  out.compare(Kind::kFree, path + ".deduplicate_for", text_of(before.deduplicate_for, "forever"),
              text_of(now.deduplicate_for, "forever"));
  out.compare(Kind::kFree, path + ".max_ahead", text_of(before.max_ahead, "off"), text_of(now.max_ahead, "off"));
  out.compare(Kind::kFree, path + ".max_behind", text_of(before.max_behind, "off"), text_of(now.max_behind, "off"));
  for (const EventField& field : now.fields) {
    const EventField* was = named(before.fields, field.name);
    if (was == nullptr)
      out.add(Kind::kFree, path + ".fields." + field.name, "is new");
    else
      out.compare(Kind::kRefused, path + ".fields." + field.name, text_of(*was), text_of(field),
                  "put it back, and add the changed one as a field of another name");
  }
}

void compare_group(const WindowGroup& before, const EventMapping& event_before, const WindowGroup& now,
                   const EventMapping& event, Comparison& out) {
  const std::string path = "features." + now.name;
  out.compare(Kind::kRefused, path + ".event", event_before.name, event.name, kNewGroup);
  out.compare(Kind::kRefused, path + ".window", text_of(before), text_of(now), kNewGroup);
  out.compare(Kind::kRefused, path + ".key", text_of(before.key, event_before), text_of(now.key, event), kNewGroup);
  out.compare(Kind::kRefused, path + ".where", "'" + before.where + "'", "'" + now.where + "'", kNewGroup);
  out.compare(Kind::kFree, path + ".lateness", to_text(before.lateness), to_text(now.lateness));
  out.compare(Kind::kFree, path + ".allowed_lateness", to_text(before.allowed_lateness), to_text(now.allowed_lateness));
  out.compare(Kind::kFree, path + ".close_when_idle", text_of(before.close_when_idle, "off"),
              text_of(now.close_when_idle, "off"));
  for (const AggregateColumn& column : now.columns) {
    const std::string where = path + ".columns." + column.name;
    const auto renamed = now.renamed_from.find(column.name);
    if (const AggregateColumn* was = named(before.columns, column.name))
      out.compare(Kind::kRefused, where, text_of(*was, event_before), text_of(column, event), kNewColumn);
    else if (renamed == now.renamed_from.end() || named(before.columns, renamed->second) == nullptr)
      out.add(Kind::kNewVersion, where, "is new; null in rows before");
    else if (const std::string was_text = text_of(*named(before.columns, renamed->second), event_before);
             was_text != text_of(column, event))
      out.compare(Kind::kRefused, where, was_text, text_of(column, event), kNewColumn);
    else
      out.add(Kind::kNewVersion, where, "was called " + renamed->second);
  }
  for (const AggregateColumn& column : before.columns) {
    const bool renamed = std::ranges::any_of(now.renamed_from, [&](const auto& r) { return r.second == column.name; });
    if (named(now.columns, column.name) == nullptr && !renamed)
      out.add(Kind::kNewVersion, path + ".columns." + column.name, "is gone; older rows keep it in their files");
  }
}

}  // namespace

std::vector<DefinitionChange> changes_of(const Definition& before, const Definition& now) {
  Comparison out;
  compare_sources(before, now, out);
  for (const EventMapping& event : now.events) {
    if (const EventMapping* was = named(before.events, event.name))
      compare_event(*was, event, out);
    else
      out.add(Kind::kFree, "events." + event.name, "is new");
  }
  for (const EventMapping& event : before.events)
    if (named(now.events, event.name) == nullptr)
      out.add(Kind::kRefused, event.name.empty() ? "event" : "events." + event.name, "is gone: its ids are remembered",
              kNewFolder);
  for (const WindowGroup& group : now.groups) {
    if (const WindowGroup* was = named(before.groups, group.name))
      compare_group(*was, before.events[was->event], group, now.events[group.event], out);
    else
      out.add(Kind::kFree, "features." + group.name, "is new; it counts what comes from now on");
  }
  for (const WindowGroup& group : before.groups)
    if (named(now.groups, group.name) == nullptr)
      out.add(Kind::kFree, "features." + group.name,
              "is gone, and its open windows with it; its rows are kept, and there again when it comes back");
  return std::move(out.changes);
}

std::string to_text(const std::vector<DefinitionChange>& changes, DefinitionChange::Kind kind) {
  std::string text;
  for (const DefinitionChange& change : changes) {
    if (change.kind != kind) continue;
    text += fmt::format("{}{}: {}", text.empty() ? "" : "\n", change.path, change.text);
    if (!change.way_out.empty()) text += "; " + change.way_out;
  }
  return text;
}

}  // namespace tidecast
