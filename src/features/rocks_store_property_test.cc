// Random commits, flushes and restarts, compared after each with a model that is nothing but vectors.

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "features/rocks_store.h"
#include "features/test_store.h"

namespace tidecast {
namespace {

struct Model {
  std::vector<std::vector<FeatureRow>> rows{2};  // By group.
  std::string archive;
  std::vector<RecordKey> keys;
  std::vector<std::string> dead;
  std::vector<SourceGap> gaps;
  Commit last;
};

class RandomLife {
 public:
  explicit RandomLife(std::uint64_t seed) : rng_(seed), options_(store_options(folder_.path())) {
    if (rng_.below(2) == 0) options_.groups[0].keep_online = Milliseconds(rng_.below(20'000'000));
    store_ = open_store(options_);
  }

  void step() {
    const std::uint64_t dice = rng_.below(10);
    if (dice < 6)
      commit();
    else if (dice < 8)
      ASSERT_TRUE(store_->flush(now_, false).ok());
    else if (dice < 9)
      ASSERT_TRUE(store_->flush(now_, true).ok());
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
    for (std::size_t group = 0; group < 2; ++group) compare_rows(group);
  }

 private:
  FeatureValue random_value(const FeatureColumn& column) {
    if (rng_.below(8) == 0) return {};
    if (column.type == FieldType::kInteger) return static_cast<std::int64_t>(rng_.next());
    return rng_.normal() * 1e6;
  }

  void commit() {
    now_ += Milliseconds(rng_.below(4) == 0 ? rng_.below(9'000'000) : rng_.below(60'000));
    Commit commit;
    commit.source = "poll";
    commit.cursor = std::to_string(rng_.next());
    commit.engine_state = std::string(rng_.below(100), 'e');
    commit.books = model_.last.books;
    commit.late_by_group = {{"fees", rng_.below(1000)}};
    for (std::uint64_t i = rng_.below(20); i > 0; --i) add_record(commit);
    commit.arrival = now_;
    for (std::size_t group = 0; group < 2; ++group) close_windows(commit, group);
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

  void close_windows(Commit& commit, std::size_t group) {
    const FeatureGroup& definition = options_.groups[group];
    const EventTime until = floor_to(EventTime::from_ms(now_.ms()), definition.window);
    EventTime& end = next_end_[group];
    for (end = std::max(end, until - definition.window * 10); end <= until; end += definition.window) {
      if (rng_.below(5) == 0) continue;  // A window without events.
      FeatureRow row{end - definition.window, end, commit.arrival, {}};
      for (const auto& column : definition.columns) row.values.push_back(random_value(column));
      commit.closed.push_back({group, row});
      model_.rows[group].push_back(row);
    }
  }

  void compare_rows(std::size_t group) {
    const FeatureGroup& definition = options_.groups[group];
    const auto& rows = model_.rows[group];
    ASSERT_EQ(store_->rows(definition.name), rows.size());
    const auto latest = store_->latest(definition.name).value();
    ASSERT_EQ(latest.has_value(), !rows.empty());
    EventRange range;
    ProcessingTime as_of = ProcessingTime::max();
    if (!rows.empty()) {
      ASSERT_TRUE(*latest == rows.back());
      const auto any = [&] { return rows[rng_.below(rows.size())]; };
      if (rng_.below(2) == 0) range.from = any().window_end;
      if (rng_.below(2) == 0) range.until = any().window_end;
      if (rng_.below(2) == 0) as_of = any().write_time;
    }
    std::vector<FeatureRow> expected;
    for (const auto& row : rows)
      if (row.window_end >= range.from && row.window_end < range.until && row.write_time <= as_of)
        expected.push_back(row);
    const auto found = store_->range(definition.name, range, as_of);
    ASSERT_TRUE(found.ok()) << found.message();
    ASSERT_TRUE(*found == expected) << rows_text(*found) << "\nexpected\n" << rows_text(expected);
    compare_offline(definition, rows);
    compare_series(definition, expected, range, as_of);
  }

  void compare_offline(const FeatureGroup& definition, const std::vector<FeatureRow>& rows) {
    const auto view = store_->offline(definition.name).value();
    std::uint64_t in_files = 0;
    for (const auto& file : view.files) in_files += file.rows;
    ASSERT_EQ(in_files + view.outbox.size(), rows.size());
    ASSERT_TRUE(
        std::equal(view.outbox.begin(), view.outbox.end(), rows.begin() + static_cast<std::ptrdiff_t>(in_files)));
  }

  void compare_series(const FeatureGroup& definition, const std::vector<FeatureRow>& rows, EventRange range,
                      ProcessingTime as_of) {
    const auto series = store_->series(definition.name, definition.columns[0].name, range, as_of).value();
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
        if (gap.found_at <= as_of && gap.from < series.time_of(i + 1) && gap.until >= series.time_of(i)) expected = NAN;
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
  EventTime next_end_[2] = {EventTime::from_ms(now_.ms()), EventTime::from_ms(now_.ms())};
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
