#include "query/query.h"

#include <algorithm>
#include <optional>

#include "features/offline_files.h"
#include "query/deadline.h"
#include "query/guard.h"
#include "query/result_file.h"
#include "query/stream_tables.h"
#include "storage/duck.h"
#include "storage/duck_memory.h"
#include "storage/file.h"

namespace tidecast {
namespace {

// Of vectors on their way between operators, and the like.
constexpr int kBeyondMemoryMb = 256;

// ---- tables -------------------------------------------------------------------------------------------------------

// Two views over the group's files and a table with the rows of its outbox: every version of every row, and the newest
// version of each window.  The files stay while `hold` does.
Status add_group(duck::Session& session, const FeatureStore& store, const FeatureGroup& group,
                 std::vector<std::string>& readable, std::vector<std::shared_ptr<const void>>& hold) {
  const auto view = TRY(store.offline(group.name));
  hold.push_back(view.hold);
  for (const auto& file : view.files) readable.push_back(file.path.string());
  const std::string outbox = group.name + "_outbox_", history = duck::quoted_name(group.name + "_history");
  TRY(create_rows_table(session, outbox, group, view.outbox));
  TRY(session.exec(fmt::format("CREATE VIEW {} AS {}", history, history_sql(group, view.files, outbox))));
  return session.exec(fmt::format(
      "CREATE VIEW {} AS SELECT event_time, write_time, window_start, window_end{}{} FROM ({})",
      duck::quoted_name(group.name), key_columns(group), feature_columns(group), latest_sql(group, history)));
}

std::string_view sql_name(SqlType type) {
  switch (type) {
    case SqlType::kBoolean: return "BOOLEAN";
    case SqlType::kInteger: return "BIGINT";
    case SqlType::kNumber: return "DOUBLE";
    case SqlType::kText: return "VARCHAR";
    case SqlType::kTime: return "TIMESTAMPTZ";
  }
  return "VARCHAR";
}

Status append_value(duck::Appender& appender, SqlType type, const SqlValue& value) {
  if (value.is_null())
    appender.null();
  else if (type == SqlType::kBoolean && value.is_bool())
    appender.boolean(value.get_bool());
  else if (type == SqlType::kInteger && value.is_int64())
    appender.integer(value.get_int64());
  else if (type == SqlType::kTime && value.is_int64())
    appender.time(value.get_int64());
  else if (type == SqlType::kNumber && value.is_double())
    appender.number(value.get_double());
  else if (type == SqlType::kNumber && value.is_int64())
    appender.number(static_cast<double>(value.get_int64()));
  else if (type == SqlType::kText && value.is_string())
    appender.text(as_utf8({value.get_string().data(), value.get_string().size()}));
  else
    return internal_error("{} where a {} belongs", to_text(value), sql_name(type));
  return ok();
}

Status add_table(duck::Session& session, const SqlTable& table, bool filled, const Deadline& deadline) {
  std::string layout;
  for (const auto& [name, type] : table.columns)
    layout += fmt::format("{}{} {}", layout.empty() ? "" : ", ", duck::quoted_name(name), sql_name(type));
  TRY(session.exec(fmt::format("CREATE TABLE {} ({})", duck::quoted_name(table.name), layout)));
  if (!filled) return ok();
  auto appender = TRY(duck::Appender::open(session, table.name));
  for (const SqlRow& row : TRY(table.rows())) {
    TRY(deadline.check());
    if (row.size() != table.columns.size())
      return internal_error("{} values for {} columns", row.size(), table.columns.size());
    for (std::size_t i = 0; i < row.size(); ++i)
      TRY(append_value(appender, table.columns[i].second, row[i]).in(table.columns[i].first));
    TRY(appender.end_row());
  }
  return appender.close();
}

// No way out from here on: not to the files of others, not to the network, not back to these settings.
Status lock_down(duck::Session& session, const std::vector<std::string>& open_paths) {
  std::string paths;
  for (const std::string& path : open_paths) paths += (paths.empty() ? "" : ", ") + duck::quoted_text(path);
  return session.exec(fmt::format(
      "SET allowed_paths = [{}]; SET enable_external_access = false; SET lock_configuration = true", paths));
}

std::size_t text_bytes(const SqlRow& row) {
  std::size_t bytes = 0;
  for (const SqlValue& value : row)
    bytes += value.is_string() ? value.get_string().size() : value.is_primitive() ? 8 : to_text(value).size();
  return bytes;
}

// Makes all tables, fills those that the query names, and locks the session; `writable` is left open for us to write,
// "" for none.
Status make_ready(duck::Session& session, const FeatureStore& store, std::span<const SqlTable> tables,
                  const CheckedQuery& query, const std::string& writable, const Deadline& deadline,
                  std::vector<std::shared_ptr<const void>>& hold) {
  std::vector<std::string> open_paths;
  for (const FeatureGroup& group : store.groups())
    TRY(add_group(session, store, group, open_paths, hold).in("table " + group.name));
  std::vector<SqlTable> all = stream_tables(store, deadline);
  all.insert(all.end(), tables.begin(), tables.end());
  for (const SqlTable& table : all)
    TRY(add_table(session, table, query.tables.contains(table.name), deadline).in("table " + table.name));
  if (!writable.empty()) open_paths.push_back(writable);
  return lock_down(session, open_paths);
}

// The rows of `query`, which may run: the guard has seen it.
Result<QueryResult> rows_of(duck::Session& session, const std::string& query, const QueryLimits& limits) {
  QueryResult result;
  std::vector<duck::Column> columns;
  std::size_t bytes = 0;
  TRY(session.query(query, columns, [&](SqlRow&& row) {
    if (result.rows.size() == limits.rows) return !(result.truncated = true);
    bytes += text_bytes(row);
    result.rows.push_back(std::move(row));
    return bytes <= limits.bytes;
  }));
  if (bytes > limits.bytes)
    return invalid_argument("the result has more than {} bytes; ask for less of it", limits.bytes);
  for (auto& column : columns) result.columns.push_back({std::move(column.name), std::move(column.type)});
  return result;
}

// What `answer` makes of the checked query, in a session that is ready and locked.
template <typename Answer>
std::invoke_result_t<Answer, duck::Session&, const std::string&> within_limits(
    const FeatureStore& store, std::span<const SqlTable> tables, std::string_view sql, const QueryLimits& limits,
    const std::string& writable, Answer answer) {
  // What DuckDB's own limit does not count, single huge values above all, ends at this one.
  std::optional<duck::MemoryBound> bound;
  if (limits.threads == 1) bound.emplace(static_cast<std::size_t>(limits.memory_mb + kBeyondMemoryMb) << 20);
  auto session = TRY(duck::Session::open({.threads = limits.threads, .memory_limit_mb = limits.memory_mb}));
  const CheckedQuery query = TRY(check_query(session, sql));
  const Deadline deadline(session, limits);
  std::vector<std::shared_ptr<const void>> hold;  // The files that the views read.
  const auto run = [&]() -> decltype(answer(session, query.text)) {
    TRY(make_ready(session, store, tables, query, writable, deadline, hold));
    return answer(session, query.text);
  };
  auto result = run();
  if (!result.ok()) TRY(deadline.check());  // Whatever an interrupt looks like from within.
  if (!result.ok() && result.message().find("Out of Memory") != std::string::npos)
    return invalid_argument(
        "the query needs more than the {} MB of memory that one may have; narrow it: a shorter time in WHERE, fewer "
        "columns, an aggregate or a LIMIT before the ORDER BY",
        limits.memory_mb);
  return result;
}

}  // namespace

Result<SqlFormat> parse_sql_format(std::string_view name) {
  for (const SqlFormat format : {SqlFormat::kCsv, SqlFormat::kJson, SqlFormat::kNdjson, SqlFormat::kParquet})
    if (name == name_of(format)) return format;
  return invalid_argument("format: found '{}', allowed: csv, json, ndjson, parquet", name);
}

std::string_view name_of(SqlFormat format) {
  switch (format) {
    case SqlFormat::kCsv: return "csv";
    case SqlFormat::kJson: return "json";
    case SqlFormat::kNdjson: return "ndjson";
    case SqlFormat::kParquet: return "parquet";
  }
  return "";
}

Result<QueryResult> run_query(const FeatureStore& store, std::span<const SqlTable> tables, std::string_view sql,
                              const QueryLimits& limits) {
  return within_limits(store, tables, sql, limits, "", [&](duck::Session& session, const std::string& query) {
    return rows_of(session, query, limits);
  });
}

Result<QueryFile> query_file(const FeatureStore& store, std::span<const SqlTable> tables, std::string_view sql,
                             SqlFormat format, const QueryLimits& limits) {
  if (format != SqlFormat::kParquet)
    return within_limits(store, tables, sql, limits, "", [&](duck::Session& session, const std::string& query) {
      return text_file(session, query, format, limits);
    });
  const ScratchFolder folder = TRY(ScratchFolder::make("sql"));
  const std::filesystem::path file = folder.path() / "result.parquet";
  return within_limits(
      store, tables, sql, limits, file.string(),
      [&](duck::Session& session, const std::string& query) { return parquet_file(session, query, file, limits); });
}

}  // namespace tidecast
