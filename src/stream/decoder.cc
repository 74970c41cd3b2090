#include "stream/decoder.h"

#include "stream/event_time_reader.h"
#include "stream/json_values.h"
#include "stream/record_key.h"

namespace tidecast {

Result<Decoder> Decoder::compile(const EventMapping& event) {
  std::vector<std::string> pointers = event.id;
  pointers.push_back(event.time_pointer);
  for (const EventField& field : event.fields) pointers.push_back(field.pointer);
  return Decoder(event, JsonScanner(TRY(PointerTree::compile(pointers))));
}

void Decoder::decode(const RawBatch& batch, EventBatch& events) {
  const std::size_t n = batch.records.size();
  CHECK(batch.bytes.size() >= kRawPadding || n == 0);
  events.alive.resize(n);
  events.time.resize(n);
  events.key.resize(n);
  events.columns.resize(event_.fields.size());
  for (std::size_t f = 0; f < event_.fields.size(); ++f) {
    EventColumn& column = events.columns[f];
    column.type = event_.fields[f].type;
    column.present.resize(n);
    if (column.type == FieldType::kInteger) column.integers.resize(n);
    if (column.type == FieldType::kNumber) column.numbers.resize(n);
  }
  events.rejected.clear();
  for (std::size_t i = 0; i < n; ++i) {
    events.alive[i] = decode_record(batch, i, events) ? 1 : 0;
    if (events.alive[i] == 0) events.rejected.push_back({i, reason_, by_guard_});
  }
}

bool Decoder::decode_record(const RawBatch& batch, std::size_t i, EventBatch& events) {
  by_guard_ = false;
  if (!scanner_.scan(batch.raw(i))) {
    reason_ = scanner_.error();
    return false;
  }
  if (!read_key(events.key[i]) || !read_time(batch.records[i].arrival, events.time[i])) return false;
  for (std::size_t f = 0; f < event_.fields.size(); ++f)
    if (!read_field(f, events.columns[f], i)) return false;
  return true;
}

// An id is a text or an integer, by its characters: 17 and "17" are the same one.
bool Decoder::read_key(RecordKey& key) {
  key = {};
  id_parts_.clear();
  for (std::size_t i = 0; i < event_.id.size(); ++i) {
    const JsonValue value = scanner_.value(i);
    std::optional<std::string_view> id;
    if (value.kind == JsonKind::kText) id = scanner_.text(value);
    if (value.kind == JsonKind::kNumber && form_of(value.raw) == NumberForm::kInteger) id = value.raw;
    if (!id || id->empty()) {
      reason_ = fmt::format("{}: found {}, expected an id: a text that is not empty, or an integer", event_.id[i],
                            describe(value));
      return false;
    }
    if (event_.id.size() == 1) {
      key = record_key(*id);
      return true;
    }
    append_id_part(id_parts_, *id);
  }
  if (!event_.id.empty()) key = composite_key(id_parts_);
  return true;
}

bool Decoder::read_time(ProcessingTime arrival, EventTime& time) {
  const JsonValue value = scanner_.value(slot_of_time());
  const std::optional<EventTime> found = event_time_of(value, event_.time.unit, scanner_);
  if (!found) {
    reason_ =
        fmt::format("{}: found {}, expected {}", event_.time_pointer, describe(value), expected_of(event_.time.unit));
    return false;
  }
  time = *found;
  const Milliseconds ahead(time.ms() - arrival.ms());
  by_guard_ = (event_.max_ahead && ahead > *event_.max_ahead) || (event_.max_behind && -ahead > *event_.max_behind);
  if (event_.max_ahead && ahead > *event_.max_ahead) {
    reason_ = fmt::format("{}: {} is {} ahead of its arrival, allowed are {}", event_.time_pointer, to_rfc3339(time),
                          to_text(ahead), to_text(*event_.max_ahead));
    return false;
  }
  if (event_.max_behind && -ahead > *event_.max_behind) {
    reason_ = fmt::format("{}: {} is {} behind its arrival, allowed are {}", event_.time_pointer, to_rfc3339(time),
                          to_text(-ahead), to_text(*event_.max_behind));
    return false;
  }
  return true;
}

bool Decoder::read_field(std::size_t field, EventColumn& column, std::size_t i) {
  const EventField& mapped = event_.fields[field];
  const JsonValue value = scanner_.value(slot_of_field(field));
  column.present[i] = 1;
  if (value.kind == JsonKind::kMissing || value.kind == JsonKind::kNull) {
    column.present[i] = 0;
    if (mapped.optional) return true;
  } else if (mapped.type == FieldType::kInteger) {
    if (const auto integer = integer_of(value)) return column.integers[i] = *integer, true;
  } else if (mapped.type == FieldType::kNumber) {
    if (const auto number = number_of(value)) return column.numbers[i] = *number, true;
  } else if (value.kind == (mapped.type == FieldType::kText ? JsonKind::kText : JsonKind::kBoolean)) {
    return true;
  }
  const NumberForm form = value.kind == JsonKind::kNumber ? form_of(value.raw) : NumberForm::kNone;
  const bool too_large = (mapped.type == FieldType::kInteger && form == NumberForm::kInteger) ||
                         (mapped.type == FieldType::kNumber && form != NumberForm::kNone);
  reason_ = fmt::format("{}: found {}, expected {}{}", mapped.pointer, describe(value), name_of(mapped.type),
                        too_large ? " of 64 bits" : "");
  return false;
}

}  // namespace tidecast
