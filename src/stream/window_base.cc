#include "stream/window_base.h"

#include <algorithm>

#include "base/log.h"
#include "features/record_id.h"

namespace tidecast {
namespace {

constexpr std::uint64_t kVersion = 1;

void put_time(std::string& bytes, EventTime time, EventTime none) {
  put_number(bytes, time == none ? 0 : 1);
  if (time != none) put_signed(bytes, time.ms());
}

EventTime take_time(PieceReader& piece, EventTime none) { return piece.number(1) == 0 ? none : piece.time(); }

}  // namespace

WindowBase::WindowBase(std::size_t index, const WindowGroup& group, const EventMapping& event)
    : index_(index), group_(group), layout_(group.columns, event) {
  CHECK(group_.window > 0ms && group_.allowed_lateness >= 0ms);
  for (const std::size_t key : group_.key) key_types_.push_back(event.fields[key].type);
}

std::string_view WindowBase::key_of(const EventBatch& events, std::size_t i) {
  key_.clear();
  for (std::size_t k = 0; k < key_types_.size(); ++k) {
    const EventColumn& field = events.columns[group_.key[k]];
    if (field.present[i] == 0)
      append_key_null(key_);
    else if (key_types_[k] == FieldType::kInteger)
      append_key_integer(key_, field.integers[i]);
    else if (key_types_[k] == FieldType::kBoolean)
      append_key_boolean(key_, field.booleans[i] != 0);
    else
      append_key_text(key_, field.texts[i]);
  }
  return key_;
}

FeatureRow WindowBase::row_of(EventTime start, EventTime end, ProcessingTime at, std::string_view key,
                              const AggregateCells& cells, std::uint32_t cell) const {
  std::vector<std::size_t> overflown;
  FeatureRow row{start, end, at, cells.values(cell, overflown), std::string(key)};
  for (const std::size_t column : overflown)
    log_warning("stream", "{} of {}, window {}: the value does not fit its type, so the row has null there",
                group_.columns[column].name, group_.name, to_rfc3339(start));
  return row;
}

std::string WindowBase::reason(EventTime start, EventTime end) const {
  return fmt::format("[{}, {}) closed at watermark {}", to_rfc3339(start), to_rfc3339(end), to_rfc3339(watermark_));
}

void WindowBase::append(std::string& bytes, bool all) {
  put_number(bytes, kVersion);
  put_time(bytes, watermark_, kNever);
  put_time(bytes, gone(), kNever);
  put_number(bytes, layout_.states().size());
  for (const AggregateLayout::State& state : layout_.states()) put_text(bytes, state.text);
  append_cells(bytes, all);
  ++round_;
}

Status WindowBase::restore(std::string_view bytes, bool snapshot) {
  if (snapshot) {
    clear();
    watermark_ = gone_ = kNever;
  }
  const auto damaged = [this](std::string_view what) {
    return data_loss("open windows of {} are damaged: {}", group_.name, what);
  };
  PieceReader piece(bytes);
  if (piece.number() != kVersion) return damaged("of another version");
  const EventTime watermark = take_time(piece, kNever), gone = take_time(piece, kNever);
  if (watermark < watermark_ || gone < gone_ || gone > std::max(watermark, EventTime::epoch()))
    return damaged("their watermark fell");
  std::vector<std::size_t> stored;
  for (std::uint64_t columns = piece.number(); columns > 0 && piece.ok(); --columns) {
    const auto state = std::ranges::find(layout_.states(), piece.text(), &AggregateLayout::State::text);
    const bool ours = state != layout_.states().end();
    stored.push_back(ours ? static_cast<std::size_t>(state - layout_.states().begin()) : SIZE_MAX);
    if (ours && std::ranges::count(stored, stored.back()) > 1) return damaged("a column twice");
  }
  watermark_ = watermark;
  gone_ = gone;
  read_cells(piece, stored);
  return piece.at_end() ? ok() : damaged("not of the length or the values that they need");
}

}  // namespace tidecast
