#include "deepar/gluonts_inputs.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tidecast::deepar {
namespace {

const double kNaN = std::nan("");

TimeSeries hours(std::vector<double> values) {
  return {.start = EventTime::from_ms(parse_rfc3339("2024-02-29T22:00:00Z").value()),
          .step = 1h,
          .values = std::move(values)};
}

GluonTsSpec small_spec() {
  return {.step = 1h, .horizon = 2, .context = 3, .lags = {1, 2, 4}, .calendar = {CalendarField::kHourOfDay}};
}

TEST(GluonTsSpec, TakesTheLagsAndTheCalendarOfTheStep) {
  const GluonTsSpec spec = gluonts_spec(1h, 12, 24);
  EXPECT_EQ(spec.past(), 744);
  EXPECT_EQ(spec.sequence(), 35);
  EXPECT_EQ(spec.step_inputs() + spec.statics() + 1, 48) << "with the dummy category's one number, GluonTS's input";
  EXPECT_EQ(gluonts_spec(1h, 12).context, 12);
}

TEST(GluonTsFeatures, AreCalendarThenAgeThenDynamicOfEveryStep) {
  GluonTsSpec spec = small_spec();
  spec.dynamic = 2;
  TimeSeries series = hours({1, 2, 3});
  series.dynamic = {{5, 6, 7, 8}, {-5, -6, -7, -8}};
  const std::vector<float> features = gluonts_features(spec, series, 4).value();
  ASSERT_EQ(features.size(), 4u * 4u);
  EXPECT_FLOAT_EQ(features[0], 22.f / 23 - 0.5f);
  EXPECT_FLOAT_EQ(features[1], static_cast<float>(std::log10(2)));
  EXPECT_EQ(features[2], 5);
  EXPECT_EQ(features[3], -5);
  EXPECT_FLOAT_EQ(features[12], 1.f / 23 - 0.5f) << "the step after the series, past midnight";
  EXPECT_FLOAT_EQ(features[13], static_cast<float>(std::log10(5)));
  EXPECT_EQ(features[14], 8);
}

TEST(GluonTsFeatures, RefuseDynamicFeaturesThatAreNotAllThere) {
  GluonTsSpec spec = small_spec();
  spec.dynamic = 1;
  TimeSeries series = hours({1, 2, 3});
  EXPECT_EQ(gluonts_features(spec, series, 3).message(), "0 dynamic features; allowed: 1");
  series.dynamic = {{1, 2, 3}};
  EXPECT_TRUE(gluonts_features(spec, series, 3).ok());
  EXPECT_EQ(gluonts_features(spec, series, 5).message(), "dynamic feature 0: 3 values; needed: 5");
  series.dynamic = {{1, kNaN, 3}};
  EXPECT_EQ(gluonts_features(spec, series, 3).message(), "dynamic feature 0: value 1 is nan; allowed: numbers");
}

TEST(GluonTsCodes, AreTheCategoriesOrTheOneDummy) {
  GluonTsSpec spec = small_spec();
  TimeSeries series = hours({});
  EXPECT_EQ(gluonts_codes(spec, series).value(), std::vector<int>{0});
  spec.cardinality = {3, 5};
  EXPECT_EQ(gluonts_codes(spec, series).message(), "0 categories; allowed: 2");
  series.categories = {2, 4};
  EXPECT_EQ(gluonts_codes(spec, series).value(), (std::vector<int>{2, 4}));
  series.categories = {2, 5};
  EXPECT_EQ(gluonts_codes(spec, series).message(), "category 1: found 5; allowed: 0 to 4");
  series.categories = {-1, 0};
  EXPECT_EQ(gluonts_codes(spec, series).message(), "category 0: found -1; allowed: 0 to 2");
  series.static_reals = {1};
  EXPECT_EQ(gluonts_codes(spec, series).message(), "1 static reals; allowed: 0");
  spec.static_reals = 1;
  series.static_reals = {kNaN};
  EXPECT_EQ(gluonts_codes(spec, series).message(), "static real 0: found nan; allowed: numbers");
}

struct Cut {
  GluonTsSpec spec;
  std::vector<float> features;
  GluonTsWindow window;
  Cut(const GluonTsSpec& given, const std::vector<double>& values, std::size_t split, int known = 0)
      : spec(given),
        features(gluonts_features(spec, hours(values), values.size() + static_cast<std::size_t>(spec.horizon)).value()),
        window(spec) {
    window.read(values, features, split, known);
  }
};

TEST(GluonTsWindow, IsScaledByTheMeanMagnitudeOfTheContextAlone) {
  const Cut cut(small_spec(), {1000, 1000, 1, -2, 3, 9}, 5, 1);
  EXPECT_DOUBLE_EQ(cut.window.scale(), 2);
  EXPECT_EQ(cut.window.x(-5), 500);
  EXPECT_EQ(cut.window.x(-2), -1);
  EXPECT_EQ(cut.window.x(0), 4.5);
  EXPECT_EQ(Cut(small_spec(), {7, 1, kNaN, 3}, 4).window.scale(), 2) << "of what is observed";
}

TEST(GluonTsWindow, HasAScaleEvenOfNothingAndOfZeros) {
  GluonTsSpec spec = small_spec();
  spec.default_scale = 5;
  EXPECT_EQ(Cut(spec, {7, kNaN, kNaN, kNaN}, 4).window.scale(), 5);
  EXPECT_EQ(Cut(spec, {1, 2}, 0).window.scale(), 5) << "before the series";
  EXPECT_EQ(Cut(spec, {7, 0, 0, 0}, 4).window.scale(), 1e-10);
  spec.scaling = false;
  EXPECT_EQ(Cut(spec, {7, 8, 9, 10}, 4).window.scale(), 1);
}

TEST(GluonTsWindow, FillsWhatIsMissingBeforeTheSeriesOrNotKnown) {
  GluonTsSpec spec = small_spec();
  spec.filler = 0.5;
  const Cut cut(spec, {0.25, kNaN, 0.75, 0.125, 0.125}, 3, 1);
  EXPECT_EQ(cut.window.scale(), 0.5);
  for (const int t : {-4, -2, 1}) {
    EXPECT_EQ(cut.window.y(t), 0.5f) << t;
    EXPECT_EQ(cut.window.x(t), 1.f) << t;
    EXPECT_FALSE(cut.window.observed(t)) << t;
  }
  for (const int t : {-3, -1, 0}) EXPECT_TRUE(cut.window.observed(t)) << t;
  EXPECT_EQ(cut.window.feature(-4, 0), 0.5f) << "GluonTS pads features with it too";
  EXPECT_EQ(cut.window.feature(-3, 0), cut.features[0]);
}

TEST(GluonTsWindow, IsWrittenStepByStepIntoItsLane) {
  GluonTsSpec spec = small_spec();
  for (const TargetUnit unit : {TargetUnit::kScaled, TargetUnit::kOriginal}) {
    spec.target = unit;
    const Cut cut(spec, {3, 1, 4, 1, kNaN, 9, 2, 6, 5, 3}, 6, 2);
    constexpr std::size_t kLanes = 8, kLane = 5;
    const auto steps = static_cast<std::size_t>(spec.sequence()), width = static_cast<std::size_t>(spec.step_inputs());
    std::vector<float> inputs(steps * width * kLanes, -1), target(steps * kLanes), weight(steps * kLanes);
    const LaneTarget to{
        .lane = 5, .lanes = 8, .inputs = inputs.data(), .target = target.data(), .weight = weight.data()};
    write_window(cut.spec, cut.window, to);
    for (std::size_t p = 0; p < steps; ++p) {
      const int t = static_cast<int>(p) - 2;
      const auto input = [&](std::size_t row) { return inputs[(p * width + row) * kLanes + kLane]; };
      EXPECT_EQ(input(0), cut.window.x(t - 1));
      EXPECT_EQ(input(2), cut.window.x(t - 4));
      EXPECT_EQ(input(3), cut.features[(6 + p - 2) * 2]) << "the calendar of the step that is forecast";
      EXPECT_EQ(input(4), cut.features[(6 + p - 2) * 2 + 1]);
      EXPECT_EQ(target[p * kLanes + kLane], unit == TargetUnit::kScaled ? cut.window.x(t) : cut.window.y(t));
      EXPECT_EQ(weight[p * kLanes + kLane], p == 0 ? 0.f : 1.f) << "the value at 4 is missing";
      EXPECT_EQ(inputs[p * width * kLanes + 4], -1) << "other lanes are left alone";
    }
    write_nothing(spec, to);
    for (std::size_t i = 0; i < steps * width; ++i) EXPECT_EQ(inputs[i * kLanes + kLane], 0);
    EXPECT_EQ(weight[2 * kLanes + kLane], 0);
  }
}

TEST(GluonTsWindow, ItsStaticsAreTheRealsOrOneZeroAndTheLogarithmOfTheScale) {
  GluonTsSpec spec = small_spec();
  const std::vector<double> values{1, 2, 3, 4};
  std::vector<float> statics(3 * 8, -1);
  write_statics(spec, Cut(spec, values, 4).window, {}, 2, 8, statics.data());
  EXPECT_EQ(statics[2], 0);
  EXPECT_FLOAT_EQ(statics[8 + 2], std::log(3.f));
  EXPECT_EQ(statics[16 + 2], -1);
  spec.static_reals = 2;
  write_statics(spec, Cut(spec, values, 4).window, std::vector{0.5, -7.0}, 2, 8, statics.data());
  EXPECT_EQ(statics[2], 0.5f);
  EXPECT_EQ(statics[8 + 2], -7.f);
  EXPECT_FLOAT_EQ(statics[16 + 2], std::log(3.f));
}

// What a forecast knows at the split are the inputs that training would have had, but for the lags after it.
TEST(GluonTsWindow, KnownInputsAreThoseOfTheWindowUpToTheSplit) {
  const GluonTsSpec spec = small_spec();
  std::vector<double> values{3, 1, 4, 1, 5, 9, 2, 6};
  const Cut all(spec, values, 6, 2);
  values.resize(6);
  const Cut known(spec, values, 6);
  const auto width = static_cast<std::size_t>(spec.step_inputs()), steps = static_cast<std::size_t>(spec.sequence());
  std::vector<float> inputs(steps * width), target(steps), weight(steps), row(width);
  write_window(spec, all.window,
               {.lanes = 1, .inputs = inputs.data(), .target = target.data(), .weight = weight.data()});
  for (std::size_t p = 0; p < steps; ++p) {
    std::ranges::fill(row, -1.f);
    write_known_inputs(spec, known.window, static_cast<int>(p), row);
    for (std::size_t i = 0; i < width; ++i)
      EXPECT_EQ(row[i], p == 3 && i == 0 ? -1 : inputs[p * width + i]) << p << " " << i;
  }
}

}  // namespace
}  // namespace tidecast::deepar
