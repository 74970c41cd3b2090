#pragma once
// What a feature group is, and one row of it.

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
};

inline constexpr Milliseconds kWidestWindow = 24h * 7;

struct FeatureGroup {
  std::string name;
  Milliseconds window{60'000};  // Above 0, up to kWidestWindow.
  std::vector<FeatureColumn> columns;
  std::optional<Milliseconds>
      keep_online;  // Rows older than this behind the newest leave the online store; nullopt: kept.

  // Index into `columns`; nullopt if there is no such column.
  std::optional<std::size_t> column(std::string_view column_name) const;
};

// The row of one window [start, end).  Its event time is window_end: what was known when it closed.
struct FeatureRow {
  EventTime window_start;
  EventTime window_end;
  ProcessingTime write_time;         // When the window closed: the arrival of the record that closed it.
  std::vector<FeatureValue> values;  // One a column of the group.
};

// Half open: [from, until).
struct EventRange {
  EventTime from = EventTime::min();
  EventTime until = EventTime::max();
};

}  // namespace tidecast
