#include "storage/rocks.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <vector>

#include "base/crash_point.h"
#include "base/log.h"
#include "storage/file.h"

namespace tidecast::rocks {
namespace {

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

Status status_of(const rocksdb::Status& status) {
  if (status.ok()) return ok();
  const std::string text = "RocksDB: " + status.ToString();
  if (status.IsCorruption()) return {Code::kDataLoss, text};
  if (status.IsIOError() || status.IsNoSpace() || status.IsBusy() || status.IsTimedOut())
    return {Code::kUnavailable, text};
  return {Code::kInternal, text};
}

// RocksDB reports a held lock as an I/O error that only its words tell from a disk's.
bool is_locked(const rocksdb::Status& status) {
  const std::string text = status.ToString();
  return status.IsIOError() && text.find("LOCK") != text.npos &&
         (text.find("lock hold by current process") != text.npos || text.find("temporarily unavailable") != text.npos);
}

// RocksDB would take a folder whose CURRENT has gone for a new one, and begin an empty database in it.  CURRENT is
// written before the first log.
bool has_lost_current(const std::filesystem::path& folder) {
  std::error_code error;
  if (std::filesystem::exists(folder / "CURRENT", error)) return false;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().extension() == ".log" || entry.path().extension() == ".sst") return true;
  return false;
}

// RocksDB 7.8 keeps the log of every open in which nothing was written (its pull request 11409 tells why), so that
// 300 looks at a folder leave 300 empty files.  To be called with the database open: then nobody else has the folder,
// and the last log is the one in use.
void remove_empty_logs(const std::filesystem::path& folder) {
  std::error_code ignored;  // What stays behind harms nobody, and the next open tries again.
  std::vector<std::filesystem::path> logs;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".log") logs.push_back(entry.path());
  std::ranges::sort(logs, {}, [](const auto& log) { return std::pair(log.native().size(), log.native()); });
  if (!logs.empty()) logs.pop_back();
  for (const auto& log : logs)
    if (std::filesystem::file_size(log, ignored) == 0) std::filesystem::remove(log, ignored);
}

// RocksDB writes what its logs hold to a new file before it opens, also for a reader.
Status full_disk(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::uintmax_t logs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".log") logs += entry.file_size(ignored);
  return unavailable(
      "{}: the disk is full: No space left on device. To open it, also to read, it takes {} MB: free them of other "
      "files, or move the data folder to a larger disk; nothing in it is lost, and nothing of it may be removed by "
      "hand",
      folder.string(), (logs >> 20) + 2);
}

// What RocksDB wants to say goes to the program's log.  Its own log file is not only one more: of Debian's library,
// which is built with assertions, the first line after one that the disk did not take ends the program.
class ProgramLog final : public rocksdb::Logger {
 public:
  ProgramLog() : Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  using Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    char text[512];
    std::vsnprintf(text, sizeof text, format, arguments);
    log_warning("storage", "RocksDB: {}", text);
  }
};

// After a full disk RocksDB would begin to look for room in a thread of its own, and go on writing once there is some.
// Whoever failed to commit opens anew and does not wait for that; and a close in the middle of it waits for ever
// (7.8.3: the thread for a flush that is not begun any more, the close for the thread).  It does not look where the
// free space is not to be known.
class NoRecovery final : public rocksdb::EnvWrapper {
 public:
  NoRecovery() : EnvWrapper(rocksdb::Env::Default()) {}
  const char* Name() const override { return "tidecast"; }
  rocksdb::Status GetFreeSpace(const std::string&, std::uint64_t*) override { return rocksdb::Status::NotSupported(); }
};

rocksdb::Options options() {
  static NoRecovery env;
  rocksdb::Options options;
  options.env = &env;
  options.max_bgerror_resume_count = 0;
  options.create_if_missing = true;
  // Big values come compressed and keys are hashes: nothing is left to gain.
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = 32 << 20;  // As much of a log is read again at an open: 0.1 s.
  options.max_background_jobs = 2;
  // A record torn at the end of the log is a crash in the middle of a write that nobody was told of.  Damage anywhere
  // before it would silently undo commits under the default mode; here the open fails.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.info_log = std::make_shared<ProgramLog>();
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.stats_dump_period_sec = 0;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

// ---- Batch --------------------------------------------------------------------------------------------------------

Batch::Batch() : batch_(std::make_unique<rocksdb::WriteBatch>()) {}
Batch::~Batch() = default;
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;

// The statuses are ignored because a WriteBatch without a size limit has no way to fail.
void Batch::put(std::string_view key, std::string_view value) {
  batch_->Put(slice(key), slice(value)).PermitUncheckedError();
}
void Batch::remove(std::string_view key) { batch_->Delete(slice(key)).PermitUncheckedError(); }
void Batch::remove_range(std::string_view from, std::string_view until) {
  batch_->DeleteRange(slice(from), slice(until)).PermitUncheckedError();
}
bool Batch::empty() const { return batch_->Count() == 0; }

// ---- Database -----------------------------------------------------------------------------------------------------

Database::Database(std::unique_ptr<rocksdb::DB> database) : database_(std::move(database)) {}
Database::~Database() = default;
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;

Result<Database> Database::open(const std::filesystem::path& folder) {
  TRY(make_folders(folder));
  if (has_lost_current(folder)) return data_loss("{}: damaged, the file CURRENT is missing", folder.string());
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options(), folder.string(), &opened);
  if (is_locked(status)) return failed_precondition("{}: already open in another process", folder.string());
  // The folder is there, so what was not found is a file of the database.
  if (status.IsPathNotFound()) return data_loss("{}: damaged, RocksDB: {}", folder.string(), status.ToString());
  if (status.IsNoSpace()) return full_disk(folder);
  TRY(status_of(status).in(folder.string()));
  Database database(std::unique_ptr<rocksdb::DB>{opened});
  remove_empty_logs(folder);
  return database;
}

Result<Database> Database::open_to_read(const std::filesystem::path& folder) {
  constexpr int kTries = 5;  // The other process may remove a file between our reading its name and opening it.
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status;
  for (int i = 0; i < kTries; ++i) {
    status = rocksdb::DB::OpenForReadOnly(options(), folder.string(), &opened);
    if (status.ok()) return Database(std::unique_ptr<rocksdb::DB>{opened});
  }
  return status_of(status).in(folder.string());
}

Status Database::write(const Batch& batch, Sync sync) {
  rocksdb::WriteOptions how;
  how.sync = sync == Sync::kYes;
  rocksdb::Status status = database_->Write(how, batch.batch_.get());
  if (status.ok()) crash_point(database_->GetName());
  if (status.ok() || status.severity() == rocksdb::Status::kNoError) return status_of(status);
  // Only a write refused because of an earlier failure has a severity: this batch has not been tried yet.
  if (!database_->Resume().ok()) return status_of(status);
  return status_of(database_->Write(how, batch.batch_.get()));
}

Snapshot Database::snapshot() const {
  return Snapshot(std::shared_ptr<const rocksdb::Snapshot>(
      database_->GetSnapshot(), [database = database_.get()](const auto* taken) { database->ReleaseSnapshot(taken); }));
}

namespace {

Result<std::optional<std::string>> get_at(rocksdb::DB& database, std::string_view key, const rocksdb::Snapshot* at) {
  rocksdb::ReadOptions how;
  how.snapshot = at;
  std::string value;
  const rocksdb::Status status = database.Get(how, slice(key), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  TRY(status_of(status));
  return std::optional<std::string>(std::move(value));
}

}  // namespace

Result<std::optional<std::string>> Database::get(std::string_view key) const {
  return get_at(*database_, key, nullptr);
}
Result<std::optional<std::string>> Database::get(std::string_view key, const Snapshot& at) const {
  return get_at(*database_, key, at.get());
}

Status Database::scan(std::string_view from, std::string_view until, const Snapshot& at, const Visitor& visit) const {
  const rocksdb::Slice bound = slice(until);
  rocksdb::ReadOptions how;
  how.snapshot = at.get();
  how.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> row(database_->NewIterator(how));
  for (row->Seek(slice(from)); row->Valid(); row->Next()) {
    if (TRY(visit(view(row->key()), view(row->value()))) == Go::kStop) return ok();
  }
  return status_of(row->status());
}

Status Database::scan_back(std::string_view from, std::string_view until, const Snapshot& at,
                           const Visitor& visit) const {
  const rocksdb::Slice lower = slice(from), upper = slice(until);
  rocksdb::ReadOptions how;
  how.snapshot = at.get();
  how.iterate_lower_bound = &lower;
  how.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> row(database_->NewIterator(how));
  for (row->SeekToLast(); row->Valid(); row->Prev()) {
    if (TRY(visit(view(row->key()), view(row->value()))) == Go::kStop) return ok();
  }
  return status_of(row->status());
}

std::string after_prefix(std::string_view prefix) {
  std::string next(prefix);
  while (!next.empty() && static_cast<unsigned char>(next.back()) == 0xff) next.pop_back();
  CHECK(!next.empty());
  ++next.back();
  return next;
}

}  // namespace tidecast::rocks
