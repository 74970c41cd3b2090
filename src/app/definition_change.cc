#include "app/definition_change.h"

#include <algorithm>

namespace tidecast {
namespace {

using Kind = DefinitionChange::Kind;

constexpr const char* kNewFolder = "put it back, or use another data folder (data:, --data)";
constexpr const char* kNewGroup = "put it back, and add the changed one as a group of another name";
constexpr const char* kNewColumn = "put it back, and add the changed one as a column of another name";
constexpr const char* kNewField = "put it back, and add the changed one as a field of another name";

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
  bool refuses(const std::string& path) const {
    return std::ranges::any_of(changes, [&](const auto& c) { return c.kind == Kind::kRefused && c.path == path; });
  }
  std::vector<DefinitionChange> changes;
};

std::string path_of(const EventMapping& event) { return event.name.empty() ? "event" : "events." + event.name; }

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
  const std::string path = path_of(now);
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
      out.compare(Kind::kRefused, path + ".fields." + field.name, meaning_of(*was), meaning_of(field), kNewField);
  }
}

// What the group's stored rows say, and whether they still say it; those of a time when it was another's as well.
void compare_rows(const SchemaHistory& stored, const FeatureGroup& group, const EventMapping& event, Comparison& out) {
  for (const SchemaConflict& conflict : stored.conflicts(group)) {
    const bool field = conflict.path.starts_with("fields."), column = conflict.path.starts_with("columns.");
    const std::string path = (field ? path_of(event) : "features." + group.name) + "." + conflict.path;
    if (!out.refuses(path))
      out.compare(Kind::kRefused, path, conflict.was, conflict.is, field ? kNewField : column ? kNewColumn : kNewGroup);
  }
}

void compare_group(const WindowGroup& before, const WindowGroup& now, const FeatureGroup& group,
                   const SchemaHistory& stored, Comparison& out) {
  const std::string path = "features." + now.name;
  out.compare(Kind::kFree, path + ".lateness", to_text(before.lateness), to_text(now.lateness));
  out.compare(Kind::kFree, path + ".allowed_lateness", to_text(before.allowed_lateness), to_text(now.allowed_lateness));
  out.compare(Kind::kFree, path + ".close_when_idle", text_of(before.close_when_idle, "off"),
              text_of(now.close_when_idle, "off"));
  for (const FeatureColumn& column : group.columns) {
    const std::string where = path + ".columns." + column.name;
    if (named(before.columns, column.name) != nullptr || out.refuses(where)) continue;
    const auto renamed = now.renamed_from.find(column.name);
    if (renamed != now.renamed_from.end() && named(before.columns, renamed->second) != nullptr)
      out.add(Kind::kNewVersion, where, "was called " + renamed->second);
    else if (stored.knows(group, column))
      out.add(Kind::kNewVersion, where, "is there again, with its values; null in rows that were made without it");
    else
      out.add(Kind::kNewVersion, where, "is new; null in rows before");
  }
  for (const AggregateColumn& column : before.columns) {
    const bool renamed = std::ranges::any_of(now.renamed_from, [&](const auto& r) { return r.second == column.name; });
    if (named(now.columns, column.name) == nullptr && !renamed)
      out.add(Kind::kNewVersion, path + ".columns." + column.name, "is gone; older rows keep it in their files");
  }
}

}  // namespace

void learn(const Definition& before, Schemas& stored) {
  for (const WindowGroup& group : before.groups)
    if (const auto schemas = stored.find(group.name); schemas != stored.end())
      schemas->second.learn(feature_group_of(group, before.events[group.event]));
}

std::vector<DefinitionChange> changes_of(const Definition& before, const Definition& now, Schemas stored) {
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
    const EventMapping& event = now.events[group.event];
    const FeatureGroup is = feature_group_of(group, event);
    const WindowGroup* was = named(before.groups, group.name);
    const bool known = stored.contains(group.name);
    SchemaHistory& schemas = stored[group.name];
    if (!known && was != nullptr)
      CHECK(schemas.adopt(feature_group_of(*was, before.events[was->event])).ok());  // The first is always taken.
    compare_rows(schemas, is, event, out);
    if (was != nullptr)
      compare_group(*was, group, is, schemas, out);
    else if (known)
      out.add(Kind::kFree, "features." + group.name, "is there again, with its rows; it counts what comes from now on");
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
