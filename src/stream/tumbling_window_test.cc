#include "stream/tumbling_window.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

// A group with every aggregate over one integer and one number field, fed row by row; emitted rows as text.
class Harness {
 public:
  Harness(Milliseconds width, Milliseconds lateness) : window_(3, group(width, lateness), mapping()) {
    events_.columns.resize(2);
    events_.columns[0].type = FieldType::kInteger;
    events_.columns[1].type = FieldType::kNumber;
  }

  // Returns whether the row was in time; it arrives at its event time.
  bool event(std::int64_t ms, std::optional<std::int64_t> fee, std::optional<double> rate = std::nullopt) {
    events_.time = {EventTime::from_ms(ms)};
    events_.columns[0].integers = {fee.value_or(-1)};
    events_.columns[0].present = {fee.has_value()};
    events_.columns[1].numbers = {rate.value_or(-1)};
    events_.columns[1].present = {rate.has_value()};
    return window_.on_event(events_, 0, ProcessingTime::from_ms(ms), closed_);
  }

  std::string take_emitted() {
    std::string text;
    for (const ClosedWindow& window : closed_) {
      EXPECT_EQ(window.group, 3u);
      text += fmt::format("{}..{} @{}", window.row.window_start.ms(), window.row.window_end.ms(),
                          window.row.write_time.ms());
      for (const FeatureValue& value : window.row.values) {
        if (const auto* integer = std::get_if<std::int64_t>(&value))
          text += fmt::format(" {}", *integer);
        else if (const auto* number = std::get_if<double>(&value))
          text += fmt::format(" {:.17g}", *number);
        else
          text += " null";
      }
      text += "\n";
    }
    closed_.clear();
    return text;
  }

  TumblingWindow& window() { return window_; }

  static EventMapping mapping() {
    EventMapping event;
    event.fields = {{"fee", "/fee", FieldType::kInteger, true, ""}, {"rate", "/rate", FieldType::kNumber, true, ""}};
    return event;
  }
  static WindowGroup group(Milliseconds width, Milliseconds lateness) {
    using K = AggregateKind;
    return {"g",
            width,
            lateness,
            {{"n", K::kCount, {}},
             {"fees", K::kCount, 0},
             {"sum", K::kSum, 0},
             {"min", K::kMin, 0},
             {"max", K::kMax, 0},
             {"avg", K::kAvg, 0},
             {"rsum", K::kSum, 1},
             {"rmin", K::kMin, 1},
             {"rmax", K::kMax, 1},
             {"ravg", K::kAvg, 1}}};
  }

 private:
  TumblingWindow window_;
  EventBatch events_;
  std::vector<ClosedWindow> closed_;
};

TEST(TumblingWindow, EmitsOnceTheWatermarkReachesTheLastMillisecond) {
  Harness window(60s, 60s);
  window.event(0, 300, 0.5);
  window.event(59'999, 101, 0.25);
  window.event(119'998, 7);
  EXPECT_EQ(window.take_emitted(), "");
  EXPECT_TRUE(window.event(119'999, 7));  // The watermark is 59'999.
  EXPECT_EQ(window.take_emitted(), "0..60000 @119999 2 2 401 101 300 200.5 0.75 0.25 0.5 0.375\n");
}

TEST(TumblingWindow, JudgesARowByTheRowsBeforeIt) {
  Harness window(60s, 0s);
  EXPECT_TRUE(window.event(59'999, 1));  // Closes its own window, yet counts in it.
  EXPECT_EQ(window.take_emitted(), "0..60000 @59999 1 1 1 1 1 1 null null null null\n");
  EXPECT_FALSE(window.event(59'999, 1));
  EXPECT_TRUE(window.event(60'000, 1));
}

TEST(TumblingWindow, AcceptsARowBehindTheWatermarkWhileItsWindowIsOpen) {
  Harness window(60s, 10s);
  window.event(100'000, 1);
  EXPECT_TRUE(window.event(60'000, 2));  // The watermark is 90'000, the window ends at 120'000.
  EXPECT_FALSE(window.event(59'999, 3));
  window.event(130'000, 1);
  EXPECT_EQ(window.take_emitted(), "60000..120000 @130000 2 2 3 1 2 1.5 null null null null\n");
}

TEST(TumblingWindow, ClosesSeveralInAscendingOrderAndNoEmptyOnes) {
  Harness window(60s, 120s);
  window.event(70'000, 2);
  window.event(10'000, 1);
  window.event(1'000'000, 9);
  EXPECT_EQ(window.take_emitted(),
            "0..60000 @1000000 1 1 1 1 1 1 null null null null\n"
            "60000..120000 @1000000 1 1 2 2 2 2 null null null null\n");
  EXPECT_EQ(window.window().state().open.size(), 1u);
}

TEST(TumblingWindow, SkipsNulls) {
  Harness window(60s, 0s);
  window.event(0, std::nullopt);
  window.event(1, -3);
  window.event(60'000, std::nullopt);
  window.event(120'000, 1);
  EXPECT_EQ(window.take_emitted(),
            "0..60000 @60000 2 1 -3 -3 -3 -3 null null null null\n"
            "60000..120000 @120000 1 0 null null null null null null null null\n");
}

TEST(TumblingWindow, AveragesNegativeNumbersWithoutRounding) {
  Harness window(60s, 0s);
  window.event(0, -3);
  window.event(1, -4);
  window.event(60'000, 1);
  EXPECT_EQ(window.take_emitted(), "0..60000 @60000 2 2 -7 -4 -3 -3.5 null null null null\n");
}

TEST(TumblingWindow, NeverWrapsASum) {
  Harness window(60s, 0s);
  window.event(0, INT64_MAX);
  window.event(60'000, INT64_MAX);
  window.event(60'001, 1);
  window.event(120'000, INT64_MAX);
  window.event(120'001, INT64_MAX);
  window.event(120'002, INT64_MIN);
  window.event(120'003, INT64_MIN);
  window.event(180'000, 0);
  EXPECT_EQ(window.take_emitted(),
            "0..60000 @60000 1 1 9223372036854775807 9223372036854775807 9223372036854775807 9.2233720368547758e+18"
            " null null null null\n"
            "60000..120000 @120000 2 2 null 1 9223372036854775807 4.6116860184273879e+18 null null null null\n"
            "120000..180000 @180000 4 4 -2 -9223372036854775808 9223372036854775807 -0.5 null null null null\n");
}

TEST(TumblingWindow, FloorsTimesBefore1970) {
  Harness window(60s, 0s);
  window.event(-1, 1);
  EXPECT_TRUE(window.event(-60'000, 2));
  EXPECT_TRUE(window.event(-60'001, 4));  // Nothing closes before the watermark has passed 0.
  EXPECT_TRUE(window.event(0, 8));
  EXPECT_EQ(window.take_emitted(), "");
  EXPECT_EQ(window.window().state().watermark, EventTime::epoch());
  window.event(1, 16);
  EXPECT_EQ(window.take_emitted(),
            "-120000..-60000 @1 1 1 4 4 4 4 null null null null\n"
            "-60000..0 @1 2 2 3 1 2 1.5 null null null null\n");
  EXPECT_FALSE(window.event(-1, 1));
}

TEST(TumblingWindow, HasNoWatermarkBeforeTheFirstEvent) {
  Harness window(60s, 60s);
  EXPECT_EQ(window.window().state().watermark, std::nullopt);
  window.event(30'000, 1);
  EXPECT_EQ(window.window().state().watermark, EventTime::epoch());
  window.event(100'000, 1);
  EXPECT_EQ(window.window().state().watermark, EventTime::from_ms(40'000));
  window.event(90'000, 1);
  EXPECT_EQ(window.window().state().watermark, EventTime::from_ms(40'000));
}

}  // namespace
}  // namespace tidecast
