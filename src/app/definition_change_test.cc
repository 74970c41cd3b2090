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

}  // namespace
}  // namespace tidecast
