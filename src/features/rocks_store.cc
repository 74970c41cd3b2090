// Commits, and what a restart goes on from.

#include "features/rocks_store.h"

#include <algorithm>
#include <utility>

#include "base/workers.h"
#include "features/commit_check.h"
#include "features/record_id.h"
#include "features/row_codec.h"

namespace tidecast {

using rocks::Go;

// ---- committing ---------------------------------------------------------------------------------------------------

Status RocksFeatureStore::check(const Commit& commit) const {
  std::vector<std::optional<EventTime>> newest;
  for (const GroupState& state : state_) newest.push_back(state.counters.newest_end);
  TRY(check_commit(commit, options_.groups, std::move(newest), last_number_));
  for (const auto& [index, row] : commit.closed) {
    const Latest& latest = state_[index].latest;
    const auto series = latest.find(row.key);
    if (row.revision == 0 && series != latest.end() && row.window_end <= series->second.window_end)
      return invalid_argument("feature group {}, key {}: window end {} is not after the series' last row's {}",
                              options_.groups[index].name, key_text(options_.groups[index].keys, row.key),
                              to_rfc3339(row.window_end), to_rfc3339(series->second.window_end));
  }
  return ok();
}

// state_ is written by this thread only: reading it here needs no lock.
Status RocksFeatureStore::commit(const Commit& commit) {
  TRY(check(commit));
  rocks::Batch batch;
  keyspace::Totals totals{commit.arrival, commit.books, commit.late_by_group, commit.unmatched};
  batch.put(keyspace::kBooks, keyspace::encode_totals(totals));
  if (!commit.source.empty()) batch.put(keyspace::source_key(commit.source), keyspace::encode_text(commit.cursor));
  add_engine_state(commit, batch);
  if (!commit.new_keys.empty())
    batch.put(keyspace::numbered(keyspace::kKeyPacks, next_pack_), keyspace::encode_keys(commit.new_keys));
  auto changes = TRY(add_rows(commit, batch));
  for (const DeadLetter& letter : commit.dead)
    batch.put(keyspace::numbered(keyspace::kDeadLetters, letter.number), keyspace::encode_dead_letter(letter));
  TRY(add_replayed(commit, batch));
  for (const LateRecord& record : commit.late)
    batch.put(keyspace::numbered(keyspace::kLateRecords, record.number), keyspace::encode_late(record));
  for (std::size_t i = 0; i < commit.marks.size(); ++i) {
    const ClockMark& mark = commit.marks[i];
    // Without an archive nobody repeats what the wall clock did; the definition is compared with the next one.
    if (options_.raw_archive || mark.kind == ClockMark::Kind::kDefinition)
      batch.put(keyspace::mark_key(mark.number, next_mark_ + i), keyspace::encode_mark(mark));
  }
  if (commit.gap) batch.put(keyspace::gap_key(commit.gap->until, gap_count_), keyspace::encode_gap(*commit.gap));
  const bool archives = options_.raw_archive && !commit.archived.empty();
  if (archives) {
    TRY(step("append raw"));
    TRY(raw_.append(commit.archived, batch));
  }
  TRY(step("commit"));
  TRY(write(batch));

  // It has happened; now readers may know.
  if (!commit.new_keys.empty()) ++next_pack_;
  if (!commit.engine_goes_on) engine_pieces_ = 1;
  if (commit.engine_goes_on && !commit.engine_state.empty()) ++engine_pieces_;
  next_mark_ += commit.marks.size();
  if (archives) {
    raw_.committed();
    last_number_ = commit.archived.back().number;
  }
  const std::unique_lock lock(mutex_);
  totals_ = std::move(totals);
  if (commit.gap) ++gap_count_;
  for (std::size_t index = 0; index < changes.size(); ++index) {
    GroupState& state = state_[index];
    state.counters = changes[index].counters;
    state.oldest_in_outbox = std::min(state.oldest_in_outbox, changes[index].oldest);
    for (const auto& [key, row] : changes[index].latest) state.latest.insert_or_assign(std::string(key), *row);
  }
  return ok();
}

// A piece that replaces takes the place of the first and the others go; so there is never one too many.
void RocksFeatureStore::add_engine_state(const Commit& commit, rocks::Batch& batch) const {
  if (commit.engine_goes_on && commit.engine_state.empty()) return;  // Nothing changed.
  const std::uint64_t piece = commit.engine_goes_on ? engine_pieces_ : 0;
  batch.put(keyspace::numbered(keyspace::kEngine, piece), keyspace::encode_text(commit.engine_state));
  if (commit.engine_goes_on) return;
  for (std::uint64_t old = 1; old < engine_pieces_; ++old) batch.remove(keyspace::numbered(keyspace::kEngine, old));
}

Status RocksFeatureStore::add_replayed(const Commit& commit, rocks::Batch& batch) const {
  for (const auto& [number, taken_as] : commit.replayed) {
    auto letter = TRY(dead_letter(number));
    if (!letter) return invalid_argument("no dead letter {} to be replayed as record {}", number, taken_as);
    letter->replayed_as = taken_as;
    batch.put(keyspace::numbered(keyspace::kDeadLetters, number), keyspace::encode_dead_letter(*letter));
  }
  return ok();
}

Result<std::vector<RocksFeatureStore::RowChanges>> RocksFeatureStore::add_rows(const Commit& commit,
                                                                               rocks::Batch& batch) const {
  std::vector<RowChanges> changes(state_.size());
  for (std::size_t index = 0; index < state_.size(); ++index) changes[index].counters = state_[index].counters;
  for (const auto& [index, row] : commit.closed) {
    if (row.revision > 0 && TRY(was_erased(index, row))) continue;  // What was erased stays so.
    put_version(index, row, changes[index], batch);
  }
  for (std::size_t index = 0; index < state_.size(); ++index) {
    const std::string& name = options_.groups[index].name;
    if (changes[index].counters.next_sequence == state_[index].counters.next_sequence) continue;
    batch.put(keyspace::counters_key(name), keyspace::encode_counters(changes[index].counters));
    for (const auto& [key, row] : changes[index].latest)
      batch.put(keyspace::newest_key(name, key), keyspace::encode_row_version(*row, state_[index].schemas.newest()));
  }
  return changes;
}

// Online and outbox; what becomes of the newest row of the series is noted in `changes`.
void RocksFeatureStore::put_version(std::size_t index, const FeatureRow& row, RowChanges& changes,
                                    rocks::Batch& batch) const {
  const FeatureGroup& group = options_.groups[index];
  const std::uint32_t schema = state_[index].schemas.newest();
  keyspace::GroupCounters& counters = changes.counters;
  if (row.window_end >= counters.online_from)
    batch.put(keyspace::row_key(group.name, row.window_end, row.key), keyspace::encode_row(row, schema));
  batch.put(keyspace::outbox_key(group.name, counters.next_sequence), keyspace::encode_row_version(row, schema));
  ++counters.next_sequence;
  ++(row.revision == 0 ? counters.windows : counters.versions);
  counters.newest_end = std::max(counters.newest_end.value_or(row.window_end), row.window_end);
  counters.newest_write = std::max(counters.newest_write, row.write_time);
  changes.oldest = std::min(changes.oldest, row.window_end);
  if (row.deleted) return;
  const Latest& latest = state_[index].latest;
  const auto pending = changes.latest.find(row.key);
  const auto stored = latest.find(row.key);
  const FeatureRow* newest = pending != changes.latest.end() ? pending->second
                             : stored != latest.end()        ? &stored->second
                                                             : nullptr;
  if (newest == nullptr || row.window_end >= newest->window_end) changes.latest[row.key] = &row;
}

Result<bool> RocksFeatureStore::was_erased(std::size_t index, const FeatureRow& row) const {
  const FeatureGroup& group = options_.groups[index];
  const std::string key = keyspace::row_key(group.name, row.window_end, row.key);
  const auto stored = TRY(database_.get(key));
  return stored && TRY(keyspace::decode_row(group, state_[index].schemas, key, *stored)).deleted;
}

// ---- erasing ------------------------------------------------------------------------------------------------------

Result<std::uint64_t> RocksFeatureStore::erase(std::string_view name, const std::optional<std::string>& key,
                                               EventRange range, ProcessingTime at) {
  const std::size_t index = TRY(index_of(name));
  std::vector<FeatureRow> rows = TRY(select(name, {.range = range, .key = key}));
  if (rows.empty()) return std::uint64_t{0};
  rocks::Batch batch;
  RowChanges changes{.counters = state_[index].counters};
  std::map<std::string, FeatureRow, std::less<>> left;  // Series whose newest row goes, and the newest of the others.
  for (FeatureRow& row : rows) {
    row.deleted = true;
    ++row.revision;
    row.write_time = std::max(row.write_time, at);
    row.closed_by_idle = false;
    std::ranges::fill(row.values, FeatureValue());
    put_version(index, row, changes, batch);
    const auto newest = state_[index].latest.find(row.key);
    if (newest != state_[index].latest.end() && newest->second.window_end == row.window_end)
      left.emplace(row.key, FeatureRow());
  }
  // Newest first, until each of these series has shown the newest row that stays.
  std::size_t missing = left.size();
  const std::string prefix = keyspace::rows_prefix(name);
  TRY(database_.scan_back(prefix, rocks::after_prefix(prefix), database_.snapshot(),
                          [&](std::string_view row_key, std::string_view value) -> Result<Go> {
                            if (missing == 0) return Go::kStop;
                            const auto series = left.find(keyspace::row_series(name, row_key));
                            if (series == left.end() || !series->second.values.empty()) return Go::kOn;
                            const EventTime end = keyspace::row_end(name, row_key);
                            if (end >= range.from && end < range.until) return Go::kOn;
                            FeatureRow row = TRY(
                                keyspace::decode_row(options_.groups[index], state_[index].schemas, row_key, value));
                            if (row.deleted) return Go::kOn;
                            series->second = std::move(row);
                            --missing;
                            return Go::kOn;
                          }));
  for (const auto& [series, row] : left) {
    const std::string newest = keyspace::newest_key(name, series);
    if (row.values.empty())
      batch.remove(newest);
    else
      batch.put(newest, keyspace::encode_row_version(row, state_[index].schemas.newest()));
  }
  batch.put(keyspace::counters_key(name), keyspace::encode_counters(changes.counters));
  TRY(step("erase"));
  TRY(write(batch));
  const std::unique_lock lock(mutex_);
  GroupState& state = state_[index];
  state.counters = changes.counters;
  state.oldest_in_outbox = std::min(state.oldest_in_outbox, changes.oldest);
  for (auto& [series, row] : left) {
    if (row.values.empty())
      state.latest.erase(series);
    else
      state.latest[series] = std::move(row);
  }
  return static_cast<std::uint64_t>(rows.size());
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
  TRY(database_.scan(keyspace::kEngine, rocks::after_prefix(keyspace::kEngine), now,
                     [&](std::string_view, std::string_view value) -> Result<Go> {
                       recovered.engine_state.push_back(TRY(keyspace::decode_text(value, "state of the engine")));
                       return Go::kOn;
                     }));
  if (const auto books = TRY(database_.get(keyspace::kBooks, now))) {
    keyspace::Totals totals = TRY(keyspace::decode_totals(*books));
    recovered.arrival = totals.arrival;
    recovered.books = totals.books;
    recovered.late_by_group = std::move(totals.late_by_group);
    recovered.unmatched = totals.unmatched;
  }
  return recovered;
}

// To read and to remember take about as long: while `visit` has some, the next are read.
Status RocksFeatureStore::visit_keys(const std::function<void(std::span<const KeySeen>)>& visit) const {
  constexpr std::size_t kAtOnce = 16'384;
  const rocks::Snapshot now = database_.snapshot();
  const std::string end = rocks::after_prefix(keyspace::kKeyPacks);
  std::string next(keyspace::kKeyPacks);
  std::vector<KeySeen> read, visited;
  const auto read_some = [&]() -> Status {
    read.clear();
    const std::string from = std::exchange(next, end);
    return database_.scan(from, end, now, [&](std::string_view key, std::string_view value) -> Result<Go> {
      if (read.size() >= kAtOnce) {
        next = key;
        return Go::kStop;
      }
      TRY(keyspace::decode_keys(value, read));
      return Go::kOn;
    });
  };
  Status status = read_some();
  Workers workers(next == end ? 1 : 2);
  while (status.ok() && !read.empty()) {
    std::swap(read, visited);
    workers.run(2, [&](int task) {
      if (task == 0)
        visit(visited);
      else
        status = read_some();
    });
  }
  return status;
}

}  // namespace tidecast
