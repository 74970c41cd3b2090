#pragma once
// One group's open windows of all its series: tumbling, hopping or session (docs/windows.md has the rules, which are
// Flink SQL's).  Pure: told of records and of the watermark, it gives rows; it knows no clock and no store.  One
// thread.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "features/store.h"
#include "stream/event_batch.h"
#include "stream/pipeline.h"

namespace tidecast {

class WindowOperator {
 public:
  // `index` of the group is repeated in the windows it closes.  The group has passed check_options().
  static std::unique_ptr<WindowOperator> make(std::size_t index, const WindowGroup& group, const EventMapping& event);
  virtual ~WindowOperator() = default;

  // Counts row `i`, which is the record `number` and arrived at `arrival`, by the watermark of the rows before it.
  // A correction of a row that has been given out already is appended to `closed`, if a value of it changed.
  // False if the row is late: none of its windows may count it.
  virtual bool on_event(const EventBatch& events, std::size_t i, std::uint64_t number, ProcessingTime arrival,
                        std::vector<ClosedWindow>& closed) = 0;

  // The watermark is now `watermark`, which never falls (nullopt-like before the first call: nothing has closed).  Rows
  // of windows that close are appended by ascending end, within one end by key, with `at` as their write time.
  virtual void advance(EventTime watermark, ProcessingTime at, bool by_idle, std::vector<ClosedWindow>& closed) = 0;

  // Why a row would be late now: "[12:00, 12:01) closed at watermark ...".  For a row of which on_event() said so.
  virtual std::string late_reason(EventTime time) const = 0;

  virtual std::size_t open_windows() const = 0;  // Windows of all series that have not closed.
  struct Span {
    EventTime start, end;
  };
  virtual std::optional<Span> oldest_open() const = 0;

  // ---- state --------------------------------------------------------------------------------------------------------
  // Pieces of bytes: a snapshot replaces all, changes go on from the piece before.  Every call of either begins a new
  // piece; a caller who loses one starts anew from the store.
  virtual void append_snapshot(std::string& bytes) = 0;
  virtual void append_changes(std::string& bytes) = 0;
  // Takes one piece.  Errors: kDataLoss - damaged; the operator is then of no use.
  virtual Status restore(std::string_view piece, bool snapshot) = 0;
};

}  // namespace tidecast
