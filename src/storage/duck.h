#pragma once
// DuckDB through its C API, by values: an in-memory database of its own, queries, an appender.  For Parquet files and
// SQL; opening one costs some milliseconds, a query 0.1 ms and more, so never per request of the online store.
//
//   auto session = TRY(duck::Session::open());
//   const auto table = TRY(session.query("SELECT 1 AS a, TIMESTAMP '2026-05-06' AS t"));
//   table.rows[0] is [1, "2026-05-06T00:00:00Z"]
//
// Nothing is fetched from anywhere and nothing is spilled to the disk unless asked for: extensions are neither installed
// nor loaded by themselves, memory and threads are capped.  Threads: one at a time, except interrupt().
// Errors: kInvalidArgument - the SQL is wrong or refused;  kCancelled - interrupted;  kUnavailable - disk or memory
// said no; kInternal - DuckDB says it is broken.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace tidecast::duck {

struct Column {
  std::string name;
  std::string type;  // DuckDB's name of it: "BIGINT", "DOUBLE", "TIMESTAMP WITH TIME ZONE", "DOUBLE[]".
};

// Values are JSON: null, booleans, integers (HUGEINT beyond 64 bits as text), doubles, text; times as RFC 3339 text in
// UTC, dates as "2026-05-06"; a BLOB as lower-case hexadecimal; lists, structs and maps as arrays and objects.
struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<json::value>> rows;
};

struct Options {
  int threads = 1;
  int memory_limit_mb = 512;
  std::filesystem::path spill_folder{};  // For what does not fit in memory; empty: it is an error.
};

// A few thousand rows of a result as columns.  Only of the types that it names; another is a bug.
class Chunk {
 public:
  std::size_t rows() const { return rows_; }
  bool null(std::size_t column, std::size_t row) const {
    const std::uint64_t* valid = columns_[column].valid;
    return valid != nullptr && (valid[row / 64] >> (row % 64) & 1) == 0;
  }
  std::int64_t integer(std::size_t column, std::size_t row) const {  // BIGINT
    return static_cast<const std::int64_t*>(columns_[column].data)[row];
  }
  double number(std::size_t column, std::size_t row) const {  // DOUBLE
    return static_cast<const double*>(columns_[column].data)[row];
  }
  bool boolean(std::size_t column, std::size_t row) const {  // BOOLEAN
    return static_cast<const bool*>(columns_[column].data)[row];
  }
  std::string_view text(std::size_t column, std::size_t row) const;  // VARCHAR

 private:
  friend class Session;
  struct Vector {
    const void* data;
    const std::uint64_t* valid;  // A bit a row; nullptr: no row is null.
  };
  std::vector<Vector> columns_;
  std::size_t rows_ = 0;
};

class Session {
 public:
  static Result<Session> open(const Options& options = {});
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  Status exec(const std::string& sql);
  Result<Table> query(const std::string& sql);

  // The same row by row, without holding them all: `visit` gets each row as it is made and returns false for enough.
  // Rows (below) are for whom rows are asked, one at a time.  Exactly one statement.  The columns are set before the
  // first visit.
  using RowVisitor = std::function<bool(std::vector<json::value>&& row)>;
  Status query(const std::string& sql, std::vector<Column>& columns, const RowVisitor& visit);

  // The same by columns, which is many times faster; until the visitor fails.
  Status scan(const std::string& sql, const std::function<Status(const Chunk& chunk)>& visit);

  // How many statements the text has, by the parser alone.
  Result<std::size_t> count_statements(const std::string& sql);

  // Ends the running query with kCancelled; of no effect when none runs.  From any thread.
  void interrupt();

 private:
  friend class Appender;
  friend class Rows;
  struct Handles;
  explicit Session(std::unique_ptr<Handles> handles);
  std::unique_ptr<Handles> handles_;
};

// The rows of one statement, made as they are asked for.  Until this is gone the session, which must outlive it, takes
// no other statement.
class Rows {
 public:
  static Result<Rows> open(Session& session, const std::string& sql);
  Rows(Rows&&) noexcept;
  ~Rows();

  const std::vector<Column>& columns() const { return columns_; }
  Result<std::optional<std::vector<json::value>>> next();  // nullopt at the end.

 private:
  struct Handle;
  explicit Rows(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
  std::vector<Column> columns_;
};

// Fills a table row by row, value by value in the order of its columns.  What was appended is there after close().
class Appender {
 public:
  static Result<Appender> open(Session& session, const std::string& table);
  Appender(Appender&&) noexcept;
  ~Appender();

  Appender& null();
  Appender& boolean(bool value);
  Appender& integer(std::int64_t value);
  Appender& number(double value);
  Appender& text(std::string_view value);  // UTF-8; it is not checked.
  Appender& time(std::int64_t ms);         // For a column of a TIMESTAMP type.
  Status end_row();                        // Reports what went wrong in the row.
  Status close();

 private:
  struct Handle;
  explicit Appender(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

std::string quoted_name(std::string_view name);  // "a""b"
std::string quoted_text(std::string_view text);  // 'a''b'

}  // namespace tidecast::duck
