// The window operators against the oracle, on random streams: disorder, silences and jumps, several keys, nulls, times
// before 1970, offsets, allowed lateness; restored from pieces at random moments.

#include <gtest/gtest.h>

#include "base/log.h"
#include "stream/window_oracle_testing.h"

namespace tidecast {
namespace {

using K = AggregateKind;

std::string text_of(const FeatureRow& row) {
  std::string text = fmt::format("[{}, {}) '{}' rev {} at {}{}", row.window_start.ms(), row.window_end.ms(), row.key,
                                 row.revision, row.write_time.ms(), row.closed_by_idle ? " idle" : "");
  for (const FeatureValue& value : row.values) {
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      text += fmt::format(" {}", *integer);
    else if (const auto* number = std::get_if<double>(&value))
      text += fmt::format(" {:.17g}", *number);
    else
      text += " null";
  }
  return text;
}

// Exactly, but for quantiles (1 %) and where doubles are added in another order.
bool same(const FeatureRow& got, const FeatureRow& expected, const std::vector<AggregateColumn>& columns) {
  FeatureRow near = got;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const auto* a = std::get_if<double>(&got.values[c]);
    const auto* b = std::get_if<double>(&expected.values[c]);
    if (a == nullptr || b == nullptr) continue;
    const K kind = columns[c].kind;
    const double tolerance = kind == K::kQuantile ? 0.0100001 * std::abs(*b)
                             : kind == K::kStddev ? 1e-6 + 1e-9 * std::abs(*b)
                                                  : 0;
    if (std::abs(*a - *b) <= tolerance) near.values[c] = *b;
  }
  return near == expected;
}

class Case {
 public:
  explicit Case(std::uint64_t seed) : rng_(seed) {
    const auto one_of = [this](auto... choices) {
      const std::array all{choices...};
      return all[rng_.below(all.size())];
    };
    group_.name = "g";
    group_.kind = one_of(WindowKind::kTumbling, WindowKind::kHopping, WindowKind::kSession);
    group_.window = Milliseconds(one_of(1, 2, 12, 60, 100));
    if (group_.kind == WindowKind::kHopping) {
      group_.every = Milliseconds(one_of(1, 3, 10, 20));
      group_.window = group_.every * one_of(1, 2, 3, 5);
    }
    const Milliseconds step = group_.kind == WindowKind::kHopping ? group_.every : group_.window;
    if (group_.kind != WindowKind::kSession) {
      group_.offset = Milliseconds(rng_.below(static_cast<std::uint64_t>(step.count())));
      group_.allowed_lateness = Milliseconds(one_of(0, 0, 1, 50));
    }
    group_.key = one_of(std::vector<std::size_t>{}, std::vector<std::size_t>{2}, std::vector<std::size_t>{0, 3});
    if (rng_.below(2) == 0)
      group_.columns = {{"min", K::kMin, 0}, {"max", K::kMax, 1}, {"first", K::kFirst, 0}, {"last", K::kLast, 1}};
    else
      group_.columns = {{"n", K::kCount, {}},          {"fees", K::kCount, 0},
                        {"sum", K::kSum, 0},           {"avg", K::kAvg, 0},
                        {"min", K::kMin, 1},           {"max", K::kMax, 0},
                        {"rsum", K::kSum, 1},          {"ravg", K::kAvg, 1},
                        {"dev", K::kStddev, 0},        {"rdev", K::kStddev, 1},
                        {"first", K::kFirst, 1},       {"last", K::kLast, 0},
                        {"d0", K::kCountDistinct, 0},  {"d1", K::kCountDistinct, 1},
                        {"d2", K::kCountDistinct, 2},  {"d3", K::kCountDistinct, 3},
                        {"p0", K::kQuantile, 0, 0.0},  {"p50", K::kQuantile, 0, 0.5},
                        {"p90", K::kQuantile, 1, 0.9}, {"p100", K::kQuantile, 1, 1.0},
                        {"again", K::kSum, 0}};
    lateness_ = Milliseconds(one_of(0, 5, 60));
    now_ = one_of(0, 0, -300, 1'000'000);
    rows_ = one_of(20, 60, 150);
  }

  void run() {
    WindowOracle oracle(group_);
    auto windows = WindowOperator::make(4, group_, test_mapping());
    std::vector<ClosedWindow> closed;
    std::vector<FeatureRow> expected;
    std::vector<std::string> pieces;
    for (int i = 0; i < rows_; ++i) {
      const TestRow row = next_row(static_cast<std::uint64_t>(i));
      const EventBatch batch = batch_of(std::span(&row, 1));
      ASSERT_EQ(windows->on_event(batch, 0, row.number, row.arrival, closed), oracle.on_event(row, expected)) << i;
      EventTime watermark = row.time - lateness_;
      const bool by_idle = rng_.below(20) == 0;
      if (by_idle) watermark += Milliseconds(rng_.below(100));
      windows->advance(watermark, row.arrival, by_idle, closed);
      oracle.advance(watermark, row.arrival, by_idle, expected);
      compare(closed, expected);
      if (testing::Test::HasFailure()) FAIL() << "at row " << i;
      ASSERT_EQ(windows->open_windows(), oracle.open_windows()) << i;
      ASSERT_EQ(windows->oldest_open().has_value(), windows->open_windows() > 0);
      restart_sometimes(windows, pieces);
    }
    windows->advance(EventTime::from_ms(10'000'000), {}, false, closed);  // The end of the input.
    oracle.advance(EventTime::from_ms(10'000'000), {}, false, expected);
    compare(closed, expected);
    EXPECT_EQ(windows->open_windows(), 0u);
    EXPECT_FALSE(windows->oldest_open());
  }

 private:
  TestRow next_row(std::uint64_t number) {
    now_ += rng_.below(12) == 0 ? static_cast<std::int64_t>(rng_.below(400)) : static_cast<std::int64_t>(rng_.below(8));
    std::int64_t time = now_;
    if (rng_.below(3) == 0) time -= static_cast<std::int64_t>(rng_.below(80));
    if (rng_.below(10) == 0) time = floor_to(time, group_.window.count()) - static_cast<std::int64_t>(rng_.below(2));
    TestRow row{EventTime::from_ms(time), number, ProcessingTime::from_ms(1'000 + static_cast<std::int64_t>(number))};
    if (rng_.below(5) != 0) row.fee = static_cast<std::int64_t>(rng_.below(5)) - 2;
    if (rng_.below(40) == 0) row.fee = INT64_MAX - static_cast<std::int64_t>(rng_.below(3));
    if (!group_.key.empty() && row.fee) row.fee = std::abs(*row.fee % 3);
    if (rng_.below(5) != 0) row.rate = static_cast<double>(rng_.below(40)) / 4 - 3;
    if (rng_.below(5) != 0) row.name = std::array{"", "a", "b", "a text of more than twelve bytes"}[rng_.below(4)];
    if (rng_.below(5) != 0) row.flag = rng_.below(2) == 0;
    return row;
  }

  void restart_sometimes(std::unique_ptr<WindowOperator>& windows, std::vector<std::string>& pieces) {
    if (rng_.below(4) != 0) return;
    std::string piece;
    if (pieces.empty() || rng_.below(6) == 0) {
      windows->append_snapshot(piece);
      pieces = {piece};
    } else {
      windows->append_changes(piece);
      pieces.push_back(piece);
    }
    if (rng_.below(2) != 0) return;
    windows = WindowOperator::make(4, group_, test_mapping());
    for (const std::string& p : pieces) {
      const Status restored = windows->restore(p, &p == pieces.data());
      ASSERT_TRUE(restored.ok()) << restored.message();
    }
  }

  void compare(std::vector<ClosedWindow>& closed, std::vector<FeatureRow>& expected) {
    for (std::size_t r = 0; r < std::max(closed.size(), expected.size()); ++r) {
      const std::string got = r < closed.size() ? text_of(closed[r].row) : "nothing";
      const std::string wanted = r < expected.size() ? text_of(expected[r]) : "nothing";
      if (r >= closed.size() || r >= expected.size() || !same(closed[r].row, expected[r], group_.columns))
        ADD_FAILURE() << "got      " << got << "\nexpected " << wanted;
      else
        EXPECT_EQ(closed[r].group, 4u);
    }
    closed.clear();
    expected.clear();
  }

  Rng rng_;
  WindowGroup group_;
  Milliseconds lateness_{0};
  std::int64_t now_ = 0;
  int rows_ = 0;
};

TEST(WindowOracle, GivesTheSameRowsAsTheOperators) {
  set_log_level(LogLevel::kError);  // Sums overflow on purpose.
  for (std::uint64_t seed = 1; seed <= 4'000; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Case(seed).run();
    if (HasFailure()) break;
  }
  set_log_level(LogLevel::kWarning);
}

}  // namespace
}  // namespace tidecast
