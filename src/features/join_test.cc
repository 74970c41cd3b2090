#include "features/join.h"

#include <fstream>
#include <set>

#include "base/rng.h"
#include "features/record_id.h"
#include "features/test_store.h"
#include "storage/file.h"

namespace tidecast {
namespace {

FeatureGroup trips_group() {
  FeatureGroup group;
  group.name = "trips";
  group.keys = {{"station", FieldType::kText}};
  group.columns = {{"count", FieldType::kInteger}};
  return group;
}

FeatureGroup rooms_group() {
  FeatureGroup group = trips_group();
  group.name = "rooms";
  group.keys = {{"number", FieldType::kInteger}, {"warm", FieldType::kBoolean}};
  return group;
}

class PointInTimeJoin : public testing::Test {
 protected:
  void SetUp() override { SetUp("store"); }
  void SetUp(const std::string& folder) {
    store_.reset();
    auto options = store_options(folder_.path() / folder);
    options.groups = {fees_group(), trips_group(), rooms_group()};
    store_ = open_store(options);
  }

  void trips(std::string_view end, std::string_view station, std::int64_t count, std::string_view written,
             std::uint32_t revision = 0) {
    FeatureRow row = row_at(trips_group(), event_time(end), {count});
    row.key = record_id(std::vector<KeyValue>{std::string(station)});
    row.write_time = arrival_time(written);
    row.revision = revision;
    const Status status = store_->commit(closing({{1, row}}));
    ASSERT_TRUE(status.ok()) << status.message();
  }
  // What the frame's rows get: the last column of each.
  std::string joined(const std::string& csv, JoinOptions options = {}) {
    options.entities = folder_.path() / "entities.csv";
    std::ofstream(options.entities) << csv;
    if (options.groups.empty()) options.groups = {"trips"};
    const auto table = join_to_rows(*store_, options, 100);
    if (!table.ok()) return table.message().substr(table.message().find("entities.csv"));
    std::string text;
    for (const auto& row : table->rows) text += to_text(row.back()) + " ";
    return text;
  }

  const TemporaryFolder folder_;
  std::unique_ptr<RocksFeatureStore> store_;
};

TEST_F(PointInTimeJoin, TakesTheNewestRowThatHadEndedAndWasWritten) {
  trips("2026-05-06T00:01:00Z", "A", 1, "2026-05-06T00:01:30Z");
  trips("2026-05-06T00:02:00Z", "A", 2, "2026-05-06T00:02:30Z");
  trips("2026-05-06T00:03:00Z", "B", 3, "2026-05-06T00:03:30Z");
  const std::string frame =
      "event_time,station\n2026-05-06T00:01:29Z,A\n2026-05-06T00:01:30Z,A\n2026-05-06T00:02:00Z,A\n"
      "2026-05-06T00:09:00Z,A\n2026-05-06T00:09:00Z,B\n2026-05-06T00:09:00Z,C\n";
  for (int flushed = 0; flushed < 2; ++flushed) {
    EXPECT_EQ(joined(frame), "null 1 1 2 3 null ");
    EXPECT_EQ(joined(frame, {.known_now = true}), "1 1 2 2 3 null ");
    EXPECT_EQ(joined(frame, {.max_age = 6min}), "null 1 1 null 3 null ");
    ASSERT_TRUE(store_->flush(true).ok());
  }
}

TEST_F(PointInTimeJoin, OfSeveralThatOneRecordClosedTheNewestWindowCounts) {
  FeatureRow row = row_at(trips_group(), event_time("2026-05-06T00:01:00Z"), {std::int64_t{1}});
  row.key = record_id(std::vector<KeyValue>{std::string("A")});
  row.write_time = arrival_time("2026-05-06T00:10:00Z");
  FeatureRow later = row;
  later.window_start += 1min, later.window_end += 1min, later.values = {std::int64_t{2}};
  ASSERT_TRUE(store_->commit(closing({{1, row}, {1, later}})).ok());
  EXPECT_EQ(joined("event_time,station\n2026-05-06T00:09:59Z,A\n2026-05-06T00:10:00Z,A\n"), "null 2 ");
}

TEST_F(PointInTimeJoin, HistoryThatWasReadCenturiesLaterIsKnownFromThenOn) {
  trips("1800-01-01T00:01:00Z", "A", 1, "2026-05-06T00:01:30Z");
  trips("1800-01-01T00:02:00Z", "A", 2, "2026-05-06T00:01:30Z");
  trips("2026-05-06T00:02:00Z", "A", 3, "2026-05-06T00:02:30Z");
  EXPECT_EQ(joined("event_time,station\n1800-01-01T00:09:00Z,A\n2026-05-06T00:01:29.999Z,A\n2026-05-06T00:01:30Z,A\n"
                   "2026-05-06T00:02:29Z,A\n9000-01-01T00:00:00Z,A\n"),
            "null null 2 2 3 ");
}

TEST_F(PointInTimeJoin, ALateCorrectionOfAnOlderWindowHidesNoNewerOne) {
  trips("2026-05-06T00:01:00Z", "A", 1, "2026-05-06T00:01:30Z");
  trips("2026-05-06T00:02:00Z", "A", 2, "2026-05-06T00:02:30Z");
  trips("2026-05-06T00:01:00Z", "A", 11, "2026-05-06T00:05:00Z", 1);
  trips("2026-05-06T00:02:00Z", "A", 22, "2026-05-06T00:06:00Z", 1);
  const std::string frame =
      "event_time,station\n2026-05-06T00:02:00Z,A\n2026-05-06T00:05:00Z,A\n2026-05-06T00:06:00Z,A\n";
  EXPECT_EQ(joined(frame), "1 2 22 ");
  EXPECT_EQ(joined(frame, {.known_now = true}), "22 22 22 ");
}

TEST_F(PointInTimeJoin, WhatWasErasedIsThereBeforeAndTheOlderRowAfter) {
  trips("2026-05-06T00:01:00Z", "A", 1, "2026-05-06T00:01:30Z");
  trips("2026-05-06T00:02:00Z", "A", 2, "2026-05-06T00:02:30Z");
  const EventRange second{event_time("2026-05-06T00:02:00Z"), EventTime::max()};
  ASSERT_EQ(store_->erase("trips", std::nullopt, second, arrival_time("2026-05-06T00:05:00Z")).value(), 1u);
  trips("2026-05-06T00:01:00Z", "A", 11, "2026-05-06T00:06:00Z", 1);
  ASSERT_EQ(store_->erase("trips", std::nullopt, {}, arrival_time("2026-05-06T00:07:00Z")).value(), 1u);
  EXPECT_EQ(joined("event_time,station\n2026-05-06T00:04:59Z,A\n2026-05-06T00:05:00Z,A\n2026-05-06T00:06:00Z,A\n"
                   "2026-05-06T00:07:00Z,A\n"),
            "2 1 11 null ");
}

TEST_F(PointInTimeJoin, AKeyIsAsItStandsThereAndNotRoundedOrGuessed) {
  FeatureRow row = row_at(rooms_group(), event_time("2026-05-06T00:01:00Z"), {std::int64_t{5}});
  row.key = record_id(std::vector<KeyValue>{std::int64_t{2}, true});
  ASSERT_TRUE(store_->commit(closing({{2, row}})).ok());
  EXPECT_EQ(joined("event_time,number,warm\n2026-05-07,2,true\n2026-05-07,1.6,true\n2026-05-07,2.0,TRUE\n"
                   "2026-05-07,2,7\n2026-05-07,two,true\n2026-05-07,,true\n2026-05-07,2,false\n",
                   {.groups = {"rooms"}}),
            "5 null 5 null null null null ");
  trips("2026-05-06T00:01:00Z", "1.50", 1, "2026-05-06T00:01:30Z");
  EXPECT_EQ(joined("event_time,station\n2026-05-07,1.50\n2026-05-07,1.5\n"), "1 null ");
}

TEST_F(PointInTimeJoin, AFrameMayHaveColumnsOfAnyNames) {
  trips("2026-05-06T00:01:00Z", "A", 1, "2026-05-06T00:01:30Z");
  trips("2026-05-06T00:03:00Z", "A", 3, "2026-05-06T00:03:30Z");
  EXPECT_EQ(joined("event_time,station,__row,__ROW_,__Time,__series,rowid\n"
                   "2026-05-06T00:05:00Z,A,2,7,x,9,100000000000\n2026-05-06T00:02:00Z,A,1,8,y,9,0\n"),
            "3 1 ");
  EXPECT_EQ(joined("event_time,station\n"), "") << "nor need it have rows";
}

TEST_F(PointInTimeJoin, NothingIsKnownAtAnInfiniteTime) {
  trips("2026-05-06T00:01:00Z", "A", 1, "2026-05-06T00:01:30Z");
  EXPECT_EQ(joined("event_time,station\n-infinity,A\ninfinity,A\n"), "null null ");
}

// What the header says, of all versions there are.
std::string answer_by_definition(const std::vector<FeatureRow>& versions, const std::string& key, ProcessingTime t,
                                 const JoinOptions& options) {
  const FeatureRow* answer = nullptr;
  const auto counts = [&](const FeatureRow& row) {
    return row.key == key && row.window_end.ms() <= t.ms() && (options.known_now || row.write_time <= t);
  };
  for (const FeatureRow& row : versions) {
    const bool replaced = std::ranges::any_of(versions, [&](const FeatureRow& other) {
      return counts(other) && other.window_end == row.window_end && other.revision > row.revision;
    });
    if (!counts(row) || replaced || row.deleted) continue;
    if (!answer || answer->window_end < row.window_end) answer = &row;
  }
  if (!answer || (options.max_age && t.ms() - answer->window_end.ms() > options.max_age->count())) return "null";
  return fmt::format("{}", std::get<std::int64_t>(answer->values[0]));
}

TEST_F(PointInTimeJoin, GivesWhatItsDefinitionSaysOfAnyHistory) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    SetUp(fmt::format("store{}", seed));
    Rng rng(seed);
    const auto any = [&](std::uint64_t n) { return static_cast<std::int64_t>(rng.below(n)); };
    const auto minute = [](std::int64_t m) { return fmt::format("2026-05-06T{:02}:{:02}:00Z", m / 60, m % 60); };
    const auto key_of = [](const std::string& station) { return record_id(std::vector<KeyValue>{station}); };
    std::set<std::pair<std::int64_t, std::string>> written;
    for (std::int64_t step = 1, newest = 0; step < 60; ++step) {
      const std::string station(1, "ABC"[any(3)]);
      std::int64_t window = newest + (newest < step ? any(2) : 0);  // A row of a new window, or one that is corrected.
      if (any(3) == 0) window = any(static_cast<std::uint64_t>(newest) + 1);
      if (window < newest && !written.contains({window, station})) continue;
      newest = std::max(newest, window);
      if (seed % 2 == 0 && any(10) == 0) {
        const EventRange range{event_time(minute(window)), event_time(minute(window + any(5)))};
        const auto erased = store_->erase("trips", key_of(station), range, arrival_time(minute(step)));
        ASSERT_TRUE(erased.ok()) << erased.message();
      } else {
        std::uint32_t revision = 0;
        const auto all = store_->select("trips", {.history = true});
        for (const FeatureRow& row : *all)
          if (row.key == key_of(station) && row.window_end == event_time(minute(window))) revision = row.revision + 1;
        trips(minute(window), station, step, minute(step), revision);
        written.emplace(window, station);
      }
      if (any(15) == 0) {
        ASSERT_TRUE(store_->flush(true).ok());
      }
    }
    const auto versions = store_->select("trips", {.history = true});
    ASSERT_TRUE(versions.ok());
    for (const JoinOptions& options : {JoinOptions{}, JoinOptions{.known_now = true}, JoinOptions{.max_age = 4min}}) {
      std::string frame = "event_time,station\n", expected;
      for (int i = 0; i < 80; ++i) {
        const std::string t = minute(any(62)), station(1, "ABCD"[any(4)]);
        frame += t + "," + station + "\n";
        expected += answer_by_definition(*versions, key_of(station), arrival_time(t), options) + " ";
      }
      EXPECT_EQ(joined(frame, options), expected);
    }
  }
}

TEST_F(PointInTimeJoin, SeveralGroupsGoBesideEachOtherIntoAFile) {
  trips("2026-05-06T00:01:00Z", "A", 1, "2026-05-06T00:01:30Z");
  ASSERT_TRUE(store_->commit(closing({fee_row("2026-05-06T00:01:00Z", 7, 0.25)})).ok());
  JoinOptions options;
  options.entities = folder_.path() / "entities.csv";
  options.time_column = "at";
  options.groups = {"fees", "trips"};
  std::ofstream(options.entities) << "id,at,station\n1,2026-05-06T00:05:00Z,A\n2,2026-05-06T00:05:00Z,B\n";
  const auto rows = join_to_file(*store_, options, folder_.path() / "out.csv");
  ASSERT_TRUE(rows.ok()) << rows.message();
  EXPECT_EQ(*rows, 2u);
  EXPECT_EQ(read_file(folder_.path() / "out.csv").value(),
            "id,at,station,fees__event_time,fees__total_fee,fees__mean_rate,trips__event_time,trips__count\n"
            "1,2026-05-06T00:05:00.000000Z,A,2026-05-06T00:01:00.000000Z,7,0.25,2026-05-06T00:01:00.000000Z,1\n"
            "2,2026-05-06T00:05:00.000000Z,B,2026-05-06T00:01:00.000000Z,7,0.25,,\n");
  options.entities = folder_.path() / "out.parquet";
  ASSERT_TRUE(join_to_file(*store_,
                           {.entities = folder_.path() / "entities.csv", .time_column = "at", .groups = {"fees"}},
                           options.entities)
                  .ok());
  EXPECT_TRUE(join_to_file(*store_, {.entities = options.entities, .time_column = "at", .groups = {"trips"}},
                           folder_.path() / "again.parquet")
                  .ok());
}

TEST_F(PointInTimeJoin, ErrorsNameFileAndColumn) {
  EXPECT_EQ(joined("time,station\n2026-05-06T00:01:29Z,A\n"),
            "entities.csv: no column event_time for the time; there are: time, station");
  EXPECT_EQ(
      joined("event_time,station\n2026-05-06T00:01:29Z,A\n2026-05-06T00:02:29Z\n"),
      "entities.csv: 'event_time,station' was taken for the name of one column; not every row has as many fields");
  EXPECT_EQ(joined("event_time,stop\n2026-05-06T00:01:29Z,A\n"),
            "entities.csv: no column station for key of group trips; there are: event_time, stop");
  EXPECT_EQ(joined("event_time,station\n17,A\n"),
            "entities.csv: column event_time is BIGINT, expected a TIMESTAMP or text in RFC 3339");
  EXPECT_EQ(joined("event_time,station\n2026-05-06T00:01:29Z,A\nnoon,A\n"),
            "entities.csv: column event_time, row 2: 'noon' is no time");
}

TEST_F(PointInTimeJoin, CallsTheFrameByTheNameThatItHasForTheUser) {
  const auto error_of = [&](const std::string& csv, const std::string& time) {
    JoinOptions options{.entities = folder_.path() / "copy.csv", .name = "labels.csv", .time_column = time};
    options.groups = {"trips"};
    std::ofstream(options.entities) << csv;
    return join_to_rows(*store_, options, 100).message();
  };
  EXPECT_EQ(error_of("paid_at,station\nsoon,A\n", "paid_at"), "labels.csv: column paid_at, row 1: 'soon' is no time");
  EXPECT_EQ(error_of("paid_at\n2026-05-06T00:00:00Z\n", "paid_at"),
            "group trips: labels.csv: no column station for key of group trips; there are: paid_at");
  const std::string torn = error_of(std::string("paid_at,station\n\xff\xfe,A\n"), "paid_at");  // DuckDB's own words.
  EXPECT_EQ(torn.find("copy.csv"), torn.npos) << torn;
  EXPECT_NE(torn.find("labels.csv"), torn.npos) << torn;
}

}  // namespace
}  // namespace tidecast
