#include "stream/sql_decode.h"

#include <algorithm>

#include "base/json_pointer.h"
#include "stream/sql_text.h"

namespace tidecast::sql {
namespace {

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += by.size()) text.replace(at, what.size(), by);
  return text;
}

// A local time of a zone with daylight saving as an instant.  DuckDB takes the second of two; we take the first.
std::string in_zone(const std::string& local, const std::string& zone) {
  if (zone == "UTC") return local;
  if (zone.starts_with('+') || zone.starts_with('-'))
    return fmt::format(
        "({} - INTERVAL '{}' SECOND)", local,
        (zone[0] == '-' ? -1 : 1) * (std::stoi(zone.substr(1, 2)) * 3600 + std::stoi(zone.substr(4, 2)) * 60));
  const std::string instant = fmt::format("timezone({}, {})", text(zone), local);
  std::string earlier;
  for (const char* change : {"2 HOURS", "1 HOUR", "30 MINUTES"})
    earlier += fmt::format("CASE WHEN timezone({0}, {1} - INTERVAL {2}) = {3} THEN {1} - INTERVAL {2} END, ",
                           text(zone), instant, change, local);
  return fmt::format("coalesce({}{})", earlier, instant);
}

// The event time in milliseconds, rounded down, of the text `v`.
std::string time_ms(const TimeFormat& time, const std::string& v) {
  const auto floored = [&](int units) {
    return fmt::format("({0} - ({0} % {1} + {1}) % {1}) // {1}", fmt::format("TRY_CAST({} AS BIGINT)", v), units);
  };
  switch (time.unit) {
    case TimeUnit::kSeconds: return fmt::format("floor(TRY_CAST({} AS DECIMAL(28, 9)) * 1000)::BIGINT", v);
    case TimeUnit::kMilliseconds: return fmt::format("TRY_CAST({} AS BIGINT)", v);
    case TimeUnit::kMicroseconds: return floored(1'000);
    case TimeUnit::kNanoseconds: return floored(1'000'000);
    case TimeUnit::kRfc3339:
      return fmt::format(R"(epoch_ms(TRY_CAST(regexp_replace(upper({}), '(\.\d\d\d)\d+', '\1') AS TIMESTAMPTZ)))", v);
    case TimeUnit::kFormat: {
      const std::string cut = fmt::format(R"(regexp_replace({}, '(\.\d\d\d)\d+', '\1'))", v);
      const std::string with = text(replaced(time.format, "%E*S", "%S.%g")),
                        without = text(replaced(time.format, "%E*S", "%S"));
      const std::string parsed = with == without ? fmt::format("try_strptime({}, {})", v, with)
                                                 : fmt::format("try_strptime({}, [{}, {}])", cut, with, without);
      const bool has_offset = time.format.find("%z") != time.format.npos || time.format.find("%Ez") != time.format.npos;
      return fmt::format("epoch_ms({})", has_offset ? parsed : in_zone(parsed, time.zone));
    }
  }
  return "";
}

std::string cast(FieldType type, const std::string& v) {
  switch (type) {
    case FieldType::kInteger: return fmt::format("TRY_CAST({} AS BIGINT)", v);
    case FieldType::kNumber: return fmt::format("TRY_CAST({} AS DOUBLE)", v);
    case FieldType::kText: return v;
    case FieldType::kBoolean: return fmt::format("TRY_CAST({} AS BOOLEAN)", v);
  }
  return "";
}

// The sum of what a pointer with '*' finds, as HUGEINT; null unless every element has an integer there.
Result<std::string> sum_of(const std::string& pointer) {
  std::string path = "$", parent;
  for (const std::string& token : TRY(split_pointer(pointer))) {
    if (token == "*") {
      path += "[*]";
      parent = path;
    } else if (const auto at = array_index(token)) {
      path += fmt::format("[{}]", *at);
    } else {
      path += "." + identifier(token, '"');
    }
  }
  const auto found = [](const std::string& at) { return fmt::format("json_extract_string(record, {})", text(at)); };
  if (parent.empty()) return fmt::format("TRY_CAST({} AS HUGEINT)", found(path));
  const std::string numbers = fmt::format("list_transform({}, lambda x: TRY_CAST(x AS HUGEINT))", found(path));
  const std::string array = text(parent.substr(0, parent.find("[*]")));
  return fmt::format(
      "CASE WHEN json_type(record, {3}) = 'ARRAY' AND len({0}) = len(json_extract(record, {1})) AND list_count({2}) = "
      "len({2})\n"
      "      THEN coalesce(list_sum({2}), 0) END",
      found(path), text(parent), numbers, array);
}

}  // namespace

Result<std::string> decoded(const EventMapping& event) {
  // One look at a record finds all: v[1] is the time, then come the fields.
  std::string pointers = text(event.time_pointer), fields;
  for (std::size_t i = 0; i < event.fields.size(); ++i) {
    const EventField& field = event.fields[i];
    pointers += ", " + text(field.pointer);
    std::string value = cast(field.type, fmt::format("v[{}]", i + 2));
    if (!field.else_plus.empty() || !field.else_minus.empty()) {
      std::string sum = "0";
      for (const std::string& plus : field.else_plus) sum += " + " + TRY(sum_of(plus).in(field.name));
      for (const std::string& minus : field.else_minus) sum += " - " + TRY(sum_of(minus).in(field.name));
      value = fmt::format("CASE WHEN v[{}] IS NOT NULL THEN {} ELSE TRY_CAST({} AS BIGINT) END", i + 2, value, sum);
    }
    fields += fmt::format(",\n  {} AS {}", value, identifier(field.name, '"'));
  }
  return fmt::format(
      "SELECT n AS n$, arrival AS at$, source AS name$, {} AS t${}\nFROM (\n"
      "  SELECT n, arrival, source, record,\n"
      "    CASE WHEN event = {} THEN json_extract_string(record, [{}]) END AS v FROM archive WHERE event <> '-')",
      time_ms(event.time, "v[1]"), fields, text(event.name), pointers);
}

}  // namespace tidecast::sql
