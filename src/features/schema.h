#pragma once
// What a feature group is, and one row of it.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "flow/event.h"

namespace tidecast {

// How a minute without events reads when a reader re-indexes to the grid: a count or sum of nothing is 0, a minimum,
// maximum or average of nothing is null.
enum class EmptyWindow { kZero, kNull };

struct FeatureColumn {
  std::string name;
  FieldType type = FieldType::kInteger;  // kInteger or kNumber.
  std::string unit;                      // "satoshi", "" where there is none.
  EmptyWindow empty = EmptyWindow::kNull;
  std::string meaning{};  // What it is computed from, as people read it: "sum(fee)".  "": nobody said.
};

inline constexpr Milliseconds kWidestWindow = 24h * 7;

// How event time is cut into windows (docs/windows.md).
enum class WindowKind {
  kTumbling,  // [start, start + window), one after the other.
  kHopping,   // [start, start + window), one begins every `every`; they overlap.
  kSession,   // From a first event to `window` after the last: one ends where so long nothing came.  Off every grid.
};
std::string_view name_of(WindowKind kind);  // "tumbling", "hopping", "session".

// A part of the record identifier: which series a row belongs to.
struct FeatureKey {
  std::string name;
  FieldType type = FieldType::kText;  // kText, kInteger or kBoolean.
  bool operator==(const FeatureKey&) const = default;
};

// What the rows of a group mean, beside the windows, keys and columns; as people read it, and compared as text.
struct GroupMeaning {
  std::string event{}, where{};                 // The name of its event, and the condition.
  std::map<std::string, std::string> fields{};  // Those of which keys, columns and condition speak: "integer /fee".
};

struct FeatureGroup {
  std::string name;
  Milliseconds window{60'000};  // Width, or a session's gap; above 0, up to kWidestWindow.
  std::vector<FeatureColumn> columns;
  std::optional<Milliseconds> keep_online;   // Rows older than this behind the newest leave the online store.
  std::optional<Milliseconds> keep_offline;  // The same for the offline store; nullopt (both): kept for ever.
  WindowKind kind = WindowKind::kTumbling;
  Milliseconds every{0};         // kHopping: from one window's start to the next; `window` is a multiple of it.
  Milliseconds offset{0};        // Windows start at offset + n * step(); 0 up to step().
  std::vector<FeatureKey> keys;  // Empty: one series.
  // A column's earlier name, where it was renamed: rows that were written under that one are read as this one's.
  std::map<std::string, std::string> renamed_from{};
  std::optional<GroupMeaning> meaning{};  // nullopt: nobody said.

  Milliseconds step() const { return kind == WindowKind::kHopping ? every : window; }  // Between starts on the grid.
  // Index into `columns`; nullopt if there is no such column.
  std::optional<std::size_t> column(std::string_view column_name) const;
};

// The row of one window [start, end) and one series.  Its event time is window_end: what was known when it closed.  A
// window's row may be corrected: the one with the greatest revision counts.
struct FeatureRow {
  EventTime window_start;
  EventTime window_end;
  ProcessingTime write_time;         // When the window closed: the arrival of the record that closed it.
  std::vector<FeatureValue> values;  // One a column of the group.
  std::string key{};                 // The record identifier (features/record_id.h); "" where the group has no keys.
  std::uint32_t revision = 0;        // 0 when the window closed, then one more with every correction.
  bool deleted = false;              // A tombstone: the row is there no more; values are null.
  bool closed_by_idle = false;       // The wall clock closed it, because its sources were silent.
  bool operator==(const FeatureRow&) const = default;
};

// Half open: [from, until).
struct EventRange {
  EventTime from = EventTime::min();
  EventTime until = EventTime::max();
};

}  // namespace tidecast
