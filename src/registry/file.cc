#include "registry/file.h"

namespace tidecast {
namespace {

constexpr std::int64_t kFormat = 1;

// `head` says how many rows the log has and the hash of the last, so that rows missing at its end show.  The triggers
// refuse what no program of ours does; they guard against accidents, the hashes show what went round them.
constexpr const char* kSchema = R"(
CREATE TABLE model (
  version INTEGER PRIMARY KEY, run TEXT NOT NULL, created_at INTEGER NOT NULL, data_end INTEGER NOT NULL,
  artefact_hash TEXT NOT NULL, loss REAL NOT NULL, loss_point_90 REAL NOT NULL, approval TEXT NOT NULL,
  metrics TEXT NOT NULL);
CREATE TABLE placement (
  stage TEXT PRIMARY KEY, version INTEGER NOT NULL REFERENCES model (version),
  previous INTEGER REFERENCES model (version));
CREATE TABLE threshold (one INTEGER PRIMARY KEY CHECK (one = 1), value REAL NOT NULL);

CREATE TABLE log (
  number INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, what TEXT NOT NULL, version INTEGER NOT NULL,
  stage TEXT NOT NULL, why TEXT NOT NULL, details TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, hash TEXT NOT NULL);
INSERT INTO head VALUES (1, 0, '');

CREATE TRIGGER log_is_not_updated BEFORE UPDATE ON log BEGIN SELECT raise(ABORT, 'the log is append-only'); END;
CREATE TRIGGER log_is_not_deleted BEFORE DELETE ON log BEGIN SELECT raise(ABORT, 'the log is append-only'); END;
CREATE TRIGGER log_goes_on BEFORE INSERT ON log WHEN new.number <> (SELECT coalesce(max(number), 0) + 1 FROM log)
  BEGIN SELECT raise(ABORT, 'the log goes on row by row'); END;
CREATE TRIGGER model_is_not_deleted BEFORE DELETE ON model BEGIN SELECT raise(ABORT, 'model versions are kept'); END;
CREATE TRIGGER model_is_not_changed
  BEFORE UPDATE OF version, run, created_at, data_end, artefact_hash, loss, loss_point_90, metrics ON model
  BEGIN SELECT raise(ABORT, 'of a model version only the approval changes'); END;

PRAGMA user_version = 1;
)";

Status check(sqlite::Database& database) {
  auto format = TRY(database.prepare("PRAGMA user_version"));
  TRY(format.step());
  const std::int64_t number = format.int64(0);
  format.reset();
  if (number == 0) return database.transaction([&database] { return database.exec(kSchema); });
  if (number != kFormat)
    return failed_precondition("written by a newer program: format {}; this program knows {}", number, kFormat);
  auto quick_check = TRY(database.prepare("PRAGMA quick_check(1)"));  // It is small: some milliseconds.
  TRY(quick_check.step());
  const std::string found = quick_check.text(0);
  return found == "ok" ? ok() : data_loss("damaged: {}", found);
}

}  // namespace

Result<RegistryFile> RegistryFile::open(const std::filesystem::path& path) {
  auto database = TRY(sqlite::Database::open(path, {.survive_power_loss = true}));
  TRY(check(database).in(path.string()));
  return RegistryFile(path, std::move(database));
}

}  // namespace tidecast
