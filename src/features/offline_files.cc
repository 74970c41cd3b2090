#include "features/offline_files.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/ascii.h"
#include "features/record_id.h"

namespace tidecast {
namespace {

constexpr std::array<std::string_view, 7> kCommonColumns = {"event_time", "write_time", "is_deleted",    "window_start",
                                                            "window_end", "revision",   "closed_by_idle"};

std::string_view sql_type(FieldType type) {
  switch (type) {
    case FieldType::kInteger: return "BIGINT";
    case FieldType::kNumber: return "DOUBLE";
    case FieldType::kBoolean: return "BOOLEAN";
    case FieldType::kText: return "VARCHAR";
  }
  return "VARCHAR";
}

std::string layout(const FeatureGroup& group) {
  std::string columns =
      "event_time TIMESTAMPTZ NOT NULL, write_time TIMESTAMPTZ NOT NULL, is_deleted BOOLEAN NOT NULL, "
      "window_start TIMESTAMPTZ NOT NULL, window_end TIMESTAMPTZ NOT NULL, revision INTEGER NOT NULL, "
      "closed_by_idle BOOLEAN NOT NULL";
  for (const auto& key : group.keys) columns += fmt::format(", {} {}", duck::quoted_name(key.name), sql_type(key.type));
  for (const auto& column : group.columns)
    columns += fmt::format(", {} {}", duck::quoted_name(column.name), sql_type(column.type));
  return columns;
}

std::string ms_of_column(std::string_view column) { return fmt::format("epoch_us({}) // 1000", column); }

// A bound in SQL, as a constant of the columns' own type: then Parquet's statistics tell which row groups need not be
// read.  The extremes of our times lie beyond DuckDB's calendar; the bound stands for them, since no row does.
std::string moment(std::int64_t ms) {
  constexpr std::int64_t kFar = 9'000'000'000'000'000;  // The year 287,000.
  return fmt::format("make_timestamptz({})", std::clamp(ms, -kFar, kFar) * 1000);
}

Status append_keys(duck::Appender& appender, const FeatureGroup& group, const FeatureRow& row) {
  if (group.keys.empty()) return ok();
  for (const KeyValue& value : TRY(key_values(group.keys, row.key))) {
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      appender.integer(*integer);
    else if (const auto* boolean = std::get_if<bool>(&value))
      appender.boolean(*boolean);
    else if (const auto* text = std::get_if<std::string>(&value))
      appender.text(*text);
    else
      appender.null();
  }
  return ok();
}

// "station = 'JC014' AND weekday IS NULL"
Result<std::string> is_series(const FeatureGroup& group, std::string_view id) {
  std::string condition = "true";
  const auto values = TRY(key_values(group.keys, id));
  for (std::size_t i = 0; i < values.size(); ++i) {
    condition += " AND " + duck::quoted_name(group.keys[i].name);
    if (const auto* integer = std::get_if<std::int64_t>(&values[i]))
      condition += fmt::format(" = ({})", *integer);
    else if (const auto* boolean = std::get_if<bool>(&values[i]))
      condition += *boolean ? " = true" : " = false";
    else if (const auto* text = std::get_if<std::string>(&values[i]))
      condition += " = " + duck::quoted_text(*text);
    else
      condition += " IS NULL";
  }
  return condition;
}

void append_key(std::string& id, const FeatureKey& key, const duck::Chunk& chunk, std::size_t column, std::size_t row) {
  if (chunk.null(column, row))
    append_key_null(id);
  else if (key.type == FieldType::kInteger)
    append_key_integer(id, chunk.integer(column, row));
  else if (key.type == FieldType::kBoolean)
    append_key_boolean(id, chunk.boolean(column, row));
  else
    append_key_text(id, chunk.text(column, row));
}

std::string file_list(std::span<const OfflineFile* const> files) {
  std::string list;
  for (const OfflineFile* file : files) list += (list.empty() ? "" : ", ") + duck::quoted_text(file->path.string());
  return fmt::format("read_parquet([{}], hive_partitioning = false)", list);  // Else the folders would add columns.
}

// SELECT of today's layout from files that all have the same one.
std::string select_from(const FeatureGroup& group, std::span<const OfflineFile* const> files) {
  const OfflineFile& one = *files.front();
  std::string sql = "SELECT event_time, write_time, is_deleted, window_start, window_end, ";
  sql += one.versioned ? "revision, closed_by_idle" : "0::INTEGER AS revision, false AS closed_by_idle";
  sql += key_columns(group);
  for (std::size_t i = 0; i < group.columns.size(); ++i) {
    const FeatureColumn& column = group.columns[i];
    const std::string& then = one.columns.empty() ? column.name : one.columns[i];
    sql += fmt::format(", {}::{} AS {}", then.empty() ? "NULL" : duck::quoted_name(then), sql_type(column.type),
                       duck::quoted_name(column.name));
  }
  return sql + " FROM " + file_list(files);
}

// kDataLoss unless it was the disk or the memory that failed: the SQL itself is right.
Status damaged(const FeatureGroup& group, Status status) {
  if (status.ok() || status.code() == Code::kUnavailable) return status;
  return data_loss("Parquet files of {}: {}", group.name, status.message());
}

}  // namespace

bool is_reserved_column(std::string_view name) {
  return std::ranges::find(kCommonColumns, lower(name)) != kCommonColumns.end();  // SQL does not tell case apart.
}

FeatureValue feature_value(const FeatureColumn& column, const duck::Chunk& chunk, std::size_t at, std::size_t row) {
  if (chunk.null(at, row)) return {};
  if (column.type == FieldType::kInteger) return chunk.integer(at, row);
  return chunk.number(at, row);
}

void append_value(duck::Appender& appender, const FeatureValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value))
    appender.integer(*integer);
  else if (const auto* number = std::get_if<double>(&value))
    appender.number(*number);
  else
    appender.null();
}

Status create_rows_table(duck::Session& session, const std::string& table, const FeatureGroup& group,
                         std::span<const FeatureRow> rows) {
  TRY(session.exec(fmt::format("CREATE TABLE {} ({})", duck::quoted_name(table), layout(group))));
  if (rows.empty()) return ok();
  auto appender = TRY(duck::Appender::open(session, table));
  for (const FeatureRow& row : rows) {
    appender.time(row.window_end.ms()).time(row.write_time.ms()).boolean(row.deleted);
    appender.time(row.window_start.ms()).time(row.window_end.ms());
    appender.integer(row.revision).boolean(row.closed_by_idle);
    TRY(append_keys(appender, group, row));
    for (const FeatureValue& value : row.values) append_value(appender, value);
    TRY(appender.end_row());
  }
  return appender.close();
}

Status write_parquet(duck::Session& session, const FeatureGroup& group, std::span<const FeatureRow> rows,
                     const std::filesystem::path& path) {
  const std::string table = "rows_to_write";
  Status written = create_rows_table(session, table, group, rows);
  if (written.ok())  // The table has one thread and keeps the order in which it was filled.
    written = session.exec(
        fmt::format("COPY {} TO {} (FORMAT parquet, COMPRESSION zstd)", table, duck::quoted_text(path.string())));
  const Status dropped = session.exec("DROP TABLE IF EXISTS " + table);  // Also of a failure: the session goes on.
  return written.ok() ? dropped : written;
}

Status merge_parquet(duck::Session& session, const FeatureGroup& group, std::span<const OfflineFile> files,
                     const std::filesystem::path& path) {
  const std::string sql =
      fmt::format("COPY (SELECT * FROM ({}) ORDER BY window_end{}, revision) TO {} (FORMAT parquet, COMPRESSION zstd)",
                  history_sql(group, files, ""), key_columns(group), duck::quoted_text(path.string()));
  return damaged(group, session.exec(sql));
}

std::string key_columns(const FeatureGroup& group) {
  std::string columns;
  for (const auto& key : group.keys) columns += ", " + duck::quoted_name(key.name);
  return columns;
}

std::string feature_columns(const FeatureGroup& group) {
  std::string columns;
  for (const auto& column : group.columns) columns += ", " + duck::quoted_name(column.name);
  return columns;
}

std::string history_sql(const FeatureGroup& group, std::span<const OfflineFile> files,
                        const std::string& outbox_table) {
  std::map<std::pair<std::vector<std::string>, bool>, std::vector<const OfflineFile*>> by_layout;
  for (const OfflineFile& file : files) by_layout[{file.columns, file.versioned}].push_back(&file);
  std::string sql;
  for (const auto& [layout_of_then, same] : by_layout)
    sql += (sql.empty() ? "" : " UNION ALL ") + select_from(group, same);
  if (outbox_table.empty()) return sql;
  return sql + (sql.empty() ? "" : " UNION ALL ") + "SELECT * FROM " + duck::quoted_name(outbox_table);
}

// Corrections are few, and Parquet's statistics say which row groups have none: so the windows that have any are looked
// for first, and all others pass as they are.
std::string latest_sql(const FeatureGroup& group, const std::string& history) {
  std::string same = "h.window_end = c.window_end";
  for (const auto& key : group.keys) {
    const std::string name = duck::quoted_name(key.name);
    same += fmt::format(" AND h.{0} IS NOT DISTINCT FROM c.{0}", name);
  }
  return fmt::format(
      "SELECT h.* FROM {0} h LEFT JOIN (SELECT window_end{1}, max(revision) AS newest FROM {0} WHERE revision > 0 "
      "GROUP BY ALL) c ON {2} WHERE h.revision = coalesce(c.newest, 0) AND NOT h.is_deleted",
      history, key_columns(group), same);
}

Result<std::vector<FeatureRow>> read_parquet(duck::Session& session, const FeatureGroup& group,
                                             std::span<const OfflineFile> files, const RowQuery& query) {
  std::vector<FeatureRow> rows;
  if (files.empty()) return rows;
  const std::string sql = fmt::format(
      "SELECT {}, {}, {}, revision::BIGINT, is_deleted, closed_by_idle{}{} FROM ({}) WHERE window_end >= {} AND "
      "window_end < {} AND write_time <= {} AND {}",
      ms_of_column("window_start"), ms_of_column("window_end"), ms_of_column("write_time"), key_columns(group),
      feature_columns(group), history_sql(group, files, ""), moment(query.range.from.ms()),
      moment(query.range.until.ms()), moment(query.as_of.ms()), query.key ? TRY(is_series(group, *query.key)) : "true");
  const std::size_t first_feature = 6 + group.keys.size();
  TRY(damaged(group, session.scan(sql, [&](const duck::Chunk& chunk) {
    for (std::size_t r = 0; r < chunk.rows(); ++r) {
      FeatureRow& row = rows.emplace_back();
      row.window_start = EventTime::from_ms(chunk.integer(0, r));
      row.window_end = EventTime::from_ms(chunk.integer(1, r));
      row.write_time = ProcessingTime::from_ms(chunk.integer(2, r));
      row.revision = static_cast<std::uint32_t>(chunk.integer(3, r));
      row.deleted = chunk.boolean(4, r);
      row.closed_by_idle = chunk.boolean(5, r);
      for (std::size_t k = 0; k < group.keys.size(); ++k) append_key(row.key, group.keys[k], chunk, 6 + k, r);
      row.values.resize(group.columns.size());
      for (std::size_t c = 0; c < group.columns.size(); ++c)
        row.values[c] = feature_value(group.columns[c], chunk, first_feature + c, r);
    }
    return ok();
  })));
  return rows;
}

}  // namespace tidecast
