#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "features/rocks_store.h"
#include "features/test_store.h"
#include "storage/duck.h"
#include "storage/file.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;

// Rows for every minute that ends in (from, to].
std::vector<ClosedWindow> minutes(std::string_view from, std::string_view to) {
  std::vector<ClosedWindow> rows;
  for (EventTime end = event_time(from) + 1min; end <= event_time(to); end += 1min)
    rows.push_back(fee_row(end, end.ms() / 60'000, 0.25));
  return rows;
}

std::vector<FeatureRow> all_rows(const FeatureStore& store, std::string_view group = "fees") {
  auto rows = store.range(group, {}, ProcessingTime::max());
  EXPECT_TRUE(rows.ok()) << rows.message();
  return rows.ok() ? *rows : std::vector<FeatureRow>();
}

TEST(Flush, FinishedHoursGoToFilesAndTheRestStaysInTheOutbox) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  ASSERT_TRUE(store->commit(closing(minutes("2026-05-06T00:00:00Z", "2026-05-06T02:00:00Z"))).ok());
  ASSERT_TRUE(store->flush(false).ok());
  // The row that ends at 01:00 belongs to hour 0; the hour that ends at 02:00 may not be over.
  EXPECT_EQ(files_in(folder.path() / "offline"), "fees/date=2026-05-06/hour=00/000000000000-000000000059.parquet");
  auto view = store->offline("fees").value();
  ASSERT_EQ(view.files.size(), 1u);
  EXPECT_EQ(view.files[0].rows, 60u);
  EXPECT_EQ(to_rfc3339(view.files[0].range.from), "2026-05-06T00:01:00Z");
  EXPECT_EQ(to_rfc3339(view.files[0].range.until), "2026-05-06T01:00:00.001Z");
  ASSERT_EQ(view.outbox.size(), 60u);
  EXPECT_EQ(to_rfc3339(view.outbox[0].window_end), "2026-05-06T01:01:00Z");
  ASSERT_TRUE(store->commit(closing(minutes("2026-05-06T02:00:00Z", "2026-05-06T02:01:00Z"))).ok());
  ASSERT_TRUE(store->flush(false).ok());
  view = store->offline("fees").value();
  EXPECT_EQ(view.files.size(), 2u);
  EXPECT_EQ(view.outbox.size(), 1u);
  EXPECT_EQ(store->rows("fees"), 121u);
}

TEST(Flush, EverythingMeansTheUnfinishedHourToo) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  ASSERT_TRUE(store->commit(closing(minutes("2026-05-06T00:00:00Z", "2026-05-06T00:10:00Z"))).ok());
  ASSERT_TRUE(store->flush(true).ok());
  ASSERT_TRUE(store->commit(closing(minutes("2026-05-06T00:10:00Z", "2026-05-06T00:12:00Z"))).ok());
  ASSERT_TRUE(store->flush(true).ok());
  ASSERT_TRUE(store->flush(true).ok());  // A repeat changes nothing.
  EXPECT_EQ(files_in(folder.path() / "offline"),
            "fees/date=2026-05-06/hour=00/000000000000-000000000009.parquet\n"
            "fees/date=2026-05-06/hour=00/000000000010-000000000011.parquet");
  EXPECT_TRUE(store->offline("fees")->outbox.empty());
  EXPECT_EQ(all_rows(*store).size(), 12u);
}

TEST(Flush, ManyHoursAreFlushedAtOnceEachWithTheCorrectionsBehindTheOthers) {
  const TemporaryFolder folder;
  auto store = open_store(folder);
  std::vector<ClosedWindow> rows;
  for (const char* end : {"2026-05-06T00:30:00Z", "2026-05-06T01:30:00Z", "2026-05-06T02:30:00Z"})
    rows.push_back(fee_row(end, 1));
  for (const std::size_t corrected : {0, 1, 2}) {
    ClosedWindow row = rows[corrected];
    row.row.revision = 1;
    row.row.values[0] = std::int64_t{7};
    rows.push_back(row);
  }
  ASSERT_TRUE(store->commit(closing(rows)).ok());
  ASSERT_TRUE(store->flush(false).ok());
  EXPECT_EQ(files_in(folder.path() / "offline"),
            "fees/date=2026-05-06/hour=00/000000000000-000000000003.parquet\n"
            "fees/date=2026-05-06/hour=01/000000000001-000000000004.parquet");
  EXPECT_EQ(rows_text(store->offline("fees")->outbox), "02:30=1,0.5 02:30=7,0.5 ");
  store.reset();
  store = open_store(folder);
  EXPECT_EQ(rows_text(store->offline("fees")->outbox), "02:30=1,0.5 02:30=7,0.5 ");
  EXPECT_EQ(rows_text(all_rows(*store)), "00:30=7,0.5 01:30=7,0.5 02:30=7,0.5 ");
  ASSERT_TRUE(store->flush(true).ok());
  EXPECT_TRUE(store->offline("fees")->outbox.empty());
  EXPECT_EQ(rows_text(all_rows(*store)), "00:30=7,0.5 01:30=7,0.5 02:30=7,0.5 ");
}

TEST(Flush, AnyParquetReaderSeesTheSameRows) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  ClosedWindow nulls = fee_row("2026-05-06T00:03:00Z", 0);
  nulls.row.values = {FeatureValue(), FeatureValue()};
  ASSERT_TRUE(store->commit(closing({fee_row("2026-05-06T00:01:00Z", INT64_MAX, 0.1), nulls})).ok());
  ASSERT_TRUE(store->flush(true).ok());
  auto session = std::move(duck::Session::open()).value();
  const auto table =
      session.query(fmt::format("SELECT * FROM read_parquet('{}', hive_partitioning=false) ORDER BY event_time",
                                store->offline("fees")->files[0].path.string()));
  ASSERT_TRUE(table.ok()) << table.message();
  std::string columns;
  for (const auto& column : table->columns) columns += column.name + " " + column.type + ", ";
  EXPECT_EQ(
      columns,
      "event_time TIMESTAMP WITH TIME ZONE, write_time TIMESTAMP WITH TIME ZONE, is_deleted BOOLEAN, "
      "window_start TIMESTAMP WITH TIME ZONE, window_end TIMESTAMP WITH TIME ZONE, revision INTEGER, closed_by_idle "
      "BOOLEAN, total_fee BIGINT, mean_rate DOUBLE, ");
  const auto row = [&](std::size_t i) {
    return to_text(json::value(json::array(table->rows[i].begin(), table->rows[i].end())));
  };
  EXPECT_EQ(row(0), R"(["2026-05-06T00:01:00Z","2026-05-06T00:01:01.500Z",false,)"
                    R"("2026-05-06T00:00:00Z","2026-05-06T00:01:00Z",0,false,9223372036854775807,0.1])");
  EXPECT_EQ(row(1), R"(["2026-05-06T00:03:00Z","2026-05-06T00:03:01.500Z",false,)"
                    R"("2026-05-06T00:02:00Z","2026-05-06T00:03:00Z",0,false,null,null])");
}

TEST(Flush, RowsThatLeaveTheOnlineStoreAreStillReadOverAllHistory) {
  const TemporaryFolder folder;
  auto options = store_options(folder.path());
  options.groups[0].keep_online = 30min;
  const auto closed = minutes("2026-05-06T00:00:00Z", "2026-05-06T03:10:00Z");
  auto store = open_store(options);
  ASSERT_TRUE(store->commit(closing(closed)).ok());
  ASSERT_TRUE(store->flush(false).ok());
  const auto at = [&](std::string_view time) { return store->get("fees", event_time(time)).value(); };
  EXPECT_EQ(at("2026-05-06T00:01:00Z"), std::nullopt);
  EXPECT_EQ(at("2026-05-06T02:39:00Z"), std::nullopt);
  EXPECT_NE(at("2026-05-06T02:40:00Z"), std::nullopt);  // 30 minutes behind the newest.
  for (int reopened = 0; reopened < 2; ++reopened) {
    const auto rows = all_rows(*store);
    ASSERT_EQ(rows.size(), closed.size());
    for (std::size_t i = 0; i < rows.size(); ++i) ASSERT_TRUE(rows[i] == closed[i].row) << i;
    EXPECT_EQ(store->rows("fees"), closed.size());
    EXPECT_EQ(store->series("fees", "total_fee", {}, ProcessingTime::max())->values.size(), closed.size());
    const EventRange across{event_time("2026-05-06T02:38:00Z"), event_time("2026-05-06T02:42:00Z")};
    EXPECT_EQ(store->range("fees", across, ProcessingTime::max())->size(), 4u);
    EXPECT_EQ(store->range("fees", across, arrival_time("2026-05-06T02:39:30Z"))->size(), 2u);
    EXPECT_EQ(
        store->range("fees", {EventTime::min(), event_time("2026-05-06T00:03:00Z")}, ProcessingTime::max())->size(),
        2u);
    store.reset();
    store = open_store(options);
  }
}

TEST(Flush, RowsNotYetInAFileNeverLeaveTheOnlineStore) {
  const TemporaryFolder folder;
  auto options = store_options(folder.path());
  options.groups[0].keep_online = 1min;
  const auto store = open_store(options);
  ASSERT_TRUE(store->commit(closing(minutes("2026-05-06T00:00:00Z", "2026-05-06T00:50:00Z"))).ok());
  ASSERT_TRUE(store->flush(false).ok());  // The hour is not finished.
  EXPECT_EQ(store->offline("fees")->outbox.size(), 50u);
  EXPECT_EQ(all_rows(*store).size(), 50u);
}

TEST(Commit, WithoutARawArchiveOfTheClockMarksTheDefinitionsAloneAreKept) {
  const TemporaryFolder folder;
  auto options = store_options(folder.path());
  options.raw_archive = false;
  const auto store = open_store(options);
  Commit commit;
  commit.marks = {{ClockMark::Kind::kDefinition, "as it is", 0, commit.arrival, {}},
                  {ClockMark::Kind::kSourceIdle, "poll", 0, commit.arrival, EventTime::epoch()},
                  {ClockMark::Kind::kForcedWatermark, "fees", 0, commit.arrival, EventTime::epoch()}};
  ASSERT_TRUE(store->commit(commit).ok());
  const auto left = store->clock_marks().value();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].name, "as it is");
}

TEST(Flush, ClockMarksGoWithTheRecordsThatTheyStandBetweenButForTheDefinitionThatHolds) {
  const TemporaryFolder folder;
  auto options = store_options(folder.path());
  options.keep_raw = 1h;
  const auto store = open_store(options);
  for (const int hour : {0, 1, 3}) {
    const auto number = static_cast<std::uint64_t>(hour) * 10;
    Commit commit = raw_commit(fmt::format("2026-05-06T0{}:20:00Z", hour), number, 3);
    commit.marks = {{ClockMark::Kind::kDefinition, fmt::format("of hour {}", hour), number, commit.arrival, {}},
                    {ClockMark::Kind::kSourceIdle, "poll", number, commit.arrival, EventTime::epoch()}};
    if (hour == 3) commit.marks.erase(commit.marks.begin());
    ASSERT_TRUE(store->commit(commit).ok());
  }
  ASSERT_TRUE(store->flush(false).ok());
  std::string left;
  for (const ClockMark& mark : store->clock_marks().value()) left += fmt::format("{} {}, ", mark.number, mark.name);
  EXPECT_EQ(left, "10 of hour 1, 30 poll, ");
}

TEST(Flush, KeysAreDroppedByThePackOnceTheLastOfItHasExpired) {
  const TemporaryFolder folder;
  auto options = store_options(folder.path());
  options.keep_keys = 10min;
  const auto store = open_store(options);
  const auto commit_key = [&](std::uint8_t key, std::string_view seen, std::string_view arrival) {
    Commit commit = closing({});
    commit.arrival = arrival_time(arrival);
    commit.new_keys = {{RecordKey{key}, ProcessingTime::epoch()}, {RecordKey{key, 1}, arrival_time(seen)}};
    ASSERT_TRUE(store->commit(commit).ok());
    ASSERT_TRUE(store->flush(false).ok());
  };
  const auto packs = [&](const FeatureStore& in) {
    std::string text;
    const auto add = [&](std::span<const KeySeen> keys) {
      for (const KeySeen& seen : keys)
        if (seen.key[1] == 0) text += fmt::format("{} ", seen.key[0]);
    };
    EXPECT_TRUE(in.visit_keys(add).ok());
    return text;
  };
  commit_key(1, "2026-05-06T00:00:00Z", "2026-05-06T00:00:00Z");
  commit_key(2, "2026-05-06T00:01:00Z", "2026-05-06T00:10:00Z");
  EXPECT_EQ(packs(*store), "1 2 ");  // Exactly ten minutes old is kept.
  commit_key(3, "2026-05-06T00:10:01Z", "2026-05-06T00:10:01Z");
  EXPECT_EQ(packs(*store), "2 3 ");
  Commit idle = closing({});
  idle.arrival = arrival_time("2026-05-07T00:00:00Z");
  ASSERT_TRUE(store->commit(idle).ok());
  ASSERT_TRUE(store->flush(false).ok());
  EXPECT_EQ(packs(*store), "");
  commit_key(4, "2026-05-07T00:00:00Z", "2026-05-07T00:00:00Z");
  EXPECT_EQ(packs(*store), "4 ");
}

TEST(Flush, WhatACrashLeftIsRemovedAndWhateverElseLiesThereStays) {
  const TemporaryFolder folder;
  { const auto store = open_store(folder); }
  const std::string hour = "date=2026-05-06/hour=00/";
  for (const std::string& name :
       {"offline/fees/" + hour + "20260506T000100000-20260506T010000000.parquet",
        "offline/fees/" + hour + "20260506T000100000-20260506T010000000.parquet.tmp",
        "offline/fees/" + hour + "000000000001-000000000060.parquet",
        "offline/fees/" + hour + "000000000001-60.parquet",
        std::string("offline/fees/date=2026-05-06/day/000000000001-000000000060-44.parquet"),
        std::string("offline/fees/month=2026-05/000000000001-000000000060-44.parquet.tmp"),
        "raw/" + hour + "000000000007.ndjson.zst", "offline/fees/" + hour + "mine.parquet",
        std::string("offline/holiday.parquet"), "raw/" + hour + "7.ndjson.zst", std::string("raw/trips.ndjson.zst")}) {
    ASSERT_TRUE(make_folders((folder.path() / name).parent_path()).ok());
    std::ofstream(folder.path() / name) << "x";
  }
  const auto store = open_store(folder);
  EXPECT_EQ(files_in(folder.path() / "offline"),
            "fees/" + hour + "000000000001-60.parquet\nfees/" + hour + "mine.parquet\nholiday.parquet");
  EXPECT_EQ(files_in(folder.path() / "raw"), hour + "7.ndjson.zst\ntrips.ndjson.zst");
}

TEST(Flush, AMissingShortenedOrDamagedFileOfTheManifestIsDataLossByName) {
  const TemporaryFolder folder;
  fs::path parquet, raw;
  {
    const auto store = open_store(folder);
    Commit commit = raw_commit("2026-05-06T00:30:00Z", 0, 2);
    commit.closed = minutes("2026-05-06T00:00:00Z", "2026-05-06T00:10:00Z");
    ASSERT_TRUE(store->commit(commit).ok());
    ASSERT_TRUE(store->flush(true).ok());
    parquet = store->offline("fees")->files[0].path;
    raw = folder.path() / "raw/date=2026-05-06/hour=00/000000000000.ndjson.zst";
  }
  const auto message = [&] {
    const auto store = FeatureStore::open(store_options(folder.path()));
    EXPECT_EQ(store.code(), Code::kDataLoss);
    return store.message();
  };
  for (const fs::path& path : {parquet, raw}) {
    const std::string whole = read_file(path).value();
    fs::rename(path, path.string() + ".away");
    EXPECT_NE(message().find(path.string() + ": in the manifest, but No such file"), std::string::npos);
    fs::rename(path.string() + ".away", path);
    std::ofstream(path, std::ios::binary) << whole.substr(1);
    EXPECT_NE(message().find(path.string()), std::string::npos);
    std::string flipped = whole;
    flipped[whole.size() / 2] ^= 1;
    std::ofstream(path, std::ios::binary) << flipped;
    if (path == parquet) {
      EXPECT_NE(message().find("damaged, its SHA-256 differs"), std::string::npos);
    } else {
      const auto store = open_store(folder);
      EXPECT_EQ(store->visit_archive([](auto) { return true; }).code(), Code::kDataLoss);
    }
    std::ofstream(path, std::ios::binary) << whole;
    EXPECT_NE(open_store(folder), nullptr);
  }
}

// ---- dying at every step ------------------------------------------------------------------------------------------

// Takes one store through commits and flushes and stops it before the step with this number.  True if it came that far.
bool live_until(const FeatureStore::Options& options, int fatal_step) {
  int steps = 0;
  bool died = false;
  const auto hook = [&](std::string_view name) -> Status {
    if (died || steps++ == fatal_step) return died = true, unavailable("died before: {}", name);
    return ok();
  };
  const auto store = open_store(options, hook);
  const auto committed = store->recover()->cursors;
  int next = committed.empty() ? 0 : std::stoi(committed.at("poll")) + 1;  // What a restarted source does.
  if (next > 0) static_cast<void>(store->flush(next - 1 == 2));            // The last one may have been cut short.
  for (; next < 4 && !died; ++next) {
    Commit commit = raw_commit(fmt::format("2026-05-06T0{}:20:00Z", next), static_cast<std::uint64_t>(next) * 10, 3);
    commit.cursor = std::to_string(next);
    commit.books = {.read = static_cast<std::uint64_t>(next) + 1, .stored = static_cast<std::uint64_t>(next) + 1};
    commit.new_keys = {{RecordKey{static_cast<std::uint8_t>(next)}, commit.arrival}};
    commit.closed = minutes(fmt::format("2026-05-06T0{}:00:00Z", next), fmt::format("2026-05-06T0{}:15:00Z", next));
    if (next > 0) {  // The hour before is corrected.
      FeatureRow row = commit.closed.front().row;
      row.window_start = row.window_start - 1h, row.window_end = row.window_end - 1h, row.revision = 1;
      commit.closed.push_back({0, row});
    }
    if (next == 3) {  // A day later: what came before can be merged.
      for (ClosedWindow& window : commit.closed) {
        if (window.row.revision > 0) continue;
        window.row.window_start += 24h, window.row.window_end += 24h;
      }
    }
    if (store->commit(commit).ok()) static_cast<void>(store->flush(next == 2));
    if (!died) static_cast<void>(store->compact(64 << 20));
  }
  // Once only: whoever asks for it again finds nothing left to erase.
  const EventRange gone{event_time("2026-05-07T03:04:00Z"), event_time("2026-05-07T03:07:00Z")};
  if (!died) static_cast<void>(store->erase("fees", std::nullopt, gone, arrival_time("2026-05-06T05:00:00Z")));
  if (!died) static_cast<void>(store->flush(true));
  while (!died) {
    const auto merged = store->compact(64 << 20);
    if (!merged.ok() || !*merged) break;
  }
  return died;
}

std::string content_of(const FeatureStore::Options& options) {
  const auto store = open_store(options);
  std::string text = rows_text(all_rows(*store)) + archive_of(*store);
  text += "history " + rows_text(store->select("fees", {.history = true}).value());
  const auto add = [&](std::span<const KeySeen> keys) {
    for (const KeySeen& seen : keys) text += fmt::format("key {} ", seen.key[0]);
  };
  EXPECT_TRUE(store->visit_keys(add).ok());
  text += fmt::format("rows {} read {} ", store->rows("fees"), store->books().read);
  const auto view = store->offline("fees").value();
  for (const auto& file : view.files)
    text += fmt::format("\n{} {} rows, {} bytes", fs::relative(file.path, options.directory).string(), file.rows,
                        fs::file_size(file.path));
  return text + "\n" + files_in(options.directory / "raw") + "\n" + files_in(options.directory / "offline");
}

TEST(Crash, AStoreThatDiesAtAnyStepEndsWithTheSameContentAsOneThatNeverDied) {
  const auto options_in = [](const TemporaryFolder& folder) {
    auto options = store_options(folder.path());
    options.groups[0].keep_online = 40min;
    options.groups[0].keep_offline = 23h + 30min;
    options.keep_keys = 1h;
    options.keep_raw = 1h;
    return options;
  };
  const TemporaryFolder undisturbed;
  ASSERT_FALSE(live_until(options_in(undisturbed), -1));
  const std::string expected = content_of(options_in(undisturbed));
  int fatal_step = 0;
  for (bool died = true; died; ++fatal_step) {
    const TemporaryFolder folder;
    died = live_until(options_in(folder), fatal_step);
    if (died) {
      EXPECT_FALSE(live_until(options_in(folder), -1));
    }
    ASSERT_EQ(content_of(options_in(folder)), expected) << "died before step " << fatal_step;
  }
  EXPECT_GT(fatal_step, 20);  // It did die at many places.
}

}  // namespace
}  // namespace tidecast
