// Random commits, flushes and restarts, compared after each with a model that is nothing but vectors.

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <tuple>

#include "base/rng.h"
#include "features/record_id.h"
#include "features/rocks_store.h"
#include "features/test_store.h"

namespace tidecast {
namespace {

struct Model {
  std::vector<std::vector<FeatureRow>> rows{3};  // By group: every version of every row, as they were written.
  std::string archive;
  std::vector<RecordKey> keys;
  std::vector<std::string> dead;
  std::vector<SourceGap> gaps;
  Commit last;
};

bool before(const FeatureRow& a, const FeatureRow& b) {
  return std::tie(a.window_end, a.key, a.revision) < std::tie(b.window_end, b.key, b.revision);
}

// What a query finds in a list of versions, as directly as its definition says it.
std::vector<FeatureRow> found_in(const std::vector<FeatureRow>& versions, const RowQuery& query) {
  std::vector<FeatureRow> found;
  for (const FeatureRow& row : versions) {
    if (row.window_end < query.range.from || row.window_end >= query.range.until || row.write_time > query.as_of)
      continue;
    if (query.key && row.key != *query.key) continue;
    const bool replaced = std::ranges::any_of(versions, [&](const FeatureRow& other) {
      return other.window_end == row.window_end && other.key == row.key && other.revision > row.revision &&
             other.write_time <= query.as_of;
    });
    if (query.history || (!replaced && !row.deleted)) found.push_back(row);
  }
  std::ranges::sort(found, before);
  return found;
}

// "trips": hours of a count by station, one beginning every 20 minutes.
FeatureGroup trips_group() {
  FeatureGroup group;
  group.name = "trips";
  group.kind = WindowKind::kHopping;
  group.window = 1h;
  group.every = 20min;
  group.offset = 5min;
  group.keys = {{"station", FieldType::kText}, {"weekday", FieldType::kBoolean}};
  group.columns = {{"count", FieldType::kInteger, "", EmptyWindow::kZero}};
  return group;
}

class RandomLife {
 public:
  explicit RandomLife(std::uint64_t seed) : rng_(seed), options_(store_options(folder_.path())) {
    options_.groups.push_back(trips_group());
    if (rng_.below(2) == 0) options_.groups[0].keep_online = Milliseconds(rng_.below(20'000'000));
    if (rng_.below(2) == 0) options_.groups[2].keep_online = Milliseconds(rng_.below(20'000'000));
    store_ = open_store(options_);
  }

  void step() {
    const std::uint64_t dice = rng_.below(14);
    if (dice < 7)
      commit();
    else if (dice < 9)
      ASSERT_TRUE(store_->flush(false).ok());
    else if (dice < 10)
      ASSERT_TRUE(store_->flush(true).ok());
    else if (dice < 12)
      compact();
    else if (dice < 13)
      erase();
    else
      reopen();
  }

  void reopen() {
    store_.reset();
    store_ = open_store(options_);
  }

  void compare() {
    const auto recovered = store_->recover().value();
    if (!model_.last.cursor.empty()) {
      ASSERT_EQ(recovered.cursors.at("poll"), model_.last.cursor);
    }
    ASSERT_EQ(recovered.engine_state.back(), model_.last.engine_state);
    ASSERT_EQ(recovered.books, model_.last.books);
    ASSERT_EQ(store_->books(), model_.last.books);
    ASSERT_EQ(recovered.late_by_group, model_.last.late_by_group);
    ASSERT_EQ(archive_of(*store_), model_.archive);
    std::vector<RecordKey> keys;
    ASSERT_TRUE(store_
                    ->visit_keys([&](auto pack) {
                      for (const auto& seen : pack) keys.push_back(seen.key);
                    })
                    .ok());
    ASSERT_EQ(keys, model_.keys);
    std::vector<std::string> dead;
    for (const auto& letter : store_->dead_letters(SIZE_MAX, SIZE_MAX).value()) dead.push_back(letter.raw);
    ASSERT_EQ(dead, model_.dead);
    ASSERT_EQ(store_->gap_count(), model_.gaps.size());
    ASSERT_EQ(store_->gaps({})->size(), model_.gaps.size());
    for (std::size_t group = 0; group < 3; ++group) compare_rows(group);
  }

 private:
  FeatureValue random_value(const FeatureColumn& column) {
    if (rng_.below(8) == 0) return {};
    if (column.type == FieldType::kInteger) return static_cast<std::int64_t>(rng_.next());
    return rng_.normal() * 1e6;
  }

  void commit() {
    now_ += Milliseconds(rng_.below(4) == 0 ? rng_.below(30'000'000) : rng_.below(60'000));
    Commit commit;
    commit.source = "poll";
    commit.cursor = std::to_string(rng_.next());
    commit.engine_state = std::string(rng_.below(100), 'e');
    commit.books = model_.last.books;
    commit.late_by_group = {{"fees", rng_.below(1000)}};
    for (std::uint64_t i = rng_.below(20); i > 0; --i) add_record(commit);
    commit.arrival = now_;
    for (std::size_t group = 0; group < 3; ++group) close_windows(commit, group);
    for (std::size_t group = 0; group < 3; ++group) correct_some(commit, group);
    if (rng_.below(6) == 0) {
      const EventTime from = EventTime::from_ms(now_.ms()) - Milliseconds(rng_.below(9'000'000));
      commit.gap = SourceGap{"poll", from, from + Milliseconds(rng_.below(4'000'000)), now_};
      model_.gaps.push_back(*commit.gap);
    }
    ASSERT_TRUE(store_->commit(commit).ok());
    model_.last = commit;
  }

  void add_record(Commit& commit) {
    now_ += Milliseconds(rng_.below(1000));
    const std::uint64_t number = commit.books.read++;
    if (rng_.below(10) == 0) {
      ++commit.books.dead;
      model_.dead.push_back(std::string(rng_.below(50), static_cast<char>(rng_.below(256))));
      commit.dead.push_back({number, now_, "no record", model_.dead.back()});
      return;
    }
    const bool late = rng_.below(10) == 0;
    ++(late ? commit.books.late : commit.books.stored);
    commit.archived.push_back({number, now_, late ? "late" : "stored", R"({"fee":12345,"hash":"abcdef"})"});
    model_.archive += fmt::format(R"({{"n":{},"arrival":"{}","verdict":"{}","record":{{"fee":12345,"hash":"abcdef"}}}})"
                                  "\n",
                                  number, to_rfc3339(now_), late ? "late" : "stored");
    KeySeen seen{{}, now_};
    for (auto& byte : seen.key) byte = static_cast<std::uint8_t>(rng_.next());
    commit.new_keys.push_back(seen);
    model_.keys.push_back(seen.key);
  }

  std::string random_key(const FeatureGroup& group) {
    if (group.keys.empty()) return "";
    static const std::string stations[] = {"JC014", "JC0", "it's, \\"};
    return record_id(std::vector<KeyValue>{stations[rng_.below(3)], rng_.below(3) == 0 ? KeyValue() : KeyValue(true)});
  }

  std::vector<FeatureValue> random_values(const FeatureGroup& group) {
    std::vector<FeatureValue> values;
    for (const auto& column : group.columns) values.push_back(random_value(column));
    return values;
  }

  void close_windows(Commit& commit, std::size_t group) {
    const FeatureGroup& definition = options_.groups[group];
    const Milliseconds step = definition.step();
    const EventTime until = floor_to(EventTime::from_ms(now_.ms()) - definition.offset, step) + definition.offset;
    EventTime& end = next_end_[group];
    end = floor_to(std::max(end, until - step * 10) - definition.offset, step) + definition.offset;
    for (; end <= until; end += step) {
      std::set<std::string> keys;
      for (std::uint64_t i = rng_.below(definition.keys.empty() ? 2 : 4); i > 0; --i)
        keys.insert(random_key(definition));
      for (const std::string& key : keys) {
        FeatureRow row{end - definition.window, end, commit.arrival, random_values(definition), key};
        row.closed_by_idle = rng_.below(9) == 0;
        commit.closed.push_back({group, row});
        model_.rows[group].push_back(row);
      }
    }
  }

  void correct_some(Commit& commit, std::size_t group) {
    const auto alive = found_in(model_.rows[group], {});
    if (alive.empty() || rng_.below(2) == 0) return;
    FeatureRow row = alive[alive.size() - 1 - rng_.below(std::min<std::uint64_t>(alive.size(), 200))];
    ++row.revision;
    row.write_time = commit.arrival;
    row.values = random_values(options_.groups[group]);
    commit.closed.push_back({group, row});
    model_.rows[group].push_back(row);
  }

  void erase() {
    const std::size_t group = rng_.below(3);
    const auto& rows = model_.rows[group];
    if (rows.empty()) return;
    RowQuery query;
    query.range.from = rows[rng_.below(rows.size())].window_end;
    query.range.until = query.range.from + Milliseconds(rng_.below(2) == 0 ? 1 : rng_.below(40'000'000));
    if (rng_.below(2) == 0) query.key = random_key(options_.groups[group]);
    now_ += Milliseconds(rng_.below(1000));
    const auto erased = store_->erase(options_.groups[group].name, query.key, query.range, now_);
    ASSERT_TRUE(erased.ok()) << erased.message();
    auto expected = found_in(rows, query);
    ASSERT_EQ(*erased, expected.size());
    for (FeatureRow& row : expected) {
      row.deleted = true, row.closed_by_idle = false, ++row.revision, row.write_time = now_;
      std::ranges::fill(row.values, FeatureValue());
      model_.rows[group].push_back(row);
    }
  }

  // A view taken before reads what it read, whatever is merged away below it.
  void compact() {
    const auto view = store_->offline("fees").value();
    for (;;) {
      const auto merged = store_->compact(64 << 20);
      ASSERT_TRUE(merged.ok()) << merged.message();
      if (!*merged) break;
    }
    for (const auto& file : view.files) ASSERT_TRUE(std::filesystem::exists(file.path)) << file.path;
  }

  void compare_rows(std::size_t group) {
    const FeatureGroup& definition = options_.groups[group];
    const auto& rows = model_.rows[group];
    std::uint64_t windows = 0;
    EventTime newest = EventTime::min();
    std::set<std::string> keys;
    for (const FeatureRow& row : rows) {
      if (row.revision == 0) ++windows;
      newest = std::max(newest, row.window_end);
      keys.insert(row.key);
    }
    ASSERT_EQ(store_->rows(definition.name), windows);
    const auto online_since =
        definition.keep_online && !rows.empty() ? newest - *definition.keep_online : EventTime::min();
    std::vector<std::string> keys_at_hand;
    for (const std::string& key : keys) {
      auto alive = found_in(rows, {.range = {online_since, EventTime::max()}, .key = key});
      const auto latest = store_->latest(definition.name, key).value();
      ASSERT_EQ(latest, alive.empty() ? std::nullopt : std::optional(alive.back()));
      if (!alive.empty()) keys_at_hand.push_back(key);
    }
    ASSERT_EQ(store_->keys(definition.name, SIZE_MAX, "").value(), keys_at_hand);
    RowQuery query;
    if (!rows.empty()) {
      const auto any = [&] { return rows[rng_.below(rows.size())]; };
      const FeatureRow one = any();
      const auto alive =
          found_in(rows, {.range = {std::max(one.window_end, online_since), one.window_end + 1ms}, .key = one.key});
      ASSERT_EQ(store_->get(definition.name, one.window_end, one.key).value(),
                alive.empty() ? std::nullopt : std::optional(alive[0]));
      if (rng_.below(2) == 0) query.range.from = any().window_end;
      if (rng_.below(2) == 0) query.range.until = any().window_end;
      if (rng_.below(2) == 0) query.as_of = any().write_time;
      if (rng_.below(2) == 0) query.key = any().key;
    }
    for (const bool history : {false, true}) {
      query.history = history;
      const auto expected = found_in(rows, query);
      const auto found = store_->select(definition.name, query);
      ASSERT_TRUE(found.ok()) << found.message();
      ASSERT_TRUE(*found == expected) << rows_text(*found) << "\nexpected\n" << rows_text(expected);
    }
    query.history = false;
    compare_offline(definition, rows);
    const auto compared = store_->compare(definition.name, {}).value();
    ASSERT_EQ(compared.mismatches, 0u) << compared.first[0].what;
    if (!query.key) query.key = random_key(definition);
    compare_series(definition, found_in(rows, query), query.range, query.as_of, *query.key);
  }

  void compare_offline(const FeatureGroup& definition, const std::vector<FeatureRow>& rows) {
    const auto view = store_->offline(definition.name).value();
    std::uint64_t in_files = 0;
    for (const auto& file : view.files) in_files += file.rows;
    ASSERT_EQ(in_files + view.outbox.size(), rows.size());
  }

  void compare_series(const FeatureGroup& definition, const std::vector<FeatureRow>& rows, EventRange range,
                      ProcessingTime as_of, const std::string& key) {
    const auto series = store_->series(definition.name, definition.columns[0].name, range, as_of, key).value();
    ASSERT_EQ(series.step, definition.step());
    std::size_t at = 0;
    for (std::size_t i = 0; i < series.values.size(); ++i) {
      const bool has_row = at < rows.size() && rows[at].window_start == series.time_of(i);
      double expected = definition.columns[0].empty == EmptyWindow::kZero ? 0 : NAN;
      if (has_row) {
        const FeatureValue& value = rows[at++].values[0];
        const auto* integer = std::get_if<std::int64_t>(&value);
        const auto* number = std::get_if<double>(&value);
        expected = integer != nullptr ? static_cast<double>(*integer) : number != nullptr ? *number : NAN;
      }
      for (const SourceGap& gap : model_.gaps)
        if (gap.found_at <= as_of && gap.from < series.time_of(i) + definition.window && gap.until >= series.time_of(i))
          expected = NAN;
      ASSERT_TRUE(series.values[i] == expected || (std::isnan(series.values[i]) && std::isnan(expected))) << i;
    }
    ASSERT_EQ(at, rows.size());
  }

  Rng rng_;
  const TemporaryFolder folder_;
  FeatureStore::Options options_;
  std::unique_ptr<RocksFeatureStore> store_;
  Model model_;
  ProcessingTime now_ = arrival_time("2026-05-06T00:00:00Z");
  EventTime next_end_[3] = {EventTime::from_ms(now_.ms()), EventTime::from_ms(now_.ms()),
                            EventTime::from_ms(now_.ms())};
};

TEST(FeatureStoreProperty, AStoreAnswersLikeAListWhateverWasFlushedOrReopenedWhen) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    RandomLife life(seed);
    for (int step = 0; step < 40; ++step) {
      SCOPED_TRACE(fmt::format("step {}", step));
      life.step();
      if (step % 8 == 7) life.compare();
      if (testing::Test::HasFatalFailure()) return;
    }
    life.reopen();
    life.compare();
    if (testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace tidecast
