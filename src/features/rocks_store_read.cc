// Readers of feature rows.

#include <algorithm>
#include <limits>
#include <tuple>

#include "features/offline_files.h"
#include "features/rocks_store.h"
#include "features/row_codec.h"

namespace tidecast {
namespace {

using rocks::Go;

// Of so many series and fewer, reading them all costs less than looking each row of one up.
constexpr std::size_t kFewSeries = 8;

// A search for the next window that has a row costs as much as a few look-ups.
constexpr int kLooksBeforeSearch = 16;

bool before(const FeatureRow& a, const FeatureRow& b) {
  return std::tie(a.window_end, a.key, a.revision) < std::tie(b.window_end, b.key, b.revision);
}

void sort_rows(std::vector<FeatureRow>& rows) {
  if (!std::ranges::is_sorted(rows, before)) std::ranges::sort(rows, before);
}

// Of sorted versions the last of each window and series, but what is deleted.
std::vector<FeatureRow> newest_versions(std::vector<FeatureRow>&& rows) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool last =
        i + 1 == rows.size() || rows[i + 1].window_end != rows[i].window_end || rows[i + 1].key != rows[i].key;
    if (!last || rows[i].deleted) continue;
    if (kept != i) rows[kept] = std::move(rows[i]);
    ++kept;
  }
  rows.resize(kept);
  return std::move(rows);
}

double cell_of(const FeatureValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return std::numeric_limits<double>::quiet_NaN();  // The row is there and says so itself.
}

}  // namespace

Books RocksFeatureStore::books() const {
  const std::shared_lock lock(mutex_);
  return totals_.books;
}

std::uint64_t RocksFeatureStore::unmatched() const {
  const std::shared_lock lock(mutex_);
  return totals_.unmatched;
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
  return state_[*index].counters.windows;
}

// ---- online -------------------------------------------------------------------------------------------------------

bool RocksFeatureStore::is_online(std::size_t index, EventTime window_end) const {
  const auto& keep = options_.groups[index].keep_online;
  const auto& newest = state_[index].counters.newest_end;
  return !keep || !newest || window_end >= *newest - *keep;
}

Result<EventTime> RocksFeatureStore::online_from(std::size_t index, const rocks::Snapshot& at) const {
  const std::string& group = options_.groups[index].name;
  const auto counters = TRY(database_.get(keyspace::counters_key(group), at));
  if (!counters) return EventTime::min();
  return TRY(keyspace::decode_counters(*counters, "counters of " + group)).online_from;
}

Result<std::optional<FeatureRow>> RocksFeatureStore::latest(std::string_view group, std::string_view key) const {
  const std::size_t index = TRY(index_of(group));
  const std::shared_lock lock(mutex_);
  const auto found = state_[index].latest.find(key);
  if (found == state_[index].latest.end() || !is_online(index, found->second.window_end))
    return std::optional<FeatureRow>();
  return std::optional<FeatureRow>(found->second);
}

Result<std::vector<std::optional<FeatureRow>>> RocksFeatureStore::latest_of(std::string_view group,
                                                                            std::span<const std::string> keys) const {
  const std::size_t index = TRY(index_of(group));
  std::vector<std::optional<FeatureRow>> rows(keys.size());
  const std::shared_lock lock(mutex_);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto found = state_[index].latest.find(keys[i]);
    if (found != state_[index].latest.end() && is_online(index, found->second.window_end)) rows[i] = found->second;
  }
  return rows;
}

Result<std::vector<std::string>> RocksFeatureStore::keys(std::string_view group, std::size_t most,
                                                         std::string_view after) const {
  const std::size_t index = TRY(index_of(group));
  std::vector<std::string> found;
  {
    const std::shared_lock lock(mutex_);
    for (const auto& [key, row] : state_[index].latest)
      if ((after.empty() || key > after) && is_online(index, row.window_end)) found.push_back(key);
  }
  const std::size_t count = std::min(most, found.size());
  std::ranges::partial_sort(found, found.begin() + static_cast<std::ptrdiff_t>(count));
  found.resize(count);
  return found;
}

Result<std::optional<FeatureRow>> RocksFeatureStore::online_row(std::size_t index, EventTime window_end,
                                                                std::string_view key) const {
  const FeatureGroup& group = options_.groups[index];
  const std::string row_key = keyspace::row_key(group.name, window_end, key);
  const auto value = TRY(database_.get(row_key));
  if (!value) return std::optional<FeatureRow>();
  return std::optional<FeatureRow>(TRY(keyspace::decode_row(group, state_[index].schemas, row_key, *value)));
}

Result<std::optional<FeatureRow>> RocksFeatureStore::get(std::string_view group, EventTime window_end,
                                                         std::string_view key) const {
  const std::size_t index = TRY(index_of(group));
  {
    const std::shared_lock lock(mutex_);
    if (!is_online(index, window_end)) return std::optional<FeatureRow>();
    // Most ask for the newest row, which is at hand; after it a series has none.
    const auto newest = state_[index].latest.find(key);
    if (newest == state_[index].latest.end() || newest->second.window_end < window_end)
      return std::optional<FeatureRow>();
    if (newest->second.window_end == window_end) return std::optional<FeatureRow>(newest->second);
  }
  auto row = TRY(online_row(index, window_end, key));
  if (row && row->deleted) row.reset();
  return row;
}

Freshness RocksFeatureStore::freshness(std::string_view group) const {
  const auto index = index_of(group);
  if (!index.ok()) return {};
  const std::shared_lock lock(mutex_);
  const keyspace::GroupCounters& counters = state_[*index].counters;
  if (!counters.newest_end) return {};
  return {counters.newest_end, counters.newest_write};
}

Result<std::vector<FeatureRow>> RocksFeatureStore::online_rows(std::size_t index, EventRange range,
                                                               const std::optional<std::string>& key,
                                                               const rocks::Snapshot& at) const {
  const FeatureGroup& group = options_.groups[index];
  std::vector<FeatureRow> rows;
  if (range.from >= range.until) return rows;
  bool many_series = false;
  {
    const std::shared_lock lock(mutex_);
    many_series = state_[index].latest.size() > kFewSeries;
  }
  if (key && many_series && group.kind != WindowKind::kSession) return online_series(index, range, *key, at);
  // The end of time itself is no window's, so leaving it out loses nothing.
  TRY(database_.scan(keyspace::row_key(group.name, range.from), keyspace::row_key(group.name, range.until), at,
                     [&](std::string_view row_key, std::string_view value) -> Result<Go> {
                       if (key && keyspace::row_series(group.name, row_key) != *key) return Go::kOn;
                       rows.push_back(TRY(keyspace::decode_row(group, state_[index].schemas, row_key, value)));
                       return Go::kOn;
                     }));
  return rows;
}

Result<std::vector<FeatureRow>> RocksFeatureStore::online_series(std::size_t index, EventRange range,
                                                                 const std::string& key,
                                                                 const rocks::Snapshot& at) const {
  const FeatureGroup& group = options_.groups[index];
  std::vector<FeatureRow> rows;
  std::optional<EventTime> first, last;
  const auto note = [&](std::optional<EventTime>& end) {
    return [&group, &end](std::string_view row_key, std::string_view) -> Result<Go> {
      end = keyspace::row_end(group.name, row_key);
      return Go::kStop;
    };
  };
  const std::string from = keyspace::row_key(group.name, range.from),
                    until = keyspace::row_key(group.name, range.until);
  TRY(database_.scan(from, until, at, note(first)));
  TRY(database_.scan_back(from, until, at, note(last)));
  if (!first) return rows;
  int missing = 0;  // Windows in a row without one.
  for (EventTime end = *first; end <= *last; end += group.step()) {
    const std::string row_key = keyspace::row_key(group.name, end, key);
    if (const auto value = TRY(database_.get(row_key, at))) {
      rows.push_back(TRY(keyspace::decode_row(group, state_[index].schemas, row_key, *value)));
      missing = 0;
    } else if (++missing == kLooksBeforeSearch) {  // A gap of all series is passed over in one step.
      std::optional<EventTime> next;
      TRY(database_.scan(keyspace::row_key(group.name, end + group.step()), until, at, note(next)));
      if (!next) break;
      end = *next - group.step();
      missing = 0;
    }
  }
  return rows;
}

// ---- offline ------------------------------------------------------------------------------------------------------

OfflineFile RocksFeatureStore::offline_file(std::size_t index, const keyspace::RowsFile& file) const {
  const FeatureGroup& group = options_.groups[index];
  const SchemaHistory& schemas = state_[index].schemas;
  OfflineFile offline{group.name, options_.directory / file.path, {file.first, file.last + 1ms}, file.rows};
  offline.versioned = file.versioned;
  if (file.schema == schemas.newest() || !schemas.has(file.schema)) return offline;
  for (const std::size_t place : schemas.places(file.schema))
    offline.columns.push_back(place == SchemaHistory::kAbsent ? "" : schemas.version(file.schema).columns[place].name);
  return offline;
}

Result<std::vector<OfflineFile>> RocksFeatureStore::files_of(std::size_t index, EventRange range,
                                                             const rocks::Snapshot& at) const {
  std::vector<OfflineFile> files;
  for (const ManifestEntry& entry : TRY(entries(options_.groups[index], at)))
    if (entry.file.last >= range.from && entry.file.first < range.until)
      files.push_back(offline_file(index, entry.file));
  std::ranges::stable_sort(files, {}, [](const OfflineFile& file) { return file.range.from; });
  return files;
}

RocksFeatureStore::View RocksFeatureStore::view_of(std::size_t index) const {
  auto hold = epochs_.hold();
  std::shared_lock lock(mutex_);
  const std::uint64_t outbox_from = state_[index].outbox_from;
  lock.unlock();
  return {std::move(hold), outbox_from, database_.snapshot()};
}

// Before outbox_from lies what a flush has taken out, which RocksDB would step through.
Result<std::vector<FeatureRow>> RocksFeatureStore::outbox_rows(std::size_t index, const RowQuery& query,
                                                               const View& at) const {
  const FeatureGroup& group = options_.groups[index];
  std::vector<FeatureRow> rows;
  TRY(database_.scan(keyspace::outbox_key(group.name, at.outbox_from),
                     rocks::after_prefix(keyspace::outbox_prefix(group.name)), at.now,
                     [&](std::string_view, std::string_view value) -> Result<Go> {
                       const EventTime end = TRY(keyspace::end_of_row_version(value));
                       if (end < query.range.from || end >= query.range.until) return Go::kOn;
                       FeatureRow row = TRY(keyspace::decode_row_version(group, state_[index].schemas, value));
                       if (row.write_time <= query.as_of && (!query.key || row.key == *query.key))
                         rows.push_back(std::move(row));
                       return Go::kOn;
                     }));
  return rows;
}

Result<std::vector<FeatureRow>> RocksFeatureStore::history(std::size_t index, const RowQuery& query,
                                                           const View& at) const {
  if (query.range.from >= query.range.until) return std::vector<FeatureRow>();
  const auto files = TRY(files_of(index, query.range, at.now));
  std::vector<FeatureRow> rows;
  if (!files.empty()) {
    duck::Session session = TRY(sessions_.take());
    rows = TRY(read_parquet(session, options_.groups[index], files, query));
    sessions_.give_back(std::move(session));
  }
  auto in_outbox = TRY(outbox_rows(index, query, at));
  rows.insert(rows.end(), std::make_move_iterator(in_outbox.begin()), std::make_move_iterator(in_outbox.end()));
  sort_rows(rows);
  return rows;
}

Result<std::vector<FeatureRow>> RocksFeatureStore::newest_in_history(std::size_t index, const RowQuery& query,
                                                                     const View& at) const {
  return newest_versions(TRY(history(index, query, at)));
}

Result<FeatureStore::OfflineView> RocksFeatureStore::offline(std::string_view group) const {
  const std::size_t index = TRY(index_of(group));
  View at = view_of(index);
  OfflineView view{TRY(files_of(index, {}, at.now)), TRY(outbox_rows(index, {}, at))};
  view.hold = std::move(at.hold);
  return view;
}

// ---- both ---------------------------------------------------------------------------------------------------------

// What counts comes from RocksDB as far back as that reaches, and from files and outbox before that.  As of an earlier
// time, a row that was corrected or erased since hides what was known then: history tells.
Result<std::vector<FeatureRow>> RocksFeatureStore::select(std::string_view group, const RowQuery& query) const {
  const std::size_t index = TRY(index_of(group));
  const View at = view_of(index);
  if (query.history) return history(index, query, at);
  const EventTime online_since = TRY(online_from(index, at.now));
  auto online =
      TRY(online_rows(index, {std::max(query.range.from, online_since), query.range.until}, query.key, at.now));
  for (const FeatureRow& row : online)
    if (row.write_time > query.as_of && (row.revision > 0 || row.deleted)) return newest_in_history(index, query, at);
  std::erase_if(online, [&](const FeatureRow& row) { return row.deleted || row.write_time > query.as_of; });
  if (query.range.from >= online_since) return online;
  RowQuery older = query;
  older.range.until = std::min(query.range.until, online_since);
  auto rows = TRY(newest_in_history(index, older, at));
  rows.insert(rows.end(), std::make_move_iterator(online.begin()), std::make_move_iterator(online.end()));
  return rows;
}

Result<TimeSeries> RocksFeatureStore::series(std::string_view group, std::string_view column, EventRange range,
                                             ProcessingTime as_of, std::string_view key) const {
  const FeatureGroup& definition = options_.groups[TRY(index_of(group))];
  const auto index = definition.column(column);
  if (!index) {
    std::string known;
    for (const auto& each : definition.columns) known += (known.empty() ? "" : ", ") + each.name;
    return not_found("feature group {} has no column '{}'; there are: {}", group, column, known);
  }
  if (definition.kind == WindowKind::kSession)
    return invalid_argument("feature group {}: sessions are on no grid; ask for its rows", group);
  const auto rows = TRY(select(group, {.range = range, .as_of = as_of, .key = std::string(key)}));
  const Milliseconds step = definition.step();
  TimeSeries series{EventTime(), step, {}};
  if (rows.empty()) return series;
  constexpr double kNull = std::numeric_limits<double>::quiet_NaN();
  const double empty = definition.columns[*index].empty == EmptyWindow::kZero ? 0 : kNull;
  series.start = rows.front().window_start;
  const auto place = [&](const FeatureRow& row) {
    return static_cast<std::size_t>((row.window_start - series.start) / step);
  };
  series.values.assign(place(rows.back()) + 1, empty);
  for (const FeatureRow& row : rows) series.values[place(row)] = cell_of(row.values[*index]);
  // Looked up after the rows, so that a gap is known wherever a row of its own commit is.  A window that overlaps its
  // neighbours reaches beyond its step: it touches a gap that much later.
  for (SourceGap gap : TRY(gaps({series.start, rows.back().window_end}))) {
    if (gap.found_at > as_of) continue;
    gap.from = gap.from - (definition.window - step);
    blank(series, gap);
  }
  return series;
}

// ---- whether both say the same ------------------------------------------------------------------------------------

Result<StoreComparison> RocksFeatureStore::compare(std::string_view name, EventRange range) const {
  constexpr std::size_t kShown = 10;
  const std::size_t index = TRY(index_of(name));
  const FeatureGroup& group = options_.groups[index];
  const View at = view_of(index);
  range.from = std::max(range.from, TRY(online_from(index, at.now)));
  {
    const std::shared_lock lock(mutex_);
    const keyspace::GroupCounters& counters = state_[index].counters;
    if (group.keep_offline && counters.newest_end)
      range.from = std::max(range.from, *counters.newest_end - *group.keep_offline);
  }
  auto online = TRY(online_rows(index, range, std::nullopt, at.now));
  std::erase_if(online, [](const FeatureRow& row) { return row.deleted; });
  const auto offline = TRY(newest_in_history(index, {.range = range}, at));
  StoreComparison result;
  const auto mismatch = [&](const FeatureRow& row, std::string what) {
    ++result.mismatches;
    if (result.first.size() < kShown) result.first.push_back({row.window_end, row.key, std::move(what)});
  };
  const auto text = [&](const FeatureRow& row, std::size_t c) {
    if (const auto* integer = std::get_if<std::int64_t>(&row.values[c])) return fmt::format("{}", *integer);
    if (const auto* number = std::get_if<double>(&row.values[c])) return fmt::format("{}", *number);
    return std::string("null");
  };
  const auto same_value = [](const FeatureValue& a, const FeatureValue& b) {  // Not a number is equal to itself here.
    const auto *x = std::get_if<double>(&a), *y = std::get_if<double>(&b);
    return x != nullptr && y != nullptr ? *x == *y || (*x != *x && *y != *y) : a == b;
  };
  auto a = online.begin();
  auto b = offline.begin();
  while (a != online.end() || b != offline.end()) {
    ++result.compared;
    const auto place = [](const FeatureRow& row) { return std::tie(row.window_end, row.key); };
    if (b == offline.end() || (a != online.end() && place(*a) < place(*b))) {
      mismatch(*a++, "online only");
    } else if (a == online.end() || place(*b) < place(*a)) {
      mismatch(*b++, "offline only");
    } else {
      std::string what;
      if (a->revision != b->revision) what = fmt::format("revision: online {}, offline {}", a->revision, b->revision);
      for (std::size_t c = 0; what.empty() && c < group.columns.size(); ++c)
        if (!same_value(a->values[c], b->values[c]))
          what = fmt::format("{}: online {}, offline {}", group.columns[c].name, text(*a, c), text(*b, c));
      if (what.empty() && (a->write_time != b->write_time || a->window_start != b->window_start))
        what = "window start or write time";
      if (!what.empty()) mismatch(*a, what);
      ++a, ++b;
    }
  }
  return result;
}

}  // namespace tidecast
