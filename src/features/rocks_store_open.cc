// Opening the feature store: the definition fits what is stored, the files are those of the manifest.

#include <algorithm>
#include <regex>
#include <set>

#include "base/hash.h"
#include "base/log.h"
#include "features/offline_files.h"
#include "features/rocks_store.h"
#include "storage/file.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;
using rocks::Go;

bool is_plain_name(std::string_view name) {
  const auto allowed = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), allowed);
}

// SQL does not tell upper from lower case, so names that differ in nothing else are the same.
std::string lower(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

Status check_group(const FeatureGroup& group) {
  if (!is_plain_name(group.name))
    return invalid_argument("feature group '{}': a name is 1 to 64 letters, digits, '_' or '-'", group.name);
  if (group.window <= 0ms || group.window > kWidestWindow)
    return invalid_argument("feature group {}: window {}, expected more than 0 and at most {}", group.name,
                            to_text(group.window), to_text(kWidestWindow));
  if (group.columns.empty()) return invalid_argument("feature group {}: no columns", group.name);
  std::set<std::string> names;
  for (const auto& column : group.columns) {
    if (!is_plain_name(column.name))
      return invalid_argument("feature group {}, column '{}': a name is 1 to 64 letters, digits, '_' or '-'",
                              group.name, column.name);
    if (is_reserved_column(column.name))
      return invalid_argument("feature group {}, column {}: the name is taken by the store itself", group.name,
                              column.name);
    if (column.type != FieldType::kInteger && column.type != FieldType::kNumber)
      return invalid_argument("feature group {}, column {}: {}, expected integer or number", group.name, column.name,
                              name_of(column.type));
    if (!names.insert(lower(column.name)).second)
      return invalid_argument("feature group {}: column {} stands there twice", group.name, column.name);
  }
  return ok();
}

Status check_groups(const std::vector<FeatureGroup>& groups) {
  std::set<std::string> names;
  for (const FeatureGroup& group : groups) {
    TRY(check_group(group));
    if (!names.insert(lower(group.name)).second)
      return invalid_argument("feature group {} stands there twice", group.name);
  }
  return ok();
}

// A file of the manifest that is not there or not as long as it was.
Status check_size(const fs::path& path, std::uint64_t bytes) {
  std::error_code error;
  const auto found = fs::file_size(path, error);
  if (error) return data_loss("{}: in the manifest, but {}", path.string(), error.message());
  if (found != bytes) return data_loss("{}: {} bytes, {} in the manifest", path.string(), found, bytes);
  return ok();
}

// Files that a crash left before they came into the manifest: exactly those with a name that a flush gives.  What else
// lies there is somebody's and stays.
bool is_flushed_name(const std::string& below_data_folder) {
  static const std::regex kName(
      "(offline/[A-Za-z0-9_-]+/date=[0-9-]+/hour=[0-9]{2}/[0-9]{8}T[0-9]{9}-[0-9]{8}T[0-9]{9}\\.parquet"
      "|raw/date=[0-9-]+/hour=[0-9]{2}/[0-9]{12,}\\.ndjson\\.zst)(\\.tmp)?");
  return std::regex_match(below_data_folder, kName);
}

Status remove_orphans(const fs::path& data, const char* part, const std::set<fs::path>& known) {
  const fs::path folder = data / part;
  std::error_code error;
  if (!fs::exists(folder, error)) return ok();
  std::vector<fs::path> orphans;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const bool ours = is_flushed_name(entry->path().lexically_relative(data).generic_string());
    if (ours && !known.contains(entry->path())) orphans.push_back(entry->path());
  }
  for (const fs::path& orphan : orphans) {
    log_info("features", "removing {}: not in the manifest", orphan.string());
    fs::remove(orphan, error);
  }
  if (error) return unavailable("{}: {}", folder.string(), error.message());
  return ok();
}

}  // namespace

Result<std::unique_ptr<FeatureStore>> FeatureStore::open(Options options) {
  return std::unique_ptr<FeatureStore>(TRY(RocksFeatureStore::open(std::move(options))));
}

Result<std::unique_ptr<RocksFeatureStore>> RocksFeatureStore::open(Options options, StepHook before_step) {
  TRY(check_groups(options.groups));
  auto database = TRY(rocks::Database::open(options.directory / "state"));
  std::unique_ptr<RocksFeatureStore> store(
      new RocksFeatureStore(std::move(options), std::move(database), std::move(before_step)));
  const std::string folder = store->options_.directory.string();
  TRY(store->check_schemas().in(folder));
  TRY(store->load().in(folder));
  TRY(store->check_files().in(folder));
  return store;
}

// Stored rows have no names of their own, so a group's columns must stay as they were when its first row was written.
Status RocksFeatureStore::check_schemas() {
  rocks::Batch added;
  for (const FeatureGroup& group : options_.groups) {
    const std::string key = keyspace::schema_key(group.name), now = keyspace::schema_text(group);
    const auto stored = TRY(database_.get(key));
    if (!stored) {
      added.put(key, keyspace::encode_text(now));
      continue;
    }
    const std::string then = TRY(keyspace::decode_text(*stored, "schema of " + group.name));
    if (then != now)
      return failed_precondition(
          "feature group {} is stored as [{}] and now defined as [{}]; leave it and add the changed one under a new "
          "name, or start with a new data folder",
          group.name, then, now);
  }
  return added.empty() ? ok() : database_.write(added, rocks::Sync::kYes);
}

// What commits and readers need at hand: totals, newest rows, counters to go on from.
Status RocksFeatureStore::load() {
  const rocks::Snapshot now = database_.snapshot();
  if (const auto books = TRY(database_.get(keyspace::kBooks, now))) totals_ = TRY(keyspace::decode_totals(*books));

  const auto last_key = [&](std::string_view prefix, const auto& use) {
    return database_.scan_back(prefix, rocks::after_prefix(prefix), now,
                               [&](std::string_view key, std::string_view value) -> Result<Go> {
                                 TRY(use(key, value));
                                 return Go::kStop;
                               });
  };
  TRY(last_key(keyspace::kKeyPacks, [&](std::string_view key, std::string_view) {
    next_pack_ = keyspace::number_in(key) + 1;
    return ok();
  }));
  TRY(last_key(keyspace::kRawFiles, [&](std::string_view, std::string_view value) -> Status {
    last_number_ = TRY(keyspace::decode_raw_file(value)).last;
    return ok();
  }));
  TRY(database_.scan(keyspace::kRawBlocks, rocks::after_prefix(keyspace::kRawBlocks), now,
                     [&](std::string_view, std::string_view value) -> Result<Go> {
                       last_number_ = TRY(decode_raw_block(value)).last_number;
                       raw_outbox_bytes_ += value.size();
                       return Go::kOn;
                     }));

  TRY(database_.scan(keyspace::kGaps, rocks::after_prefix(keyspace::kGaps), now,
                     [&](std::string_view, std::string_view) -> Result<Go> {
                       ++gap_count_;
                       return Go::kOn;
                     }));

  for (const FeatureGroup& group : options_.groups) {
    GroupState state;
    const std::string files = keyspace::files_prefix(group.name), rows = keyspace::rows_prefix(group.name);
    TRY(database_.scan(files, rocks::after_prefix(files), now,
                       [&](std::string_view, std::string_view value) -> Result<Go> {
                         const auto file = TRY(keyspace::decode_rows_file(value));
                         state.rows += file.rows;
                         state.in_files = file.last;
                         return Go::kOn;
                       }));
    TRY(database_.scan_back(rows, rocks::after_prefix(rows), now,
                            [&](std::string_view key, std::string_view value) -> Result<Go> {
                              if (!state.newest) state.newest = TRY(keyspace::decode_row(group, key, value));
                              if (keyspace::time_in(key) <= state.in_files) return Go::kStop;
                              ++state.rows;
                              return Go::kOn;
                            }));
    state_.push_back(std::move(state));
  }
  return ok();
}

// Parquet files are read whole and their hash compared: they are small, and nothing else would notice a flipped bit in
// one. Raw files are measured only; zstd's own checksums speak when they are read.
Status RocksFeatureStore::check_files() {
  const rocks::Snapshot now = database_.snapshot();
  std::set<fs::path> known;
  const auto check_rows_file = [&](std::string_view, std::string_view value) -> Result<Go> {
    const auto file = TRY(keyspace::decode_rows_file(value));
    const fs::path path = options_.directory / file.path;
    TRY(check_size(path, file.bytes));
    if (sha256(TRY(read_file(path))) != file.sha256)
      return data_loss("{}: damaged, its SHA-256 differs", path.string());
    known.insert(path);
    return Go::kOn;
  };
  const auto check_raw_file = [&](std::string_view, std::string_view value) -> Result<Go> {
    const auto file = TRY(keyspace::decode_raw_file(value));
    TRY(check_size(options_.directory / file.path, file.bytes));
    known.insert(options_.directory / file.path);
    return Go::kOn;
  };
  TRY(database_.scan("O", "P", now, check_rows_file));  // Also of groups that the definition no longer has.
  TRY(database_.scan(keyspace::kRawFiles, rocks::after_prefix(keyspace::kRawFiles), now, check_raw_file));
  TRY(remove_orphans(options_.directory, "offline", known));
  return remove_orphans(options_.directory, "raw", known);
}

}  // namespace tidecast
