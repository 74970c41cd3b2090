// Opening the feature store: the definition fits what is stored, the files are those of the manifest.

#include <algorithm>
#include <deque>
#include <regex>
#include <set>

#include "base/ascii.h"
#include "base/hash.h"
#include "base/log.h"
#include "features/codec.h"
#include "features/offline_files.h"
#include "features/rocks_store.h"
#include "features/row_codec.h"
#include "storage/file.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;
using rocks::Go;

bool is_plain_name(std::string_view name) {
  const auto allowed = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), allowed);
}

Status check_window(const FeatureGroup& group) {
  if (group.window <= 0ms || group.window > kWidestWindow)
    return invalid_argument("feature group {}: window {}, expected more than 0 and at most {}", group.name,
                            to_text(group.window), to_text(kWidestWindow));
  if (group.kind == WindowKind::kHopping && (group.every <= 0ms || group.window % group.every != 0ms))
    return invalid_argument("feature group {}: a window of {} every {}, expected a multiple of it", group.name,
                            to_text(group.window), to_text(group.every));
  if (group.offset < 0ms || group.offset >= group.step())
    return invalid_argument("feature group {}: offset {}, expected 0s up to below {}", group.name,
                            to_text(group.offset), to_text(group.step()));
  return ok();
}

// Of keys and columns alike: both are columns of one table.
Status check_name(const FeatureGroup& group, std::string_view what, const std::string& name,
                  std::set<std::string>& names) {
  if (!is_plain_name(name))
    return invalid_argument("feature group {}, {} '{}': a name is 1 to 64 letters, digits, '_' or '-'", group.name,
                            what, name);
  if (is_reserved_column(name))
    return invalid_argument("feature group {}, {} {}: the name is taken by the store itself", group.name, what, name);
  if (!names.insert(lower(name)).second)
    return invalid_argument("feature group {}: {} {} stands there twice", group.name, what, name);
  return ok();
}

Status check_group(const FeatureGroup& group) {
  if (!is_plain_name(group.name))
    return invalid_argument("feature group '{}': a name is 1 to 64 letters, digits, '_' or '-'", group.name);
  TRY(check_window(group));
  if (group.columns.empty()) return invalid_argument("feature group {}: no columns", group.name);
  std::set<std::string> names;
  for (const auto& key : group.keys) {
    TRY(check_name(group, "key", key.name, names));
    if (key.type == FieldType::kNumber)
      return invalid_argument("feature group {}, key {}: number, expected text, integer or boolean", group.name,
                              key.name);
  }
  for (const auto& column : group.columns) {
    TRY(check_name(group, "column", column.name, names));
    if (column.type != FieldType::kInteger && column.type != FieldType::kNumber)
      return invalid_argument("feature group {}, column {}: {}, expected integer or number", group.name, column.name,
                              name_of(column.type));
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

// Files that a crash left before they came into the manifest: exactly those with a name that a flush gives.  What else
// lies there is somebody's and stays.
bool is_flushed_name(const std::string& below_data_folder) {
  static const std::regex kName(
      "(offline/[A-Za-z0-9_-]+/"
      "(date=[0-9-]+/(hour=[0-9]{2}|day)|month=[0-9-]+)/"
      "([0-9]{12,}-[0-9]{12,}(-[0-9]+)?|[0-9]{8}T[0-9]{9}-[0-9]{8}T[0-9]{9})\\.parquet"  // The second by earlier
                                                                                         // versions.
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
  TRY(store->load_schemas());
  TRY(store->load().in(folder));
  TRY(store->check_files().in(folder));
  return store;
}

namespace {

// By group, as they are stored.
Result<std::map<std::string, std::string>> schema_values(const rocks::Database& database) {
  std::map<std::string, std::string> values;
  TRY(database.scan(keyspace::kSchemas, rocks::after_prefix(keyspace::kSchemas), database.snapshot(),
                    [&](std::string_view key, std::string_view value) -> Result<Go> {
                      values.emplace(key.substr(keyspace::kSchemas.size()), value);
                      return Go::kOn;
                    }));
  return values;
}

Result<Schemas> decoded(const std::map<std::string, std::string>& values) {
  Schemas schemas;
  for (const auto& [group, value] : values) schemas[group] = TRY(SchemaHistory::decode(value, "schema of " + group));
  return schemas;
}

}  // namespace

Result<Schemas> FeatureStore::schemas(const fs::path& directory) {
  std::error_code ignored;
  if (!fs::exists(directory / "state" / "CURRENT", ignored)) return Schemas();
  const auto database = TRY(rocks::Database::open_to_read(directory / "state"));
  return TRY(decoded(TRY(schema_values(database))).in(directory.string()));
}

// Stored rows have no names of their own; a definition that changed is a new version of them.
Status RocksFeatureStore::load_schemas() {
  const auto stored = TRY(schema_values(database_));
  const std::string folder = options_.directory.string();
  Schemas schemas = TRY(decoded(stored).in(folder));
  if (options_.before_adopting) TRY(options_.before_adopting(schemas));  // Says for itself where it is.
  for (const FeatureGroup& group : options_.groups) TRY(schemas[group.name].adopt(group).in(folder));
  // One of the first format stays as it is until its group is brought over.
  const auto is_first_format = [&](const std::string& group) {
    const auto value = stored.find(group);
    return value != stored.end() && value->second[0] == 1;
  };
  rocks::Batch changed;
  for (const auto& [group, history] : schemas) {
    const auto value = stored.find(group);
    if (std::string now = history.encode(); !is_first_format(group) && (value == stored.end() || value->second != now))
      changed.put(keyspace::schema_key(group), now);
  }
  if (!changed.empty()) TRY(database_.write(changed, rocks::Sync::kYes));
  state_.resize(options_.groups.size());
  for (std::size_t index = 0; index < options_.groups.size(); ++index) {
    const std::string& group = options_.groups[index].name;
    state_[index].schemas = std::move(schemas[group]);
    if (is_first_format(group)) TRY(migrate(index).in(folder));
  }
  const auto engine = TRY(database_.get(keyspace::kEngine));  // Of a version that had one piece under this key.
  if (!engine) return ok();
  rocks::Batch batch;
  batch.put(keyspace::numbered(keyspace::kEngine, 0), *engine);
  batch.remove(keyspace::kEngine);
  return database_.write(batch, rocks::Sync::kYes);
}

// A group as the first format had it: each row once, under `w`, and in the outbox if newer than the last file.  Rows
// and files get their numbers, the outbox its rows, the schema its versions, all in one write.
Status RocksFeatureStore::migrate(std::size_t index) {
  const FeatureGroup& group = options_.groups[index];
  const SchemaHistory& schemas = state_[index].schemas;
  const rocks::Snapshot now = database_.snapshot();
  rocks::Batch batch;
  keyspace::GroupCounters counters;
  EventTime in_files = EventTime::min(), first_in_files = EventTime::max();
  const std::string files = keyspace::files_prefix(group.name), rows = keyspace::rows_prefix(group.name);
  TRY(database_.scan(files, rocks::after_prefix(files), now,
                     [&](std::string_view key, std::string_view value) -> Result<Go> {
                       auto file = TRY(keyspace::decode_rows_file(value));
                       file.first_sequence = counters.next_sequence;
                       counters.next_sequence += file.rows;
                       file.last_sequence = counters.next_sequence - 1;
                       first_in_files = std::min(first_in_files, file.first);
                       in_files = std::max(in_files, file.last);
                       batch.remove(key);
                       batch.put(keyspace::file_key(group.name, file.first_sequence), keyspace::encode_rows_file(file));
                       return Go::kOn;
                     }));
  std::optional<FeatureRow> newest;
  EventTime oldest = EventTime::max();
  TRY(database_.scan(rows, rocks::after_prefix(rows), now,
                     [&](std::string_view key, std::string_view value) -> Result<Go> {
                       FeatureRow row = TRY(keyspace::decode_row(group, schemas, key, value));
                       oldest = std::min(oldest, row.window_end);
                       if (row.window_end > in_files)
                         batch.put(keyspace::outbox_key(group.name, counters.next_sequence++),
                                   keyspace::encode_row_version(row, schemas.newest()));
                       newest = std::move(row);
                       return Go::kOn;
                     }));
  counters.windows = counters.next_sequence;
  if (newest) {
    counters.newest_end = newest->window_end;
    counters.newest_write = newest->write_time;
    if (first_in_files < oldest) counters.online_from = oldest;
    batch.put(keyspace::newest_key(group.name, ""), keyspace::encode_row_version(*newest, schemas.newest()));
  }
  batch.put(keyspace::counters_key(group.name), keyspace::encode_counters(counters));
  batch.put(keyspace::schema_key(group.name), schemas.encode());
  TRY(step("migrate"));
  return database_.write(batch, rocks::Sync::kYes);
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
  TRY(raw_.resume(database_));
  last_number_ = raw_.last_number();

  TRY(database_.scan(keyspace::kGaps, rocks::after_prefix(keyspace::kGaps), now,
                     [&](std::string_view, std::string_view) -> Result<Go> {
                       ++gap_count_;
                       return Go::kOn;
                     }));

  TRY(last_key(keyspace::kEngine, [&](std::string_view key, std::string_view) {
    engine_pieces_ = keyspace::number_in(key) + 1;
    return ok();
  }));
  TRY(last_key(keyspace::kMarks, [&](std::string_view key, std::string_view) {
    next_mark_ = keyspace::number_in(key) + 1;
    return ok();
  }));
  for (std::size_t index = 0; index < options_.groups.size(); ++index) TRY(load_group(index, now));
  return bring_over_raw();
}

// Earlier versions kept raw records in RocksDB until their hour was over: a block a commit.
Status RocksFeatureStore::bring_over_raw() {
  return database_.scan(keyspace::kRawBlocks, rocks::after_prefix(keyspace::kRawBlocks), database_.snapshot(),
                        [&](std::string_view key, std::string_view value) -> Result<Go> {
                          constexpr std::string_view kWhat = "block of raw records";
                          auto block = TRY(ByteReader::unseal(value, 1, kWhat));
                          block.raw(8 + 8 + 4);  // Hour, last number, count: the lines say the same.
                          std::deque<std::string> lines;
                          std::vector<ArchivedRecord> records;
                          Status read;
                          TRY(RawLineReader().visit(block.rest(), kWhat, [&](std::string_view line) {
                            auto record = parse_archived(lines.emplace_back(line));
                            if (!record.ok()) return read = record.status(), false;
                            records.push_back(*record);
                            return true;
                          }));
                          TRY(std::move(read));
                          rocks::Batch batch;
                          TRY(raw_.append(records, batch));
                          batch.remove(key);
                          TRY(write(batch));
                          raw_.committed();
                          last_number_ = records.back().number;
                          return Go::kOn;
                        });
}

Status RocksFeatureStore::load_group(std::size_t index, const rocks::Snapshot& now) {
  const FeatureGroup& group = options_.groups[index];
  GroupState& state = state_[index];
  if (const auto counters = TRY(database_.get(keyspace::counters_key(group.name), now)))
    state.counters = TRY(keyspace::decode_counters(*counters, "counters of " + group.name));
  const std::string newest = keyspace::newest_prefix(group.name), outbox = keyspace::outbox_prefix(group.name);
  TRY(database_.scan(newest, rocks::after_prefix(newest), now,
                     [&](std::string_view, std::string_view value) -> Result<Go> {
                       FeatureRow row = TRY(keyspace::decode_row_version(group, state.schemas, value));
                       std::string key = row.key;
                       state.latest.emplace(std::move(key), std::move(row));
                       return Go::kOn;
                     }));
  state.outbox_from = state.counters.next_sequence;
  return database_.scan(
      outbox, rocks::after_prefix(outbox), now, [&](std::string_view key, std::string_view value) -> Result<Go> {
        state.outbox_from = std::min(state.outbox_from, keyspace::number_in(key));
        state.oldest_in_outbox = std::min(state.oldest_in_outbox, TRY(keyspace::end_of_row_version(value)));
        return Go::kOn;
      });
}

// The youngest Parquet files are read whole and their hash compared: nothing else would notice a flipped bit in one.
// Older ones, beyond what a second can read, and raw files, where zstd's own checksums speak, are measured only.
Status RocksFeatureStore::check_files() {
  constexpr std::uint64_t kHashed = 256 << 20;
  const rocks::Snapshot now = database_.snapshot();
  std::set<fs::path> known;
  std::uint64_t read = 0;
  const auto check_rows_file = [&](std::string_view, std::string_view value) -> Result<Go> {
    const auto file = TRY(keyspace::decode_rows_file(value));
    const fs::path path = options_.directory / file.path;
    TRY(check_length(path, Length::kExact, file.bytes, "in the manifest"));
    known.insert(path);
    if (read += file.bytes; read <= kHashed && sha256(TRY(read_file(path))) != file.sha256)
      return data_loss("{}: damaged, its SHA-256 differs", path.string());
    return Go::kOn;
  };
  const auto check_raw_file = [&](std::string_view, std::string_view value) -> Result<Go> {
    const auto file = TRY(keyspace::decode_raw_file(value));
    TRY(check_length(options_.directory / file.path, Length::kAtLeast, file.bytes, "in the manifest"));
    known.insert(options_.directory / file.path);
    return Go::kOn;
  };
  TRY(database_.scan_back("O", "P", now, check_rows_file));  // Also of groups that the definition no longer has.
  TRY(database_.scan(keyspace::kRawFiles, rocks::after_prefix(keyspace::kRawFiles), now, check_raw_file));
  TRY(remove_orphans(options_.directory, "offline", known));
  return remove_orphans(options_.directory, "raw", known);
}

}  // namespace tidecast
