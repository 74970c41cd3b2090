#include "features/raw_archive.h"

#include <algorithm>

namespace tidecast {
namespace {

using rocks::Go;

// A busy hour is cut into files of about this size, so that it need not be read as a whole.
constexpr std::uint64_t kFileBytes = 64 << 20;
// A copy costs what a few checksums and writes of its bytes do, a flush 0.2 ms on a good disk.
constexpr std::uint64_t kFewBytes = 128 << 10, kMostCopied = 1 << 20;

}  // namespace

// ---- going on -----------------------------------------------------------------------------------------------------

Status RawArchive::resume(rocks::Database& database) {
  TRY(restore_copies(database));
  TRY(database.scan_back(keyspace::kRawFiles, rocks::after_prefix(keyspace::kRawFiles), database.snapshot(),
                         [&](std::string_view, std::string_view value) -> Result<Go> {
                           last_.file = TRY(keyspace::decode_raw_file(value));
                           return Go::kStop;
                         }));
  if (last_.file) TRY(check_length(folder_ / last_.file->path, Length::kAtLeast, last_.file->bytes, "in the manifest"));
  return go_back();
}

// They lie one behind the other, from what was flushed last to the end of the last file.
Status RawArchive::restore_copies(rocks::Database& database) {
  std::optional<AppendFile> file;
  std::filesystem::path path;
  rocks::Batch batch;
  TRY(database.scan(keyspace::kRawCopies, rocks::after_prefix(keyspace::kRawCopies), database.snapshot(),
                    [&](std::string_view key, std::string_view value) -> Result<Go> {
                      const auto copy = TRY(keyspace::decode_raw_copy(value));
                      if (!file) {
                        path = folder_ / copy.path;
                        TRY(make_folders(path.parent_path()));
                        if (copy.offset > 0) TRY(check_length(path, Length::kAtLeast, copy.offset, "were flushed"));
                        file = TRY(AppendFile::open(path, copy.offset));
                      }
                      if (folder_ / copy.path != path || copy.offset != file->length())
                        return data_loss("{}: a copy of raw records at {} of {}, which does not go on at {} of {}",
                                         folder_.string(), copy.offset, copy.path, file->length(), path.string());
                      TRY(file->append(copy.frames));
                      batch.remove(key);
                      return Go::kOn;
                    }));
  if (!file) return ok();
  TRY(file->sync());
  TRY(sync_folder(path.parent_path()));
  return database.write(batch, rocks::Sync::kYes);
}

Status RawArchive::go_back() {
  next_ = last_;
  open_.reset();
  if (next_.file) open_ = TRY(AppendFile::open(folder_ / next_.file->path, next_.file->bytes));
  ahead_ = false;
  return ok();
}

// ---- writing ------------------------------------------------------------------------------------------------------

Status RawArchive::append(std::span<const ArchivedRecord> records, rocks::Batch& batch) {
  if (failed_) return unavailable("the raw archive could not be flushed to the disk; it must be opened again");
  if (ahead_) TRY(go_back());
  ahead_ = true;
  while (!records.empty()) {
    const ProcessingTime hour = hour_of(records[0].arrival);
    const auto later = std::ranges::find_if(
        records, [hour](ProcessingTime arrival) { return hour_of(arrival) != hour; }, &ArchivedRecord::arrival);
    const auto run = records.first(static_cast<std::size_t>(later - records.begin()));
    records = records.subspan(run.size());
    if (!next_.file || next_.file->hour != hour || next_.file->bytes >= kFileBytes) {
      TRY(flush(batch));
      next_.file = keyspace::RawFile{.first = run.front().number, .hour = hour};
      next_.file->path = fmt::format("raw/{}/{:012}.ndjson.zst", keyspace::hour_folder(hour.ms()), next_.file->first);
      TRY(make_folders((folder_ / next_.file->path).parent_path()));
      open_ = TRY(AppendFile::open(folder_ / next_.file->path, 0));
      is_new_ = true;
    }
    TRY(append_to_file(run, batch));
  }
  return ok();
}

Status RawArchive::append_to_file(std::span<const ArchivedRecord> records, rocks::Batch& batch) {
  const auto frames = TRY(frames_.pack(records));
  for (const std::string_view frame : frames) TRY(open_->append(frame));
  keyspace::RawFile& file = *next_.file;
  const std::uint64_t before = file.bytes, bytes = open_->length() - before;
  file.bytes = open_->length();
  file.last = records.back().number;
  file.records += records.size();
  batch.put(keyspace::numbered(keyspace::kRawFiles, file.first), keyspace::encode_raw_file(file));
  if (!sync_) return ok();
  next_.unflushed += bytes;
  if (bytes > kFewBytes || next_.unflushed > kMostCopied) return flush(batch);
  batch.put(keyspace::numbered(keyspace::kRawCopies, records.front().number),
            keyspace::encode_raw_copy(file.path, before, frames));
  next_.copies.push_back(records.front().number);
  return ok();
}

// All of the file is on the disk then, and no copy is needed.
Status RawArchive::flush(rocks::Batch& batch) {
  if (next_.unflushed == 0) return ok();
  failed_ = true;
  TRY(open_->sync());
  if (is_new_) TRY(sync_folder((folder_ / next_.file->path).parent_path()));
  failed_ = is_new_ = false;
  remove_copies(next_, batch);
  next_.unflushed = 0;
  next_.copies.clear();
  return ok();
}

// One by one: a removed range would cost every later reader a little, and there is one a flush.
void RawArchive::remove_copies(const State& state, rocks::Batch& batch) {
  for (const std::uint64_t number : state.copies) batch.remove(keyspace::numbered(keyspace::kRawCopies, number));
}

void RawArchive::committed() {
  last_ = next_;
  ahead_ = false;
}

void RawArchive::forget(std::uint64_t first, rocks::Batch& batch) const {
  if (last_.file && last_.file->first == first) remove_copies(last_, batch);
}

void RawArchive::forgotten(std::uint64_t first) {
  if (!last_.file || last_.file->first != first) return;
  last_ = next_ = {};
  open_.reset();
}

}  // namespace tidecast
