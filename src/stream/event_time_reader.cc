#include "stream/event_time_reader.h"

#include <absl/time/civil_time.h>
#include <absl/time/time.h>

#include <algorithm>
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

// A name of the tz database, "UTC", or an offset as "+03:00".
std::optional<absl::TimeZone> zone_of(const std::string& name) {
  if (!name.empty() && (name[0] == '+' || name[0] == '-')) {
    absl::Time offset;
    std::string error;  // The zone as a time's own offset, which is what %Ez reads.
    if (name.size() != 6 || !absl::ParseTime("%Ez", name, &offset, &error)) return std::nullopt;
    return absl::FixedTimeZone(-static_cast<int>(absl::ToUnixSeconds(offset)));
  }
  absl::TimeZone zone;
  const bool plain = !name.empty() && name[0] != '/' && name.find_first_of(".:") == name.npos && name != "localtime";
  return plain && absl::LoadTimeZone(name, &zone) ? std::optional(zone) : std::nullopt;
}

// The first directive that is none of those that mean the same wherever they are read; "" if all are.
std::string_view unknown_directive(std::string_view format) {
  constexpr std::string_view kKnown[] = {"E*S", "E#S", "E*f", "E4Y", "Ez", "Y", "y", "m", "d", "e",
                                         "H",   "I",   "M",   "S",   "p",  "b", "B", "h", "a", "A",
                                         "T",   "R",   "D",   "F",   "s",  "z", "n", "t", "%"};
  for (std::size_t i = format.find('%'); i != format.npos; i = format.find('%', i)) {
    const std::string_view rest = format.substr(i + 1);
    const auto known = std::ranges::find_if(kKnown, [&](std::string_view one) { return rest.starts_with(one); });
    if (known == std::end(kKnown)) return format.substr(i, 2);
    i += 1 + known->size();
  }
  return {};
}

// %Y as strptime(3) has it, which ends after four digits.
std::string with_four_digits(std::string format) {
  for (std::size_t i = format.find('%'); i != format.npos; i = format.find('%', i + 2))
    if (format.compare(i, 2, "%Y") == 0) format.replace(i, 2, "%E4Y");
  return format;
}

}  // namespace

struct TimeParser::Zoned {
  std::string format;
  absl::TimeZone zone;

  // Of local times that come twice the first; those that never come are read as if the clocks had not gone forward yet.
  std::optional<std::int64_t> read(std::string_view text) const {
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(format, absl::string_view(text.data(), text.size()), zone, &time, &error)) return std::nullopt;
    return absl::ToUnixMillis(time);
  }

  // Whether a time that was written in this format is read as the same one, or as the beginning of its minute, hour or
  // day: no "%I" without "%p", no date without a year.
  bool tells_times_apart() const {
    const absl::CivilSecond moment(2021, 11, 23, 17, 38, 49);
    const auto back = read(absl::FormatTime(format, absl::FromCivil(moment, zone), zone));
    if (!back) return false;
    const absl::CivilSecond read_back = zone.At(absl::FromUnixMillis(*back)).cs;
    return read_back == moment || read_back == absl::CivilSecond(absl::CivilMinute(moment)) ||
           read_back == absl::CivilSecond(absl::CivilHour(moment)) ||
           read_back == absl::CivilSecond(absl::CivilDay(moment));
  }
};

Result<TimeParser> TimeParser::compile(const TimeFormat& format) {
  TimeParser parser;
  parser.unit_ = format.unit;
  switch (format.unit) {
    case TimeUnit::kSeconds:
      parser.expected_ = "seconds since 1970 as an integer or decimal, from 0001-01-08 to 9999-12-24";
      return parser;
    case TimeUnit::kMilliseconds:
      parser.expected_ = "milliseconds since 1970 as an integer, from 0001-01-08 to 9999-12-24";
      return parser;
    case TimeUnit::kMicroseconds:
      parser.expected_ = "microseconds since 1970 as an integer, from 0001-01-08 to 9999-12-24";
      return parser;
    case TimeUnit::kNanoseconds: parser.expected_ = "nanoseconds since 1970 as an integer"; return parser;
    case TimeUnit::kRfc3339:
      parser.expected_ = "an RFC 3339 time as text, from 0001-01-08 to 9999-12-24";
      return parser;
    case TimeUnit::kFormat: break;
  }
  const auto zone = zone_of(format.zone);
  if (!zone)
    return invalid_argument("no time zone '{}'; allowed: UTC, an offset as +03:00, a name as America/New_York",
                            format.zone);
  if (const std::string_view unknown = unknown_directive(format.format); !unknown.empty())
    return invalid_argument(
        "'{}' has {}; allowed: %Y %m %d %H %M %S %E*S %y %b %B %e %I %p %a %A %T %R %F %D %s %z %Ez %n %t %%",
        format.format, unknown);
  Zoned zoned{with_four_digits(format.format), *zone};
  if (!zoned.tells_times_apart())
    return invalid_argument("'{}' does not say year, month and day, or not which half of the day", format.format);
  parser.zoned_ = std::make_shared<const Zoned>(std::move(zoned));
  parser.expected_ = fmt::format("a time as {}, from 0001-01-08 to 9999-12-24", format.format);
  return parser;
}

std::optional<EventTime> TimeParser::read(JsonValue value, JsonScanner& scanner) const {
  switch (unit_) {
    case TimeUnit::kSeconds: return from_seconds(value);
    case TimeUnit::kMilliseconds: return from_units(value, 1);
    case TimeUnit::kMicroseconds: return from_units(value, 1'000);
    case TimeUnit::kNanoseconds: return from_units(value, 1'000'000);
    case TimeUnit::kRfc3339: return from_rfc3339(value, scanner);
    case TimeUnit::kFormat: break;
  }
  std::optional<std::string_view> text;
  if (value.kind == JsonKind::kText) text = scanner.text(value);
  if (value.kind == JsonKind::kNumber) text = value.raw;
  const std::optional<std::int64_t> ms = text ? zoned_->read(*text) : std::nullopt;
  return ms ? in_range(*ms) : std::nullopt;
}

Result<EventTimeReader> EventTimeReader::compile(const std::string& pointer, const TimeFormat& format) {
  EventTimeReader reader;
  reader.parser_ = TRY(TimeParser::compile(format));
  reader.scanner_.emplace(TRY(PointerTree::compile({pointer})));
  return reader;
}

EventTimeReader::EventTimeReader(const EventMapping& event) {
  auto reader = compile(event.time_pointer, event.time);
  if (!reader.ok()) return;
  parser_ = reader->parser_;
  scanner_.emplace(std::move(*reader->scanner_));
}

std::optional<EventTime> EventTimeReader::read(std::string_view record) {
  if (!scanner_) return std::nullopt;
  padded_.assign(record);
  padded_.append(kRawPadding, '\0');
  if (!scanner_->scan(std::string_view(padded_).substr(0, record.size()))) return std::nullopt;
  return parser_.read(scanner_->value(0), *scanner_);
}

}  // namespace tidecast
