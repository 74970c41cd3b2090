#include "flink_cases.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/json.h"
#include "base/rng.h"
#include "features/record_id.h"
#include "storage/duck.h"
#include "stream/memory_store.h"
#include "stream/sql_duckdb.h"

namespace tidecast {
namespace {

constexpr double kNull = std::numeric_limits<double>::quiet_NaN();
constexpr std::string_view kFarFuture = R"({"at":7000000000000,"key":"end","part":null,"x":null,"y":null})";

WindowGroup group_of(WindowKind kind, Rng& rng) {
  using K = AggregateKind;
  WindowGroup group{.name = "g", .kind = kind};
  const std::int64_t unit = std::array<std::int64_t, 3>{250, 1'000, 60'000}[rng.below(3)];
  group.window = Milliseconds(unit * (1 + static_cast<std::int64_t>(rng.below(5))));
  if (kind == WindowKind::kHopping) {
    group.every = group.window;
    group.window = group.every * (2 + static_cast<std::int64_t>(rng.below(4)));
  }
  group.lateness = Milliseconds(unit * static_cast<std::int64_t>(rng.below(4)));
  const Milliseconds grid = kind == WindowKind::kHopping ? group.every : group.window;
  if (kind != WindowKind::kSession && rng.below(3) == 0)
    group.offset = Milliseconds(1 + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(grid.count() - 1))));
  group.columns = {{"rows", K::kCount, {}},
                   {"xs", K::kCount, 2},
                   {"x_sum", K::kSum, 2},
                   {"x_min", K::kMin, 2},
                   {"x_max", K::kMax, 2},
                   {"x_avg", K::kAvg, 2},
                   {"x_kinds", K::kCountDistinct, 2},
                   {"x_spread", K::kStddev, 2},
                   {"y_sum", K::kSum, 3},
                   {"y_max", K::kMax, 3}};
  if (kind == WindowKind::kTumbling) {
    group.columns.push_back({"x_first", K::kFirst, 2});
    group.columns.push_back({"x_last", K::kLast, 2});
  }
  const std::uint64_t keys = rng.below(4);
  if (keys > 0) group.key = {0};
  if (keys == 3) group.key = {0, 1};
  if (rng.below(3) == 0) group.where = "x > -20 AND y IS NOT NULL";
  return group;
}

std::string shown(const json::value& value) {
  return value.is_double() ? fmt::format("{:.17g}", value.get_double()) : to_text(value);
}

// Values by the columns' names, as whoever made them calls them.
template <typename ValueOf>
PeerRow row_of(const WindowGroup& group, const EventMapping& event, std::int64_t start, std::int64_t end,
               ValueOf value_of) {
  PeerRow row;
  row.exact = fmt::format("[{}, {})", to_rfc3339(start), to_rfc3339(end));
  for (const std::size_t key : group.key) row.exact += " " + shown(value_of(event.fields[key].name));
  row.exact += ":";
  for (const AggregateColumn& column : group.columns) {
    const json::value value = value_of(column.name);
    if (column.kind == AggregateKind::kStddev)
      row.near.push_back(value.is_null() ? kNull : value.to_number<double>());
    else
      row.exact += fmt::format(" {}={}", column.name, shown(value));
  }
  return row;
}

json::value json_of(const FeatureValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return nullptr;
}

json::value json_of(const KeyValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* truth = std::get_if<bool>(&value)) return *truth;
  if (const auto* text = std::get_if<std::string>(&value)) return json::value(*text);
  return nullptr;
}

}  // namespace

FlinkCase flink_case(WindowKind kind, std::uint64_t seed) {
  Rng rng(seed, static_cast<std::uint64_t>(kind));
  FlinkCase out{.name = fmt::format("{}_{}", name_of(kind), seed)};
  out.options.sources = {{"stream"}};
  EventMapping& event = out.options.events[0];
  event.time_pointer = "/at";
  event.time.unit = TimeUnit::kMilliseconds;
  event.fields = {{"key", "/key", FieldType::kText, true},
                  {"part", "/part", FieldType::kBoolean, true},
                  {"x", "/x", FieldType::kInteger, true},
                  {"y", "/y", FieldType::kNumber, true}};
  out.options.groups = {group_of(kind, rng)};
  const WindowGroup& group = out.options.groups[0];

  const std::int64_t step = (kind == WindowKind::kHopping ? group.every : group.window).count();
  const std::int64_t late = group.lateness.count();
  const std::uint64_t keys = 1 + rng.below(5);
  std::int64_t now = rng.below(5) == 0 ? -3 * step : 1'700'000'000'000 + static_cast<std::int64_t>(rng.below(100'000));
  const std::size_t count = 100 + rng.below(200);
  const auto some = [&](std::int64_t most) {
    return static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(most) + 1));
  };
  for (std::size_t i = 0; i < count; ++i) {
    switch (rng.below(12)) {
      case 0: now += some(4 * step); break;  // A silence.
      case 1: break;                         // The same time again.
      default: now += some(step / 4 + 1);
    }
    std::int64_t at = now;
    switch (rng.below(8)) {
      case 0: at -= some(late + step); break;                        // Out of order, perhaps late,
      case 1: at -= some(3 * (late + group.window.count())); break;  // or far too late,
      case 2:
        at = floor_to(at - group.offset.count(), step) + group.offset.count() -
             (rng.below(2) == 0 ? 1 : 0);  // or at an edge.
    }
    const auto or_null = [&](std::string text) { return rng.below(8) == 0 ? std::string("null") : text; };
    out.records.push_back(fmt::format(
        R"({{"at":{},"key":{},"part":{},"x":{},"y":{}}})", at, or_null(fmt::format("\"k{}\"", rng.below(keys))),
        or_null(rng.below(2) == 0 ? "true" : "false"), or_null(fmt::to_string(some(100) - 50)),
        or_null(fmt::format("{}", static_cast<double>(some(400) - 200) / 8))));  // Eighths add up exactly.
  }
  return out;
}

std::string difference(std::vector<PeerRow> left, std::vector<PeerRow> right) {
  std::ranges::sort(left, {}, &PeerRow::exact);
  std::ranges::sort(right, {}, &PeerRow::exact);
  for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
    if (i >= left.size() || i >= right.size() || left[i].exact != right[i].exact)
      return fmt::format("row {}:\n  {}\n  {}", i, i < left.size() ? left[i].exact : "none",
                         i < right.size() ? right[i].exact : "none");
    for (std::size_t k = 0; k < left[i].near.size(); ++k) {
      const double a = left[i].near[k], b = right[i].near[k];
      if (std::isnan(a) != std::isnan(b) || std::abs(a - b) > 1e-9 * std::max(std::abs(a), std::abs(b)))
        return fmt::format("row {}: {}: deviations {} and {}", i, left[i].exact, a, b);
    }
  }
  return "";
}

Result<std::vector<PeerRow>> engine_rows(const FlinkCase& stream) {
  const WindowGroup& group = stream.options.groups[0];
  const EventMapping& event = stream.options.events[0];
  const FeatureGroup features = feature_group_of(group, event);
  MemoryStore store({features});
  const auto pipeline = TRY(Pipeline::open(stream.options, store));
  RawBatch batch;
  std::int64_t arrival_ms = 0;
  for (const std::string& record : stream.records) batch.append(record, ProcessingTime::from_ms(arrival_ms++));
  batch.append(kFarFuture, ProcessingTime::from_ms(arrival_ms++));
  batch.pad();
  batch.cursor = "end";
  std::vector<PeerRow> rows;
  const Ingested ingested = TRY(pipeline->ingest(0, batch));
  for (const ClosedWindow& closed : ingested.closed) {
    const std::vector<KeyValue> keys = TRY(key_values(features.keys, closed.row.key));
    rows.push_back(
        row_of(group, event, closed.row.window_start.ms(), closed.row.window_end.ms(), [&](const std::string& name) {
          if (const auto column = features.column(name)) return json_of(closed.row.values[*column]);
          const auto key = std::ranges::find(features.keys, name, &FeatureKey::name);
          return json_of(keys[static_cast<std::size_t>(key - features.keys.begin())]);
        }));
  }
  return rows;
}

Result<std::vector<PeerRow>> duckdb_rows(const FlinkCase& stream) {
  const WindowGroup& group = stream.options.groups[0];
  duck::Session session = TRY(duck::Session::open());
  TRY(session.exec(
      "SET TimeZone = 'UTC'; CREATE TABLE archive(n BIGINT, arrival TIMESTAMP, source VARCHAR, event VARCHAR, "
      "record VARCHAR); CREATE TABLE clock_marks(i BIGINT, n BIGINT, kind VARCHAR, name VARCHAR, arrival TIMESTAMP, "
      "time TIMESTAMP)"));
  duck::Appender archive = TRY(duck::Appender::open(session, "archive"));
  std::int64_t n = 0;
  const auto append = [&](std::string_view record) {
    archive.integer(n).time(n).text("stream").text("").text(record);
    ++n;
    return archive.end_row();
  };
  for (const std::string& record : stream.records) TRY(append(record));
  TRY(append(kFarFuture));
  TRY(archive.close());
  const duck::Table table = TRY(session.query(TRY(duckdb_sql(stream.options, 0)).whole()));
  std::vector<PeerRow> rows;
  for (const auto& values : table.rows) {
    const auto value_of = [&](const std::string& name) {
      const auto column = std::ranges::find(table.columns, name, &duck::Column::name);
      return values[static_cast<std::size_t>(column - table.columns.begin())];
    };
    rows.push_back(row_of(group, stream.options.events[0], values[0].as_int64(), values[1].as_int64(), value_of));
  }
  return rows;
}

Result<std::vector<PeerRow>> flink_rows(const FlinkCase& stream, const std::vector<std::string>& lines) {
  std::vector<PeerRow> rows;
  for (const std::string& line : lines) {
    const json::value parsed = TRY(parse_json(line));
    const json::object& row = parsed.as_object();
    const auto time = [&](const char* name) { return parse_rfc3339(std::string_view(row.at(name).as_string())); };
    rows.push_back(row_of(stream.options.groups[0], stream.options.events[0], TRY(time("window_start")),
                          TRY(time("window_end")), [&](const std::string& name) {
                            const auto* found = row.if_contains(name);
                            return found != nullptr ? *found : json::value(nullptr);
                          }));
  }
  return rows;
}

}  // namespace tidecast
