#include "storage/sqlite.h"

#include <sqlite3.h>

#include <cmath>

#include "base/crash_point.h"

namespace tidecast::sqlite {
namespace {

Code code_of(int sqlite_code) {
  switch (sqlite_code & 0xff) {  // The low byte is the primary code, the rest refines it.
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CONSTRAINT: return Code::kFailedPrecondition;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Code::kDataLoss;
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM: return Code::kUnavailable;
    default: return Code::kInternal;
  }
}

Status error_of(sqlite3* database, int sqlite_code, std::string_view sql) {
  return {code_of(sqlite_code), sql.empty() ? fmt::format("SQLite: {}", sqlite3_errmsg(database))
                                            : fmt::format("SQLite: {} in: {}", sqlite3_errmsg(database), sql)};
}

}  // namespace

// ---- Statement ----------------------------------------------------------------------------------------------------

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Status Statement::check_bound(int index, int code) {
  if (code == SQLITE_OK) return ok();
  return error_of(sqlite3_db_handle(statement_.get()), code, sqlite3_sql(statement_.get()))
      .in(fmt::format("parameter {}", index));
}

Status Statement::bind_null(int index) { return check_bound(index, sqlite3_bind_null(statement_.get(), index)); }

Status Statement::bind_int64(int index, std::int64_t value) {
  return check_bound(index, sqlite3_bind_int64(statement_.get(), index, value));
}

Status Statement::bind_real(int index, double value) {
  return check_bound(index, sqlite3_bind_double(statement_.get(), index, value));  // SQLite itself stores NaN as NULL.
}

Status Statement::bind_text(int index, std::string_view value) {
  // A null pointer would bind NULL, and an empty view may hold one.
  return check_bound(index, sqlite3_bind_text64(statement_.get(), index, value.empty() ? "" : value.data(),
                                                value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

Status Statement::bind_blob(int index, std::string_view bytes) {
  return check_bound(index, sqlite3_bind_blob64(statement_.get(), index, bytes.empty() ? "" : bytes.data(),
                                                bytes.size(), SQLITE_TRANSIENT));
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  Status status;
  if (code != SQLITE_DONE) status = error_of(sqlite3_db_handle(statement_.get()), code, sqlite3_sql(statement_.get()));
  reset();
  if (!status.ok()) return status;
  return false;
}

void Statement::reset() { sqlite3_reset(statement_.get()); }  // Its code repeats the error that step() reported.

int Statement::columns() const { return sqlite3_column_count(statement_.get()); }
bool Statement::is_null(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }
std::int64_t Statement::int64(int column) const { return sqlite3_column_int64(statement_.get(), column); }
double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string Statement::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr ? std::string() : std::string(bytes, static_cast<std::size_t>(size));
}

std::optional<std::int64_t> Statement::maybe_int64(int column) const {
  return is_null(column) ? std::nullopt : std::optional(int64(column));
}
std::optional<double> Statement::maybe_real(int column) const {
  return is_null(column) ? std::nullopt : std::optional(real(column));
}
std::optional<std::string> Statement::maybe_text(int column) const {
  return is_null(column) ? std::nullopt : std::optional(text(column));
}

// ---- Database -----------------------------------------------------------------------------------------------------

void Database::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Result<Database> Database::open(const std::filesystem::path& path, const DatabaseOptions& options) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &opened,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, nullptr);
  Database database(opened);  // Even a failed open gives a handle, which carries the error and must be closed.
  if (opened == nullptr) return unavailable("{}: no memory for SQLite", path.string());
  if (code != SQLITE_OK) return error_of(opened, code, "").in(path.string());
  sqlite3_busy_timeout(opened, options.busy_timeout_ms);
  TRY(database
          .exec(fmt::format("PRAGMA journal_mode=WAL; PRAGMA synchronous={}; PRAGMA foreign_keys=ON;",
                            options.survive_power_loss ? "FULL" : "NORMAL"))
          .in(path.string()));
  return database;
}

Status Database::exec(const std::string& sql) {
  const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return error_of(database_.get(), code, sql);
  if (sql == "COMMIT") crash_point(sqlite3_db_filename(database_.get(), "main"));
  return ok();
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* prepared = nullptr;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()), 0, &prepared, &rest);
  Statement statement(prepared);
  if (code != SQLITE_OK) return error_of(database_.get(), code, sql);
  if (prepared == nullptr) return internal_error("SQLite: no statement in: {}", sql);
  const std::string_view left = sql.substr(static_cast<std::size_t>(rest - sql.data()));
  if (left.find_first_not_of(" \t\r\n;") != left.npos)
    return internal_error("SQLite: more than one statement in: {}", sql);
  return statement;
}

void Database::roll_back() {
  // Some errors (a full disk) end the transaction by themselves; a second ROLLBACK would only complain.
  if (sqlite3_get_autocommit(database_.get()) == 0) static_cast<void>(exec("ROLLBACK"));
}

std::int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(database_.get()); }
std::int64_t Database::changes() const { return sqlite3_changes64(database_.get()); }

}  // namespace tidecast::sqlite
