#include "stream/session_windows.h"

#include <algorithm>

namespace tidecast {

SessionWindows::SessionWindows(std::size_t index, const WindowGroup& group, const EventMapping& event)
    : WindowBase(index, group, event), cells_(layout_) {}

bool SessionWindows::on_event(const EventBatch& events, std::size_t i, std::uint64_t number, ProcessingTime,
                              std::vector<ClosedWindow>&) {
  look_ahead(
      events, i, keys_, [this](std::uint32_t series) { prefetch(&open_[series]); },
      [this](std::uint32_t series) {
        if (series >= open_.size() || open_[series].empty()) return;
        prefetch(&sessions_[open_[series].back()]);
        cells_.prefetch(open_[series].back());
      });
  const EventTime start = events.time[i], end = start + group_.window;
  const std::uint32_t series = series_of(key_of(events, i));
  Places& open = open_[series];
  // Most rows prolong the newest session.
  auto first = open.end();
  while (first != open.begin() && sessions_[*std::prev(first)].end >= start) --first;
  auto last = first;
  while (last != open.end() && sessions_[*last].start <= end) ++last;
  std::uint32_t place;
  if (first == last) {
    if (reached(end)) return false;
    place = begin(series, next_id_++, start, end);
  } else {
    place = join(open, first, last);
    sessions_[place].start = std::min(sessions_[place].start, start);
    sessions_[place].end = std::max(sessions_[place].end, end);
  }
  cells_.count(place, events, i, number);
  touch(place);
  return true;
}

std::uint32_t SessionWindows::series_of(std::string_view key) {
  const std::uint32_t series = keys_.add(key);
  if (series == open_.size()) {
    open_.emplace_back();
    ++silent_;
  }
  return series;
}

std::uint32_t SessionWindows::begin(std::uint32_t series, std::uint64_t id, EventTime start, EventTime end) {
  std::uint32_t place = 0;
  if (free_.empty()) {
    place = static_cast<std::uint32_t>(sessions_.size());
    sessions_.emplace_back();
    cells_.add_cell();
  } else {
    place = free_.back();
    free_.pop_back();
  }
  sessions_[place] = {id, start, end, series};
  Places& open = open_[series];
  if (open.empty()) --silent_;
  const auto by_start = [this](std::uint32_t p) { return sessions_[p].start; };
  open.insert(std::ranges::lower_bound(open, start, {}, by_start), place);
  due_.push_back({end, place, id});
  std::push_heap(due_.begin(), due_.end());
  return place;
}

// Of sessions that a row makes one, the first takes in the others.
std::uint32_t SessionWindows::join(Places& open, Places::iterator first, Places::iterator last) {
  const std::uint32_t into = *first;
  for (auto other = std::next(first); other != last; ++other) {
    const Session& taken = sessions_[*other];
    sessions_[into].end = std::max(sessions_[into].end, taken.end);
    cells_.merge(into, cells_, *other);
    taken_.emplace_back(keys_[taken.key], taken.id);
    forget(*other);
  }
  open.erase(std::next(first), last);
  return into;
}

// Frees the place; the series' list is the caller's.
void SessionWindows::forget(std::uint32_t place) {
  sessions_[place].id = 0;
  cells_.clear(place);
  free_.push_back(place);
}

void SessionWindows::touch(std::uint32_t place) {
  if (cells_.touch(place, round_)) changed_.push_back(place);
}

const SessionWindows::Due* SessionWindows::next_due() const {
  while (!due_.empty()) {
    const Due& first = due_.front();
    const Session& session = sessions_[first.session];
    if (session.id == first.id && session.end == first.end) return &first;
    std::pop_heap(due_.begin(), due_.end());
    if (session.id == due_.back().id) {
      due_.back().end = session.end;
      std::push_heap(due_.begin(), due_.end());
    } else {
      due_.pop_back();
    }
  }
  return nullptr;
}

void SessionWindows::advance(EventTime watermark, ProcessingTime at, bool by_idle, std::vector<ClosedWindow>& closed) {
  if (watermark <= watermark_) return;
  watermark_ = watermark;
  std::vector<std::uint32_t> due = take_due();
  std::ranges::sort(due, [this](std::uint32_t a, std::uint32_t b) {
    const Session &x = sessions_[a], &y = sessions_[b];
    return x.end != y.end ? x.end < y.end : keys_[x.key] < keys_[y.key];
  });
  for (const std::uint32_t place : due) {
    const Session& session = sessions_[place];
    closed.push_back({index_, row_of(session.start, session.end, at, keys_[session.key], cells_, place)});
    closed.back().row.closed_by_idle = by_idle;
    forget(place);
  }
  if (!due.empty()) drop_silent_series();
}

// The sessions that the watermark has reached, no more in the lists of their series.
std::vector<std::uint32_t> SessionWindows::take_due() {
  std::vector<std::uint32_t> due;
  while (!due_.empty() && reached(due_.front().end)) {
    const Due* const first = next_due();
    if (first == nullptr || !reached(first->end)) break;
    due.push_back(first->session);
    std::pop_heap(due_.begin(), due_.end());
    due_.pop_back();
    Places& open = open_[sessions_[due.back()].key];
    open.erase(std::ranges::find(open, due.back()));
    if (open.empty()) ++silent_;
  }
  return due;
}

// Series that came once and are silent since must not fill the memory.
void SessionWindows::drop_silent_series() {
  constexpr std::size_t kFew = 1'000;
  if (silent_ < kFew || 2 * silent_ < open_.size()) return;
  KeyTable keys;
  std::vector<Places> open;
  for (std::uint32_t series = 0; series < open_.size(); ++series) {
    if (open_[series].empty()) continue;
    const std::uint32_t now = keys.add(keys_[series]);
    for (const std::uint32_t place : open_[series]) sessions_[place].key = now;
    open.push_back(std::move(open_[series]));
  }
  keys_ = std::move(keys);
  open_ = std::move(open);
  silent_ = 0;
}

std::string SessionWindows::late_reason(EventTime time) const { return reason(time, time + group_.window); }

std::optional<WindowOperator::Span> SessionWindows::oldest_open() const {
  const Due* const first = next_due();
  if (first == nullptr) return std::nullopt;
  return Span{sessions_[first->session].start, first->end};
}

// ---- state
// ------------------------------------------------------------------------------------------------------------

void SessionWindows::clear() {
  keys_ = {};
  open_.clear();
  sessions_.clear();
  cells_ = AggregateCells(layout_);
  free_.clear();
  silent_ = 0;
  next_id_ = 1;
  due_.clear();
  changed_.clear();
  taken_.clear();
}

void SessionWindows::append_cells(std::string& bytes, bool all) {
  if (all) taken_.clear();
  put_number(bytes, next_id_);
  put_number(bytes, taken_.size());
  for (const auto& [key, id] : taken_) {
    put_text(bytes, key);
    put_number(bytes, id);
  }
  std::vector<std::uint32_t> places;
  const auto is_open = [this](std::uint32_t place) { return sessions_[place].id != 0; };
  if (all) {
    for (std::uint32_t place = 0; place < sessions_.size(); ++place)
      if (is_open(place)) places.push_back(place);
  } else {  // A place may be there twice, if it was freed and taken again.
    std::ranges::sort(changed_);
    std::ranges::unique_copy(changed_, std::back_inserter(places));
    std::erase_if(places, [&](std::uint32_t place) { return !is_open(place); });
  }
  put_number(bytes, places.size());
  for (const std::uint32_t place : places) {
    const Session& session = sessions_[place];
    put_text(bytes, keys_[session.key]);
    put_number(bytes, session.id);
    put_signed(bytes, session.start.ms());
    put_number(bytes, static_cast<std::uint64_t>((session.end - session.start).count()));
    cells_.write(place, all, bytes);
  }
  changed_.clear();
  taken_.clear();
}

void SessionWindows::read_session(PieceReader& piece, const std::vector<std::size_t>& stored,
                                  std::vector<std::uint32_t>& read) {
  const std::string_view key = piece.text();
  const std::uint64_t id = piece.number();
  const EventTime start = piece.time();
  const Milliseconds length(static_cast<std::int64_t>(piece.number(PieceReader::kFarthest)));
  if (key.empty() != group_.key.empty() || id == 0 || id >= next_id_ || length < group_.window) piece.fail();
  if (!piece.ok()) return;
  const std::uint32_t series = series_of(key);
  const Places& open = open_[series];
  const auto known = std::ranges::find(open, id, [this](std::uint32_t place) { return sessions_[place].id; });
  const std::uint32_t place = known != open.end() ? *known : begin(series, id, start, start + length);
  sessions_[place].start = start;
  sessions_[place].end = start + length;
  cells_.read(place, stored, piece);
  read.push_back(series);
}

void SessionWindows::read_cells(PieceReader& piece, const std::vector<std::size_t>& stored) {
  const std::uint64_t next_id = piece.number();
  if (next_id < next_id_) piece.fail();
  next_id_ = std::max(next_id_, next_id);
  for (std::uint64_t taken = piece.number(); taken > 0 && piece.ok(); --taken) {
    const std::uint32_t series = keys_.find(piece.text());
    const std::uint64_t id = piece.number();
    if (series == KeyTable::kNone) continue;  // It came and went within this piece.
    Places& open = open_[series];
    const auto place = std::ranges::find(open, id, [this](std::uint32_t p) { return sessions_[p].id; });
    if (place == open.end()) continue;
    forget(*place);
    open.erase(place);
    if (open.empty()) ++silent_;
  }
  std::vector<std::uint32_t> read;
  for (std::uint64_t sessions = piece.number(); sessions > 0 && piece.ok(); --sessions)
    read_session(piece, stored, read);
  // Those that closed within this piece go; of the rest, none may touch the next.
  for (const std::uint32_t place : take_due()) forget(place);
  for (const std::uint32_t series : read) {
    Places& open = open_[series];
    std::ranges::sort(open, {}, [this](std::uint32_t place) { return sessions_[place].start; });
    for (std::size_t p = 1; p < open.size(); ++p)
      if (sessions_[open[p]].start <= sessions_[open[p - 1]].end) piece.fail();
  }
  drop_silent_series();
}

}  // namespace tidecast
