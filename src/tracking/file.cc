#include "tracking/file.h"

namespace tidecast {
namespace {

constexpr std::int64_t kFormat = 1;

// Forecasts are found by their key (the index of which also answers "the last origin of this version") and, newest
// first, by stage; `unscored` lists those that wait for their truth, so that a start need not compare all forecasts
// with all scores. Times are milliseconds since 1970; blobs are rows of numbers (numbers.h).
constexpr const char* kSchema = R"(
CREATE TABLE run (
  id INTEGER PRIMARY KEY, why TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
  started_at INTEGER NOT NULL, finished_at INTEGER NOT NULL, data_from INTEGER NOT NULL, data_until INTEGER NOT NULL,
  observations INTEGER NOT NULL, seed INTEGER NOT NULL, loss REAL, threshold REAL, model_version INTEGER,
  data_hash TEXT NOT NULL, artefact_hash TEXT NOT NULL, parameters TEXT NOT NULL, metrics TEXT NOT NULL, seconds REAL);

CREATE TABLE forecast (
  id INTEGER PRIMARY KEY, stage TEXT NOT NULL, version INTEGER NOT NULL, series TEXT NOT NULL, origin INTEGER NOT NULL,
  made_at INTEGER NOT NULL, numbers BLOB NOT NULL);
CREATE UNIQUE INDEX forecast_key ON forecast (stage, version, origin, series);
CREATE INDEX forecast_of_stage ON forecast (stage, origin);
CREATE TABLE unscored (forecast INTEGER PRIMARY KEY REFERENCES forecast (id));

CREATE TABLE score (
  stage TEXT NOT NULL, version INTEGER NOT NULL, series TEXT NOT NULL, origin INTEGER NOT NULL,
  landed_at INTEGER NOT NULL, steps INTEGER NOT NULL, quantile_losses BLOB NOT NULL, naive_loss REAL,
  seasonal_naive_loss REAL, absolute_truth REAL, squared_error REAL, error REAL, inside INTEGER NOT NULL,
  PRIMARY KEY (stage, version, origin, series)) WITHOUT ROWID;
CREATE INDEX score_landed ON score (stage, version, landed_at);

CREATE TABLE evaluation (
  id INTEGER PRIMARY KEY, stage TEXT NOT NULL, version INTEGER NOT NULL, at INTEGER NOT NULL,
  forecasts INTEGER NOT NULL, loss REAL, threshold REAL, breach INTEGER NOT NULL, rmse REAL, coverage REAL, bias REAL,
  naive REAL, seasonal_naive REAL);
CREATE INDEX evaluation_of_stage ON evaluation (stage, at);
CREATE TABLE alarm_change (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL, loss REAL, threshold REAL,
  why TEXT NOT NULL);
CREATE TABLE timeline (
  id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

PRAGMA user_version = 1;
)";

Result<std::int64_t> format_of(sqlite::Database& database) {
  auto select = TRY(database.prepare("PRAGMA user_version"));
  TRY(select.step());
  return select.int64(0);
}

Status check_format(sqlite::Database& database) {
  const std::int64_t format = TRY(format_of(database));
  if (format == 0) return database.transaction([&database] { return database.exec(kSchema); });
  if (format == kFormat) return ok();
  return failed_precondition("written by a newer program: format {}; this program knows {}", format, kFormat);
}

}  // namespace

Result<TrackingFile> TrackingFile::open(const std::filesystem::path& path) {
  auto database = TRY(sqlite::Database::open(path));
  TRY(check_format(database).in(path.string()));
  return TrackingFile(path, std::move(database));
}

Result<sqlite::Statement*> TrackingFile::prepared(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) found = statements_.emplace(sql, TRY(database_.prepare(sql))).first;
  return &found->second;
}

Status TrackingFile::begin() {
  if (in_transaction_)
    return failed_precondition("{}: a transaction is open already; they do not nest", path_.string());
  TRY(database_.exec("BEGIN IMMEDIATE").in(path_.string()));
  in_transaction_ = true;
  return ok();
}

Status TrackingFile::end(Status outcome) {
  if (!in_transaction_) return failed_precondition("{}: no transaction is open", path_.string());
  in_transaction_ = false;
  if (failure_.ok()) failure_ = std::move(outcome);
  Status status = std::exchange(failure_, ok());
  if (status.ok()) status = database_.exec("COMMIT").in(path_.string());
  // After some errors (a full disk) SQLite has rolled back by itself, and this only complains.
  if (!status.ok()) static_cast<void>(database_.exec("ROLLBACK"));
  return status;
}

}  // namespace tidecast
