#include "stream/tumbling_window.h"

#include <algorithm>

#include "base/log.h"

namespace tidecast {

TumblingWindow::TumblingWindow(std::size_t index, WindowGroup group, const EventMapping& event)
    : index_(index), group_(std::move(group)) {
  CHECK(group_.window > 0ms);
  for (const AggregateColumn& column : group_.columns)
    types_.push_back(column.field ? event.fields[*column.field].type : FieldType::kInteger);
}

bool TumblingWindow::on_event(const EventBatch& events, std::size_t i, ProcessingTime arrival,
                              std::vector<ClosedWindow>& closed) {
  const EventTime time = events.time[i];
  // Most rows fall into the newest window, which saves them the division.
  OpenWindow* newest = state_.open.empty() ? nullptr : &state_.open.back();
  if (newest != nullptr && (time < newest->start || time >= newest->start + group_.window)) newest = nullptr;
  const EventTime start = newest != nullptr ? newest->start : floor_to(time, group_.window);
  const bool late = has_closed(start);
  if (!late) {
    std::vector<Accumulator>& totals = (newest != nullptr ? *newest : window_at(start)).totals;
    for (std::size_t c = 0; c < totals.size(); ++c) {
      const AggregateColumn& column = group_.columns[c];
      add(totals[c], column.kind, column.field ? &events.columns[*column.field] : nullptr, i);
    }
  }
  // Flink's assigner starts at 0 and announces only what is greater: before that nothing closes, however old.
  const EventTime caused = std::max(time - group_.lateness, EventTime::epoch());
  if (!state_.watermark || caused > *state_.watermark) {
    state_.watermark = caused;
    close_due(arrival, closed);
  }
  return !late;
}

bool TumblingWindow::has_closed(EventTime start) const {
  return state_.watermark && *state_.watermark > EventTime::epoch() && *state_.watermark >= start + group_.window - 1ms;
}

OpenWindow& TumblingWindow::window_at(EventTime start) {
  const auto place = std::ranges::lower_bound(state_.open, start, {}, &OpenWindow::start);
  if (place != state_.open.end() && place->start == start) return *place;
  return *state_.open.insert(place, OpenWindow{start, std::vector<Accumulator>(group_.columns.size())});
}

void TumblingWindow::close_due(ProcessingTime arrival, std::vector<ClosedWindow>& closed) {
  auto first_open = state_.open.begin();
  for (; first_open != state_.open.end() && has_closed(first_open->start); ++first_open)
    closed.push_back(close(*first_open, arrival));
  state_.open.erase(state_.open.begin(), first_open);
}

ClosedWindow TumblingWindow::close(const OpenWindow& window, ProcessingTime arrival) const {
  FeatureRow row{window.start, window.start + group_.window, arrival, {}};
  for (std::size_t c = 0; c < group_.columns.size(); ++c) {
    bool overflow = false;
    row.values.push_back(value_of(window.totals[c], group_.columns[c].kind, types_[c], overflow));
    if (overflow)
      log_warning("stream", "{} of {}, window {}: the sum is beyond 64 bits, so the row has null there",
                  group_.columns[c].name, group_.name, to_rfc3339(window.start));
  }
  return {index_, std::move(row)};
}

}  // namespace tidecast
