#include "features/rocks_store.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "features/test_store.h"
#include "storage/duck.h"
#include "storage/file.h"

namespace tidecast {
namespace {

TEST(FeatureStore, AFreshStoreIsEmpty) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  const auto recovered = store->recover().value();
  EXPECT_TRUE(recovered.cursors.empty());
  EXPECT_TRUE(recovered.engine_state.empty());
  EXPECT_EQ(store->books(), Books());
  EXPECT_EQ(store->latest("fees").value(), std::nullopt);
  EXPECT_TRUE(store->series("fees", "total_fee", {}, ProcessingTime::max())->values.empty());
  EXPECT_EQ(archive_of(*store), "");
}

TEST(FeatureStore, EverythingOfACommitIsThereAfterReopening) {
  const TemporaryFolder folder;
  Commit commit = closing({fee_row("2026-05-06T00:01:00Z", 7), fee_row("2026-05-06T00:02:00Z", 8)});
  commit.cursor = "line 3";
  commit.engine_state = "watermark";
  commit.books = {4, 2, 0, 1, 1};
  commit.late_by_group = {{"fees", 1}};
  commit.new_keys = {{RecordKey{1}, ProcessingTime::from_ms(5)}, {RecordKey{2}, ProcessingTime::from_ms(6)}};
  commit.archived = {{0, commit.arrival, "stored", "{\"a\":1}"}, {2, commit.arrival, "late", "{\"a\":2}"}};
  commit.dead = {{3, commit.arrival, "/fee: missing", "{}"}};
  ASSERT_TRUE(open_store(folder)->commit(commit).ok());

  const auto store = open_store(folder);
  const auto recovered = store->recover().value();
  EXPECT_EQ(recovered.cursors.at("poll"), "line 3");
  EXPECT_EQ(recovered.engine_state, std::vector<std::string>{"watermark"});
  EXPECT_EQ(recovered.arrival, commit.arrival);
  EXPECT_EQ(recovered.books, commit.books);
  EXPECT_EQ(recovered.late_by_group.at("fees"), 1u);
  std::vector<KeySeen> keys;
  ASSERT_TRUE(store->visit_keys([&](auto pack) { keys.insert(keys.end(), pack.begin(), pack.end()); }).ok());
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[1].key, RecordKey{2});
  EXPECT_EQ(keys[1].first_seen.ms(), 6);
  EXPECT_EQ(store->rows("fees"), 2u);
  EXPECT_EQ(store->rows("slow"), 0u);
  EXPECT_EQ(rows_text({*store->latest("fees").value()}), "00:02=8,0.5 ");
  EXPECT_EQ(rows_text({*store->get("fees", event_time("2026-05-06T00:01:00Z")).value()}), "00:01=7,0.5 ");
  EXPECT_EQ(store->get("fees", event_time("2026-05-06T00:03:00Z")).value(), std::nullopt);
  EXPECT_EQ(archive_of(*store),
            "{\"n\":0,\"arrival\":\"2026-05-06T00:02:01.500Z\",\"verdict\":\"stored\",\"record\":{\"a\":1}}\n"
            "{\"n\":2,\"arrival\":\"2026-05-06T00:02:01.500Z\",\"verdict\":\"late\",\"record\":{\"a\":2}}\n");
  const auto dead = store->dead_letters(10, SIZE_MAX).value();
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0].number, 3u);
  EXPECT_EQ(dead[0].reason, "/fee: missing");
  EXPECT_EQ(dead[0].raw, "{}");
}

TEST(FeatureStore, KeysComeBackInTheirOrderHoweverManyThereAre) {
  const TemporaryFolder folder;
  constexpr std::uint32_t kCommits = 60, kEach = 1'000;
  const auto key_of = [](std::uint32_t n) {
    RecordKey key{};
    std::memcpy(key.data(), &n, sizeof n);
    return key;
  };
  {
    const auto store = open_store(folder);
    for (std::uint32_t n = 0; n < kCommits * kEach;) {
      Commit commit = closing({});
      for (std::uint32_t i = 0; i < kEach; ++i, ++n)
        commit.new_keys.push_back({key_of(n), ProcessingTime::from_ms(n / 7)});
      ASSERT_TRUE(store->commit(commit).ok());
    }
  }
  std::uint32_t next = 0;
  const auto check = [&](std::span<const KeySeen> keys) {
    for (const KeySeen& seen : keys) {
      ASSERT_EQ(seen.key, key_of(next));
      ASSERT_EQ(seen.first_seen.ms(), next / 7);
      ++next;
    }
  };
  ASSERT_TRUE(open_store(folder)->visit_keys(check).ok());
  EXPECT_EQ(next, kCommits * kEach);
}

TEST(FeatureStore, OfManyDeadLettersTheNewestAreShownInTheirOrder) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  Commit commit = closing({});
  for (std::uint64_t n = 0; n < 5; ++n) commit.dead.push_back({n, commit.arrival, "why", std::string(97, 'x')});
  ASSERT_TRUE(store->commit(commit).ok());
  const auto numbers = [&](std::size_t most, std::size_t most_bytes) {
    std::string text;
    for (const DeadLetter& letter : store->dead_letters(most, most_bytes).value())
      text += std::to_string(letter.number) + " ";
    return text;
  };
  EXPECT_EQ(numbers(9, SIZE_MAX), "0 1 2 3 4 ");
  EXPECT_EQ(numbers(2, SIZE_MAX), "3 4 ");
  EXPECT_EQ(numbers(9, 300), "2 3 4 ");
  EXPECT_EQ(numbers(9, 299), "3 4 ");
  EXPECT_EQ(numbers(9, 99), "4 ") << "the newest, however large it is";
  EXPECT_EQ(numbers(0, SIZE_MAX), "");
  std::uint64_t left_out = 7;
  EXPECT_EQ(store->dead_letters(4, 299, &left_out)->size(), 2u);
  EXPECT_EQ(left_out, 2u) << "of the four that were asked for";
  EXPECT_EQ(store->dead_letters(2, 299, &left_out)->size(), 2u);
  EXPECT_EQ(left_out, 0u);
}

TEST(FeatureStore, AnArchiveIsReadNoFurtherThanItsVisitorWants) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  for (std::uint64_t n = 0; n < 4; n += 2) {  // The first two in a file, the others in the outbox.
    Commit commit = closing({});
    commit.archived = {{n, commit.arrival, "stored", "{}"}, {n + 1, commit.arrival, "stored", "{}"}};
    ASSERT_TRUE(store->commit(commit).ok());
    if (n == 0) {
      ASSERT_TRUE(store->flush(true).ok());
    }
  }
  for (std::size_t wanted = 1; wanted <= 4; ++wanted) {
    std::size_t seen = 0;
    EXPECT_TRUE(store->visit_archive([&](auto) { return ++seen < wanted; }).ok());
    EXPECT_EQ(seen, wanted);
  }
}

TEST(FeatureStore, ARangeIsHalfOpenAndShowsOnlyWhatWasKnown) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  ASSERT_TRUE(store
                  ->commit(closing({fee_row("2026-05-06T00:01:00Z", 1), fee_row("2026-05-06T00:02:00Z", 2),
                                    fee_row("2026-05-06T00:03:00Z", 3)}))
                  .ok());
  const EventRange two{event_time("2026-05-06T00:01:00Z"), event_time("2026-05-06T00:03:00Z")};
  EXPECT_EQ(rows_text(store->range("fees", two, ProcessingTime::max()).value()), "00:01=1,0.5 00:02=2,0.5 ");
  EXPECT_EQ(rows_text(store->range("fees", {}, arrival_time("2026-05-06T00:02:01.500Z")).value()),
            "00:01=1,0.5 00:02=2,0.5 ");
  EXPECT_EQ(rows_text(store->range("fees", {}, arrival_time("2026-05-06T00:02:01.499Z")).value()), "00:01=1,0.5 ");
  EXPECT_EQ(rows_text(store->range("fees", {two.until, two.from}, ProcessingTime::max()).value()), "");
}

TEST(FeatureStore, ASeriesFillsTheGridByTheRuleOfItsColumn) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  ClosedWindow null_inside = fee_row("2026-05-06T00:05:00Z", 0);
  null_inside.row.values = {FeatureValue(), FeatureValue()};
  ASSERT_TRUE(store
                  ->commit(closing(
                      {fee_row("2026-05-06T00:02:00Z", 7, 0.25), null_inside, fee_row("2026-05-06T00:06:00Z", 9, 1.5)}))
                  .ok());
  const auto fees = store->series("fees", "total_fee", {}, ProcessingTime::max()).value();
  EXPECT_EQ(to_rfc3339(fees.start), "2026-05-06T00:01:00Z");
  EXPECT_EQ(fees.step, 1min);
  ASSERT_EQ(fees.values.size(), 5u);
  EXPECT_EQ(fees.values[0], 7);
  EXPECT_EQ(fees.values[1], 0);  // No window: nothing was paid.
  EXPECT_EQ(fees.values[2], 0);
  EXPECT_TRUE(std::isnan(fees.values[3]));  // The window is there and its value is null.
  EXPECT_EQ(fees.values[4], 9);
  const auto rates =
      store->series("fees", "mean_rate", {event_time("2026-05-06T00:03:00Z"), EventTime::max()}, ProcessingTime::max())
          .value();
  EXPECT_EQ(to_rfc3339(rates.start), "2026-05-06T00:04:00Z");  // From the first row in the range.
  ASSERT_EQ(rates.values.size(), 2u);
  EXPECT_TRUE(std::isnan(rates.values[0]));
  const auto all_rates = store->series("fees", "mean_rate", {}, ProcessingTime::max()).value();
  EXPECT_TRUE(std::isnan(all_rates.values[1]));
}

TEST(FeatureStore, AnUnknownGroupOrColumnIsNotFoundAndTheKnownOnesAreNamed) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  EXPECT_EQ(store->latest("feed").code(), Code::kNotFound);
  EXPECT_EQ(store->latest("feed").message(), "no feature group 'feed'; there are: fees, slow");
  EXPECT_EQ(store->series("fees", "fee", {}, ProcessingTime::max()).message(),
            "feature group fees has no column 'fee'; there are: total_fee, mean_rate");
}

TEST(FeatureStore, ACommitThatMakesNoSenseIsRefusedAndChangesNothing) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  Commit first = closing({fee_row("2026-05-06T00:05:00Z", 1)});
  first.archived = {{5, first.arrival, "stored", "1"}};
  ASSERT_TRUE(store->commit(first).ok());
  const auto refused = [&](const Commit& commit) {
    const Status status = store->commit(commit);
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    return status.message();
  };
  EXPECT_EQ(refused(closing({fee_row("2026-05-06T00:05:00Z", 1)})),
            "feature group fees: window end 2026-05-06T00:05:00Z is not after the last row's 2026-05-06T00:05:00Z");
  EXPECT_EQ(refused(closing({fee_row("2026-05-06T00:06:01Z", 1)})),
            "feature group fees: window [2026-05-06T00:05:01Z, 2026-05-06T00:06:01Z) is not on the grid of 1min");
  ClosedWindow window = fee_row("2026-05-06T00:06:00Z", 1);
  window.row.values.pop_back();
  EXPECT_EQ(refused(closing({window})), "feature group fees: 1 values, the group has 2 columns");
  window.row.values = {1.5, 1.5};
  EXPECT_EQ(refused(closing({window})), "feature group fees: column total_fee: the value is no integer");
  window.row.values = {std::int64_t{1}, std::int64_t{1}};
  EXPECT_EQ(refused(closing({window})), "feature group fees: column mean_rate: the value is no number");
  window.group = 2;
  EXPECT_EQ(refused(closing({window})), "no feature group 2");
  Commit commit = closing({});
  commit.books = {3, 1, 0, 0, 1};
  EXPECT_EQ(refused(commit), "the books do not balance: read 3 = stored 1 + duplicate 0 + late 0 + dead 1");
  commit = closing({});
  commit.archived = {{5, {}, "stored", "1"}};
  EXPECT_EQ(refused(commit), "record number 5 is not after 5");
  commit.archived = {{6, {}, "dead", "1"}};
  EXPECT_EQ(refused(commit), "record 6: verdict 'dead', expected stored or late");
  EXPECT_EQ(store->rows("fees"), 1u);
  EXPECT_EQ(store->recover()->arrival, first.arrival);
}

TEST(FeatureStore, WithoutTheRawArchiveNothingIsArchived) {
  const TemporaryFolder folder;
  auto options = store_options(folder.path());
  options.raw_archive = false;
  const auto store = open_store(options);
  Commit commit = closing({});
  commit.archived = {{0, {}, "stored", "1"}};
  ASSERT_TRUE(store->commit(commit).ok());
  ASSERT_TRUE(store->flush(true).ok());
  EXPECT_EQ(archive_of(*store), "");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "raw"));
}

TEST(FeatureStore, AFolderInUseIsRefusedByName) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  const auto second = FeatureStore::open(store_options(folder.path()));
  EXPECT_EQ(second.code(), Code::kFailedPrecondition);
  EXPECT_NE(second.message().find(folder.path().string()), std::string::npos);
}

TEST(FeatureStore, AChangedShapeOfAGroupIsRefusedButOtherUnitsAndMoreGroupsAreFine) {
  const TemporaryFolder folder;
  auto options = store_options(folder.path());
  options.groups = {fees_group()};
  { const auto store = open_store(options); }
  options.groups[0].columns[0].unit = "bitcoin";
  options.groups.push_back(slow_group());
  { const auto store = open_store(options); }
  options.groups[0].columns[0].type = FieldType::kNumber;
  const auto store = FeatureStore::open(options);
  EXPECT_EQ(store.code(), Code::kFailedPrecondition);
  EXPECT_NE(store.message().find("feature group fees: columns.total_fee was integer, is number; "), std::string::npos)
      << store.message();
}

TEST(FeatureStore, NamesThatFilesOrSqlCannotHoldAreRefused) {
  const TemporaryFolder folder;
  const auto message = [&](const std::function<void(FeatureGroup&)>& change) {
    auto options = store_options(folder.path());
    change(options.groups[0]);
    const auto store = FeatureStore::open(options);
    EXPECT_EQ(store.code(), Code::kInvalidArgument);
    return store.message();
  };
  EXPECT_EQ(message([](auto& g) { g.name = "../x"; }),
            "feature group '../x': a name is 1 to 64 letters, digits, '_' or '-'");
  EXPECT_EQ(message([](auto& g) { g.name = "SLOW"; }), "feature group slow stands there twice");
  EXPECT_EQ(message([](auto& g) { g.columns[1].name = "Total_Fee"; }),
            "feature group fees: column Total_Fee stands there twice");
  EXPECT_EQ(message([](auto& g) { g.columns[1].name = "Window_End"; }),
            "feature group fees, column Window_End: the name is taken by the store itself");
  EXPECT_EQ(message([](auto& g) { g.columns[1].type = FieldType::kText; }),
            "feature group fees, column mean_rate: text, expected integer or number");
  EXPECT_EQ(message([](auto& g) { g.columns.clear(); }), "feature group fees: no columns");
  EXPECT_EQ(message([](auto& g) { g.window = 0ms; }),
            "feature group fees: window 0s, expected more than 0 and at most 7d");
}

}  // namespace
}  // namespace tidecast
