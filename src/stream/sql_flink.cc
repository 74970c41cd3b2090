#include "stream/sql_flink.h"

#include <algorithm>
#include <map>
#include <variant>

#include "base/json_pointer.h"
#include "stream/sql_text.h"

namespace tidecast {
namespace {

std::string name(std::string_view text) { return sql::identifier(text, '`'); }

std::string type_of(FieldType type) {
  switch (type) {
    case FieldType::kInteger: return "BIGINT";
    case FieldType::kNumber: return "DOUBLE";
    case FieldType::kText: return "STRING";
    case FieldType::kBoolean: return "BOOLEAN";
  }
  return "";
}

// In the one form that takes any length: days, hours, minutes, seconds, milliseconds.
std::string interval(Milliseconds length) {
  const std::int64_t ms = length.count(), days = ms / 86'400'000;
  return fmt::format("INTERVAL '{} {:02}:{:02}:{:02}.{:03}' DAY({}) TO SECOND(3)", days, ms / 3'600'000 % 24,
                     ms / 60'000 % 60, ms / 1000 % 60, ms % 1000,
                     std::max<std::size_t>(fmt::to_string(days).size(), 2));
}

// The part of a record that is read, as nested types.  Digits name a place in an array.
struct Shape {
  std::string type;                   // Of a leaf.
  std::map<std::string, Shape> rows;  // Of an object, or of an array's elements.

  bool is_array() const {
    return !rows.empty() &&
           std::ranges::all_of(rows, [](const auto& row) { return array_index(row.first).has_value(); });
  }
  // Errors: kInvalidArgument - one place is read as two types.
  Status add(std::span<const std::string> path, const std::string& leaf) {
    if (path.empty()) {
      if (!rows.empty() || (!type.empty() && type != leaf)) return invalid_argument("read as two types");
      type = leaf;
      return ok();
    }
    if (!type.empty()) return invalid_argument("read as two types");
    return rows[path.front()].add(path.subspan(1), leaf);
  }
  Result<std::string> text() const {
    if (rows.empty()) return type;
    if (is_array()) {
      const std::string element = TRY(rows.begin()->second.text());
      for (const auto& [at, row] : rows)
        if (TRY(row.text()) != element) return invalid_argument("an array whose elements have two types");
      return "ARRAY<" + element + ">";
    }
    std::string out;
    for (const auto& [field, row] : rows) out += (out.empty() ? "" : ", ") + name(field) + " " + TRY(row.text());
    return "ROW<" + out + ">";
  }
  std::string expression(std::span<const std::string> path) const {  // "`a`.`b`[1]", from the second token on.
    if (path.empty()) return "";
    const std::string step =
        is_array() ? fmt::format("[{}]", *array_index(path.front()) + 1) : "." + name(path.front());
    return step + rows.at(path.front()).expression(path.subspan(1));
  }
};

// strptime's directives as java.time has them; nullopt: one of them has no counterpart.
std::optional<std::string> java_format(std::string_view format) {
  static const std::map<std::string, std::string, std::less<>> kPatterns = {
      {"Y", "yyyy"}, {"m", "MM"}, {"d", "dd"},         {"H", "HH"},
      {"M", "mm"},   {"S", "ss"}, {"F", "yyyy-MM-dd"}, {"T", "HH:mm:ss"}};
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      const bool letter = std::isalpha(static_cast<unsigned char>(format[i])) != 0;
      out += letter ? fmt::format("'{}'", format[i]) : std::string(1, format[i]);
      continue;
    }
    const auto pattern = i + 1 < format.size() ? kPatterns.find(format.substr(++i, 1)) : kPatterns.end();
    if (pattern == kPatterns.end()) return std::nullopt;
    out += pattern->second;
  }
  return out;
}

// The event time of the column or expression `from`, rounded down to milliseconds.
Result<std::string> event_time(const TimeFormat& time, const std::string& from) {
  const auto floored = [&](int units) {  // Integers divide towards zero.
    return fmt::format("TO_TIMESTAMP_LTZ({0} / {1} - CASE WHEN MOD({0}, {1}) < 0 THEN 1 ELSE 0 END, 3)", from, units);
  };
  switch (time.unit) {
    case TimeUnit::kSeconds: return fmt::format("TO_TIMESTAMP_LTZ({} * 1000, 3)", from);
    case TimeUnit::kMilliseconds: return fmt::format("TO_TIMESTAMP_LTZ({}, 3)", from);
    case TimeUnit::kMicroseconds: return floored(1'000);
    case TimeUnit::kNanoseconds: return floored(1'000'000);
    case TimeUnit::kRfc3339:
      return fmt::format("CAST(TRIM(TRAILING 'Z' FROM REPLACE({}, 'T', ' ')) AS TIMESTAMP_LTZ(3))", from);
    case TimeUnit::kFormat: {
      const std::optional<std::string> format = java_format(time.format);
      if (!format)
        return invalid_argument("time format '{}': Flink SQL reads %Y %m %d %H %M %S %F %T alone", time.format);
      return fmt::format("TO_TIMESTAMP_LTZ({}, {}, {})", from, sql::text(*format), sql::text(time.zone));
    }
  }
  return internal_error("a time unit");
}

std::string aggregate(const AggregateColumn& column, const std::string& field) {
  switch (column.kind) {
    case AggregateKind::kCount: return fmt::format("COUNT({})", field);
    case AggregateKind::kSum: return fmt::format("SUM({})", field);
    case AggregateKind::kMin: return fmt::format("MIN({})", field);
    case AggregateKind::kMax: return fmt::format("MAX({})", field);
    // Never AVG(), whose result of integers is an integer.
    case AggregateKind::kAvg: return fmt::format("CAST(SUM({0}) AS DOUBLE) / CAST(COUNT({0}) AS DOUBLE)", field);
    case AggregateKind::kCountDistinct: return fmt::format("COUNT(DISTINCT {})", field);
    case AggregateKind::kStddev: return fmt::format("STDDEV_SAMP(CAST({} AS DOUBLE))", field);
    case AggregateKind::kFirst: return fmt::format("FIRST_VALUE({})", field);
    case AggregateKind::kLast: return fmt::format("LAST_VALUE({})", field);
    case AggregateKind::kQuantile: return "";
  }
  return "";
}

FieldType result_of(const AggregateColumn& column, const EventMapping& event) {
  switch (column.kind) {
    case AggregateKind::kCount:
    case AggregateKind::kCountDistinct: return FieldType::kInteger;
    case AggregateKind::kAvg:
    case AggregateKind::kStddev:
    case AggregateKind::kQuantile: return FieldType::kNumber;
    default: return event.fields[*column.field].type;
  }
}

// What Flink's window table functions do not have at all.
Status check(const WindowGroup& group, const EventMapping& event) {
  if (group.allowed_lateness > 0ms)
    return invalid_argument("allowed_lateness: Flink's window table functions give each row once; allowed: none");
  for (const AggregateColumn& column : group.columns) {
    if (column.kind == AggregateKind::kQuantile)
      return invalid_argument("{}: Flink SQL has no quantile with the same error bound; allowed: the other aggregates",
                              column.name);
    if ((column.kind == AggregateKind::kFirst || column.kind == AggregateKind::kLast) &&
        group.kind != WindowKind::kTumbling)
      return invalid_argument("{}: Flink's FIRST_VALUE and LAST_VALUE cannot be merged; allowed: in tumbling windows",
                              column.name);
  }
  for (const EventField& field : event.fields)
    if (!field.else_plus.empty() || !field.else_minus.empty())
      return invalid_argument("{}: Flink SQL reads one place of a record; allowed: fields without `else`", field.name);
  return ok();
}

// Where the two differ although the script runs.
std::string differences(const PipelineOptions& options, const WindowGroup& group, const EventMapping& event) {
  std::string out;
  const auto note = [&](std::string_view text) { out += fmt::format("-- {}\n", text); };
  note("The source has the records that tidecast stored or found late, each once and in their order: what is refused,");
  note("double or of another event is left out before.");
  if (options.sources.size() > 1)
    note("Several sources come in one order here; tidecast keeps a watermark for each and takes the least.");
  if (group.close_when_idle)
    note("close_when_idle: Flink closes nothing by the wall clock; those rows come later here.");
  const auto has = [&](AggregateKind kind, FieldType type) {
    return std::ranges::any_of(group.columns, [&](const AggregateColumn& column) {
      return column.kind == kind && column.field && event.fields[*column.field].type == type;
    });
  };
  if (has(AggregateKind::kSum, FieldType::kInteger) || has(AggregateKind::kAvg, FieldType::kInteger))
    note("A sum beyond 64 bits wraps here; tidecast has null, and the right average.");
  if (has(AggregateKind::kStddev, FieldType::kInteger) || has(AggregateKind::kStddev, FieldType::kNumber))
    note("STDDEV_SAMP is made of sums of squares here: less exact where the mean is large beside the spread.");
  if (event.time.unit == TimeUnit::kSeconds) note("Seconds are whole here.");
  if (event.time.unit == TimeUnit::kRfc3339) note("Times are in UTC, with a Z, here.");
  return out;
}

std::string options_text(std::initializer_list<std::pair<std::string_view, std::string_view>> options) {
  std::string out;
  for (const auto& [key, value] : options)
    out += fmt::format("{}  {} = {}", out.empty() ? "" : ",\n", sql::text(key), sql::text(value));
  return out;
}

}  // namespace

FlinkConnectors FlinkConnectors::files(const std::string& in, const std::string& out) {
  return {options_text({{"connector", "filesystem"}, {"path", in}, {"format", "json"}}),
          options_text({{"connector", "filesystem"},
                        {"path", out},
                        {"format", "json"},
                        {"json.timestamp-format.standard", "ISO-8601"}})};
}

FlinkConnectors FlinkConnectors::kafka(const std::string& servers, const std::string& in, const std::string& out) {
  return {options_text({{"connector", "kafka"},
                        {"properties.bootstrap.servers", servers},
                        {"topic", in},
                        {"format", "json"},
                        {"scan.startup.mode", "earliest-offset"},
                        {"scan.watermark.emit.strategy", "on-event"}}),
          options_text({{"connector", "kafka"},
                        {"properties.bootstrap.servers", servers},
                        {"topic", out},
                        {"format", "json"},
                        {"json.timestamp-format.standard", "ISO-8601"}})};
}

Result<std::string> flink_sql(const PipelineOptions& options, std::size_t index, const FlinkConnectors& connectors) {
  const WindowGroup& group = options.groups[index];
  const EventMapping& event = options.events[group.event];
  TRY(check(group, event).in(group.name));

  // The source: every place that is read, and the event time.
  Shape record;
  const auto read = [&](const std::string& pointer, const std::string& type) -> Status {
    return record.add(TRY(split_pointer(pointer)), type).in(pointer);
  };
  const bool time_is_text = event.time.unit == TimeUnit::kRfc3339 || event.time.unit == TimeUnit::kFormat;
  TRY(read(event.time_pointer, time_is_text ? "STRING" : "BIGINT"));
  for (const EventField& field : event.fields) TRY(read(field.pointer, type_of(field.type)));
  const auto place = [&](const std::string& pointer) -> Result<std::string> {
    const std::vector<std::string> path = TRY(split_pointer(pointer));
    return name(path.front()) + record.rows.at(path.front()).expression(std::span(path).subspan(1));
  };
  std::string columns;
  for (const auto& [field, shape] : record.rows) columns += fmt::format("  {} {},\n", name(field), TRY(shape.text()));
  std::string rowtime = sql::free_name("event_time", event);
  while (record.rows.contains(rowtime)) rowtime += '_';
  const std::string raw_time = TRY(place(event.time_pointer));

  // The view: the fields by their names.
  std::string fields = "  " + name(rowtime);
  for (const EventField& field : event.fields)
    fields += fmt::format(",\n  {} AS {}", TRY(place(field.pointer)), name(field.name));
  const std::string where = TRY(sql::where(group, event, '`'));

  // The sink and what goes into it.
  std::string sink = "  `window_start` TIMESTAMP_LTZ(3),\n  `window_end` TIMESTAMP_LTZ(3)";
  std::string selected = "  window_start,\n  window_end", keys;
  for (const std::size_t key : group.key) {
    const EventField& field = event.fields[key];
    sink += fmt::format(",\n  {} {}", name(field.name), type_of(field.type));
    selected += ",\n  " + name(field.name);
    keys += ", " + name(field.name);
  }
  for (const AggregateColumn& column : group.columns) {
    sink += fmt::format(",\n  {} {}", name(column.name), type_of(result_of(column, event)));
    selected += ",\n  " + aggregate(column, column.field ? name(event.fields[*column.field].name) : "*");
  }
  const std::string events = name(group.name + "_events"), rows = name(group.name + "_rows"), out = name(group.name);
  std::string window = group.kind == WindowKind::kSession && !keys.empty()
                           ? fmt::format("SESSION(TABLE {} PARTITION BY ({})", rows, keys.substr(2))
                           : fmt::format("{}(TABLE {}",
                                         group.kind == WindowKind::kSession   ? "SESSION"
                                         : group.kind == WindowKind::kHopping ? "HOP"
                                                                              : "TUMBLE",
                                         rows);
  window += fmt::format(", DESCRIPTOR({})", name(rowtime));
  if (group.kind == WindowKind::kHopping) window += ", " + interval(group.every);
  window += ", " + interval(group.window);
  if (group.offset > 0ms) window += ", " + interval(group.offset);

  // A null time must neither stop the job nor move the watermark, which begins at 1970.
  return fmt::format(
      "-- {}: {}.\n{}SET 'table.local-time-zone' = 'UTC';\nSET 'pipeline.auto-watermark-interval' = '0 ms';\n"
      "CREATE TABLE {} (\n{}  {} AS COALESCE({}, TO_TIMESTAMP_LTZ(0, 3)),\n  WATERMARK FOR {} AS {} - {}\n"
      ") WITH (\n{}\n);\n"
      "CREATE TEMPORARY VIEW {} AS\nSELECT * FROM (SELECT\n{}\nFROM {} WHERE {} IS NOT NULL){};\n"
      "CREATE TABLE {} (\n{}\n) WITH (\n{}\n);\n"
      "INSERT INTO {}\nSELECT\n{}\nFROM TABLE({}))\nGROUP BY window_start, window_end{};\n",
      group.name, sql::described(group), differences(options, group, event), events, columns, name(rowtime),
      TRY(event_time(event.time, raw_time).in(group.name)), name(rowtime), name(rowtime), interval(group.lateness),
      connectors.source, rows, fields, events, raw_time, where.empty() ? "" : " WHERE " + where, out, sink,
      connectors.sink, out, selected, window, keys);
}

}  // namespace tidecast
