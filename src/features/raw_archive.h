#pragma once
// The raw archive's files: raw/date=YYYY-MM-DD/hour=HH/<number of its first record>.ndjson.zst, each of records that
// arrived in one hour, some 64 MiB at most.
//
// Records go straight to the end of the last file, and count from the commit on that puts the file's new length into
// the manifest: a crash between the two leaves bytes that nobody reads and the next append overwrites.  Many records
// are flushed to the disk before their commit.  Of few, for which a second flush would take longer than all the rest,
// the commit itself keeps a copy, until they have been flushed with others.  (Writing all of them to RocksDB first
// would cost each five copies, two checksums and another pass over the disk.)

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "features/keyspace.h"
#include "features/raw_frames.h"
#include "storage/file.h"
#include "storage/rocks.h"

namespace tidecast {

// One thread.
class RawArchive {
 public:
  // `sync` as in FeatureStore::Options.
  RawArchive(std::filesystem::path data_folder, bool sync) : folder_(std::move(data_folder)), sync_(sync) {}

  // Goes on from what the manifest says: brings the last file to the length that counts.  Whatever copies stand in the
  // database are written to it and removed.  Errors: kDataLoss - a file is missing or too short.
  Status resume(rocks::Database& database);
  std::optional<std::uint64_t> last_number() const {
    return last_.file ? std::optional(last_.file->last) : std::nullopt;
  }

  // Writes the records, whose arrivals never decrease, and puts into the batch what makes them count.  When that is
  // written, committed() is to be called; else the next append begins where this one did.
  // Errors: kUnavailable - the disk said no; once it could not flush, always.
  Status append(std::span<const ArchivedRecord> records, rocks::Batch& batch);
  void committed();

  // The file of this first number is to leave the manifest by this batch, and has left it.
  void forget(std::uint64_t first, rocks::Batch& batch) const;
  void forgotten(std::uint64_t first);

 private:
  // Where the manifest stands, or will stand.
  struct State {
    std::optional<keyspace::RawFile> file;  // The last one.
    std::uint64_t unflushed = 0;            // Bytes at its end that may not be on the disk, and
    std::vector<std::uint64_t> copies{};    // the numbers of their copies.
  };

  Status go_back();
  Status append_to_file(std::span<const ArchivedRecord> records, rocks::Batch& batch);
  Status flush(rocks::Batch& batch);
  Status restore_copies(rocks::Database& database);
  static void remove_copies(const State& state, rocks::Batch& batch);

  const std::filesystem::path folder_;
  const bool sync_;
  RawFrames frames_;
  State last_, next_;
  std::optional<AppendFile> open_;  // The file of next_.
  bool ahead_ = false;              // The last append is not committed.
  bool is_new_ = false;             // Its name may not be on the disk.
  bool failed_ = false;
};

}  // namespace tidecast
