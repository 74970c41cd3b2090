#pragma once
// RocksDB by values: one database in one folder, held by one process at a time.
//
//   auto database = TRY(rocks::Database::open(folder));
//   rocks::Batch batch;
//   batch.put("cursor", "17");
//   TRY(database.write(batch, rocks::Sync::kYes));      // All of the batch or none, on the disk when it returns.
//
// Keys are ordered by their bytes.  Threads: any number may read and write; a Batch, a Snapshot's scans, belong to one.
// Errors: kFailedPrecondition - another process, or this one, has the folder open;  kUnavailable - the disk said no or
// is full;  kDataLoss - the database finds itself damaged;  kInternal - anything else.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rocksdb {
class DB;
class Snapshot;
class WriteBatch;
}  // namespace rocksdb

namespace tidecast::rocks {

enum class Sync { kNo, kYes };

// Changes that happen together, in the order in which they were added.
class Batch {
 public:
  Batch();
  ~Batch();
  Batch(Batch&&) noexcept;
  Batch& operator=(Batch&&) noexcept;

  void put(std::string_view key, std::string_view value);
  void remove(std::string_view key);
  void remove_range(std::string_view from, std::string_view until);  // [from, until)
  bool empty() const;

 private:
  friend class Database;
  std::unique_ptr<rocksdb::WriteBatch> batch_;
};

// The state of the database at one moment, however many writes follow.  Must not outlive its Database.
class Snapshot {
 public:
  const rocksdb::Snapshot* get() const { return snapshot_.get(); }

 private:
  friend class Database;
  explicit Snapshot(std::shared_ptr<const rocksdb::Snapshot> snapshot) : snapshot_(std::move(snapshot)) {}
  std::shared_ptr<const rocksdb::Snapshot> snapshot_;
};

enum class Go { kOn, kStop };

class Database {
 public:
  // Opens or creates the database in `folder` and the folder itself.
  static Result<Database> open(const std::filesystem::path& folder);
  // What is there at this moment, also beside a process that has it open and writes; writes nothing itself, and every
  // write() is refused.
  static Result<Database> open_to_read(const std::filesystem::path& folder);
  ~Database();
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;

  // All of the batch, or none of it.  After a full disk later writes try to get the database going again; after any
  // other error of the disk it refuses all writes (readers go on) until it is opened anew, which shows what survived.
  Status write(const Batch& batch, Sync sync);

  Snapshot snapshot() const;
  Result<std::optional<std::string>> get(std::string_view key) const;
  Result<std::optional<std::string>> get(std::string_view key, const Snapshot& at) const;

  // Visits the keys in [from, until) in rising (falling) order, until the visitor stops or fails.  Views last for one
  // call.
  using Visitor = std::function<Result<Go>(std::string_view key, std::string_view value)>;
  Status scan(std::string_view from, std::string_view until, const Snapshot& at, const Visitor& visit) const;
  Status scan_back(std::string_view from, std::string_view until, const Snapshot& at, const Visitor& visit) const;

 private:
  explicit Database(std::unique_ptr<rocksdb::DB> database);
  std::unique_ptr<rocksdb::DB> database_;
};

// The first key after all those that begin with `prefix`, which must hold a byte below 255.
std::string after_prefix(std::string_view prefix);

}  // namespace tidecast::rocks
