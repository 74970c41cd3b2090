#pragma once
// SQLite 3 by values: a database, its prepared statements, a transaction.  Metadata only (registry, runs, scores,
// audit); a statement costs some microseconds.
//
//   auto database = TRY(sqlite::Database::open(path));
//   TRY(database.exec("CREATE TABLE IF NOT EXISTS run (id INTEGER PRIMARY KEY, name TEXT NOT NULL, loss REAL)"));
//   TRY(database.run("INSERT INTO run (name, loss) VALUES (?, ?)", "first", std::nullopt));
//   auto select = TRY(database.prepare("SELECT id, loss FROM run WHERE name = ?"));
//   TRY(select.bind_all("first"));
//   while (TRY(select.step())) use(select.int64(0), select.is_null(1) ? NAN : select.real(1));
//
// Threads: a Database and its statements belong to one thread at a time; their owner keeps the lock.
// Errors: kFailedPrecondition - somebody else holds the lock, or a constraint refuses the row;  kDataLoss - the file is
// damaged or no database;  kUnavailable - the disk said no;  kInternal - the SQL is wrong, which is our own fault.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace tidecast::sqlite {

// One prepared statement.  Parameters count from 1 and columns from 0, as in SQLite itself.  Must not outlive its
// Database.
class Statement {
 public:
  // Starts anew (rows not yet read are given up) and binds the parameters 1, 2, ... to the values: an integer, an enum,
  // a bool (as 0 or 1), a double (NaN as NULL), text, std::nullopt or an empty optional (as NULL).  Text is copied.
  template <typename... Values>
  Status bind_all(const Values&... values) {
    reset();
    [[maybe_unused]] int index = 0;
    Status status;
    static_cast<void>((... && (status = bind(++index, values)).ok()));
    return status;
  }

  template <typename Value>
  Status bind(int index, const Value& value) {
    if constexpr (std::is_same_v<Value, std::nullopt_t> || std::is_same_v<Value, std::nullptr_t>)
      return bind_null(index);
    else if constexpr (std::is_enum_v<Value> || std::is_integral_v<Value>)
      return bind_int64(index, static_cast<std::int64_t>(value));
    else if constexpr (std::is_floating_point_v<Value>)
      return bind_real(index, value);
    else
      return bind_text(index, value);
  }
  template <typename Value>
  Status bind(int index, const std::optional<Value>& value) {
    return value ? bind(index, *value) : bind_null(index);
  }
  Status bind_null(int index);
  Status bind_int64(int index, std::int64_t value);
  Status bind_real(int index, double value);
  Status bind_text(int index, std::string_view value);
  Status bind_blob(int index, std::string_view bytes);

  // Moves to the next row; false when there is none (left), after which the statement is ready for another bind_all.
  Result<bool> step();
  // Gives up the rows not yet read, and with them the read lock.
  void reset();

  // Of the present row.  A column of another type is converted as SQLite does; NULL reads as 0 and "".
  int columns() const;
  bool is_null(int column) const;
  std::int64_t int64(int column) const;
  double real(int column) const;
  std::string text(int column) const;  // Also the bytes of a blob.
  std::optional<std::int64_t> maybe_int64(int column) const;
  std::optional<double> maybe_real(int column) const;
  std::optional<std::string> maybe_text(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  Status check_bound(int index, int code);

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

struct DatabaseOptions {
  // synchronous=FULL: a commit is on the disk when it returns.  Otherwise NORMAL: a crash of the program loses nothing,
  // a power cut may lose the last commits, never their order.
  bool survive_power_loss = false;
  int busy_timeout_ms = 5000;  // How long a locked database is waited for.
};

class Database {
 public:
  // Opens or creates the file in WAL mode with foreign keys on; ":memory:" is a database of this object alone.
  static Result<Database> open(const std::filesystem::path& path, const DatabaseOptions& options = {});

  // Runs any number of statements that need no parameters and whose rows nobody wants.
  Status exec(const std::string& sql);
  Result<Statement> prepare(std::string_view sql);  // Exactly one statement.

  // One statement with its parameters, run to its end.
  template <typename... Values>
  Status run(std::string_view sql, const Values&... values) {
    auto statement = TRY(prepare(sql));
    TRY(statement.bind_all(values...));
    while (TRY(statement.step())) {
    }
    return ok();
  }

  // Runs `body`, which returns a Status or a Result, in one transaction that takes the write lock at once: committed if
  // the body succeeds, undone if it fails, in which case its error is what comes back.  Transactions do not nest.
  template <typename Body>
  auto transaction(Body&& body) -> std::invoke_result_t<Body> {
    if (Status begun = exec("BEGIN IMMEDIATE"); !begun.ok()) return begun;
    auto result = body();
    if (!result.ok()) {
      roll_back();
      return result;
    }
    if (Status committed = exec("COMMIT"); !committed.ok()) {
      roll_back();
      return committed;
    }
    return result;
  }

  std::int64_t last_insert_id() const;
  std::int64_t changes() const;  // Rows that the last INSERT, UPDATE or DELETE touched.

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit Database(sqlite3* database) : database_(database) {}
  void roll_back();

  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace tidecast::sqlite
