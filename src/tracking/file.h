#pragma once
// The SQLite file under Tracking: its tables, its prepared statements, its transactions.  Private to this room.
// Threads: one at a time; the owner keeps the lock.

#include <filesystem>
#include <string_view>
#include <unordered_map>

#include "base/time.h"
#include "storage/sqlite.h"

namespace tidecast {

struct Bytes {  // A parameter to be stored as a blob.
  std::string_view bytes;
};

class TrackingFile {
 public:
  // Opens or creates it.  Errors: kFailedPrecondition - written by a newer program;  kDataLoss - damaged;
  // kUnavailable.
  static Result<TrackingFile> open(const std::filesystem::path& path);

  // A transaction of many changes.  The first change that fails fails the transaction: later ones return the same
  // error, and end() undoes everything and reports it.
  Status begin();
  Status end(Status outcome = ok());  // An error undoes it, and comes back.

  bool in_transaction() const { return in_transaction_; }

  // Runs `body`, a function that returns a Status, as a part of the open transaction, else as one of its own.
  template <typename Body>
  Status change(Body&& body) {
    const bool alone = !in_transaction_;
    if (alone) TRY(begin());
    if (failure_.ok()) failure_ = body();
    return alone ? end() : failure_;
  }

  // Within change(): one statement with its parameters (as Statement::bind takes them, times and Bytes too), run to its
  // end.
  template <typename... Values>
  Status run(std::string_view sql, const Values&... values) {
    return each(
        sql, [](const sqlite::Statement&) { return ok(); }, values...);
  }
  std::int64_t last_insert_id() const { return database_.last_insert_id(); }
  std::int64_t changes() const { return database_.changes(); }  // Rows that the last run() touched.

  // Calls `visit`, a function of a Statement that returns a Status, for each row.
  template <typename Visit, typename... Values>
  Status each(std::string_view sql, Visit&& visit, const Values&... values) {
    Status status = each_row(sql, visit, values...);
    return std::move(status).in(path_.string());
  }

 private:
  TrackingFile(std::filesystem::path path, sqlite::Database database)
      : path_(std::move(path)), database_(std::move(database)) {}

  // `sql` is a literal, so that it outlives its statement, which is prepared at its first use.
  Result<sqlite::Statement*> prepared(std::string_view sql);

  template <typename... Values>
  static Status bind(sqlite::Statement& statement, const Values&... values) {
    statement.reset();
    [[maybe_unused]] int index = 0;
    Status status;
    static_cast<void>((... && (status = bind_one(statement, ++index, values)).ok()));
    return status;
  }
  template <typename Value>
  static Status bind_one(sqlite::Statement& statement, int index, const Value& value) {
    return statement.bind(index, value);
  }
  template <typename Kind>
  static Status bind_one(sqlite::Statement& statement, int index, const TimePoint<Kind>& value) {
    return statement.bind_int64(index, value.ms());
  }
  static Status bind_one(sqlite::Statement& statement, int index, const Bytes& value) {
    return statement.bind_blob(index, value.bytes);
  }

  template <typename Visit, typename... Values>
  Status each_row(std::string_view sql, Visit& visit, const Values&... values) {
    sqlite::Statement& statement = *TRY(prepared(sql));
    TRY(bind(statement, values...));
    Status status;
    while (status.ok()) {
      const Result<bool> row = statement.step();
      if (!row.ok()) return row.status();
      if (!*row) return ok();
      status = visit(statement);
    }
    statement.reset();  // Rows that nobody wants any more would hold the read lock.
    return status;
  }

  std::filesystem::path path_;
  sqlite::Database database_;
  std::unordered_map<std::string_view, sqlite::Statement> statements_;  // After the database: they go first.
  bool in_transaction_ = false;
  Status failure_;
};

}  // namespace tidecast
