#include "stream/window_operator.h"

#include <gtest/gtest.h>

#include "base/log.h"
#include "stream/window_oracle_testing.h"

namespace tidecast {
namespace {

using K = AggregateKind;

// An operator fed row by row, in milliseconds; the watermark follows the newest row at once, as of one source.
class Harness {
 public:
  explicit Harness(WindowGroup group, Milliseconds lateness = 0ms)
      : group_(std::move(group)), lateness_(lateness), windows_(WindowOperator::make(0, group_, test_mapping())) {}

  // Whether the row counts.
  bool event(std::int64_t ms, std::optional<std::int64_t> fee = 1, std::optional<std::string> name = "a") {
    const TestRow row{.time = EventTime::from_ms(ms), .fee = fee, .rate = 0.5, .name = std::move(name)};
    const bool counts =
        windows_->on_event(batch_of(std::span(&row, 1)), 0, number_++, ProcessingTime::from_ms(ms), closed_);
    if (!watermark_ || row.time - lateness_ > *watermark_) watermark(row.time - lateness_);
    return counts;
  }
  void watermark(EventTime time) {
    watermark_ = time;
    windows_->advance(time, ProcessingTime::from_ms(time.ms()), false, closed_);
  }
  void watermark(std::int64_t ms) { watermark(EventTime::from_ms(ms)); }

  // "0..60 1 2 | 60..120 3", with "a: " before rows of a key and " rev 1" after corrections.
  std::string rows() {
    std::string text;
    for (const auto& [group, row] : closed_) {
      if (!text.empty()) text += " | ";
      if (!group_.key.empty()) text += key_text(feature_group_of(group_, test_mapping()).keys, row.key) + ": ";
      text += fmt::format("{}..{}", row.window_start.ms(), row.window_end.ms());
      for (const FeatureValue& value : row.values) {
        const auto* number = std::get_if<double>(&value);
        const auto* integer = std::get_if<std::int64_t>(&value);
        text += number != nullptr    ? fmt::format(" {}", *number)
                : integer != nullptr ? fmt::format(" {}", *integer)
                                     : " null";
      }
      if (row.revision > 0) text += fmt::format(" rev {}", row.revision);
    }
    closed_.clear();
    return text;
  }

  WindowOperator& windows() { return *windows_; }

 private:
  WindowGroup group_;
  Milliseconds lateness_;
  std::unique_ptr<WindowOperator> windows_;
  std::vector<ClosedWindow> closed_;
  std::optional<EventTime> watermark_;
  std::uint64_t number_ = 0;
};

const std::vector<AggregateColumn> kCount = {{"n", K::kCount, {}}};

WindowGroup tumbling(std::vector<AggregateColumn> columns = kCount) {
  return {.name = "g", .window = 60ms, .columns = std::move(columns)};
}
WindowGroup hopping(std::vector<AggregateColumn> columns = kCount) {
  return {.name = "g", .window = 60ms, .columns = std::move(columns), .kind = WindowKind::kHopping, .every = 20ms};
}
WindowGroup session(std::vector<AggregateColumn> columns = kCount) {
  return {.name = "g", .window = 10ms, .columns = std::move(columns), .kind = WindowKind::kSession};
}
WindowGroup with_key(WindowGroup group, std::vector<std::size_t> key = {2}) {
  group.key = std::move(key);
  return group;
}

TEST(TumblingWindows, HoldTheirStartButNotTheirEnd) {
  Harness windows(tumbling());
  windows.event(1);
  for (const std::int64_t ms : {60, 119, 120}) windows.event(ms);
  windows.watermark(1'000);
  EXPECT_EQ(windows.rows(), "0..60 1 | 60..120 2 | 120..180 1");
}

TEST(TumblingWindows, CloseWhenTheWatermarkReachesTheirLastMillisecondAndNotBefore) {
  Harness windows(tumbling(), 100ms);
  windows.event(30);
  windows.event(158);  // The watermark is 58.
  EXPECT_EQ(windows.rows(), "");
  EXPECT_TRUE(windows.event(31));
  EXPECT_TRUE(windows.event(159));  // 59.
  EXPECT_EQ(windows.rows(), "0..60 2");
  EXPECT_FALSE(windows.event(32));
  EXPECT_EQ(windows.windows().late_reason(EventTime::from_ms(32)),
            "[1970-01-01T00:00:00Z, 1970-01-01T00:00:00.060Z) closed at watermark 1970-01-01T00:00:00.059Z");
  EXPECT_TRUE(windows.event(60));  // Behind no window's end, though behind the newest row.
}

TEST(TumblingWindows, JumpOverWindowsWithoutRows) {
  Harness windows(tumbling());
  windows.event(30);
  windows.event(300);
  EXPECT_EQ(windows.rows(), "0..60 1");
  EXPECT_EQ(windows.windows().open_windows(), 1u);
  EXPECT_EQ(windows.windows().oldest_open()->end, EventTime::from_ms(360));
}

TEST(TumblingWindows, RoundDownBefore1970AndStayOpenUntilThen) {
  Harness windows(tumbling());
  for (const std::int64_t ms : {-60, -1, -61, -1'000'000}) EXPECT_TRUE(windows.event(ms));
  windows.watermark(0);
  EXPECT_EQ(windows.rows(), "");
  windows.watermark(1);
  EXPECT_EQ(windows.rows(), "-1000020..-999960 1 | -120..-60 1 | -60..0 2");
}

TEST(TumblingWindows, BeginAtTheirOffset) {
  WindowGroup group = tumbling();
  group.offset = 15ms;
  Harness windows(group);
  for (const std::int64_t ms : {14, 15, 74, 75}) windows.event(ms);
  windows.watermark(1'000);
  EXPECT_EQ(windows.rows(), "-45..15 1 | 15..75 2 | 75..135 1");
}

TEST(TumblingWindows, ComeOutByEndAndThenByKeyWithNullFirst) {
  Harness windows(with_key(tumbling()), 1s);
  windows.event(70, 1, "b");
  windows.event(10, 1, "b");
  windows.event(10, 1, "a");
  windows.event(10, 1, std::nullopt);
  windows.event(11, 1, "a text of more than twenty bytes");
  windows.watermark(1'000);
  EXPECT_EQ(windows.rows(),
            "\\N: 0..60 1 | a: 0..60 1 | a text of more than twenty bytes: 0..60 1 | b: 0..60 1 | b: 60..120 1");
}

TEST(TumblingWindows, CorrectWhatClosedUntilTheAllowedLatenessIsOver) {
  WindowGroup group = with_key(tumbling());
  group.allowed_lateness = 20ms;
  Harness windows(group);
  windows.event(30);
  windows.event(78);  // 59 + 20 - 1.
  EXPECT_EQ(windows.rows(), "a: 0..60 1");
  EXPECT_TRUE(windows.event(31));
  EXPECT_TRUE(windows.event(31));
  EXPECT_TRUE(windows.event(31, 1, "new"));
  EXPECT_EQ(windows.rows(), "a: 0..60 2 rev 1 | a: 0..60 3 rev 2 | new: 0..60 1 rev 1");
  windows.event(79);
  EXPECT_FALSE(windows.event(32));
  EXPECT_EQ(windows.rows(), "");
}

TEST(TumblingWindows, SayNothingWhereALateRowChangesNoValue) {
  WindowGroup group = tumbling({{"max", K::kMax, 0}});
  group.allowed_lateness = 1s;
  Harness windows(group);
  windows.event(30, 7);
  windows.event(70, 1);
  EXPECT_EQ(windows.rows(), "0..60 7");
  EXPECT_TRUE(windows.event(31, 5));
  EXPECT_EQ(windows.rows(), "");
  EXPECT_TRUE(windows.event(31, 9));
  EXPECT_EQ(windows.rows(), "0..60 9 rev 1");
}

TEST(HoppingWindows, CountARowOnlyInThoseThatHaveNotClosed) {
  Harness windows(hopping());
  windows.event(25);  // In [-20, 40), [0, 60), [20, 80).
  windows.event(59);  // Closes the first two.
  EXPECT_EQ(windows.rows(), "-20..40 1 | 0..60 2");
  EXPECT_TRUE(windows.event(25));  // The last still counts it.
  windows.event(78);
  EXPECT_EQ(windows.rows(), "");
  windows.event(79);
  EXPECT_EQ(windows.rows(), "20..80 5");
  EXPECT_FALSE(windows.event(39));
  EXPECT_TRUE(windows.event(40));
}

TEST(HoppingWindows, EndWhereNoRowIsLeftInThem) {
  Harness windows(hopping());
  windows.event(25);
  windows.event(1'000);
  EXPECT_EQ(windows.rows(), "-20..40 1 | 0..60 1 | 20..80 1");
  EXPECT_EQ(windows.windows().open_windows(), 3u);
}

TEST(SessionWindows, JoinRowsUpToTheGapApart) {
  for (const auto& [apart, rows] :
       std::map<std::int64_t, std::string>{{9, "100..119 2"}, {10, "100..120 2"}, {11, "100..110 1 | 111..121 1"}}) {
    Harness windows(session());
    windows.event(100);
    windows.event(100 + apart);
    windows.watermark(1'000);
    EXPECT_EQ(windows.rows(), rows) << apart;
  }
}

TEST(SessionWindows, BecomeOneByARowThatTouchesBoth) {
  Harness windows(session({{"n", K::kCount, {}}, {"first", K::kFirst, 0}, {"d", K::kCountDistinct, 0}}), 1s);
  windows.event(120, 2);
  windows.event(100, 1);
  EXPECT_EQ(windows.windows().open_windows(), 2u);
  windows.event(110, 3);
  EXPECT_EQ(windows.windows().open_windows(), 1u);
  windows.watermark(5'000);
  EXPECT_EQ(windows.rows(), "100..130 3 2 3");
}

TEST(SessionWindows, TakeAnOldRowThatTouchesWhatIsOpenAndAskThenWhetherItIsLate) {
  Harness windows(session());
  windows.event(100);
  EXPECT_EQ(windows.rows(), "");
  windows.event(105);               // [100, 115), the watermark is 105.
  EXPECT_TRUE(windows.event(90));   // [90, 100) alone would be late.
  EXPECT_FALSE(windows.event(79));  // Touches nothing.
  EXPECT_EQ(windows.windows().late_reason(EventTime::from_ms(79)),
            "[1970-01-01T00:00:00.079Z, 1970-01-01T00:00:00.089Z) closed at watermark 1970-01-01T00:00:00.105Z");
  EXPECT_TRUE(windows.event(80));  // Touches [90, 115) by a hair.
  windows.watermark(113);
  EXPECT_EQ(windows.rows(), "");
  windows.watermark(114);
  EXPECT_EQ(windows.rows(), "80..115 4");
}

TEST(SessionWindows, DoNotComeBackByALateBridge) {
  Harness windows(session());
  windows.event(100);
  windows.event(120);  // Closes [100, 110).
  EXPECT_EQ(windows.rows(), "100..110 1");
  EXPECT_TRUE(windows.event(110));  // Touches [120, 130) alone.
  windows.watermark(1'000);
  EXPECT_EQ(windows.rows(), "110..130 2");
}

TEST(SessionWindows, ForgetSeriesThatAreSilent) {
  Harness windows(with_key(session(), {0}));
  for (std::int64_t i = 0; i < 20'000; ++i) windows.event(100 * i, i);
  EXPECT_EQ(windows.windows().open_windows(), 1u);
  std::string piece;
  windows.windows().append_snapshot(piece);
  EXPECT_LT(piece.size(), 100u);
  std::string rows = windows.rows();
  EXPECT_EQ(std::ranges::count(rows, '|'), 19'998);
}

// ---- aggregates
// -------------------------------------------------------------------------------------------------------

std::string aggregate(std::vector<AggregateColumn> columns, std::vector<std::optional<std::int64_t>> fees) {
  Harness windows(tumbling(std::move(columns)));
  for (const auto& fee : fees) windows.event(1, fee);
  windows.watermark(1'000);
  return windows.rows();
}

TEST(Aggregates, SkipNulls) {
  const std::vector<AggregateColumn> all = {
      {"n", K::kCount, {}},    {"x", K::kCount, 0},   {"sum", K::kSum, 0},         {"min", K::kMin, 0},
      {"max", K::kMax, 0},     {"avg", K::kAvg, 0},   {"d", K::kCountDistinct, 0}, {"s", K::kStddev, 0},
      {"first", K::kFirst, 0}, {"last", K::kLast, 0}, {"p", K::kQuantile, 0, 1.0}};
  EXPECT_EQ(aggregate(all, {std::nullopt, std::nullopt}), "0..60 2 0 null null null null 0 null null null null");
  EXPECT_EQ(aggregate(all, {std::nullopt, 0}), "0..60 2 1 0 0 0 0 1 null 0 0 0");
  EXPECT_EQ(aggregate(all, {4, std::nullopt, 2, 0}), "0..60 4 3 6 0 4 2 3 2 4 0 4");
}

TEST(Aggregates, KeepIntegerSumsExactAndSayWhereTheyDoNotFit) {
  const std::vector<AggregateColumn> sums = {{"sum", K::kSum, 0}, {"avg", K::kAvg, 0}};
  EXPECT_EQ(aggregate(sums, {INT32_MAX, 1}), "0..60 2147483648 1073741824");
  EXPECT_EQ(aggregate(sums, {INT64_MAX, -1, 1}), "0..60 9223372036854775807 3.0744573456182584e+18");
  EXPECT_EQ(aggregate(sums, {-7, 0}), "0..60 -7 -3.5");
  set_log_level(LogLevel::kOff);
  EXPECT_EQ(aggregate(sums, {INT64_MAX, 1}), "0..60 null 4.611686018427388e+18");
  EXPECT_EQ(aggregate(sums, {INT64_MIN, INT64_MIN, INT64_MAX, INT64_MAX}), "0..60 -2 -0.5");
  set_log_level(LogLevel::kWarning);
}

// ---- state
// ------------------------------------------------------------------------------------------------------------

TEST(WindowState, OfAColumnThatIsNewIsNullInWindowsOfBefore) {
  for (WindowGroup group : {tumbling(), hopping(), session()}) {
    group.columns = {{"n", K::kCount, {}}, {"gone", K::kSum, 0}, {"stays", K::kMax, 0}};
    Harness before(group);
    before.event(1, 5);
    std::string piece;
    before.windows().append_snapshot(piece);
    group.columns = {
        {"stays", K::kMax, 0}, {"d", K::kCountDistinct, 2}, {"p", K::kQuantile, 0}, {"rows", K::kCount, {}}};
    Harness after(group);
    ASSERT_TRUE(after.windows().restore(piece, true).ok());
    after.event(2, 7);
    piece.clear();
    after.windows().append_changes(piece);
    ASSERT_TRUE(after.windows().restore(piece, false).ok());
    after.event(100, 1);
    after.watermark(1'000);
    const std::string rows = after.rows();
    EXPECT_TRUE(rows.find(" 7 null null 2 | ") != std::string::npos && rows.ends_with(" 1 1 1 1")) << rows;
  }
}

TEST(WindowState, OfLessLatenessThanNowDoesNotCorrectWhatIsGone) {
  WindowGroup group = tumbling();
  Harness before(group);
  before.event(30);
  before.event(100);
  std::string piece;
  before.windows().append_snapshot(piece);
  group.allowed_lateness = 1s;
  Harness after(group);
  ASSERT_TRUE(after.windows().restore(piece, true).ok());
  EXPECT_FALSE(after.event(31));
  after.event(200);
  EXPECT_TRUE(after.event(101));
  EXPECT_EQ(after.rows(), "60..120 1 | 60..120 2 rev 1");
}

TEST(WindowState, WritesWhatChangedAndNoMore) {
  for (const WindowGroup& group : {tumbling(), hopping(), session()}) {
    Harness windows(with_key(group, {0}), 1s);
    for (std::int64_t key = 0; key < 10'000; ++key) windows.event(1, key);
    std::string all, few, none;
    windows.windows().append_snapshot(all);
    for (std::int64_t key = 0; key < 10; ++key) windows.event(1, 1'000 * key);
    windows.windows().append_changes(few);
    windows.windows().append_changes(none);
    EXPECT_GT(all.size(), 100'000u);
    EXPECT_LT(few.size(), 300u);
    EXPECT_LT(none.size(), 50u);
  }
}

TEST(WindowState, OfManyDistinctValuesGrowsByTheNewOnes) {
  for (const WindowGroup& group : {tumbling(), session()}) {
    WindowGroup distinct = group;
    distinct.columns = {{"d", K::kCountDistinct, 0}};
    Harness windows(distinct, 1s);
    for (std::int64_t value = 0; value < 10'000; ++value) windows.event(1, value);
    std::string all, few;
    windows.windows().append_snapshot(all);
    windows.event(1, 5);
    windows.event(1, 50'000);
    windows.windows().append_changes(few);
    EXPECT_LT(few.size(), 60u);
    Harness restored(distinct, 1s);
    ASSERT_TRUE(restored.windows().restore(all, true).ok() && restored.windows().restore(few, false).ok());
    restored.watermark(5'000);
    EXPECT_TRUE(restored.rows().ends_with(" 10001"));
  }
}

TEST(WindowState, ThatIsDamagedIsDataLossOrWindowsThatStillWork) {
  set_log_level(LogLevel::kOff);
  Rng rng(5);
  int lost = 0;
  for (WindowGroup group : {tumbling(), hopping(), session()}) {
    group = with_key(group);
    group.columns = {{"n", K::kCount, {}},         {"s", K::kSum, 0},    {"m", K::kMin, 1},
                     {"d", K::kCountDistinct, 2},  {"v", K::kStddev, 1}, {"p", K::kQuantile, 0},
                     {"d3", K::kCountDistinct, 3}, {"l", K::kLast, 0}};
    if (group.kind != WindowKind::kSession) group.allowed_lateness = 40ms;
    Harness windows(group, 20ms);
    std::vector<std::string> pieces(2);
    for (int i = 0; i < 60; ++i) windows.event(static_cast<std::int64_t>(rng.below(150)), i, i % 2 == 0 ? "a" : "b");
    windows.windows().append_snapshot(pieces[0]);
    for (int i = 0; i < 60; ++i) windows.event(static_cast<std::int64_t>(rng.below(180)), i, i % 2 == 0 ? "a" : "c");
    windows.windows().append_changes(pieces[1]);
    for (int round = 0; round < 20'000; ++round) {
      std::vector<std::string> damaged = pieces;
      std::string& piece = damaged[rng.below(2)];
      if (rng.below(4) == 0) piece.resize(rng.below(piece.size()));
      for (std::uint64_t flips = rng.below(4); flips > 0 && !piece.empty(); --flips)
        piece[rng.below(piece.size())] = static_cast<char>(rng.next());
      Harness restored(group, 20ms);
      Status status = restored.windows().restore(damaged[0], true);
      if (status.ok()) status = restored.windows().restore(damaged[1], false);
      if (!status.ok()) {
        EXPECT_EQ(status.code(), Code::kDataLoss);
        ++lost;
        continue;
      }
      restored.event(170, 5);
      restored.watermark(200);
      restored.windows().oldest_open();
      std::string again;
      restored.windows().append_snapshot(again);
      EXPECT_TRUE(WindowOperator::make(0, group, test_mapping())->restore(again, true).ok()) << round;
    }
  }
  EXPECT_GT(lost, 20'000);
  set_log_level(LogLevel::kWarning);
}

}  // namespace
}  // namespace tidecast
