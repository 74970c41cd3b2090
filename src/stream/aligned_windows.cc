#include "stream/aligned_windows.h"

#include <algorithm>

namespace tidecast {

AlignedWindows::AlignedWindows(std::size_t index, const WindowGroup& group, const EventMapping& event)
    : WindowBase(index, group, event), every_(group.kind == WindowKind::kHopping ? group.every : group.window) {
  CHECK(every_ > 0ms && group_.window % every_ == 0ms);
}

bool AlignedWindows::on_event(const EventBatch& events, std::size_t i, std::uint64_t number, ProcessingTime arrival,
                              std::vector<ClosedWindow>& closed) {
  if (newest_ != nullptr)
    look_ahead(
        events, i, newest_->keys, [this](std::uint32_t cell) { newest_->cells.prefetch(cell); }, [](std::uint32_t) {});
  Slice* const slice = slice_of(events.time[i]);
  if (slice == nullptr) return false;
  if (reached(slice->start + every_) && group_.allowed_lateness > 0ms) {
    correct(*slice, events, i, number, arrival, closed);
    return true;
  }
  const std::uint32_t cell = cell_of(*slice, key_of(events, i));
  slice->cells.count(cell, events, i, number);
  touch(*slice, cell);
  return true;
}

AlignedWindows::Slice* AlignedWindows::slice_of(EventTime time) {
  // Most rows fall into the newest slice, which saves them the division.  A slice that is there is not gone.
  if (newest_ != nullptr && time >= newest_->start && time < newest_->start + every_) return newest_;
  const EventTime start = grid(time);
  return is_gone(start + group_.window) ? nullptr : &slice_at(start);
}

AlignedWindows::Slice& AlignedWindows::slice_at(EventTime start) {
  const auto place = slices_.lower_bound(start);
  if (place != slices_.end() && place->first == start) return place->second;
  Slice& slice = slices_.emplace_hint(place, start, Slice{start, {}, AggregateCells(layout_), {}})->second;
  newest_ = &slices_.rbegin()->second;
  plan();
  return slice;
}

std::uint32_t AlignedWindows::cell_of(Slice& slice, std::string_view key) {
  const std::uint32_t cell = key.empty() && slice.keys.size() == 1 ? 0 : slice.keys.add(key);
  if (cell == slice.cells.size()) slice.cells.add_cell();
  return cell;
}

void AlignedWindows::touch(Slice& slice, std::uint32_t cell) {
  if (slice.cells.touch(cell, round_)) slice.changed.push_back(cell);
}

// Of the windows that hold the slice, the first that ends after `end`, if one does.
EventTime AlignedWindows::first_end_after(EventTime slice, EventTime end) const {
  return end < slice + every_ ? slice + every_ : grid(end) + every_;
}

// The first window that ends after `after` and has a row.
std::optional<EventTime> AlignedWindows::next_end(EventTime after) const {
  const auto slice = after == kNever ? slices_.begin() : slices_.upper_bound(after - group_.window);
  if (slice == slices_.end()) return std::nullopt;
  return first_end_after(slice->first, after);
}

void AlignedWindows::advance(EventTime watermark, ProcessingTime at, bool by_idle, std::vector<ClosedWindow>& closed) {
  if (watermark <= watermark_) return;
  EventTime after = fired();
  watermark_ = watermark;
  if (watermark_ < due_) return;
  for (auto end = next_end(after); end && reached(*end); end = next_end(after)) {
    fire(*end, at, by_idle, closed);
    after = *end;
  }
  drop_gone();
  plan();
}

void AlignedWindows::drop_gone() {
  while (!slices_.empty() && is_gone(slices_.begin()->first + group_.window)) slices_.erase(slices_.begin());
  newest_ = slices_.empty() ? nullptr : &slices_.rbegin()->second;
  while (!corrections_.empty() && is_gone(corrections_.begin()->first.first)) corrections_.erase(corrections_.begin());
}

// The watermark that the next closing, or the next end of allowed lateness, needs.
void AlignedWindows::plan() {
  due_ = EventTime::max();
  if (slices_.empty()) return;
  due_ = slices_.begin()->first + group_.window - 1ms + group_.allowed_lateness;
  if (const auto end = next_end(fired())) due_ = std::min(due_, *end - 1ms);
  due_ = std::max(due_, EventTime::epoch() + 1ms);
}

void AlignedWindows::fire(EventTime end, ProcessingTime at, bool by_idle, std::vector<ClosedWindow>& closed) {
  const EventTime start = end - group_.window;
  const auto first = slices_.lower_bound(start), last = slices_.lower_bound(end);
  Slice together{start, {}, AggregateCells(layout_), {}};
  const Slice* whole = &first->second;
  if (std::next(first) != last) {
    for (auto slice = first; slice != last; ++slice)
      for (std::uint32_t c = 0; c < slice->second.keys.size(); ++c)
        together.cells.merge(cell_of(together, slice->second.keys[c]), slice->second.cells, c);
    whole = &together;
  }
  const std::vector<std::uint32_t> order = whole->keys.sorted();
  if (const std::size_t rows = closed.size() + order.size(); rows > closed.capacity())
    closed.reserve(std::max(rows, 2 * closed.capacity()));
  for (std::size_t row = 0; row < order.size(); ++row) {
    constexpr std::size_t kAhead = 8;
    if (row + kAhead < order.size()) whole->cells.prefetch(order[row + kAhead]);
    closed.push_back({index_, row_of(start, end, at, whole->keys[order[row]], whole->cells, order[row])});
    closed.back().row.closed_by_idle = by_idle;
  }
}

// The row of one series as its slices stand; nullopt without any row in them.
std::optional<FeatureRow> AlignedWindows::row_of_one(EventTime end, ProcessingTime at, std::string_view key) const {
  const EventTime start = end - group_.window;
  AggregateCells together(layout_);
  for (auto slice = slices_.lower_bound(start); slice != slices_.end() && slice->first < end; ++slice) {
    const std::uint32_t cell = slice->second.keys.find(key);
    if (cell == KeyTable::kNone) continue;
    if (together.size() == 0) together.add_cell();
    together.merge(0, slice->second.cells, cell);
  }
  if (together.size() == 0) return std::nullopt;
  return row_of(start, end, at, key, together, 0);
}

// Counts a row of which a window has closed already.  A correction has a revision above 0 also where the window had no
// row when it closed.
void AlignedWindows::correct(Slice& slice, const EventBatch& events, std::size_t i, std::uint64_t number,
                             ProcessingTime arrival, std::vector<ClosedWindow>& closed) {
  const std::string key(key_of(events, i));
  std::vector<std::pair<EventTime, std::optional<FeatureRow>>> before;
  for (EventTime end = slice.start + every_; end <= slice.start + group_.window && reached(end); end += every_)
    if (!is_gone(end)) before.emplace_back(end, row_of_one(end, arrival, key));
  const std::uint32_t cell = cell_of(slice, key);
  slice.cells.count(cell, events, i, number);
  touch(slice, cell);
  for (auto& [end, row] : before) {
    FeatureRow now = *row_of_one(end, arrival, key);
    if (row && row->values == now.values) continue;
    Correction& correction = corrections_[{end, key}];
    correction.round = round_;
    now.revision = ++correction.revision;
    closed.push_back({index_, std::move(now)});
  }
}

std::string AlignedWindows::late_reason(EventTime time) const {
  const EventTime start = grid(time);
  return reason(start, start + group_.window);
}

// A window that several series share counts once.
std::size_t AlignedWindows::open_windows() const {
  std::size_t open = 0;
  EventTime counted = fired();
  for (const auto& [start, slice] : slices_) {
    const EventTime first = first_end_after(start, counted), last = start + group_.window;
    if (last < first) continue;
    open += static_cast<std::size_t>((last - first) / every_) + 1;
    counted = last;
  }
  return open;
}

std::optional<WindowOperator::Span> AlignedWindows::oldest_open() const {
  const auto end = next_end(fired());
  if (!end) return std::nullopt;
  return Span{*end - group_.window, *end};
}

// ---- state
// ------------------------------------------------------------------------------------------------------------

void AlignedWindows::clear() {
  slices_.clear();
  corrections_.clear();
  newest_ = nullptr;
  plan();
}

void AlignedWindows::append_cells(std::string& bytes, bool all) {
  const auto written = [&](const Slice& slice) { return all ? slice.keys.size() : slice.changed.size(); };
  put_number(bytes, static_cast<std::size_t>(
                        std::ranges::count_if(slices_, [&](const auto& entry) { return written(entry.second) > 0; })));
  for (auto& [start, slice] : slices_) {
    const std::size_t cells = written(slice);
    if (cells == 0) continue;
    put_signed(bytes, (start - group_.offset).ms() / every_.count());
    put_number(bytes, cells);
    for (std::uint32_t c = 0; c < cells; ++c) {
      const std::uint32_t cell = all ? c : slice.changed[c];
      put_text(bytes, slice.keys[cell]);
      slice.cells.write(cell, all, bytes);
    }
    slice.changed.clear();
  }
  const auto is_written = [&](const auto& entry) { return all || entry.second.round == round_; };
  put_number(bytes, static_cast<std::size_t>(std::ranges::count_if(corrections_, is_written)));
  for (const auto& entry : corrections_) {
    if (!is_written(entry)) continue;
    put_signed(bytes, (entry.first.first - group_.offset).ms() / every_.count());
    put_text(bytes, entry.first.second);
    put_number(bytes, entry.second.revision);
  }
}

void AlignedWindows::read_cells(PieceReader& piece, const std::vector<std::size_t>& stored) {
  const auto take_time = [&] {
    const std::int64_t number = piece.integer(), most = PieceReader::kFarthest / every_.count();
    if (number < -most || number > most) piece.fail();
    return EventTime::from_ms(piece.ok() ? number * every_.count() : 0) + group_.offset;
  };
  for (std::uint64_t slices = piece.number(); slices > 0 && piece.ok(); --slices) {
    const EventTime start = take_time();
    std::uint64_t cells = piece.number();
    if (cells == 0) piece.fail();
    if (!piece.ok()) return;
    Slice& slice = slice_at(start);
    for (; cells > 0 && piece.ok(); --cells) {
      const std::string_view key = piece.text();
      if (key.empty() != group_.key.empty()) piece.fail();
      if (piece.ok()) slice.cells.read(cell_of(slice, key), stored, piece);
    }
  }
  for (std::uint64_t corrections = piece.number(); corrections > 0 && piece.ok(); --corrections) {
    const EventTime end = take_time();
    const std::string_view key = piece.text();
    const auto revision = static_cast<std::uint32_t>(piece.number(UINT32_MAX - 1));
    if (piece.ok()) corrections_[{end, std::string(key)}] = {revision, 0};
  }
  drop_gone();
  plan();
}

}  // namespace tidecast
