// Commits and readers.

#include "features/rocks_store.h"

#include <algorithm>
#include <limits>

#include "features/commit_check.h"
#include "features/offline_files.h"
#include "storage/file.h"

namespace tidecast {

using rocks::Go;

// ---- committing ---------------------------------------------------------------------------------------------------

Status RocksFeatureStore::check(const Commit& commit) const {
  std::vector<std::optional<EventTime>> newest;
  for (const GroupState& state : state_)
    newest.push_back(state.newest ? std::optional(state.newest->window_end) : std::nullopt);
  return check_commit(commit, options_.groups, std::move(newest), last_number_);
}

Status RocksFeatureStore::commit(const Commit& commit) {
  TRY(check(commit));  // state_ is written by this thread only: reading it here needs no lock.
  rocks::Batch batch;
  keyspace::Totals totals{commit.arrival, commit.books, commit.late_by_group};
  batch.put(keyspace::kBooks, keyspace::encode_totals(totals));
  batch.put(keyspace::source_key(commit.source), keyspace::encode_text(commit.cursor));
  batch.put(keyspace::kEngine, keyspace::encode_text(commit.engine_state));
  if (!commit.new_keys.empty())
    batch.put(keyspace::numbered(keyspace::kKeyPacks, next_pack_), keyspace::encode_keys(commit.new_keys));
  for (const auto& [index, row] : commit.closed) {
    const FeatureGroup& group = options_.groups[index];
    batch.put(keyspace::row_key(group.name, row.window_end), keyspace::encode_row(group, row));
  }
  for (const DeadLetter& letter : commit.dead)
    batch.put(keyspace::numbered(keyspace::kDeadLetters, letter.number), keyspace::encode_dead_letter(letter));
  if (commit.gap) batch.put(keyspace::gap_key(commit.gap->until, gap_count_), keyspace::encode_gap(*commit.gap));
  std::uint64_t raw_bytes = 0;
  if (options_.raw_archive)
    TRY(raw_writer_.write(commit.archived, [&](std::uint64_t first_number, std::string_view block) {
      batch.put(keyspace::numbered(keyspace::kRawBlocks, first_number), block);
      raw_bytes += block.size();
    }));
  TRY(step("commit"));
  TRY(write(batch));

  // It has happened; now readers may know.
  if (!commit.new_keys.empty()) ++next_pack_;
  if (options_.raw_archive && !commit.archived.empty()) last_number_ = commit.archived.back().number;
  raw_outbox_bytes_ += raw_bytes;
  const std::unique_lock lock(mutex_);
  totals_ = std::move(totals);
  if (commit.gap) ++gap_count_;
  for (const auto& [index, row] : commit.closed) {
    state_[index].newest = row;
    ++state_[index].rows;
  }
  return ok();
}

// ---- going on after a restart -------------------------------------------------------------------------------------

Result<Recovered> RocksFeatureStore::recover() const {
  const rocks::Snapshot now = database_.snapshot();
  Recovered recovered;
  TRY(database_.scan(keyspace::kSources, rocks::after_prefix(keyspace::kSources), now,
                     [&](std::string_view key, std::string_view value) -> Result<Go> {
                       const std::string source(key.substr(keyspace::kSources.size()));
                       recovered.cursors[source] = TRY(keyspace::decode_text(value, "cursor of " + source));
                       return Go::kOn;
                     }));
  if (const auto engine = TRY(database_.get(keyspace::kEngine, now)))
    recovered.engine_state.push_back(TRY(keyspace::decode_text(*engine, "state of the engine")));
  if (const auto books = TRY(database_.get(keyspace::kBooks, now))) {
    keyspace::Totals totals = TRY(keyspace::decode_totals(*books));
    recovered.arrival = totals.arrival;
    recovered.books = totals.books;
    recovered.late_by_group = std::move(totals.late_by_group);
  }
  return recovered;
}

Status RocksFeatureStore::visit_keys(const std::function<void(std::span<const KeySeen>)>& visit) const {
  return database_.scan(keyspace::kKeyPacks, rocks::after_prefix(keyspace::kKeyPacks), database_.snapshot(),
                        [&](std::string_view, std::string_view value) -> Result<Go> {
                          visit(TRY(keyspace::decode_keys(value)));
                          return Go::kOn;
                        });
}

// ---- readers ------------------------------------------------------------------------------------------------------

Books RocksFeatureStore::books() const {
  const std::shared_lock lock(mutex_);
  return totals_.books;
}

Result<std::size_t> RocksFeatureStore::index_of(std::string_view group) const {
  for (std::size_t i = 0; i < options_.groups.size(); ++i)
    if (options_.groups[i].name == group) return i;
  std::string known;
  for (const auto& each : options_.groups) known += (known.empty() ? "" : ", ") + each.name;
  return not_found("no feature group '{}'; there are: {}", group, known);
}

std::uint64_t RocksFeatureStore::rows(std::string_view group) const {
  const auto index = index_of(group);
  if (!index.ok()) return 0;
  const std::shared_lock lock(mutex_);
  return state_[*index].rows;
}

Result<std::optional<FeatureRow>> RocksFeatureStore::latest(std::string_view group, std::string_view) const {
  const std::size_t index = TRY(index_of(group));
  const std::shared_lock lock(mutex_);
  return state_[index].newest;
}

Result<std::optional<FeatureRow>> RocksFeatureStore::get(std::string_view group, EventTime window_end,
                                                         std::string_view) const {
  const FeatureGroup& definition = options_.groups[TRY(index_of(group))];
  const std::string key = keyspace::row_key(group, window_end);
  const auto value = TRY(database_.get(key));
  if (!value) return std::optional<FeatureRow>();
  return std::optional<FeatureRow>(TRY(keyspace::decode_row(definition, key, *value)));
}

Result<std::vector<OfflineFile>> RocksFeatureStore::files_of(const FeatureGroup& group,
                                                             const rocks::Snapshot& at) const {
  std::vector<OfflineFile> files;
  const std::string prefix = keyspace::files_prefix(group.name);
  TRY(database_.scan(
      prefix, rocks::after_prefix(prefix), at, [&](std::string_view, std::string_view value) -> Result<Go> {
        const auto file = TRY(keyspace::decode_rows_file(value));
        files.push_back({group.name, options_.directory / file.path, {file.first, file.last + 1ms}, file.rows});
        return Go::kOn;
      }));
  return files;
}

Result<std::vector<FeatureRow>> RocksFeatureStore::rows_in_database(const FeatureGroup& group, EventRange range,
                                                                    const rocks::Snapshot& at) const {
  std::vector<FeatureRow> rows;
  if (range.from >= range.until) return rows;
  // The end of time itself is no window's, so leaving it out loses nothing.
  TRY(database_.scan(keyspace::row_key(group.name, range.from), keyspace::row_key(group.name, range.until), at,
                     [&](std::string_view key, std::string_view value) -> Result<Go> {
                       rows.push_back(TRY(keyspace::decode_row(group, key, value)));
                       return Go::kOn;
                     }));
  return rows;
}

// The newest rows come from RocksDB; those that have left it for good are read from their files.
Result<std::vector<FeatureRow>> RocksFeatureStore::select(std::string_view group, const RowQuery& query) const {
  const EventRange range = query.range;
  const ProcessingTime as_of = query.as_of;
  const FeatureGroup& definition = options_.groups[TRY(index_of(group))];
  const rocks::Snapshot now = database_.snapshot();
  EventTime oldest_online = EventTime::max();
  const std::string prefix = keyspace::rows_prefix(group);
  TRY(database_.scan(prefix, rocks::after_prefix(prefix), now,
                     [&](std::string_view key, std::string_view) -> Result<Go> {
                       oldest_online = keyspace::time_in(key);
                       return Go::kStop;
                     }));

  std::vector<FeatureRow> rows;
  if (range.from < oldest_online) {
    const EventRange older{range.from, std::min(range.until, oldest_online)};
    auto files = TRY(files_of(definition, now));
    std::erase_if(files, [&](const OfflineFile& file) {
      return file.range.until <= older.from || file.range.from >= older.until;
    });
    rows = TRY(read_parquet(definition, files, older, as_of));
  }
  for (FeatureRow& row : TRY(rows_in_database(definition, range, now)))
    if (row.write_time <= as_of) rows.push_back(std::move(row));
  return rows;
}

Result<TimeSeries> RocksFeatureStore::series(std::string_view group, std::string_view column, EventRange range,
                                             ProcessingTime as_of, std::string_view) const {
  const FeatureGroup& definition = options_.groups[TRY(index_of(group))];
  const auto index = definition.column(column);
  if (!index) {
    std::string known;
    for (const auto& each : definition.columns) known += (known.empty() ? "" : ", ") + each.name;
    return not_found("feature group {} has no column '{}'; there are: {}", group, column, known);
  }
  const auto rows = TRY(this->range(group, range, as_of));
  TimeSeries series{EventTime(), definition.window, {}};
  if (rows.empty()) return series;
  constexpr double kNull = std::numeric_limits<double>::quiet_NaN();
  const double empty = definition.columns[*index].empty == EmptyWindow::kZero ? 0 : kNull;
  series.start = rows.front().window_start;
  series.values.assign(static_cast<std::size_t>((rows.back().window_end - series.start) / definition.window), empty);
  for (const FeatureRow& row : rows) {
    const FeatureValue& value = row.values[*index];
    double& cell = series.values[static_cast<std::size_t>((row.window_start - series.start) / definition.window)];
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      cell = static_cast<double>(*integer);
    else if (const auto* number = std::get_if<double>(&value))
      cell = *number;
    else
      cell = kNull;  // The row is there and says so itself.
  }
  // Looked up after the rows, so that a gap is known wherever a row of its own commit is.
  for (const SourceGap& gap : TRY(gaps({series.start, series.end()})))
    if (gap.found_at <= as_of) blank(series, gap);
  return series;
}

Result<std::vector<SourceGap>> RocksFeatureStore::gaps(EventRange range) const {
  std::vector<SourceGap> gaps;
  TRY(database_.scan(keyspace::gaps_from(range.from), rocks::after_prefix(keyspace::kGaps), database_.snapshot(),
                     [&](std::string_view, std::string_view value) -> Result<Go> {
                       SourceGap gap = TRY(keyspace::decode_gap(value));
                       if (gap.from < range.until) gaps.push_back(std::move(gap));
                       return Go::kOn;
                     }));
  std::ranges::stable_sort(gaps, {}, &SourceGap::from);
  return gaps;
}

std::uint64_t RocksFeatureStore::gap_count() const {
  const std::shared_lock lock(mutex_);
  return gap_count_;
}

Result<FeatureStore::OfflineView> RocksFeatureStore::offline(std::string_view group) const {
  const FeatureGroup& definition = options_.groups[TRY(index_of(group))];
  const rocks::Snapshot now = database_.snapshot();
  OfflineView view;
  view.files = TRY(files_of(definition, now));
  const EventTime from = view.files.empty() ? EventTime::min() : view.files.back().range.until;
  view.outbox = TRY(rows_in_database(definition, {from, EventTime::max()}, now));
  return view;
}

Result<std::vector<DeadLetter>> RocksFeatureStore::dead_letters(std::size_t most, std::size_t most_bytes) const {
  std::vector<DeadLetter> letters;
  std::size_t bytes = 0;
  TRY(database_.scan_back(keyspace::kDeadLetters, rocks::after_prefix(keyspace::kDeadLetters), database_.snapshot(),
                          [&](std::string_view key, std::string_view value) -> Result<Go> {
                            if (letters.size() == most) return Go::kStop;
                            DeadLetter letter = TRY(keyspace::decode_dead_letter(key, value));
                            bytes += letter.reason.size() + letter.raw.size();
                            if (bytes > most_bytes) return Go::kStop;
                            letters.push_back(std::move(letter));
                            return Go::kOn;
                          }));
  std::reverse(letters.begin(), letters.end());
  return letters;
}

Status RocksFeatureStore::visit_archive(const std::function<bool(std::string_view line)>& visit) const {
  const rocks::Snapshot now = database_.snapshot();
  RawLineReader reader;
  bool more = true;
  const auto visit_frames = [&](std::string_view frames, std::string_view what) -> Result<Go> {
    more = TRY(reader.visit(frames, what, visit));
    return more ? Go::kOn : Go::kStop;
  };
  TRY(database_.scan(keyspace::kRawFiles, rocks::after_prefix(keyspace::kRawFiles), now,
                     [&](std::string_view, std::string_view value) -> Result<Go> {
                       const auto path = options_.directory / TRY(keyspace::decode_raw_file(value)).path;
                       const auto frames = read_file(path);
                       if (frames.code() == Code::kNotFound) return data_loss("{}", frames.message());
                       if (!frames.ok()) return frames.status();
                       return visit_frames(*frames, path.string());
                     }));
  if (!more) return ok();
  return database_.scan(keyspace::kRawBlocks, rocks::after_prefix(keyspace::kRawBlocks), now,
                        [&](std::string_view, std::string_view value) -> Result<Go> {
                          return visit_frames(TRY(decode_raw_block(value)).frame, "block of raw records");
                        });
}

}  // namespace tidecast
