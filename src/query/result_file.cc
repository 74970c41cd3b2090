#include "query/result_file.h"

#include <set>

#include "storage/file.h"

namespace tidecast {
namespace {

// Names that no feature group and no table can have.
constexpr std::string_view kAsked = "\"what was asked\"", kKept = "\"what is kept\"";

Status too_large(const QueryLimits& limits) {
  return invalid_argument("the result has more than {} bytes; ask for less of it", limits.bytes);
}

// Members of an object need different names; columns need not have them: a, a_1, as DuckDB's own tables do.
std::vector<std::string> distinct_names(const std::vector<duck::Column>& columns) {
  std::set<std::string> taken;
  std::vector<std::string> names;
  for (const duck::Column& column : columns) {
    std::string name = column.name;
    for (int i = 1; !taken.insert(name).second; ++i) name = fmt::format("{}_{}", column.name, i);
    names.push_back(std::move(name));
  }
  return names;
}

// RFC 4180.  Nothing is null, "" is the empty text.
std::string csv_cell(std::string_view text) {
  if (!text.empty() && text.find_first_of(",\"\n\r") == text.npos) return std::string(text);
  std::string cell = "\"";
  for (const char c : text) cell += c == '"' ? "\"\"" : std::string(1, c);
  return cell + "\"";
}

std::string csv_value(const SqlValue& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return csv_cell(value.get_string());
  return value.is_double() ? shortest(value.get_double()) : csv_cell(to_text(value));
}

std::string csv_line(const std::vector<std::string>& names) {
  std::string line;
  for (const std::string& name : names) line += (line.empty() ? "" : ",") + csv_cell(name);
  return line + "\n";
}

std::string csv_line(const SqlRow& row) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) line += (i == 0 ? "" : ",") + csv_value(row[i]);
  return line + "\n";
}

std::string object_of(const std::vector<std::string>& names, const SqlRow& row) {
  std::string text = "{";
  for (std::size_t i = 0; i < row.size(); ++i)
    text += fmt::format("{}{}:{}", i == 0 ? "" : ",", to_text(json::string(names[i])), to_text(row[i]));
  return text + "}";
}

// Sums of integers are HUGEINT, which Parquet does not have and DuckDB would write as inexact doubles: they become
// BIGINT where all of them fit, else text, as elsewhere in results.
Status narrow_huge_integers(duck::Session& session) {
  const duck::Table columns = TRY(session.query(fmt::format(
      "SELECT column_name, column_type FROM (DESCRIBE {}) WHERE column_type IN ('HUGEINT', 'UHUGEINT')", kKept)));
  for (const auto& column : columns.rows) {
    const std::string name = duck::quoted_name(column[0].as_string());
    const duck::Table fits = TRY(session.query(fmt::format(
        "SELECT coalesce(bool_and(TRY_CAST({0} AS BIGINT) IS NOT NULL OR {0} IS NULL), true) FROM {1}", name, kKept)));
    TRY(session.exec(
        fmt::format("ALTER TABLE {} ALTER {} TYPE {}", kKept, name, fits.rows[0][0].as_bool() ? "BIGINT" : "VARCHAR")));
  }
  return ok();
}

}  // namespace

Result<QueryFile> text_file(duck::Session& session, const std::string& query, SqlFormat format,
                            const QueryLimits& limits) {
  QueryFile file;
  std::vector<duck::Column> columns;
  std::vector<std::string> names;
  const auto begin = [&] {
    names = distinct_names(columns);
    if (format == SqlFormat::kCsv) file.bytes = csv_line(names);
    if (format == SqlFormat::kJson) file.bytes = "[";
  };
  TRY(session.query(query, columns, [&](SqlRow&& row) {
    if (file.rows == limits.rows) return !(file.truncated = true);
    if (file.rows == 0) begin();
    if (format == SqlFormat::kJson && file.rows > 0) file.bytes += ",";
    file.bytes += format == SqlFormat::kCsv ? csv_line(row) : object_of(names, row);
    if (format == SqlFormat::kNdjson) file.bytes += "\n";
    ++file.rows;
    return file.bytes.size() <= limits.bytes;
  }));
  if (file.rows == 0) begin();
  if (format == SqlFormat::kJson) file.bytes += "]\n";
  if (file.bytes.size() > limits.bytes) return too_large(limits);
  return file;
}

Result<QueryFile> parquet_file(duck::Session& session, const std::string& query, const std::filesystem::path& path,
                               const QueryLimits& limits) {
  // As a view: its text stands at the very end of the statement, where nothing of ours can be swallowed by a comment.
  const Status view = session.exec(fmt::format("CREATE VIEW {} AS {}", kAsked, query));
  if (!view.ok() && view.message().find("syntax error") != std::string::npos)
    return invalid_argument(
        "as Parquet there is the result of a SELECT only; EXPLAIN, DESCRIBE and the like are to be "
        "had as csv, json or ndjson");
  TRY(view);
  TRY(session.exec(fmt::format("CREATE TABLE {} AS FROM {} LIMIT {}", kKept, kAsked, limits.rows + 1)));
  const duck::Table count = TRY(session.query(fmt::format("SELECT count(*) FROM {}", kKept)));
  QueryFile file{.rows = static_cast<std::size_t>(count.rows[0][0].as_int64())};
  file.truncated = file.rows > limits.rows;
  file.rows = std::min(file.rows, limits.rows);
  TRY(narrow_huge_integers(session));
  TRY(session.exec(fmt::format("COPY (FROM {} LIMIT {}) TO {} (FORMAT parquet, COMPRESSION zstd)", kKept, limits.rows,
                               duck::quoted_text(path.string()))));
  std::error_code error;
  if (std::filesystem::file_size(path, error) > limits.bytes && !error) return too_large(limits);
  file.bytes = TRY(read_file(path));
  return file;
}

}  // namespace tidecast
