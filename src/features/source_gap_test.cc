// Holes in what was read, as the feature store keeps them and its series show them.

#include "features/source_gap.h"

#include <cmath>

#include "features/test_store.h"

namespace tidecast {
namespace {

EventTime minute(int minute, int second = 0) {
  return event_time("2026-05-06T00:00:00Z") + 1min * minute + 1s * second;
}
ProcessingTime arrival(int minute, int second = 0) {
  return arrival_time("2026-05-06T00:00:00Z") + 1min * minute + 1s * second;
}

SourceGap gap(EventTime from, EventTime until, ProcessingTime found_at = arrival(9)) {
  return {"poll", from, until, found_at};
}

Commit with_gap(SourceGap found, std::vector<ClosedWindow> closed = {}) {
  Commit commit = closing(std::move(closed));
  commit.gap = std::move(found);
  return commit;
}

std::string text_of(const TimeSeries& series) {
  std::string text;
  for (const double value : series.values) text += std::isnan(value) ? "- " : fmt::format("{} ", value);
  return text;
}
std::string fees(const FeatureStore& store, ProcessingTime as_of = ProcessingTime::max()) {
  return text_of(store.series("fees", "total_fee", {}, as_of).value());
}

TEST(SourceGap, BlanksEveryStepThatItTouches) {
  const auto blanked = [](EventTime from, EventTime until) {
    TimeSeries series{minute(1), 1min, {1, 2, 3, 4}};
    blank(series, gap(from, until));
    return text_of(series);
  };
  EXPECT_EQ(blanked(minute(0), minute(0, 59)), "1 2 3 4 ");
  EXPECT_EQ(blanked(minute(0), minute(1)), "- 2 3 4 ");  // Both ends are included.
  EXPECT_EQ(blanked(minute(2), minute(2)), "1 - 3 4 ");
  EXPECT_EQ(blanked(minute(1, 59), minute(3)), "- - - 4 ");
  EXPECT_EQ(blanked(minute(4, 59), minute(9)), "1 2 3 - ");
  EXPECT_EQ(blanked(minute(5), minute(9)), "1 2 3 4 ");
  EXPECT_EQ(blanked(minute(0), minute(9)), "- - - - ");
  TimeSeries empty{minute(1), 1min, {}};
  blank(empty, gap(minute(0), minute(9)));
  EXPECT_TRUE(empty.values.empty());
}

TEST(FeatureStoreGaps, AWindowInAGapIsNullInASeriesAndItsRowIsAsItWas) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  const std::vector<ClosedWindow> windows{fee_row(minute(1), 7), fee_row(minute(2), 8)};
  ASSERT_TRUE(store->commit(closing(windows)).ok());
  ASSERT_TRUE(store->commit(with_gap(gap(minute(1, 30), minute(3, 10)))).ok());  // Of the second window, afterwards.
  ASSERT_TRUE(store->commit(closing({fee_row(minute(5), 9), fee_row(minute(7), 10)})).ok());
  EXPECT_EQ(fees(*store), "7 - - - 9 0 10 ");
  EXPECT_EQ(text_of(store->series("fees", "mean_rate", {}, ProcessingTime::max()).value()), "0.5 - - - 0.5 - 0.5 ");
  EXPECT_EQ(rows_text(store->range("fees", {}, ProcessingTime::max()).value()),
            "00:01=7,0.5 00:02=8,0.5 00:05=9,0.5 00:07=10,0.5 ");
  EXPECT_EQ(store->get("fees", minute(2)).value()->values[0], FeatureValue(std::int64_t{8}));
}

TEST(FeatureStoreGaps, NothingOfAGapIsKnownBeforeItWasFound) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  const std::vector<ClosedWindow> windows{fee_row(minute(1), 7), fee_row(minute(2), 8), fee_row(minute(3), 9)};
  ASSERT_TRUE(store->commit(closing(windows)).ok());
  ASSERT_TRUE(store->commit(with_gap(gap(minute(1, 30), minute(2), arrival(8)))).ok());
  EXPECT_EQ(fees(*store, arrival(7, 59)), "7 8 9 ");
  EXPECT_EQ(fees(*store, arrival(8)), "7 - - ");
}

TEST(FeatureStoreGaps, AreThereAgainAfterARestartAndCounted) {
  const TemporaryFolder folder;
  const SourceGap first = gap(minute(1), minute(9)), second = gap(minute(4), minute(5)), same = second;
  {
    const auto store = open_store(folder);
    EXPECT_EQ(store->gap_count(), 0u);
    ASSERT_TRUE(store->commit(with_gap(second)).ok());
    ASSERT_TRUE(store->commit(with_gap(first)).ok());
    EXPECT_EQ(store->gap_count(), 2u);
  }
  const auto store = open_store(folder);
  EXPECT_EQ(store->gap_count(), 2u);
  ASSERT_TRUE(store->commit(with_gap(same)).ok());
  EXPECT_EQ(store->gap_count(), 3u);
  EXPECT_EQ(store->gaps({}).value(), (std::vector<SourceGap>{first, second, same}));
  EXPECT_EQ(store->gaps({minute(6), minute(7)}).value(), (std::vector<SourceGap>{first}));
  EXPECT_EQ(store->gaps({minute(0), minute(1)}).value(), std::vector<SourceGap>{});  // Ranges are half open.
  EXPECT_EQ(store->gaps({minute(9), minute(10)}).value(), std::vector<SourceGap>{first});
}

TEST(FeatureStoreGaps, AreOfTheSameCommitAsTheWindows) {
  const TemporaryFolder folder;
  bool fails = false;
  const auto hook = [&](std::string_view step) {
    return fails && step == "commit" ? unavailable("the power went") : ok();
  };
  auto store = open_store(store_options(folder.path()), hook);
  ASSERT_TRUE(store->commit(closing({fee_row(minute(1), 7)})).ok());
  fails = true;
  const Commit commit = with_gap(gap(minute(0), minute(2)), {fee_row(minute(2), 8)});
  ASSERT_FALSE(store->commit(commit).ok());
  EXPECT_EQ(store->gap_count(), 0u);
  fails = false;
  store.reset();
  store = open_store(folder);
  EXPECT_EQ(store->gap_count(), 0u);
  EXPECT_EQ(fees(*store), "7 ");
  ASSERT_TRUE(store->commit(commit).ok());
  EXPECT_EQ(fees(*store), "- - ");
}

TEST(FeatureStoreGaps, OneThatMakesNoSenseIsRefused) {
  const TemporaryFolder folder;
  const auto store = open_store(folder);
  EXPECT_EQ(store->commit(with_gap(gap(minute(2), minute(1)))).message(),
            "the gap from 2026-05-06T00:02:00Z ends before it begins, at 2026-05-06T00:01:00Z");
  EXPECT_EQ(store->commit(with_gap(gap(EventTime::min(), minute(1)))).code(), Code::kInvalidArgument);
  EXPECT_EQ(store->gap_count(), 0u);
}

}  // namespace
}  // namespace tidecast
