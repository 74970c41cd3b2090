#pragma once
// SQL over all shelves, for people who ask: one SELECT (or EXPLAIN of one) in DuckDB's dialect, in an in-memory
// database made for this query alone.  Nothing can be changed, and no file can be read but the Parquet files of the
// feature store's manifest.
//
// Tables: one a feature group, with the columns event_time, write_time, window_start, window_end and the features
// (Parquet files plus the rows of the last commits, as of one moment; each window once); `<group>_history`, the same
// with is_deleted, as the files have it; `raw`, `late` and `dead_letters`, the newest records of the stream each;
// `gaps` of the sources; and whatever the caller adds. Times are TIMESTAMP WITH TIME ZONE and the session's zone is
// UTC.  More in docs/sql.md.

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "features/store.h"

namespace tidecast {

enum class SqlType { kBoolean, kInteger, kNumber, kText, kTime };

// A value of SQL as JSON: null, a boolean, an integer, a double, text.  In a row that goes in, a kTime is an integer of
// milliseconds since 1970; in a result, times are RFC 3339 text in UTC.
using SqlValue = json::value;
using SqlRow = std::vector<SqlValue>;

// A table that the caller adds.  `rows` is called only if the query reads the table, which is empty else, so it may be
// costly to make; each row has one value a column.
struct SqlTable {
  std::string name;
  std::vector<std::pair<std::string, SqlType>> columns;
  std::function<Result<std::vector<SqlRow>>()> rows;
};

struct QueryLimits {
  Milliseconds time{10'000};  // Of real time, filling the tables included.
  std::size_t rows = 10'000;
  std::size_t bytes = 64 << 20;  // Of text in the result, roughly.
  int threads = 1;
  int memory_mb = 512;  // With one thread; a quarter of a gigabyte more is bounded too, for what DuckDB does not count.
  std::function<bool()>
      stop{};  // Asked ten times a second, on another thread; true ends the query.  Empty: nobody does.
};

struct QueryColumn {
  std::string name;
  std::string type;  // DuckDB's name: "BIGINT", "DOUBLE", "TIMESTAMP WITH TIME ZONE".
};

struct QueryResult {
  std::vector<QueryColumn> columns;
  std::vector<SqlRow> rows;
  bool truncated = false;  // There are more rows than the limit.
};

// kCsv: RFC 4180, with a head; null is nothing, the empty text "".  kJson: one array of objects.  kNdjson: an object a
// line.  kParquet: with DuckDB's own types, but HUGEINT as BIGINT where every value of a column fits, else as text.
enum class SqlFormat { kCsv, kJson, kNdjson, kParquet };
std::string_view name_of(SqlFormat format);  // "csv", "json", "ndjson", "parquet".
Result<SqlFormat> parse_sql_format(std::string_view name);

struct QueryFile {
  std::string bytes;
  std::size_t rows = 0;
  bool truncated = false;  // There are more rows than the limit.
};

// Errors: kInvalidArgument - the text is wrong, or not one SELECT or EXPLAIN, or asks for what it may not, or it
// takes too much memory, or its result is too large;  kCancelled - the time is up;  kUnavailable - the disk said no;
// kDataLoss - the feature store is damaged.  Any number of threads.
Result<QueryResult> run_query(const FeatureStore& store, std::span<const SqlTable> tables, std::string_view sql,
                              const QueryLimits& limits = {});

// The same as the bytes of a file; limits.bytes are those.  Columns of one name get different ones: a, a_1.
Result<QueryFile> query_file(const FeatureStore& store, std::span<const SqlTable> tables, std::string_view sql,
                             SqlFormat format, const QueryLimits& limits = {});

}  // namespace tidecast
