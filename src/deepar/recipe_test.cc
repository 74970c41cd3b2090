#include "deepar/recipe.h"

#include <gtest/gtest.h>

#include <cmath>

#include "deepar/model.h"

namespace tidecast::deepar {
namespace {

constexpr Milliseconds kMinute{60'000}, kHour{3'600'000}, kDay{86'400'000};

TimeSeries flat(const Frequency& step, std::size_t count) {
  return {.start = EventTime::epoch(), .step = step, .values = std::vector<double>(count, 1.0)};
}

TrainingPlan plan_of(const Frequency& step, std::size_t count, const DeepArOptions& options, std::size_t series = 1) {
  return plan_training(std::vector(series, flat(step, count)), options).value();
}

// "1-7,58-62" for lists, as the table of GluonTS's lags is printed.
std::string ranges(const std::vector<int>& lags) {
  std::string text;
  for (std::size_t i = 0; i < lags.size();) {
    std::size_t j = i;
    while (j + 1 < lags.size() && lags[j + 1] == lags[j] + 1) ++j;
    if (!text.empty()) text += ',';
    text += i == j ? fmt::format("{}", lags[i]) : fmt::format("{}-{}", lags[i], lags[j]);
    i = j + 1;
  }
  return text;
}

// From gluonts 0.17.0's get_lags_for_frequency.
TEST(Lags, AreGluonTssForEveryFrequency) {
  const struct {
    const char* step;
    const char* lags;
  } table[] = {
      {"1s", "1-7,58-62,118-122,178-182"},
      {"7s", "1-10,15-19,23-27,512-516,1026-1030"},
      {"10s", "1-8,10-14,16-20,358-362,718-722,1078-1082"},
      {"1min", "1-7,58-62,118-122,178-182"},
      {"2min", "1-7,28-32,58-62,88-92,719-721"},
      {"5min", "1-7,10-14,22-26,34-38,287-289,575-577,863-865,1151-1153"},
      {"7min", "1-10,15-19,23-27,204-206,410-412,616-618,821-823,1027-1029"},
      {"10min", "1-8,10-14,16-20,143-145,287-289,431-433,575-577,719-721,863-865,1007-1009"},
      {"15min", "1-14,95-97,191-193,287-289,383-385,479-481,575-577,671-673"},
      {"30min", "1-8,47-49,95-97,143-145,191-193,239-241,287-289,335-337,671-673,1007-1009"},
      {"1h", "1-7,23-25,47-49,71-73,95-97,119-121,143-145,167-169,335-337,503-505,671-673,719-721"},
      {"2h", "1-7,11-13,23-25,35-37,47-49,59-61,71-73,83-85,167-169,251-253,335-337,359-361,672,1008"},
      {"5h", "1-10,13-15,18-20,23-25,27-29,32-34,66-68,99-101,133-135,142-144,268,403"},
      {"1D", "1-8,13-15,20-22,27-31,56,84,363-365,727-729,1091-1093"},
      {"2D", "1-11,13-16,28,42,181-183,363-365,545-547"},
      {"7D", "1-8,12,51-53,103-105,155-157"},
      {"1B", "1-7,9-11,14-16,19-23,39,59,258-260,518-520,778-780"},
      {"2B", "1-12,19,29,128-130,258-260,388-390"},
      {"1W", "1-8,12,51-53,103-105,155-157"},
      {"2W", "1-7,25-27,51-53,77-79"},
      {"1M", "1-7,11-13,23-25,35-37"},
      {"2M", "1-7,11-13,17-19"},
      {"3M", "1-9,11-13"},
      {"1Q", "1-9,11-13"},
      {"1Y", "1-7"},
  };
  for (const auto& row : table)
    EXPECT_EQ(ranges(gluonts_lags(parse_frequency(row.step).value())), row.lags) << row.step;
}

// Also from it, with lag_ub=20000; its floating-point division misses some weeks of minutes by one.
TEST(Lags, ReachDaysAndWeeksOfMinutesWhereTheyMay) {
  EXPECT_EQ(ranges(gluonts_lags(1min, 20'000)),
            "1-7,58-62,118-122,178-182,1439-1441,2879-2881,4319-4321,5759-5761,7199-7201,8639-8641,10078-10081");
  EXPECT_EQ(ranges(gluonts_lags(5min, 20'000)),
            "1-7,10-14,22-26,34-38,287-289,575-577,863-865,1151-1153,1439-1441,1727-1729,2015-2017,4031-4033,6047-6049,"
            "8063-8065,8639-8641,16128");
  EXPECT_EQ(ranges(gluonts_lags(1h, 100)), "1-7,23-25,47-49,71-73,95-97");
}

// The contexts that the recipe was measured with.
TEST(Context, HoldsUpToTwoSeasonsWithin64Steps) {
  EXPECT_EQ(plan_of(kHour, 5000, {.horizon = 48}).spec.context, 48);
  EXPECT_EQ(plan_of(kHour, 5000, {.horizon = 24}).spec.context, 48);
  EXPECT_EQ(plan_of(kMinute, 1044, {.horizon = 30}).spec.context, 60);
  EXPECT_EQ(plan_of(kDay, 6071, {.horizon = 30, .season = 5}).spec.context, 30);
  EXPECT_EQ(plan_of(15 * kMinute, 30000, {.horizon = 24}).spec.context, 24);
  EXPECT_EQ(plan_of(5 * kMinute, 15000, {.horizon = 72}).spec.context, 72);
  EXPECT_EQ(plan_of(kHour, 5000, {.horizon = 24, .context = 11}).spec.context, 11);
}

TEST(SmallSet, TakesFewLagsFewerStepsAndAFasterAverage) {
  const TrainingPlan small = plan_of(kMinute, 1044, {.horizon = 30}), large = plan_of(kMinute, 4400, {.horizon = 30});
  EXPECT_TRUE(small.small_set);
  EXPECT_EQ(ranges(small.spec.lags), "1-4,60-61");
  EXPECT_EQ(small.steps, 1000);
  EXPECT_EQ(small.evaluate_every, 25);
  EXPECT_EQ(small.average_decay, 0.99);
  EXPECT_FALSE(large.small_set) << "200 points for each of 22 lags";
  EXPECT_EQ(ranges(large.spec.lags), "1-7,58-62,118-122,178-182");
  EXPECT_EQ(large.steps, 3500);
  EXPECT_EQ(large.evaluate_every, 125);
  EXPECT_FALSE(plan_of(kMinute, 1100, {.horizon = 30}, 4).small_set) << "points are counted over all series";
}

// A description and nothing else.
class Described final : public Forecaster {
 public:
  explicit Described(json::object description) : description_(std::move(description)) {}
  Result<ForecastPaths> forecast(const TimeSeries&, int, std::uint64_t) const override { return ForecastPaths{}; }
  int horizon() const override { return 0; }
  int history_needed() const override { return 0; }
  const json::object& describe() const override { return description_; }
  std::string serialize() const override { return ""; }

 private:
  json::object description_;
};

TEST(Like, StaysASmallSetWhenThePointsHaveGrownPastIt) {
  const TrainingPlan small = plan_of(kMinute, 4399, {.horizon = 30});
  json::object description = to_json(small.spec);
  description["small_set"] = small.small_set;
  description["best_step"] = 125;
  const auto like = [&] { return DeepArOptions{.like = std::make_shared<Described>(description)}; };
  EXPECT_EQ(plan_training(std::vector{flat(kMinute, 4700)}, like()).message(), "like: schedule_steps: missing");

  description["schedule_steps"] = small.schedule_steps;
  const TrainingPlan again = plan_of(kMinute, 4700, like());
  EXPECT_EQ(again.spec, small.spec);
  EXPECT_EQ(again.average_decay, 0.99);
  EXPECT_EQ(again.steps, 125);
  EXPECT_EQ(again.schedule_steps, 1000);
  EXPECT_EQ(again.held_out, std::vector<int>{0});
}

TEST(Lags, AlwaysHoldTheSeasonAndAWeekOnlyWhereItIsOne) {
  const ModelSpec day = plan_of(kMinute, 20'000, {.horizon = 30, .season = 1440}).spec;
  EXPECT_EQ(day.lags.back(), 1440);
  EXPECT_EQ(day.week_lag, 1440) << "a week of minutes is no lag, so the season stands for it";
  EXPECT_EQ(plan_of(kHour, 20'000, {.horizon = 24}).spec.week_lag, 168);
  EXPECT_EQ(plan_of(15 * kMinute, 20'000, {.horizon = 24}).spec.week_lag, 672);
}

std::vector<std::string_view> calendar_of(const Frequency& step, std::size_t count) {
  std::vector<std::string_view> names;
  for (const CalendarField field : plan_of(step, count, {.horizon = 12}).spec.calendar) names.push_back(name_of(field));
  return names;
}

TEST(Calendar, OffersOnlyCyclesThatTheTrainingSpanCoversTwice) {
  using Names = std::vector<std::string_view>;
  EXPECT_EQ(calendar_of(kMinute, 100), Names{});
  EXPECT_EQ(calendar_of(kMinute, 1044), Names{"minute_of_hour"});
  EXPECT_EQ(calendar_of(kMinute, 2880), (Names{"minute_of_hour", "hour_of_day"}));
  EXPECT_EQ(calendar_of(kHour, 336), (Names{"hour_of_day", "day_of_week"}));
  EXPECT_EQ(calendar_of(kHour, 17520), (Names{"hour_of_day", "day_of_week", "day_of_month", "day_of_year"}));
  EXPECT_EQ(calendar_of(kDay, 100), (Names{"day_of_week", "day_of_month"}));
  EXPECT_EQ(calendar_of(7 * kDay, 200), (Names{"day_of_month", "day_of_year"})) << "no weekday: it is always the same";
  const auto business = parse_frequency("B").value(), week = parse_frequency("W").value(),
             month = parse_frequency("M").value(), year = parse_frequency("12M").value();
  EXPECT_EQ(calendar_of(business, 100), (Names{"day_of_week", "day_of_month"}));
  EXPECT_EQ(calendar_of(week, 200), (Names{"day_of_month", "week_of_year"}));
  EXPECT_EQ(calendar_of(month, 30), Names{"month_of_year"});
  EXPECT_EQ(calendar_of(month, 23), Names{});
  EXPECT_EQ(calendar_of(year, 100), Names{});
}

TEST(Calendar, ValuesRunFromMinusAHalfToAHalf) {
  const auto at = [](const char* time) { return EventTime::from_ms(parse_rfc3339(time).value()); };
  EXPECT_FLOAT_EQ(calendar_value(CalendarField::kMinuteOfHour, at("2024-01-01T00:00:00Z")), -0.5f);
  EXPECT_FLOAT_EQ(calendar_value(CalendarField::kMinuteOfHour, at("2024-01-01T00:59:00Z")), 0.5f);
  EXPECT_FLOAT_EQ(calendar_value(CalendarField::kHourOfDay, at("2024-01-01T23:10:00Z")), 0.5f);
  EXPECT_FLOAT_EQ(calendar_value(CalendarField::kDayOfWeek, at("2024-01-07T00:00:00Z")), 0.5f) << "a Sunday";
  EXPECT_FLOAT_EQ(calendar_value(CalendarField::kDayOfYear, at("2024-12-31T00:00:00Z")), 0.5f)
      << "a leap year's last day";
  EXPECT_FLOAT_EQ(calendar_value(CalendarField::kMonthOfYear, at("2024-12-31T00:00:00Z")), 0.5f);
  EXPECT_FLOAT_EQ(calendar_value(CalendarField::kMonthOfYear, at("2024-01-01T00:00:00Z")), -0.5f);
}

TEST(Calendar, IsGluonTssForEveryFrequency) {
  const struct {
    const char* step;
    const char* fields;
  } table[] = {
      {"10s", "second_of_minute minute_of_hour hour_of_day day_of_week day_of_month day_of_year"},
      {"5min", "minute_of_hour hour_of_day day_of_week day_of_month day_of_year"},
      {"h", "hour_of_day day_of_week day_of_month day_of_year"},
      {"D", "day_of_week day_of_month day_of_year"},
      {"B", "day_of_week day_of_month day_of_year"},
      {"W", "day_of_month week_of_year"},
      {"M", "month_of_year"},
      {"Q", "month_of_year"},
      {"Y", ""},
  };
  for (const auto& row : table) {
    std::vector<std::string_view> names;
    for (const CalendarField field : gluonts_calendar(parse_frequency(row.step).value())) {
      CalendarField again{};
      EXPECT_TRUE(calendar_field_of(name_of(field), again));
      EXPECT_EQ(again, field);
      names.push_back(name_of(field));
    }
    EXPECT_EQ(fmt::format("{}", fmt::join(names, " ")), row.fields) << row.step;
  }
}

// Week, day and month as pandas 3.1.1 has them for the period that holds a day (Period(day, freq).week, ...).
TEST(Calendar, OfLongStepsIsTheirLastDays) {
  const struct {
    const char *day, *step;
    int week, day_of_month, month, day_of_year;
  } table[] = {
      {"2024-02-29", "D", 9, 29, 2, 60},   {"2024-03-02", "B", 10, 4, 3, 64},    {"2024-02-29", "W", 9, 3, 3, 63},
      {"2021-01-03", "W", 53, 3, 1, 3},    {"2019-12-30", "W", 1, 5, 1, 5},      {"1750-01-01", "W", 1, 4, 1, 4},
      {"2024-02-14", "M", 9, 29, 2, 60},   {"1899-12-31", "M", 52, 31, 12, 365}, {"2024-08-14", "Q", 40, 30, 9, 274},
      {"2024-08-14", "Y", 1, 31, 12, 366}, {"1750-01-01", "Y", 53, 31, 12, 365},
  };
  for (const auto& row : table) {
    const EventTime time =
        parse_frequency(row.step).value().calendar_time(EventTime::from_ms(parse_rfc3339(row.day).value()));
    const auto expect = [&](CalendarField field, int value, int count) {
      EXPECT_FLOAT_EQ(calendar_value(field, time), static_cast<float>(value - 1) / static_cast<float>(count - 1) - 0.5f)
          << row.day << " " << row.step << " " << name_of(field);
    };
    expect(CalendarField::kWeekOfYear, row.week, 53);
    expect(CalendarField::kDayOfMonth, row.day_of_month, 31);
    expect(CalendarField::kMonthOfYear, row.month, 12);
    expect(CalendarField::kDayOfYear, row.day_of_year, 366);
  }
}

TEST(Plan, OfACalendarStepHasItsSeasonAndReadsBackFromItsDescription) {
  for (const char* text : {"B", "W", "M", "Q", "Y", "7D", "90s"}) {
    const Frequency step = parse_frequency(text).value();
    const ModelSpec spec = plan_of(step, 5000, {.horizon = 12}).spec;
    EXPECT_EQ(spec_from_json(to_json(spec)).value(), spec) << text;
  }
  EXPECT_EQ(plan_of(parse_frequency("M").value(), 5000, {.horizon = 12}).spec.context, 24);
  const ModelSpec business = plan_of(parse_frequency("B").value(), 10'000, {.horizon = 30}).spec;
  EXPECT_EQ(business.season, 5);
  EXPECT_EQ(business.week_lag, 5);
  json::object fields = to_json(plan_of(parse_frequency("M").value(), 5000, {.horizon = 12}).spec);
  fields["step"] = "m";
  EXPECT_FALSE(spec_from_json(fields).ok());
}

TEST(HeldOut, WindowsAreAHundredOverAllSeriesButNotMoreThanASeriesCanSpare) {
  EXPECT_EQ(plan_of(kMinute, 1044, {.horizon = 30}).held_out, std::vector<int>{5}) << "15 % of 1,044 hold five windows";
  EXPECT_EQ(plan_of(kMinute, 100'000, {.horizon = 30}).held_out, std::vector<int>{10});
  EXPECT_EQ(plan_of(kMinute, 100, {.horizon = 30}).held_out, std::vector<int>{1});
  EXPECT_EQ(plan_of(kHour, 17'000, {.horizon = 24}, 14).held_out, std::vector<int>(14, 8));
  EXPECT_EQ(plan_of(kMinute, 1044, {.horizon = 30, .select = false}).held_out, std::vector<int>{0});
}

TEST(Schedule, WarmsUpOverFiftyStepsThenFallsAsACosineToAHundredth) {
  EXPECT_NEAR(rate_factor(0, 1000), 0.02, 1e-9);
  EXPECT_NEAR(rate_factor(500, 1000), 0.01 + 0.99 * 0.5, 1e-9);
  EXPECT_NEAR(rate_factor(999, 1000), 0.01, 1e-4);
  EXPECT_NEAR(rate_factor(5000, 1000), 0.01, 1e-9) << "past the schedule's end it stays";
  EXPECT_DOUBLE_EQ(average_keep(0, 0.99), 0.1);
  EXPECT_DOUBLE_EQ(average_keep(100'000, 0.99), 0.99);
}

TEST(Plan, RefusesOptionsOutOfRangeAndMixedSteps) {
  const std::vector<TimeSeries> one{flat(kMinute, 500)};
  EXPECT_EQ(plan_training(one, {.horizon = 0}).message(), "horizon: found 0; allowed: 1 to 1000");
  EXPECT_EQ(plan_training(one, {.dropout = 1.5}).message(), "dropout: found 1.5; allowed: 0 to 0.95");
  EXPECT_EQ(plan_training(one, {.threads = 0}).message(), "threads: found 0; allowed: 1 to 256");
  EXPECT_FALSE(plan_training(one, {.learning_rate = std::nan("")}).ok());
  EXPECT_FALSE(plan_training({}, {}).ok());
  EXPECT_EQ(plan_training(std::vector{flat(kMinute, 500), flat(kHour, 500)}, {}).message(),
            "series 1: steps of 1h; the first has 1min");
}

}  // namespace
}  // namespace tidecast::deepar
