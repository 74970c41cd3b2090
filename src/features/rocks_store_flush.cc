// From the outbox to files, and out of the store what has expired.  Each file goes the same way: written under a
// temporary name, published (fsync, rename, fsync of the folder), then one write to RocksDB that puts it into the
// manifest and empties that part of the outbox. A crash before the last step leaves an orphan that the next open
// removes; the next flush writes the same file again.

#include <algorithm>
#include <map>
#include <tuple>

#include "base/hash.h"
#include "features/offline_files.h"
#include "features/rocks_store.h"
#include "features/row_codec.h"
#include "storage/file.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;
using rocks::Go;

// Rows held at once, so also the most of a file: an hour with more becomes several.
constexpr std::size_t kRowsOfAFile = 250'000;

// A row belongs to the hour of the last moment of its window.
EventTime row_hour(EventTime window_end) { return floor_to(window_end - 1ms, 1h); }

fs::path temporary(const fs::path& path) { return path.string() + ".tmp"; }

}  // namespace

// An hour is over when a row of a later one says so: event times know no clock.
Status RocksFeatureStore::flush(bool everything) {
  epochs_.remove_left();
  for (std::size_t group = 0; group < options_.groups.size(); ++group) {
    TRY(flush_rows(group, everything));
    TRY(drop_old_rows(group));
    TRY(drop_old_files(group));
  }
  TRY(drop_old_raw());
  return drop_old_keys();
}

// In one pass, since corrections and tombstones lie in the outbox behind rows of later hours.  At most a file's rows
// are held at once: then the oldest hour goes, and what of it comes later in a file of its own.
Status RocksFeatureStore::flush_rows(std::size_t index, bool everything) {
  const FeatureGroup& group = options_.groups[index];
  GroupState& state = state_[index];
  if (state.oldest_in_outbox == EventTime::max()) return ok();
  const EventTime newest_hour = row_hour(*state.counters.newest_end);
  const auto is_finished = [&](EventTime end) { return everything || row_hour(end) < newest_hour; };
  if (!is_finished(state.oldest_in_outbox)) return ok();
  // By hour and schema: a file has one schema, in which nothing of its rows is lost.
  std::map<std::pair<EventTime, std::uint32_t>, NumberedRows> held;
  std::map<std::uint32_t, SchemaHistory> schemas;
  std::size_t held_rows = 0;
  const auto write_oldest = [&]() -> Status {
    auto oldest = held.extract(held.begin());
    held_rows -= oldest.mapped().size();
    return write_rows_file(index, oldest.key().second, std::move(oldest.mapped()));
  };
  EventTime oldest_left = EventTime::max();
  std::uint64_t outbox_from = state.counters.next_sequence;
  TRY(database_.scan(
      keyspace::outbox_key(group.name, state.outbox_from), rocks::after_prefix(keyspace::outbox_prefix(group.name)),
      database_.snapshot(), [&](std::string_view key, std::string_view value) -> Result<Go> {
        const EventTime end = TRY(keyspace::end_of_row_version(value));
        if (!is_finished(end)) {
          oldest_left = std::min(oldest_left, end);
          outbox_from = std::min(outbox_from, keyspace::number_in(key));
          return Go::kOn;
        }
        const auto schema = TRY(keyspace::schema_of_row_version(value));
        if (!state.schemas.has(schema)) return data_loss("row of {}: schema version {}", group.name, schema);
        const auto then = schemas.find(schema);
        const SchemaHistory& history =
            then != schemas.end() ? then->second : schemas.emplace(schema, state.schemas.until(schema)).first->second;
        held[{row_hour(end), schema}].emplace_back(keyspace::number_in(key),
                                                   TRY(keyspace::decode_row_version(group, history, value)));
        if (++held_rows == kRowsOfAFile) TRY(write_oldest());
        return Go::kOn;
      }));
  while (!held.empty()) TRY(write_oldest());
  state.oldest_in_outbox = oldest_left;
  const std::unique_lock lock(mutex_);
  state.outbox_from = outbox_from;
  return ok();
}

// `rows` with their sequence numbers, all of one hour and one schema.
Status RocksFeatureStore::write_rows_file(std::size_t index, std::uint32_t schema, NumberedRows rows) {
  const FeatureGroup group = state_[index].schemas.group_as_of(options_.groups[index], schema);
  const std::uint64_t first = rows.front().first, last = rows.back().first;
  rocks::Batch batch;
  if (last - first + 1 == rows.size() && rows.size() > 1'000) {  // A removed range costs readers more than a few rows.
    batch.remove_range(keyspace::outbox_key(group.name, first), keyspace::outbox_key(group.name, last + 1));
  } else {
    for (const auto& row : rows) batch.remove(keyspace::outbox_key(group.name, row.first));
  }
  std::vector<FeatureRow> sorted;
  sorted.reserve(rows.size());
  for (auto& row : rows) sorted.push_back(std::move(row.second));
  std::ranges::stable_sort(sorted, {}, [](const FeatureRow& row) {
    return std::tuple<EventTime, std::string_view, std::uint32_t>(row.window_end, row.key, row.revision);
  });
  keyspace::RowsFile file{.path = fmt::format("offline/{}/{}/{:012}-{:012}.parquet", group.name,
                                              keyspace::hour_folder(row_hour(sorted[0].window_end).ms()), first, last),
                          .first = sorted.front().window_end,
                          .last = sorted.back().window_end,
                          .rows = sorted.size(),
                          .schema = schema,
                          .first_sequence = first,
                          .last_sequence = last};
  const fs::path path = options_.directory / file.path;
  TRY(step("write rows"));
  TRY(make_folders(path.parent_path()));
  if (!parquet_writer_) parquet_writer_ = TRY(duck::Session::open());
  TRY(write_parquet(*parquet_writer_, group, sorted, temporary(path)));
  file = TRY(finished_file(std::move(file)));
  TRY(step("publish rows"));
  TRY(publish_file(temporary(path), path));
  TRY(step("rows into the manifest"));
  batch.put(keyspace::file_key(group.name, first), keyspace::encode_rows_file(file));
  return write(batch);
}

Result<keyspace::RowsFile> RocksFeatureStore::finished_file(keyspace::RowsFile file) const {
  const std::string bytes = TRY(read_file(temporary(options_.directory / file.path)));
  file.bytes = bytes.size();
  file.sha256 = sha256(bytes);
  return file;
}

// By the hour: a deletion costs every later reader a little, so few of them.  Readers keep to the exact time.
Status RocksFeatureStore::drop_old_rows(std::size_t index) {
  const FeatureGroup& group = options_.groups[index];
  GroupState& state = state_[index];
  if (!group.keep_online || !state.counters.newest_end) return ok();
  const EventTime until = floor_to(*state.counters.newest_end - *group.keep_online, 1h);
  if (until <= state.counters.online_from || state.counters.windows == 0) return ok();
  const std::string prefix = keyspace::rows_prefix(group.name), bound = keyspace::row_key(group.name, until);
  bool any = false;
  TRY(database_.scan(prefix, bound, database_.snapshot(), [&](auto, auto) -> Result<Go> {
    any = true;
    return Go::kStop;
  }));
  if (!any) return ok();
  keyspace::GroupCounters counters = state.counters;
  counters.online_from = until;
  rocks::Batch batch;
  batch.remove_range(prefix, bound);
  batch.put(keyspace::counters_key(group.name), keyspace::encode_counters(counters));
  std::vector<std::string> silent;  // Series whose newest row goes.
  for (const auto& [key, row] : state.latest)
    if (row.window_end < until) silent.push_back(key);
  for (const std::string& key : silent) batch.remove(keyspace::newest_key(group.name, key));
  TRY(step("drop rows"));
  TRY(write(batch));
  const std::unique_lock lock(mutex_);
  state.counters = counters;
  for (const std::string& key : silent) state.latest.erase(key);
  return ok();
}

// Whole files, once their last row has expired.
Status RocksFeatureStore::drop_old_files(std::size_t index) {
  const FeatureGroup& group = options_.groups[index];
  const auto& newest = state_[index].counters.newest_end;
  if (!group.keep_offline || !newest) return ok();
  const std::unique_lock files(files_mutex_, std::try_to_lock);
  if (!files.owns_lock()) return ok();  // A compaction is at work; next time.
  rocks::Batch batch;
  std::vector<fs::path> old;
  for (const ManifestEntry& entry : TRY(entries(group, database_.snapshot()))) {
    if (entry.file.last >= *newest - *group.keep_offline) continue;
    batch.remove(entry.key);
    old.push_back(options_.directory / entry.file.path);
  }
  return old.empty() ? ok() : replace_files(batch, std::move(old), "drop files");
}

// Raw files whole, once all of their hour has expired, and the clock marks before their last record; late records and
// dead letters one by one.
Status RocksFeatureStore::drop_old_raw() {
  if (!options_.keep_raw) return ok();
  const ProcessingTime oldest_kept = totals_.arrival - *options_.keep_raw;
  rocks::Batch batch;
  std::vector<fs::path> old;
  std::vector<std::uint64_t> gone;
  std::uint64_t after = 0;  // The last record that goes.
  TRY(database_.scan(keyspace::kRawFiles, rocks::after_prefix(keyspace::kRawFiles), database_.snapshot(),
                     [&](std::string_view key, std::string_view value) -> Result<Go> {
                       const auto file = TRY(keyspace::decode_raw_file(value));
                       if (file.hour + 1h > oldest_kept) return Go::kStop;
                       batch.remove(key);
                       old.push_back(options_.directory / file.path);
                       raw_.forget(file.first, batch);
                       gone.push_back(file.first);
                       after = file.last + 1;
                       return Go::kOn;
                     }));
  if (!old.empty()) {
    // Clock marks tell when, among the records, the wall clock acted: without the records they say nothing.  But the
    // last definition holds on.
    const std::string end = keyspace::mark_key(after, 0);
    batch.remove_range(keyspace::kMarks, end);
    TRY(database_.scan_back(keyspace::kMarks, end, database_.snapshot(),
                            [&](std::string_view key, std::string_view value) -> Result<Go> {
                              if (TRY(keyspace::decode_mark(key, value)).kind != ClockMark::Kind::kDefinition)
                                return Go::kOn;
                              batch.put(key, value);
                              return Go::kStop;
                            }));
    TRY(replace_files(batch, std::move(old), "drop raw"));
    for (const std::uint64_t first : gone) raw_.forgotten(first);
  }
  TRY(drop_old_records(keyspace::kDeadLetters, oldest_kept));
  return drop_old_records(keyspace::kLateRecords, oldest_kept);
}

Status RocksFeatureStore::drop_old_records(std::string_view prefix, ProcessingTime oldest_kept) {
  constexpr std::size_t kAtOnce = 10'000;
  for (std::size_t count = kAtOnce; count == kAtOnce;) {
    rocks::Batch batch;
    count = 0;
    TRY(database_.scan(prefix, rocks::after_prefix(prefix), database_.snapshot(),
                       [&](std::string_view key, std::string_view value) -> Result<Go> {
                         const ProcessingTime arrival = prefix == keyspace::kDeadLetters
                                                            ? TRY(keyspace::decode_dead_letter(key, value)).arrival
                                                            : TRY(keyspace::decode_late(key, value)).arrival;
                         if (arrival >= oldest_kept || count == kAtOnce) return Go::kStop;
                         batch.remove(key);
                         ++count;
                         return Go::kOn;
                       }));
    if (batch.empty()) break;
    TRY(step("drop records"));
    TRY(write(batch));
  }
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
