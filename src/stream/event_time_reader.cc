#include "stream/event_time_reader.h"

#include <charconv>

#include "stream/json_values.h"

namespace tidecast {
namespace {

// A window's width within the calendar, so that the store takes every window of a time that is taken here.
constexpr std::int64_t kFirst = kCalendarBeginMs + kWidestWindow.count();   // 0001-01-08T00:00:00Z
constexpr std::int64_t kLast = kCalendarEndMs - kWidestWindow.count() - 1;  // 9999-12-24T23:59:59.999Z

std::optional<EventTime> in_range(std::int64_t ms) {
  if (ms < kFirst || ms > kLast) return std::nullopt;
  return EventTime::from_ms(ms);
}

// Whole seconds, or with a fraction whose digits are read exactly: a double would lose milliseconds.
std::optional<EventTime> from_seconds(JsonValue value) {
  const std::size_t point = value.raw.find('.');
  const std::optional<std::int64_t> whole = integer_of({value.kind, value.raw.substr(0, point)});
  if (!whole || *whole < kFirst / 1000 || *whole > kLast / 1000) return std::nullopt;
  if (point == value.raw.npos) return EventTime::from_ms(*whole * 1000);
  if (form_of(value.raw) != NumberForm::kDecimal) return std::nullopt;
  std::int64_t ms = 0;
  bool finer = false;
  const std::string_view digits = value.raw.substr(point + 1);
  for (std::size_t i = 0; i < 3; ++i) ms = ms * 10 + (i < digits.size() ? digits[i] - '0' : 0);
  for (std::size_t i = 3; i < digits.size(); ++i) finer |= digits[i] != '0';
  return in_range(value.raw[0] == '-' ? *whole * 1000 - ms - (finer ? 1 : 0) : *whole * 1000 + ms);
}

std::optional<EventTime> from_units(JsonValue value, std::int64_t units_per_ms) {
  const std::optional<std::int64_t> units = integer_of(value);
  if (!units) return std::nullopt;
  const std::int64_t rest = *units % units_per_ms;
  return in_range(*units / units_per_ms - (rest < 0 ? 1 : 0));
}

std::optional<EventTime> from_rfc3339(JsonValue value, JsonScanner& scanner) {
  if (value.kind != JsonKind::kText) return std::nullopt;
  const auto text = scanner.text(value);
  if (!text) return std::nullopt;
  const Result<std::int64_t> ms = parse_rfc3339(*text);
  return ms.ok() ? in_range(ms.value()) : std::nullopt;
}

}  // namespace

std::optional<EventTime> event_time_of(JsonValue value, TimeUnit unit, JsonScanner& scanner) {
  switch (unit) {
    case TimeUnit::kSeconds: return from_seconds(value);
    case TimeUnit::kMilliseconds: return from_units(value, 1);
    case TimeUnit::kMicroseconds: return from_units(value, 1'000);
    case TimeUnit::kNanoseconds: return from_units(value, 1'000'000);
    case TimeUnit::kRfc3339: return from_rfc3339(value, scanner);
    case TimeUnit::kFormat: return std::nullopt;
  }
  return std::nullopt;
}

std::string_view expected_of(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kSeconds: return "seconds since 1970 as an integer or decimal, from 0001-01-08 to 9999-12-24";
    case TimeUnit::kMilliseconds: return "milliseconds since 1970 as an integer, from 0001-01-08 to 9999-12-24";
    case TimeUnit::kMicroseconds: return "microseconds since 1970 as an integer, from 0001-01-08 to 9999-12-24";
    case TimeUnit::kNanoseconds: return "nanoseconds since 1970 as an integer";
    case TimeUnit::kRfc3339: return "an RFC 3339 time as text, from 0001-01-08 to 9999-12-24";
    case TimeUnit::kFormat: return "a time in its format";
  }
  return "a time";
}

EventTimeReader::EventTimeReader(const EventMapping& event) : unit_(event.time.unit) {
  if (Result<PointerTree> tree = PointerTree::compile({event.time_pointer}); tree.ok())
    scanner_.emplace(std::move(tree).value());
}

std::optional<EventTime> EventTimeReader::read(std::string_view record) {
  if (!scanner_) return std::nullopt;
  padded_.assign(record);
  padded_.append(kRawPadding, '\0');
  if (!scanner_->scan(std::string_view(padded_).substr(0, record.size()))) return std::nullopt;
  return event_time_of(scanner_->value(0), unit_, *scanner_);
}

}  // namespace tidecast
