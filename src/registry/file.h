#pragma once
// The SQLite file under Registry: its tables and statements by values.  Private to this room.
// Threads: one at a time; the owner keeps the lock.

#include <filesystem>
#include <string_view>

#include "base/time.h"
#include "storage/sqlite.h"

namespace tidecast {

class RegistryFile {
 public:
  // Opens or creates it and checks it.  Errors: kFailedPrecondition - written by a newer program;  kDataLoss - damaged;
  // kUnavailable - the disk said no.
  static Result<RegistryFile> open(const std::filesystem::path& path);

  // Runs `body`, a function that returns a Status, in a transaction that is on the disk when this returns.
  template <typename Body>
  Status change(Body&& body) {
    return database_.transaction(body);
  }

  // One statement with its parameters (as Statement::bind takes them, and times), run to its end.
  template <typename... Values>
  Status run(std::string_view sql, const Values&... values) {
    return each(
        sql, [](const sqlite::Statement&) { return ok(); }, values...);
  }

  // Calls `visit`, a function of a Statement that returns a Status, for each row.
  template <typename Visit, typename... Values>
  Status each(std::string_view sql, Visit&& visit, const Values&... values) {
    auto statement = TRY(database_.prepare(sql).in(path_.string()));
    TRY(statement.bind_all(plain(values)...));
    while (TRY(statement.step().in(path_.string()))) TRY(visit(statement));
    return ok();
  }

 private:
  RegistryFile(std::filesystem::path path, sqlite::Database database)
      : path_(std::move(path)), database_(std::move(database)) {}

  template <typename Value>
  static const Value& plain(const Value& value) {
    return value;
  }
  template <typename Kind>
  static std::int64_t plain(const TimePoint<Kind>& time) {
    return time.ms();
  }

  std::filesystem::path path_;
  sqlite::Database database_;
};

}  // namespace tidecast
