#include "stream/event_reader.h"

#include <algorithm>
#include <cmath>

#include "base/json_pointer.h"
#include "stream/json_values.h"
#include "stream/record_key.h"

namespace tidecast {

Result<EventReader> EventReader::compile(const EventMapping& event, std::vector<std::string>& pointers) {
  EventReader reader;
  reader.event_ = event;
  if (!event.name.empty()) reader.salt_ = event_salt(event.name);
  reader.time_ = TRY(TimeParser::compile(event.time).in(event.time_pointer));
  reader.first_slot_ = pointers.size();
  pointers.insert(pointers.end(), event.id.begin(), event.id.end());
  pointers.push_back(event.time_pointer);
  for (const EventField& field : event.fields) pointers.push_back(field.pointer);
  for (const EventField& field : event.fields) {
    std::vector<Part>& parts = reader.parts_.emplace_back();
    for (const int sign : {1, -1}) {
      for (const std::string& pointer : sign > 0 ? field.else_plus : field.else_minus) {
        const std::vector<std::string> tokens = TRY(split_pointer(pointer));
        const auto first = std::ranges::find(tokens, "*");
        if (first == tokens.begin())
          return invalid_argument("'{}' begins with '*', but a record is an object", pointer);
        parts.push_back({pointer, pointers.size(), {first, tokens.end()}, sign});
        std::size_t end = 0;  // Of what lies before the first '*'.
        for (auto token = tokens.begin(); token != first; ++token) end = pointer.find('/', end + 1);
        pointers.push_back(pointer.substr(0, end));
      }
    }
  }
  return reader;
}

void EventReader::resize(std::size_t n, EventBatch& events) const {
  events.alive.assign(n, 0);
  events.time.resize(n);
  events.columns.resize(event_.fields.size());
  for (std::size_t f = 0; f < event_.fields.size(); ++f) {
    EventColumn& column = events.columns[f];
    column.type = event_.fields[f].type;
    column.present.resize(n);
    switch (column.type) {
      case FieldType::kInteger: column.integers.resize(n); break;
      case FieldType::kNumber: column.numbers.resize(n); break;
      case FieldType::kText: column.texts.resize(n); break;
      case FieldType::kBoolean: column.booleans.resize(n); break;
    }
  }
}

bool EventReader::read(JsonScanner& scanner, ProcessingTime arrival, const Place& to) {
  by_guard_ = false;
  if (!read_key(scanner, to.key) || !read_time(scanner, arrival, to.events.time[to.i])) return false;
  for (std::size_t f = 0; f < event_.fields.size(); ++f)
    if (!read_field(scanner, f, to)) return false;
  to.events.alive[to.i] = 1;
  return true;
}

// An id is a text or an integer, by its characters: 17 and "17" are the same one.
bool EventReader::read_key(JsonScanner& scanner, RecordKey& key) {
  key = {};
  id_parts_.clear();
  for (std::size_t part = 0; part < event_.id.size(); ++part) {
    const JsonValue value = scanner.value(first_slot_ + part);
    std::optional<std::string_view> id;
    if (value.kind == JsonKind::kText) id = scanner.text(value);
    if (value.kind == JsonKind::kNumber && form_of(value.raw) == NumberForm::kInteger) id = value.raw;
    if (!id || id->empty()) {
      reason_ = fmt::format("{}: found {}, expected an id: a text that is not empty, or an integer", event_.id[part],
                            describe(value));
      return false;
    }
    if (event_.id.size() == 1)
      key = record_key(*id);
    else
      append_id_part(id_parts_, *id);
  }
  if (event_.id.size() > 1) key = composite_key(id_parts_);
  if (!event_.id.empty() && !event_.name.empty()) key = salted(key, salt_);
  return true;
}

bool EventReader::read_time(JsonScanner& scanner, ProcessingTime arrival, EventTime& time) {
  const JsonValue value = scanner.value(first_slot_ + event_.id.size());
  const std::optional<EventTime> found = time_.read(value, scanner);
  if (!found) {
    reason_ = fmt::format("{}: found {}, expected {}", event_.time_pointer, describe(value), time_.expected());
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

bool EventReader::read_field(JsonScanner& scanner, std::size_t field, const Place& to) {
  const EventField& mapped = event_.fields[field];
  EventColumn& column = to.events.columns[field];
  const std::size_t i = to.i;
  const JsonValue value = scanner.value(first_slot_ + event_.id.size() + 1 + field);
  column.present[i] = 1;
  if (value.kind == JsonKind::kMissing || value.kind == JsonKind::kNull) {
    missing_.clear();
    if (!parts_[field].empty() && compute(scanner, field, column, i)) return true;
    column.present[i] = 0;
    return mapped.optional || refuse(field, value);
  }
  switch (mapped.type) {
    case FieldType::kInteger:
      if (const auto integer = integer_of(value)) return column.integers[i] = *integer, true;
      break;
    case FieldType::kNumber:
      if (const auto number = number_of(value)) return column.numbers[i] = *number, true;
      break;
    case FieldType::kText:
      if (read_text(scanner, value, field, to)) return true;
      break;
    case FieldType::kBoolean:
      if (value.kind == JsonKind::kBoolean) return column.booleans[i] = value.raw[0] == 't', true;
      break;
  }
  missing_.clear();
  return refuse(field, value);
}

// A number or boolean is the text of its characters: where every column is text (CSV), "007" and 7 differ no more than
// whoever wrote the file meant.
bool EventReader::read_text(JsonScanner& scanner, JsonValue value, std::size_t field, const Place& to) {
  std::string_view& kept = to.events.columns[field].texts[to.i];
  if (value.kind == JsonKind::kText) {
    const auto text = scanner.text(value);
    if (!text) return false;
    const bool in_place = text->data() == value.raw.data() + 1;
    kept = in_place ? *text : std::string_view(to.unescaped.emplace_back(*text));
    return true;
  }
  kept = value.raw;
  return value.kind == JsonKind::kBoolean ||
         (value.kind == JsonKind::kNumber && form_of(value.raw) != NumberForm::kNone);
}

// The sum of what the plus pointers find less that of the minus ones.  False if a part is missing or of another type,
// or if the sum does not fit.
bool EventReader::compute(JsonScanner& scanner, std::size_t field, EventColumn& column, std::size_t i) {
  __int128 integer = 0;
  double number = 0;
  for (const Part& part : parts_[field]) {
    found_.clear();
    missing_ = part.pointer;
    if (!scanner.collect(part.slot, part.path, found_)) return false;
    for (const JsonValue value : found_) {
      if (column.type == FieldType::kInteger) {
        const auto x = integer_of(value);
        if (!x) return false;
        integer += part.sign * static_cast<__int128>(*x);
      } else {
        const auto x = number_of(value);
        if (!x) return false;
        number += part.sign * *x;
      }
    }
  }
  missing_ = "a sum that fits";
  if (column.type == FieldType::kInteger) {
    column.integers[i] = static_cast<std::int64_t>(integer);
    return integer == column.integers[i];
  }
  column.numbers[i] = number;
  return std::isfinite(number);
}

bool EventReader::refuse(std::size_t field, JsonValue value) {
  const EventField& mapped = event_.fields[field];
  const NumberForm form = value.kind == JsonKind::kNumber ? form_of(value.raw) : NumberForm::kNone;
  const bool too_large = (mapped.type == FieldType::kInteger && form == NumberForm::kInteger) ||
                         (mapped.type == FieldType::kNumber && form != NumberForm::kNone);
  const bool half = mapped.type == FieldType::kText && value.kind == JsonKind::kText;
  reason_ = fmt::format("{}: found {}, expected {}{}{}", mapped.pointer, describe(value), name_of(mapped.type),
                        too_large ? " of 64 bits" : "", half ? " without half a character" : "");
  if (!missing_.empty()) reason_ += fmt::format(", and to compute it {} is missing", missing_);
  return false;
}

}  // namespace tidecast
