// Small Parquet files into larger ones.  The merged file is written, published and put into the manifest in the place
// of those it was made of in one write; they are removed when no reader holds them, or at the next open.

#include <algorithm>
#include <map>

#include "features/offline_files.h"
#include "features/rocks_store.h"
#include "storage/file.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;
using rocks::Go;

constexpr std::uint64_t kLarge = 128 << 20;  // A file of this size is merged no further.
constexpr std::uint64_t kCheap = 8 << 20;    // One of more is rewritten only for the sake of kMany others.
constexpr std::size_t kMany = 8;

std::string day_of(EventTime window_end) {
  const Civil at = civil_of((window_end - 1ms).ms());
  return fmt::format("{:04}-{:02}-{:02}", at.year, at.month, at.day);
}

// The smallest of some files, up to `most_bytes` of them.
template <typename Entry>
std::vector<Entry> worth_merging(std::vector<Entry> files, std::uint64_t most_bytes) {
  std::ranges::stable_sort(files, {}, [](const Entry& entry) { return entry.file.bytes; });
  std::uint64_t bytes = 0;
  const auto too_much =
      std::ranges::find_if(files, [&](const Entry& entry) { return (bytes += entry.file.bytes) > most_bytes; });
  files.erase(too_much, files.end());
  while (!files.empty() && files.size() <= kMany && files.back().file.bytes > kCheap) files.pop_back();
  return files;
}

}  // namespace

Result<std::vector<RocksFeatureStore::ManifestEntry>> RocksFeatureStore::entries(const FeatureGroup& group,
                                                                                 const rocks::Snapshot& at) const {
  std::vector<ManifestEntry> found;
  const std::string prefix = keyspace::files_prefix(group.name);
  TRY(database_.scan(prefix, rocks::after_prefix(prefix), at,
                     [&](std::string_view key, std::string_view value) -> Result<Go> {
                       found.push_back({std::string(key), TRY(keyspace::decode_rows_file(value))});
                       return Go::kOn;
                     }));
  return found;
}

// All files lie within one day, or within one month: a flush cuts by the hour, and a merge keeps to its folder.
Result<bool> RocksFeatureStore::compact(std::uint64_t most_bytes) {
  const std::unique_lock files(files_mutex_);
  for (std::size_t index = 0; index < options_.groups.size(); ++index) {
    const FeatureGroup& group = options_.groups[index];
    std::optional<EventTime> newest;
    {
      const std::shared_lock lock(mutex_);
      newest = state_[index].counters.newest_end;
    }
    if (!newest) continue;
    // By the folder of the file to be made, and its schema: in it nothing of the rows is lost.
    std::map<std::pair<std::string, std::uint32_t>, std::vector<ManifestEntry>> by_folder;
    const std::string today = day_of(*newest);
    for (ManifestEntry& entry : TRY(entries(group, database_.snapshot()))) {
      const std::string day = day_of(entry.file.first), month = day.substr(0, 7);
      if (day >= today || entry.file.bytes >= kLarge) continue;
      const bool month_is_over = month < today.substr(0, 7);
      by_folder[{month_is_over ? "month=" + month : "date=" + day + "/day", entry.file.schema}].push_back(
          std::move(entry));
    }
    for (auto& [place, files_of_it] : by_folder) {
      const auto chosen = worth_merging(std::move(files_of_it), most_bytes);
      if (chosen.size() < 2) continue;
      TRY(merge(index, chosen, place.first).in("compaction of " + group.name));
      return true;
    }
  }
  return false;
}

Status RocksFeatureStore::merge(std::size_t index, const std::vector<ManifestEntry>& old, const std::string& folder) {
  keyspace::RowsFile file = old.front().file;
  if (!state_[index].schemas.has(file.schema)) return data_loss("a file of schema version {}", file.schema);
  const FeatureGroup group = state_[index].schemas.group_as_of(options_.groups[index], file.schema);
  file.rows = 0;
  rocks::Batch batch;
  std::vector<OfflineFile> sources;
  std::vector<fs::path> paths;
  for (const ManifestEntry& entry : old) {
    file.first = std::min(file.first, entry.file.first);
    file.last = std::max(file.last, entry.file.last);
    file.rows += entry.file.rows;
    file.first_sequence = std::min(file.first_sequence, entry.file.first_sequence);
    file.last_sequence = std::max(file.last_sequence, entry.file.last_sequence);
    sources.push_back(offline_file(index, entry.file));
    sources.back().columns.clear();  // By its own names.
    paths.push_back(sources.back().path);
    batch.remove(entry.key);
  }
  file.versioned = true;
  // Corrections lie between the numbers of others; with the count of its rows no two files have the same name.
  file.path = fmt::format("offline/{}/{}/{:012}-{:012}-{}.parquet", group.name, folder, file.first_sequence,
                          file.last_sequence, file.rows);
  const fs::path path = options_.directory / file.path, temporary = path.string() + ".tmp";
  TRY(step("write merged"));
  TRY(make_folders(path.parent_path()));
  auto session = TRY(duck::Session::open());
  TRY(merge_parquet(session, group, sources, temporary));
  file = TRY(finished_file(std::move(file)));
  TRY(step("publish merged"));
  TRY(publish_file(temporary, path));
  batch.put(keyspace::file_key(group.name, file.first_sequence), keyspace::encode_rows_file(file));
  return replace_files(batch, std::move(paths), "merged into the manifest");
}

Status RocksFeatureStore::replace_files(const rocks::Batch& batch, std::vector<fs::path> old, std::string_view name) {
  TRY(step(name));
  TRY(write(batch));
  TRY(step("remove replaced"));
  epochs_.retire(std::move(old));
  return ok();
}

}  // namespace tidecast
