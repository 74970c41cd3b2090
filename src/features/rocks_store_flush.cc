// From the outboxes to files.  Each file goes the same way: written under a temporary name, published (fsync, rename,
// fsync of the folder), then one write to RocksDB that puts it into the manifest and empties that part of the outbox.
// A crash before the last step leaves an orphan that the next open removes; the next flush writes the same file again.

#include <algorithm>

#include "base/hash.h"
#include "features/offline_files.h"
#include "features/rocks_store.h"
#include "storage/file.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;
using rocks::Go;

// An hour's raw records are cut into files of about this size, so that a busy hour need not wait, nor be read, as a
// whole.
constexpr std::uint64_t kRawFileBytes = 64 << 20;

// "date=2026-05-06/hour=13"
std::string hour_folder(std::int64_t ms) {
  const Civil at = civil_of(ms);
  return fmt::format("date={:04}-{:02}-{:02}/hour={:02}", at.year, at.month, at.day, at.hour);
}

// "20260506T130100000"
std::string compact(EventTime time) {
  const Civil at = civil_of(time.ms());
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}{:03}", at.year, at.month, at.day, at.hour, at.minute, at.second,
                     at.milli);
}

// A row belongs to the hour of the last moment of its window.
EventTime row_hour(EventTime window_end) { return floor_to(window_end - 1ms, 1h); }

fs::path temporary(const fs::path& path) { return path.string() + ".tmp"; }

}  // namespace

// An hour of rows is over when a row of a later one says so: event times know no clock.  Arrivals do.
Status RocksFeatureStore::flush(ProcessingTime now, bool everything) {
  for (std::size_t group = 0; group < options_.groups.size(); ++group) {
    TRY(flush_rows(group, everything));
    TRY(drop_old_rows(group));
  }
  TRY(flush_raw(now, everything));
  return drop_old_keys();
}

Status RocksFeatureStore::flush_rows(std::size_t index, bool everything) {
  const FeatureGroup& group = options_.groups[index];
  const GroupState& state = state_[index];
  if (!state.newest) return ok();
  const EventTime unfinished = row_hour(state.newest->window_end);  // Its rows end after this time.
  const EventTime until = (everything ? state.newest->window_end : unfinished) + 1ms;
  const EventTime from = state.in_files == EventTime::min() ? EventTime::min() : state.in_files + 1ms;
  const auto rows = TRY(rows_in_database(group, {from, until}, database_.snapshot()));
  if (rows.empty()) return ok();
  if (!parquet_writer_) parquet_writer_ = TRY(duck::Session::open());
  const std::span<const FeatureRow> all(rows);
  for (std::size_t first = 0, after = 0; first < all.size(); first = after) {
    const EventTime hour = row_hour(all[first].window_end);
    while (after < all.size() && row_hour(all[after].window_end) == hour) ++after;
    TRY(write_rows_file(group, all.subspan(first, after - first)));
    const std::unique_lock lock(mutex_);
    state_[index].in_files = all[after - 1].window_end;
  }
  return ok();
}

Status RocksFeatureStore::write_rows_file(const FeatureGroup& group, std::span<const FeatureRow> rows) {
  const EventTime first = rows.front().window_end, last = rows.back().window_end;
  keyspace::RowsFile file{.path = fmt::format("offline/{}/{}/{}-{}.parquet", group.name,
                                              hour_folder(row_hour(first).ms()), compact(first), compact(last)),
                          .first = first,
                          .last = last,
                          .rows = rows.size()};
  const fs::path path = options_.directory / file.path;
  TRY(step("write rows"));
  TRY(make_folders(path.parent_path()));
  TRY(write_parquet(*parquet_writer_, group, rows, temporary(path)));
  const std::string bytes = TRY(read_file(temporary(path)));
  file.bytes = bytes.size();
  file.sha256 = sha256(bytes);
  TRY(step("publish rows"));
  TRY(publish_file(temporary(path), path));
  TRY(step("rows into the manifest"));
  rocks::Batch batch;
  batch.put(keyspace::file_key(group.name, first), keyspace::encode_rows_file(file));
  return write(batch);
}

Status RocksFeatureStore::drop_old_rows(std::size_t index) {
  const FeatureGroup& group = options_.groups[index];
  const GroupState& state = state_[index];
  if (!group.keep_online || !state.newest || state.in_files == EventTime::min()) return ok();
  const EventTime until = std::min(state.newest->window_end - *group.keep_online, state.in_files + 1ms);
  const std::string prefix = keyspace::rows_prefix(group.name), bound = keyspace::row_key(group.name, until);
  bool any = false;
  TRY(database_.scan(prefix, bound, database_.snapshot(), [&](auto, auto) -> Result<Go> {
    any = true;
    return Go::kStop;
  }));
  if (!any) return ok();  // A deletion costs every later reader a little, so none without need.
  TRY(step("drop rows"));
  rocks::Batch batch;
  batch.remove_range(prefix, bound);
  return write(batch);
}

bool RocksFeatureStore::raw_outbox_full() const { return raw_outbox_bytes_ >= kRawFileBytes; }

Status RocksFeatureStore::flush_raw(ProcessingTime now, bool everything) {
  // Everything before this hour is finished; so is what fills a file.
  const ProcessingTime unfinished = hour_of(std::max(now, totals_.arrival));
  const bool unfinished_too = everything || raw_outbox_full();
  for (;;) {
    std::optional<ProcessingTime> oldest;
    TRY(database_.scan(keyspace::kRawBlocks, rocks::after_prefix(keyspace::kRawBlocks), database_.snapshot(),
                       [&](std::string_view, std::string_view value) -> Result<Go> {
                         oldest = TRY(decode_raw_block(value)).hour;
                         return Go::kStop;
                       }));
    if (!oldest || (*oldest >= unfinished && !unfinished_too)) return ok();
    TRY(write_raw_file(*oldest));
  }
}

// Moves the oldest blocks, all of `hour`, to a file.
Status RocksFeatureStore::write_raw_file(ProcessingTime hour) {
  keyspace::RawFile file;
  std::uint64_t outbox_bytes = 0;
  std::optional<FileWriter> out;
  fs::path path;
  TRY(step("write raw"));
  const auto append = [&](std::string_view key, std::string_view value) -> Result<Go> {
    const RawBlock block = TRY(decode_raw_block(value));
    if (block.hour != hour || file.bytes >= kRawFileBytes) return Go::kStop;
    if (!out) {
      file.first = keyspace::number_in(key);
      file.path = fmt::format("raw/{}/{:012}.ndjson.zst", hour_folder(hour.ms()), file.first);
      path = options_.directory / file.path;
      TRY(make_folders(path.parent_path()));
      out.emplace(TRY(FileWriter::create(temporary(path))));
    }
    TRY(out->write(block.frame));
    file.last = block.last_number;
    file.records += block.records;
    file.bytes += block.frame.size();
    outbox_bytes += value.size();
    return Go::kOn;
  };
  TRY(database_.scan(keyspace::kRawBlocks, rocks::after_prefix(keyspace::kRawBlocks), database_.snapshot(), append));
  TRY(step("publish raw"));
  TRY(publish_file(temporary(path), path));
  TRY(step("raw into the manifest"));
  rocks::Batch batch;
  batch.put(keyspace::numbered(keyspace::kRawFiles, file.first), keyspace::encode_raw_file(file));
  batch.remove_range(keyspace::numbered(keyspace::kRawBlocks, file.first),
                     keyspace::numbered(keyspace::kRawBlocks, file.last + 1));
  TRY(write(batch));
  raw_outbox_bytes_ -= outbox_bytes;
  return ok();
}

// A pack goes when the last of its keys has expired, so a key is remembered at least as long as promised.
Status RocksFeatureStore::drop_old_keys() {
  if (!options_.keep_keys) return ok();
  const ProcessingTime oldest_kept = totals_.arrival - *options_.keep_keys;
  std::optional<std::uint64_t> kept;
  bool any = false;
  TRY(database_.scan(keyspace::kKeyPacks, rocks::after_prefix(keyspace::kKeyPacks), database_.snapshot(),
                     [&](std::string_view key, std::string_view value) -> Result<Go> {
                       if (TRY(keyspace::newest_of_keys(value)) >= oldest_kept) {
                         kept = keyspace::number_in(key);
                         return Go::kStop;
                       }
                       any = true;
                       return Go::kOn;
                     }));
  if (!any) return ok();
  TRY(step("drop keys"));
  rocks::Batch batch;
  batch.remove_range(keyspace::kKeyPacks, keyspace::numbered(keyspace::kKeyPacks, kept.value_or(next_pack_)));
  return write(batch);
}

}  // namespace tidecast
