#include "features/offline_files.h"

#include <algorithm>
#include <array>

namespace tidecast {
namespace {

constexpr std::array<std::string_view, 5> kCommonColumns = {"event_time", "write_time", "is_deleted", "window_start",
                                                            "window_end"};

std::string_view sql_type(const FeatureColumn& column) {
  return column.type == FieldType::kInteger ? "BIGINT" : "DOUBLE";
}

std::string layout(const FeatureGroup& group) {
  std::string columns =
      "event_time TIMESTAMPTZ NOT NULL, write_time TIMESTAMPTZ NOT NULL, is_deleted BOOLEAN NOT NULL, "
      "window_start TIMESTAMPTZ NOT NULL, window_end TIMESTAMPTZ NOT NULL";
  for (const auto& column : group.columns)
    columns += fmt::format(", {} {}", duck::quoted_name(column.name), sql_type(column));
  return columns;
}

// A bound of EventTime in SQL; the extremes lie beyond DuckDB's calendar, so times are compared as integers.
std::string ms_of_column(std::string_view column) { return fmt::format("epoch_us({}) // 1000", column); }

FeatureValue feature_value(const FeatureColumn& column, const json::value& value) {
  if (value.is_null()) return {};
  if (column.type == FieldType::kInteger) return value.as_int64();
  return value.as_double();
}

}  // namespace

bool is_reserved_column(std::string_view name) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  return std::any_of(kCommonColumns.begin(), kCommonColumns.end(), [&](std::string_view common) {
    return std::equal(name.begin(), name.end(), common.begin(), common.end(), same);  // SQL does not tell case apart.
  });
}

Status create_rows_table(duck::Session& session, const std::string& table, const FeatureGroup& group,
                         std::span<const FeatureRow> rows) {
  TRY(session.exec(fmt::format("CREATE TABLE {} ({})", duck::quoted_name(table), layout(group))));
  if (rows.empty()) return ok();
  auto appender = TRY(duck::Appender::open(session, table));
  for (const FeatureRow& row : rows) {
    appender.time(row.window_end.ms()).time(row.write_time.ms()).boolean(false);
    appender.time(row.window_start.ms()).time(row.window_end.ms());
    for (const FeatureValue& value : row.values) {
      if (const auto* integer = std::get_if<std::int64_t>(&value))
        appender.integer(*integer);
      else if (const auto* number = std::get_if<double>(&value))
        appender.number(*number);
      else
        appender.null();
    }
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

std::string parquet_source(std::span<const OfflineFile> files) {
  std::string list;
  for (const OfflineFile& file : files) list += (list.empty() ? "" : ", ") + duck::quoted_text(file.path.string());
  return fmt::format("read_parquet([{}], hive_partitioning = false)", list);  // Else the folders would add columns.
}

Result<std::vector<FeatureRow>> read_parquet(const FeatureGroup& group, std::span<const OfflineFile> files,
                                             EventRange range, ProcessingTime as_of) {
  std::vector<FeatureRow> rows;
  if (files.empty()) return rows;
  const std::string end = ms_of_column("window_end"), written = ms_of_column("write_time");
  std::string sql = fmt::format("SELECT {}, {}, {}", ms_of_column("window_start"), end, written);
  for (const auto& column : group.columns)
    sql += fmt::format(", {}::{}", duck::quoted_name(column.name), sql_type(column));
  sql += fmt::format(" FROM {} WHERE {} >= ({}) AND {} < ({}) AND {} <= ({}) ORDER BY window_end",
                     parquet_source(files), end, range.from.ms(), end, range.until.ms(), written, as_of.ms());
  auto session = TRY(duck::Session::open());
  std::vector<duck::Column> columns;
  const Status status = session.query(sql, columns, [&](std::vector<json::value>&& cells) {
    FeatureRow row{EventTime::from_ms(cells[0].as_int64()),
                   EventTime::from_ms(cells[1].as_int64()),
                   ProcessingTime::from_ms(cells[2].as_int64()),
                   {}};
    row.values.reserve(group.columns.size());
    for (std::size_t i = 0; i < group.columns.size(); ++i)
      row.values.push_back(feature_value(group.columns[i], cells[3 + i]));
    rows.push_back(std::move(row));
    return true;
  });
  if (!status.ok() && status.code() != Code::kUnavailable)
    return data_loss("Parquet files of {}: {}", group.name, status.message());
  TRY(status);
  return rows;
}

}  // namespace tidecast
