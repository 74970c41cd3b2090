#pragma once
// What the window operators have in common: a group's layout, the record identifiers of its series, its watermark, rows
// from cells, and the head of a piece of state:
//
//   1 (version) | watermark | window ends up to this - 1 ms are gone for good | columns: number, texts "avg(fee
//   integer)"
//
// Times are 0 (none yet), or 1 and ms, signed.  All numbers are as piece.h has them.  What follows is the operator's:
// cells of a series and a window (aligned_windows.h, session_windows.h), in a snapshot all, else those that changed
// since the piece before.  Windows that closed or went are not listed: the watermark says it.

#include <array>

#include "stream/aggregate_cells.h"
#include "stream/window_operator.h"

namespace tidecast {

class WindowBase : public WindowOperator {
 public:
  void append_snapshot(std::string& bytes) final { append(bytes, true); }
  void append_changes(std::string& bytes) final { append(bytes, false); }
  Status restore(std::string_view piece, bool snapshot) final;

 protected:
  WindowBase(std::size_t index, const WindowGroup& group, const EventMapping& event);

  // Flink's watermark assigner starts at 0 and announces only what is greater: before that nothing closes, however old.
  bool reached(EventTime end) const { return watermark_ > EventTime::epoch() && watermark_ >= end - 1ms; }
  // Windows that end up to here are not even corrected any more.
  EventTime gone() const {
    return watermark_ > EventTime::epoch() ? std::max(gone_, watermark_ - group_.allowed_lateness) : gone_;
  }
  bool is_gone(EventTime end) const { return gone() >= end - 1ms; }

  // The record identifier of row `i`; valid until the next call.
  std::string_view key_of(const EventBatch& events, std::size_t i);
  // Where there are more series than the cache holds, counting waits for memory, unless it is asked for beforehand: of
  // a row to come first its slot in `keys`, nearer to it the key and what `near` knows of its number, then what `next`
  // does.
  template <typename Near, typename Next>
  void look_ahead(const EventBatch& events, std::size_t i, const KeyTable& keys, Near near, Next next) {
    constexpr std::size_t kFar = 16, kNear = 8, kNext = 4, kManyKeys = 4'096;
    if (keys.size() < kManyKeys) return;
    if (i + kFar < events.alive.size() && events.alive[i + kFar] != 0) {
      Hint& far = ahead_[(i + kFar) % ahead_.size()];
      far.hash = KeyTable::hash(key_of(events, i + kFar));
      keys.prefetch_slot(far.hash);
    }
    Hint& hint = ahead_[(i + kNear) % ahead_.size()];
    hint.number = keys.prefetch_key(hint.hash);
    if (hint.number != KeyTable::kNone) near(hint.number);
    next(ahead_[(i + kNext) % ahead_.size()].number);
  }
  FeatureRow row_of(EventTime start, EventTime end, ProcessingTime at, std::string_view key,
                    const AggregateCells& cells, std::uint32_t cell) const;
  std::string reason(EventTime start, EventTime end) const;

  virtual void clear() = 0;
  virtual void append_cells(std::string& bytes, bool all) = 0;
  // `stored` as AggregateCells::read() takes it.
  virtual void read_cells(PieceReader& piece, const std::vector<std::size_t>& stored) = 0;

  static constexpr EventTime kNever = EventTime::min();  // As a watermark.

  const std::size_t index_;
  const WindowGroup group_;
  const AggregateLayout layout_;
  EventTime watermark_ = kNever;
  std::uint64_t round_ = 1;  // Cells that a piece has are touched anew in the next.

 private:
  void append(std::string& bytes, bool all);

  EventTime gone_ = kNever;  // As it was at the restart: with less lateness than now, perhaps.
  struct Hint {
    std::uint32_t hash = 0, number = KeyTable::kNone;
  };
  std::array<Hint, 32> ahead_;  // Of rows to come; they may be of another batch, so nothing is built on them.
  std::vector<FieldType> key_types_;
  std::string key_;
};

}  // namespace tidecast
