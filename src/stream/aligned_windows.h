#pragma once
// Tumbling and hopping windows: all series share one grid.  Rows are counted in slices of one step ("every"; a tumbling
// window is one slice); a window that closes puts its slices together.
//
// After the head (window_base.h) a piece has
//
//   slices | per slice: number on the grid, cells | per cell: key, states
//   corrected windows | each: end's number on the grid, key, revision

#include <map>

#include "stream/window_base.h"

namespace tidecast {

class AlignedWindows final : public WindowBase {
 public:
  AlignedWindows(std::size_t index, const WindowGroup& group, const EventMapping& event);

  bool on_event(const EventBatch& events, std::size_t i, std::uint64_t number, ProcessingTime arrival,
                std::vector<ClosedWindow>& closed) override;
  void advance(EventTime watermark, ProcessingTime at, bool by_idle, std::vector<ClosedWindow>& closed) override;
  std::string late_reason(EventTime time) const override;
  std::size_t open_windows() const override;
  std::optional<Span> oldest_open() const override;

 private:
  struct Slice {
    EventTime start;
    KeyTable keys;
    AggregateCells cells;                // Cell c is of key c.
    std::vector<std::uint32_t> changed;  // Cells, since the last piece.
  };
  using Slices = std::map<EventTime, Slice>;  // By start.
  struct Correction {
    std::uint32_t revision = 0;
    std::uint64_t round = 0;  // In which it last changed.
  };

  EventTime grid(EventTime time) const { return floor_to(time - group_.offset, every_) + group_.offset; }
  EventTime fired() const {
    return watermark_ > EventTime::epoch() ? watermark_ + 1ms : kNever;
  }  // All ends up to here.
  EventTime first_end_after(EventTime slice, EventTime end) const;
  Slice* slice_of(EventTime time);  // nullptr: late.
  Slice& slice_at(EventTime start);
  std::uint32_t cell_of(Slice& slice, std::string_view key);
  void touch(Slice& slice, std::uint32_t cell);
  std::optional<EventTime> next_end(EventTime after) const;
  void fire(EventTime end, ProcessingTime at, bool by_idle, std::vector<ClosedWindow>& closed);
  std::optional<FeatureRow> row_of_one(EventTime end, ProcessingTime at, std::string_view key) const;
  void correct(Slice& slice, const EventBatch& events, std::size_t i, std::uint64_t number, ProcessingTime arrival,
               std::vector<ClosedWindow>& closed);
  void drop_gone();
  void plan();

  void clear() override;
  void append_cells(std::string& bytes, bool all) override;
  void read_cells(PieceReader& piece, const std::vector<std::size_t>& stored) override;

  const Milliseconds every_;
  Slices slices_;
  Slice* newest_ = nullptr;                                              // Of slices_.
  EventTime due_ = EventTime::max();                                     // Watermarks below change nothing.
  std::map<std::pair<EventTime, std::string>, Correction> corrections_;  // By end and key, of windows not gone.
};

}  // namespace tidecast
