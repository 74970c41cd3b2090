#pragma once
// One group's watermark and open windows: [start, start + width) of event time, aligned to 1970-01-01T00:00:00Z,
// emitted once, when the watermark reaches the last millisecond.  Row i is judged by the watermark of the rows before
// it, as Flink SQL does (docs/windows.md).  One thread.

#include <optional>
#include <vector>

#include "stream/accumulator.h"
#include "stream/event_batch.h"
#include "stream/pipeline.h"

namespace tidecast {

struct OpenWindow {
  EventTime start;
  std::vector<Accumulator> totals;  // One a column of the group.

  bool operator==(const OpenWindow&) const = default;
};

class TumblingWindow {
 public:
  // All that a restart needs.
  struct State {
    std::optional<EventTime> watermark;  // nullopt before the first event.
    std::vector<OpenWindow> open;        // By start, oldest first.
    bool operator==(const State&) const = default;
  };

  // `index` of the group is repeated in the windows it closes.
  TumblingWindow(std::size_t index, WindowGroup group, const EventMapping& event);

  // Counts row `i` in its window, then lets the watermark follow it; windows that closes are appended to `closed` with
  // write time `arrival`, oldest first.  False if the row is late: its window has closed.
  bool on_event(const EventBatch& events, std::size_t i, ProcessingTime arrival, std::vector<ClosedWindow>& closed);

  const State& state() const { return state_; }
  void restore(State state) { state_ = std::move(state); }

 private:
  OpenWindow& window_at(EventTime start);
  bool has_closed(EventTime start) const;
  void close_due(ProcessingTime arrival, std::vector<ClosedWindow>& closed);
  ClosedWindow close(const OpenWindow& window, ProcessingTime arrival) const;

  std::size_t index_;
  WindowGroup group_;
  std::vector<FieldType> types_;  // Of each column's field.
  State state_;
};

}  // namespace tidecast
