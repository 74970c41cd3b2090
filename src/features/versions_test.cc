// Corrections, tombstones, series by key, definitions that change, folders of earlier versions.

#include <gtest/gtest.h>

#include "base/hash.h"
#include "features/agreement.h"
#include "features/codec.h"
#include "features/offline_files.h"
#include "features/record_id.h"
#include "features/test_store.h"
#include "storage/file.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;

FeatureGroup trips_group() {
  FeatureGroup group;
  group.name = "trips";
  group.keys = {{"station", FieldType::kText}};
  group.columns = {{"count", FieldType::kInteger, "", EmptyWindow::kZero}};
  return group;
}
std::string station(std::string_view name) { return record_id(std::vector<KeyValue>{std::string(name)}); }

FeatureStore::Options with_trips(const fs::path& folder) {
  auto options = store_options(folder);
  options.groups.push_back(trips_group());
  return options;
}
ClosedWindow trips(std::string_view end, std::string_view name, std::int64_t count) {
  FeatureRow row = row_at(trips_group(), event_time(end), {count});
  row.key = station(name);
  return {2, row};
}
ClosedWindow corrected(ClosedWindow window, std::uint32_t revision, std::string_view written) {
  window.row.revision = revision;
  window.row.write_time = arrival_time(written);
  return window;
}
void commit(FeatureStore& store, std::vector<ClosedWindow> closed) {
  const Status status = store.commit(closing(std::move(closed)));
  ASSERT_TRUE(status.ok()) << status.message();
}
// "00:01 JC=7 " for each row; a tombstone is "00:01 JC gone ".
std::string text(const std::vector<FeatureRow>& rows) {
  std::string out;
  for (const FeatureRow& row : rows) {
    out += to_rfc3339(row.window_end).substr(11, 5);
    if (!row.key.empty()) out += " " + key_text(trips_group().keys, row.key);
    out += row.deleted ? " gone " : "=" + value_text(row.values[0]) + " ";
  }
  return out;
}
std::string select(const FeatureStore& store, std::string_view group, const RowQuery& query = {}) {
  const auto rows = store.select(group, query);
  return rows.ok() ? text(*rows) : rows.message();
}

TEST(Versions, TheNewestRevisionCountsAndHistoryHasThemAllWhereverTheyLie) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  commit(*store, {fee_row("2026-05-06T00:01:00Z", 1), fee_row("2026-05-06T00:02:00Z", 2)});
  commit(*store, {corrected(fee_row("2026-05-06T00:01:00Z", 11), 1, "2026-05-06T00:10:00Z")});
  for (int flushed = 0; flushed < 2; ++flushed) {
    EXPECT_EQ(select(*store, "fees"), "00:01=11 00:02=2 ");
    EXPECT_EQ(select(*store, "fees", {.as_of = arrival_time("2026-05-06T00:09:59Z")}), "00:01=1 00:02=2 ");
    EXPECT_EQ(select(*store, "fees", {.as_of = arrival_time("2026-05-06T00:10:00Z")}), "00:01=11 00:02=2 ");
    EXPECT_EQ(select(*store, "fees", {.history = true}), "00:01=1 00:01=11 00:02=2 ");
    EXPECT_EQ(text({*store->get("fees", event_time("2026-05-06T00:01:00Z")).value()}), "00:01=11 ");
    EXPECT_EQ(text({*store->latest("fees").value()}), "00:02=2 ");
    EXPECT_EQ(store->rows("fees"), 2u);
    ASSERT_TRUE(store->flush(true).ok());
  }
  commit(*store, {corrected(fee_row("2026-05-06T00:02:00Z", 22), 1, "2026-05-06T00:11:00Z")});
  EXPECT_EQ(text({*store->latest("fees").value()}), "00:02=22 ");
  EXPECT_EQ(to_rfc3339(*store->freshness("fees").write_time), "2026-05-06T00:11:00Z");
  // A window that closed without a row: its first one is a correction too.
  commit(*store, {corrected(fee_row("2026-05-06T00:03:00Z", 1), 1, "2026-05-06T00:12:00Z")});
  EXPECT_EQ(text({*store->latest("fees").value()}), "00:03=1 ");
}

TEST(Versions, SeriesAreToldApartByTheirKeys) {
  const TemporaryFolder folder;
  const auto store = open_store(with_trips(folder.path()));
  commit(*store, {trips("2026-05-06T00:01:00Z", "A", 1), trips("2026-05-06T00:01:00Z", "B", 2),
                  trips("2026-05-06T00:03:00Z", "A", 3)});
  EXPECT_EQ(select(*store, "trips", {.key = station("A")}), "00:01 A=1 00:03 A=3 ");
  EXPECT_EQ(select(*store, "trips"), "00:01 A=1 00:01 B=2 00:03 A=3 ");
  EXPECT_EQ(text({*store->latest("trips", station("B")).value()}), "00:01 B=2 ");
  EXPECT_EQ(store->latest("trips", station("C")).value(), std::nullopt);
  EXPECT_EQ(store->keys("trips", SIZE_MAX, "").value(), (std::vector<std::string>{station("A"), station("B")}));
  EXPECT_EQ(store->keys("trips", 1, station("A")).value(), (std::vector<std::string>{station("B")}));
  const std::string asked[] = {station("B"), station("C"), station("A")};
  const auto rows = store->latest_of("trips", asked).value();
  EXPECT_EQ(text({*rows[0], *rows[2]}), "00:01 B=2 00:03 A=3 ");
  EXPECT_EQ(rows[1], std::nullopt);
  EXPECT_EQ(store->series("trips", "count", {}, ProcessingTime::max(), station("A"))->values,
            (std::vector<double>{1, 0, 3}));
  EXPECT_EQ(store->commit(closing({trips("2026-05-06T00:03:00Z", "A", 3)})).message(),
            "feature group trips, key A: window end 2026-05-06T00:03:00Z is not after the series' last row's "
            "2026-05-06T00:03:00Z");
}

TEST(Versions, WhatIsErasedIsGoneAtOnceAndForGoodButForHistoryAndEarlierTimes) {
  const TemporaryFolder folder;
  auto store = open_store(with_trips(folder.path()));
  commit(*store, {trips("2026-05-06T00:01:00Z", "A", 1), trips("2026-05-06T00:01:00Z", "B", 2),
                  trips("2026-05-06T00:02:00Z", "A", 3), trips("2026-05-06T00:02:00Z", "B", 4)});
  const EventRange second{event_time("2026-05-06T00:02:00Z"), event_time("2026-05-06T00:03:00Z")};
  EXPECT_EQ(store->erase("trips", station("A"), second, arrival_time("2026-05-06T00:05:00Z")).value(), 1u);
  EXPECT_EQ(store->erase("trips", station("A"), second, arrival_time("2026-05-06T00:05:00Z")).value(), 0u);
  for (int reopened = 0; reopened < 2; ++reopened) {
    EXPECT_EQ(select(*store, "trips"), "00:01 A=1 00:01 B=2 00:02 B=4 ");
    EXPECT_EQ(text({*store->latest("trips", station("A")).value()}), "00:01 A=1 ");
    EXPECT_EQ(store->get("trips", event_time("2026-05-06T00:02:00Z"), station("A")).value(), std::nullopt);
    EXPECT_EQ(select(*store, "trips", {.as_of = arrival_time("2026-05-06T00:04:59Z"), .key = station("A")}),
              "00:01 A=1 00:02 A=3 ");
    EXPECT_EQ(select(*store, "trips", {.range = second, .history = true}), "00:02 A=3 00:02 A gone 00:02 B=4 ");
    EXPECT_EQ(store->compare("trips", {})->mismatches, 0u);
    ASSERT_TRUE(store->flush(true).ok());
    store.reset();
    store = open_store(with_trips(folder.path()));
  }
  // The engine, which knows nothing of it, corrects the row.
  commit(*store, {corrected(trips("2026-05-06T00:02:00Z", "A", 9), 1, "2026-05-06T00:06:00Z")});
  EXPECT_EQ(select(*store, "trips", {.key = station("A")}), "00:01 A=1 ");
  EXPECT_EQ(store->erase("trips", station("A"), {}, arrival_time("2026-05-06T00:07:00Z")).value(), 1u);
  EXPECT_EQ(store->latest("trips", station("A")).value(), std::nullopt);
  EXPECT_EQ(store->keys("trips", SIZE_MAX, "").value(), (std::vector<std::string>{station("B")}));
}

TEST(Versions, ColumnsComeGoAndAreRenamedAndOldRowsAreReadByTheNamesOfThen) {
  const TemporaryFolder folder;
  auto options = store_options(folder.path());
  {
    const auto store = open_store(options);
    commit(*store, {fee_row("2026-05-06T00:01:00Z", 1, 0.1)});
    ASSERT_TRUE(store->flush(true).ok());
    commit(*store, {fee_row("2026-05-06T00:02:00Z", 2, 0.2)});
  }
  FeatureGroup& fees = options.groups[0];
  fees.columns = {{"rate", FieldType::kNumber}, {"count", FieldType::kInteger}};
  fees.renamed_from = {{"rate", "mean_rate"}};
  {
    const auto store = open_store(options);
    FeatureRow third{
        event_time("2026-05-06T00:02:00Z"), event_time("2026-05-06T00:03:00Z"), {}, {0.3, std::int64_t{3}}};
    commit(*store, {{0, third}});
    EXPECT_EQ(rows_text(store->range("fees", {}).value()), "00:01=0.1,null 00:02=0.2,null 00:03=0.3,3 ");
    EXPECT_EQ(rows_text(store->select("fees", {.history = true}).value()),
              "00:01=0.1,null 00:02=0.2,null 00:03=0.3,3 ");
    EXPECT_EQ(store->compare("fees", {})->mismatches, 0u);
    ASSERT_TRUE(store->flush(true).ok());
    EXPECT_EQ(rows_text(store->select("fees", {.history = true}).value()),
              "00:01=0.1,null 00:02=0.2,null 00:03=0.3,3 ");
  }
  // The old column again, under its name: it finds what it had.
  fees.columns = {{"total_fee", FieldType::kInteger}, {"rate", FieldType::kNumber}};
  const auto store = open_store(options);
  EXPECT_EQ(rows_text(store->range("fees", {}).value()), "00:01=1,0.1 00:02=2,0.2 00:03=null,0.3 ");
  EXPECT_EQ(rows_text(store->select("fees", {.history = true}).value()), "00:01=1,0.1 00:02=2,0.2 00:03=null,0.3 ");
}

TEST(Versions, AnotherWindowKeyOrKindIsRefused) {
  const TemporaryFolder folder;
  { const auto store = open_store(with_trips(folder.path())); }
  const auto refusal = [&](const std::function<void(FeatureGroup&)>& change) {
    auto options = with_trips(folder.path());
    change(options.groups[2]);
    const auto store = FeatureStore::open(options);
    EXPECT_EQ(store.code(), Code::kFailedPrecondition);
    const std::string& message = store.message();
    return message.substr(message.find("trips: ") + 7, message.find(';') - message.find("trips: ") - 7);
  };
  EXPECT_EQ(refusal([](auto& g) { g.window = 5min; }), "window was tumbling 1min, is tumbling 5min");
  EXPECT_EQ(refusal([](auto& g) { g.keys = {}; }), "key was [station], is []");
  EXPECT_EQ(refusal([](auto& g) { g.kind = WindowKind::kSession; }), "window was tumbling 1min, is session 1min");
  EXPECT_EQ(refusal([](auto& g) { g.offset = 5s; }), "window was tumbling 1min, is tumbling 1min offset 5s");
}

TEST(Versions, DaysAreMergedIntoOneFileEachAndMonthsTooAndAViewKeepsItsFiles) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  std::vector<ClosedWindow> hours;
  for (EventTime end = event_time("2026-04-29T01:00:00Z"); end <= event_time("2026-05-03T02:00:00Z"); end += 1h)
    hours.push_back(fee_row(end, end.ms() / 3'600'000));
  commit(*store, hours);
  ASSERT_TRUE(store->flush(false).ok());
  const auto before = store->select("fees", {.history = true}).value();
  auto view = store->offline("fees").value();
  EXPECT_EQ(view.files.size(), 97u);
  while (store->compact(64 << 20).value()) {
  }
  std::string files;
  const auto merged = store->offline("fees").value();
  for (const auto& file : merged.files)
    files += fmt::format("{} {}\n", fs::relative(file.path, folder.path() / "offline/fees").string(), file.rows);
  EXPECT_EQ(files,
            "month=2026-04/000000000000-000000000047-48.parquet 48\n"
            "date=2026-05-01/day/000000000048-000000000071-24.parquet 24\n"
            "date=2026-05-02/day/000000000072-000000000095-24.parquet 24\n"
            "date=2026-05-03/hour=00/000000000096-000000000096.parquet 1\n");
  EXPECT_TRUE(store->select("fees", {.history = true}).value() == before);
  for (const auto& file : view.files) EXPECT_TRUE(fs::exists(file.path));
  const auto copy = view.hold;
  view.hold.reset();
  EXPECT_TRUE(fs::exists(view.files[0].path));
}

TEST(Versions, ReplacedFilesGoAfterTheLastViewOfThemWithTheNextFlush) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  commit(*store,
         {fee_row("2026-05-01T01:00:00Z", 1), fee_row("2026-05-01T02:00:00Z", 2), fee_row("2026-05-02T02:00:00Z", 3)});
  ASSERT_TRUE(store->flush(false).ok());
  auto first = store->offline("fees").value(), second = store->offline("fees").value();
  ASSERT_TRUE(store->compact(64 << 20).value());
  const fs::path old = first.files[0].path;
  first = {};
  EXPECT_TRUE(fs::exists(old));
  ASSERT_TRUE(store->flush(false).ok());
  EXPECT_TRUE(fs::exists(old));
  second = {};
  EXPECT_TRUE(fs::exists(old));  // A reader does not wait for the disk.
  ASSERT_TRUE(store->flush(false).ok());
  EXPECT_FALSE(fs::exists(old));
}

// With nine series and more each row of one is looked up; from 1970 on that would be 1.8 billion windows.
TEST(Versions, ASeriesIsReadAcrossDecadesInWhichThereIsNothing) {
  const TemporaryFolder folder;
  auto options = store_options(folder.path());
  options.groups = {fees_group()};
  options.groups[0].window = 1s;
  options.groups[0].keys = {{"station", FieldType::kInteger}};
  const auto store = open_store(options);
  const auto key = [](std::int64_t station) { return record_id(std::vector<KeyValue>{station}); };
  for (const char* end : {"1970-01-02T00:00:00Z", "2026-05-06T00:00:00Z", "2026-05-06T00:00:20Z"}) {
    std::vector<ClosedWindow> rows;
    for (std::int64_t station = 0; station < 9; ++station) {
      rows.push_back({0, row_at(options.groups[0], event_time(end), {station, 0.5})});
      rows.back().row.key = key(station);
    }
    commit(*store, rows);
  }
  EXPECT_EQ(rows_text(store->select("fees", {.key = key(3)}).value()), "00:00=3,0.5 00:00=3,0.5 00:00=3,0.5 ");
}

TEST(Versions, ARangeOfTheArchiveIsFoundByNumberAndByArrival) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  for (std::uint64_t hour = 0; hour < 4; ++hour) {
    Commit commit = closing({});
    commit.arrival = arrival_time(fmt::format("2026-05-06T0{}:20:00Z", hour));
    for (std::uint64_t i = 0; i < 3; ++i)
      commit.archived.push_back({hour * 10 + i, commit.arrival, "stored", "{}", "poll", i == 0 ? "" : "trips"});
    ASSERT_TRUE(store->commit(commit).ok());
    ASSERT_TRUE(store->flush(false).ok());
  }
  const auto numbers = [&](const ArchiveRange& range) {
    std::string found;
    EXPECT_TRUE(store
                    ->visit_archive_range(range,
                                          [&](std::string_view line) {
                                            const auto record = parse_archived(line).value();
                                            EXPECT_EQ(record.source, "poll");
                                            EXPECT_EQ(record.event, record.number % 10 == 0 ? "" : "trips");
                                            found += fmt::format("{} ", record.number);
                                            return true;
                                          })
                    .ok());
    return found;
  };
  EXPECT_EQ(numbers({.first = 1, .after = 12}), "1 2 10 11 ");
  EXPECT_EQ(numbers({.from = arrival_time("2026-05-06T02:20:00Z")}), "20 21 22 30 31 32 ");
  EXPECT_EQ(numbers({.until = arrival_time("2026-05-06T00:20:00Z")}), "");
  // Files out of the range are not even opened.
  fs::remove(folder.path() / "raw/date=2026-05-06/hour=00/000000000000.ndjson.zst");
  EXPECT_EQ(numbers({.first = 10, .after = 11}), "10 ");
}

TEST(Versions, PiecesOfTheEngineLateRecordsMarksAndReplayedLettersComeBack) {
  const TemporaryFolder folder;
  auto store = open_store(folder);
  const auto piece = [&](std::string state, bool goes_on) {
    Commit commit = closing({});
    commit.engine_state = std::move(state);
    commit.engine_goes_on = goes_on;
    ASSERT_TRUE(store->commit(commit).ok());
    store.reset();
    store = open_store(folder);
  };
  const auto pieces = [&] { return fmt::format("{}", fmt::join(store->recover()->engine_state, " ")); };
  piece("a", false), piece("b", true), piece("c", true), piece("", true);
  EXPECT_EQ(pieces(), "a b c");
  piece("d", false), piece("e", true);
  EXPECT_EQ(pieces(), "d e");
  Commit commit = closing({});
  commit.engine_goes_on = true;
  commit.dead = {{3, commit.arrival, "why", "{}", "poll", "file:8:1024", {}}};
  commit.late = {{4, commit.arrival, event_time("2026-05-06T00:01:00Z"), "closed", "{\"a\":1}", "poll", true}};
  commit.marks = {{ClockMark::Kind::kSourceIdle, "poll", 5, commit.arrival, {}},
                  {ClockMark::Kind::kForcedWatermark, "fees", 5, commit.arrival, event_time("2026-05-06T00:01:00Z")}};
  commit.unmatched = 7;
  ASSERT_TRUE(store->commit(commit).ok());
  Commit again = closing({});
  again.engine_goes_on = true;
  again.replayed = {{3, 9}};
  again.unmatched = 7;
  ASSERT_TRUE(store->commit(again).ok());
  store.reset();
  store = open_store(folder);
  EXPECT_EQ(store->unmatched(), 7u);
  EXPECT_EQ(store->recover()->unmatched, 7u);
  EXPECT_EQ(store->dead_letter(3).value()->replayed_as, std::optional<std::uint64_t>(9));
  EXPECT_EQ(store->dead_letter(3).value()->position, "file:8:1024");
  EXPECT_EQ(store->dead_letter(4).value().has_value(), false);
  const auto late = store->late_records(9, SIZE_MAX).value();
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].reason + late[0].raw + late[0].source, "closed{\"a\":1}poll");
  EXPECT_TRUE(late[0].counted);
  EXPECT_TRUE(store->clock_marks().value() == commit.marks);
  again.replayed = {{8, 9}};
  EXPECT_EQ(store->commit(again).message(), "no dead letter 8 to be replayed as record 9");
}

TEST(Agreement, NewRowsAndOlderHoursInTurnAreCompared) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  StoreAgreement agreement(*store);
  EXPECT_EQ(agreement.check_more()->compared, 0u);
  commit(*store,
         {fee_row("2026-05-06T00:30:00Z", 1), fee_row("2026-05-06T01:30:00Z", 2), fee_row("2026-05-06T02:30:00Z", 3)});
  ASSERT_TRUE(store->flush(false).ok());
  EXPECT_EQ(agreement.check_more()->compared, 3u);  // The newest hour with both its ends, and the one before it.
  EXPECT_EQ(agreement.check_more()->compared, 1u);
  EXPECT_EQ(agreement.check_more()->mismatches, 0u);
}

// A folder as the release before wrote it: text of a schema, rows without versions, files without revisions.
TEST(Migration, AFolderOfTheFirstFormatOpensWithAllThatItHad) {
  const TemporaryFolder folder;
  auto options = store_options(folder.path());
  options.groups = {fees_group()};
  const auto first_key = [](char letter, EventTime time) {
    std::string key = std::string(1, letter) + "fees" + '\0';
    const std::uint64_t bits = static_cast<std::uint64_t>(time.ms()) ^ std::uint64_t{1} << 63;
    for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(bits >> shift);
    return key;
  };
  const EventTime ends[] = {event_time("2026-05-06T00:59:00Z"), event_time("2026-05-06T01:01:00Z"),
                            event_time("2026-05-06T01:02:00Z")};
  const fs::path file = "offline/fees/date=2026-05-06/hour=00/20260506T005900000-20260506T005900000.parquet";
  {
    auto database = std::move(rocks::Database::open(folder.path() / "state")).value();
    rocks::Batch batch;
    batch.put("sfees", ByteWriter(1).raw("window 1min: total_fee integer, mean_rate number").seal());
    for (std::int64_t i = 0; i < 3; ++i)
      batch.put(first_key('w', ends[i]), ByteWriter(1)
                                             .number(ends[i].ms() + 1500)
                                             .number(std::uint8_t{1})
                                             .number(i)
                                             .number(std::uint8_t{0})
                                             .number(std::int64_t{0})
                                             .seal());
    batch.put("e", ByteWriter(1).raw("watermark").seal());
    ASSERT_TRUE(make_folders((folder.path() / file).parent_path()).ok());
    auto session = std::move(duck::Session::open()).value();
    ASSERT_TRUE(session
                    .exec(fmt::format("COPY (SELECT make_timestamptz({0}) AS event_time, make_timestamptz({1}) AS "
                                      "write_time, false AS is_deleted, make_timestamptz({2}) AS window_start, "
                                      "make_timestamptz({0}) AS window_end, 0::BIGINT AS total_fee, NULL::DOUBLE AS "
                                      "mean_rate) TO '{3}' (FORMAT parquet)",
                                      ends[0].ms() * 1000, (ends[0].ms() + 1500) * 1000, (ends[0].ms() - 60'000) * 1000,
                                      (folder.path() / file).string()))
                    .ok());
    const std::string bytes = read_file(folder.path() / file).value();
    const auto hash = sha256(bytes);
    batch.put(first_key('O', ends[0]), ByteWriter(1)
                                           .text(file.string())
                                           .number(ends[0].ms())
                                           .number(ends[0].ms())
                                           .number(std::uint64_t{1})
                                           .number(static_cast<std::uint64_t>(bytes.size()))
                                           .raw({reinterpret_cast<const char*>(hash.data()), hash.size()})
                                           .seal());
    ASSERT_TRUE(database.write(batch, rocks::Sync::kYes).ok());
  }
  EXPECT_FALSE(RocksFeatureStore::open(options, [](auto) { return unavailable("died"); }).ok());
  auto store = open_store(options);
  EXPECT_EQ(store->recover()->engine_state, std::vector<std::string>{"watermark"});
  EXPECT_EQ(store->rows("fees"), 3u);
  EXPECT_EQ(rows_text({*store->latest("fees").value()}), "01:02=2,null ");
  EXPECT_EQ(store->offline("fees")->outbox.size(), 2u);
  EXPECT_EQ(store->compare("fees", {})->mismatches, 0u);
  commit(*store, {fee_row("2026-05-07T02:01:00Z", 3)});
  ASSERT_TRUE(store->flush(true).ok());
  ASSERT_TRUE(store->compact(64 << 20).value());
  store.reset();
  store = open_store(options);
  for (const bool history : {false, true})
    EXPECT_EQ(rows_text(store->select("fees", {.history = history}).value()),
              "00:59=0,null 01:01=1,null 01:02=2,null 02:01=3,0.5 ");
}

}  // namespace
}  // namespace tidecast
