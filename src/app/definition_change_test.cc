#include "app/definition_change.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

using Kind = DefinitionChange::Kind;

constexpr std::string_view kBefore = R"(project: rides
sources: [ { name: trips, kind: file, path: trips.ndjson } ]
event:
  id: /id
  time: { from: /started_at, unit: rfc3339 }
  fields:
    duration: { from: /tripduration, type: number, unit: second }
    station: { from: /station, type: text }
features:
  - group: rides
    window: 15min
    key: [station]
    columns: { rides: count(), mean: avg(duration) }
)";

Definition parsed(std::string text) {
  auto definition = parse_definition(std::move(text), "tidecast.yaml");
  EXPECT_TRUE(definition.ok()) << definition.message();
  return definition.ok() ? std::move(definition).value() : Definition{};
}

// What the definition with `from` replaced by `to` changes, as lines "refused features.rides.window: was ...".
std::string changes(std::string_view from, std::string_view to) {
  std::string after(kBefore);
  const std::size_t at = after.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  after.replace(at, from.size(), to);
  std::string text;
  for (const DefinitionChange& change : changes_of(parsed(std::string(kBefore)), parsed(after))) {
    const char* kind = change.kind == Kind::kFree ? "free" : change.kind == Kind::kRefused ? "refused" : "new version";
    EXPECT_EQ(change.way_out.empty(), change.kind != Kind::kRefused) << change.path;
    text += fmt::format("{}{} {}: {}", text.empty() ? "" : " | ", kind, change.path, change.text);
  }
  return text;
}

TEST(DefinitionChange, TheSameFileChangesNothing) { EXPECT_EQ(changes("rides", "rides"), ""); }

TEST(DefinitionChange, WhatOnlyTheFutureKnowsIsFree) {
  EXPECT_EQ(changes("    window: 15min\n",
                    "    window: 15min\n    lateness: 5min\n    allowed_lateness: 1h\n"
                    "    close_when_idle: 2min\n"),
            "free features.rides.lateness: was 1min, is 5min | free features.rides.allowed_lateness: was 0s, is 1h | "
            "free features.rides.close_when_idle: was off, is 2min");
  EXPECT_EQ(changes("  id: /id\n", "  id: /id\n  max_ahead: 1h\n  max_behind: 1d\n  deduplicate_for: 6h\n"),
            "free event.deduplicate_for: was 3h, is 6h | free event.max_ahead: was 10min, is 1h | "
            "free event.max_behind: was off, is 1d");
  EXPECT_EQ(changes("unit: second", "unit: minute"), "");
  EXPECT_EQ(changes("features:\n", "features:\n  - { group: days, window: 1d, columns: { n: count() } }\n"),
            "free features.days: is new; it counts what comes from now on");
  EXPECT_EQ(changes("[ {", "[ { name: more, kind: file, path: more.ndjson }, {"), "free sources.more: is new");
}

TEST(DefinitionChange, AGroupMayGoAndItsRowsStay) {
  const std::string two = "features:\n  - { group: days, window: 1d, columns: { n: count() } }\n";
  Definition before = parsed(std::string(kBefore).replace(kBefore.find("features:\n"), 10, two));
  const std::vector<DefinitionChange> changes = changes_of(before, parsed(std::string(kBefore)));
  EXPECT_EQ(to_text(changes, Kind::kFree),
            "features.days: is gone, and its open windows with it; its rows are kept, and there again when it comes "
            "back");
  EXPECT_EQ(changes.size(), 1u);
}

TEST(DefinitionChange, ASourceUnderAnotherNameIsRefusedForItWouldBeReadAgain) {
  EXPECT_EQ(changes("name: trips", "name: rides"),
            "refused sources: was trips, is rides: read from the beginning, what was read so far would count twice");
}

TEST(DefinitionChange, OtherColumnsAreANewVersionOfTheGroup) {
  EXPECT_EQ(changes("rides: count(),", "rides: count(), longest: max(duration),"),
            "new version features.rides.columns.longest: is new; null in rows before");
  EXPECT_EQ(changes(", mean: avg(duration)", ""),
            "new version features.rides.columns.mean: is gone; older rows keep it in their files");
  EXPECT_EQ(changes("mean: avg(duration) }", "average: avg(duration) }\n    renamed: { average: mean }"),
            "new version features.rides.columns.average: was called mean");
}

TEST(DefinitionChange, WhatWouldGiveStoredRowsAnotherMeaningIsRefusedWithAWayOut) {
  EXPECT_EQ(changes("id: /id", "id: /uuid"), "refused event.id: was [/id], is [/uuid]");
  EXPECT_EQ(changes("unit: rfc3339", "unit: ms"), "refused event.time: was /started_at rfc3339, is /started_at ms");
  EXPECT_EQ(changes("window: 15min", "window: 1h"),
            "refused features.rides.window: was tumbling 15min, is tumbling 1h");
  EXPECT_EQ(changes("window: 15min", "window: { size: 15min, every: 5min }"),
            "refused features.rides.window: was tumbling 15min, is hopping 15min every 5min");
  EXPECT_EQ(changes("key: [station]", "key: []"), "refused features.rides.key: was [station], is []");
  EXPECT_EQ(changes("    window: 15min\n", "    window: 15min\n    where: duration > 0\n"),
            "refused features.rides.where: was '', is 'duration > 0'");
  EXPECT_EQ(changes("avg(duration)", "max(duration)"),
            "refused features.rides.columns.mean: was avg(duration), is max(duration)");
  EXPECT_EQ(changes("mean: avg(duration) }", "longest: max(duration) }\n    renamed: { longest: mean }"),
            "refused features.rides.columns.longest: was avg(duration), is max(duration)");
  EXPECT_EQ(changes("type: number", "type: integer"),
            "refused event.fields.duration: was number /tripduration, is integer /tripduration");
  EXPECT_EQ(changes("kind: file, path: trips.ndjson", "kind: http_poll, url: 'http://127.0.0.1:1/x'"),
            "refused sources.trips.kind: is another one: how far it was read means nothing there");
}

// ---- what comes back ----------------------------------------------------------------------------------------------

constexpr std::string_view kTwoGroups = R"(project: rides
sources: [ { name: trips, kind: file, path: trips.ndjson } ]
events:
  - name: trips
    when: { /kind: trip }
    id: /id
    time: { from: /started_at, unit: rfc3339 }
    fields:
      duration: { from: /tripduration, type: number, unit: second }
      count: { from: /count, type: integer }
      station: { from: /station, type: text }
  - name: rests
    id: /id
    time: { from: /started_at, unit: rfc3339 }
    fields:
      duration: { from: /tripduration, type: number, unit: second }
      count: { from: /count, type: integer }
      station: { from: /station, type: text }
features:
  - { group: days, event: rests, window: 1d, columns: { n: count() } }
  - group: rides
    event: trips
    window: 15min
    key: [station]
    where: duration > 0
    columns:
      rides: count()
      total: sum(count)
      high: quantile(duration, 0.9)
)";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// What a data folder knows after runs under these definitions, one after the other.
Schemas stored_under(std::initializer_list<Definition> definitions) {
  Schemas stored;
  for (const Definition& definition : definitions)
    for (const WindowGroup& group : definition.groups) {
      const Status taken = stored[group.name].adopt(feature_group_of(group, definition.events[group.event]));
      EXPECT_TRUE(taken.ok()) << taken.message();
    }
  return stored;
}

std::string refused(const Definition& before, const Definition& now, Schemas stored) {
  return to_text(changes_of(before, now, std::move(stored)), Kind::kRefused);
}

// kTwoGroups, but with a column or a group less.
const std::string& without_columns() {
  static const std::string text =
      replaced(std::string(kTwoGroups), "      total: sum(count)\n      high: quantile(duration, 0.9)\n", "");
  return text;
}
const std::string& without_group() {
  static const std::string text(kTwoGroups.substr(0, kTwoGroups.find("  - group: rides")));
  return text;
}

TEST(DefinitionChange, WhatComesBackWithAnotherMeaningIsRefusedAsIfItHadNeverGone) {
  struct Case {
    const std::string& gone;
    std::string_view from, to, text;
  };
  const std::string &column = without_columns(), &group = without_group();
  const Case cases[] = {
      {column, "sum(count)", "min(count)",
       "features.rides.columns.total: was sum(count), is min(count); put it back, "
       "and add the changed one as a column of another name"},
      {column, "sum(count)", "avg(count)", "features.rides.columns.total: was sum(count), is avg(count)"},
      {column, "sum(count)", "sum(duration)", "features.rides.columns.total: was sum(count), is sum(duration)"},
      {column, "0.9", "0.95", "features.rides.columns.high: was quantile(duration, 0.9), is quantile(duration, 0.95)"},
      {column, "/count", "/sum", "events.trips.fields.count: was integer /count, is integer /sum"},
      {group, "sum(count)", "min(count)", "features.rides.columns.total: was sum(count), is min(count)"},
      {group, "15min", "1h",
       "features.rides.window: was tumbling 15min, is tumbling 1h; put it back, and add the "
       "changed one as a group of another name"},
      {group, "15min", "{ session: 15min }", "features.rides.window: was tumbling 15min, is session 15min"},
      {group, "15min", "{ size: 15min, offset: 1min }",
       "features.rides.window: was tumbling 15min, is tumbling 15min offset 1min"},
      {group, "[station]", "[]", "features.rides.key: was [station], is []"},
      {group, "duration > 0", "duration > 1", "features.rides.where: was 'duration > 0', is 'duration > 1'"},
      {group, "    where: duration > 0\n", "", "features.rides.where: was 'duration > 0', is ''"},
      {group, "    event: trips", "    event: rests", "features.rides.event: was trips, is rests"},
      {group, "/station", "/place", "events.trips.fields.station: was text /station, is text /place"},
      {group, "/tripduration", "/length", "events.trips.fields.duration: was number /tripduration, is number /length"},
  };
  const Definition before = parsed(std::string(kTwoGroups));
  for (const Case& each : cases) {
    const Definition back = parsed(replaced(std::string(kTwoGroups), each.from, each.to));
    std::string gone_text = each.gone;
    // A field of which nobody speaks may go as well.
    if (each.text.starts_with("events.")) {
      const std::string name(each.text.substr(20, each.text.find(':') - 20));
      const std::size_t line = gone_text.find("      " + name + ": {");
      if (&each.gone == &group || name == "count") gone_text.erase(line, gone_text.find('\n', line) + 1 - line);
    }
    const Definition gone = parsed(gone_text);
    const std::string said = refused(gone, back, stored_under({before, gone}));
    EXPECT_TRUE(said.starts_with(each.text)) << each.to << ": " << said;
    EXPECT_EQ(said, refused(before, back, stored_under({before}))) << each.to;
    EXPECT_EQ(said, refused(before, back, {})) << each.to << ", by the definitions alone";
    const Definition much_later = parsed(gone_text + "# Something else.\n");
    EXPECT_EQ(said, refused(much_later, back, stored_under({before, gone, much_later}))) << each.to;
    EXPECT_EQ(said, refused(back, back, stored_under({before, gone}))) << each.to << ", without a definition before";
  }
}

TEST(DefinitionChange, WhatComesBackAsItWasIsTaken) {
  const Definition before = parsed(std::string(kTwoGroups));
  const auto back = [&](const std::string& without) {
    const Definition gone = parsed(without);
    const auto changes = changes_of(gone, before, stored_under({before, gone}));
    EXPECT_EQ(to_text(changes, Kind::kRefused), "");
    return to_text(changes, Kind::kNewVersion) + to_text(changes, Kind::kFree);
  };
  EXPECT_EQ(back(without_columns()),
            "features.rides.columns.total: is there again, with its values; null in rows that were made without it\n"
            "features.rides.columns.high: is there again, with its values; null in rows that were made without it");
  EXPECT_EQ(back(without_group()), "features.rides: is there again, with its rows; it counts what comes from now on");
}

TEST(DefinitionChange, ANameWhoseColumnLivesOnUnderAnotherIsFree) {
  const std::string as_sum = replaced(std::string(kTwoGroups), "total: sum(count)", "sum: sum(count)");
  const Definition before = parsed(std::string(kTwoGroups));
  const Definition renamed = parsed(replaced(as_sum, "    columns:\n", "    renamed: { sum: total }\n    columns:\n"));
  const Definition again = parsed(replaced(as_sum, "rides: count()", "rides: count()\n      total: min(count)"));
  const Schemas stored = stored_under({before, renamed});
  EXPECT_EQ(to_text(changes_of(renamed, again, stored), Kind::kNewVersion),
            "features.rides.columns.total: is new; null in rows before");
  EXPECT_EQ(refused(renamed, again, stored), "");
}

TEST(DefinitionChange, WhatAnEarlierProgramStoredWithoutMeaningsMeansWhatTheDefinitionBeforeSays) {
  const Definition before = parsed(std::string(kTwoGroups)), gone = parsed(without_columns());
  const Definition back = parsed(replaced(std::string(kTwoGroups), "sum(count)", "min(count)"));
  Schemas stored;
  for (const WindowGroup& group : before.groups) {
    FeatureGroup unsaid = feature_group_of(group, before.events[group.event]);
    unsaid.meaning.reset();
    for (FeatureColumn& column : unsaid.columns) column.meaning.clear();
    ASSERT_TRUE(stored[group.name].adopt(unsaid).ok());
  }
  EXPECT_EQ(refused(gone, back, stored), "") << "nobody knows";
  learn(before, stored);
  EXPECT_TRUE(refused(gone, back, stored).starts_with("features.rides.columns.total: was sum(count), is min(count)"))
      << refused(gone, back, stored);
}

}  // namespace
}  // namespace tidecast
