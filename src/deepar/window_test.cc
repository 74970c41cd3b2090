#include "deepar/window.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace tidecast::deepar {
namespace {

const double kNaN = std::nan("");

ModelSpec small_spec() {
  return {.step = Milliseconds(60'000),
          .horizon = 2,
          .context = 3,
          .season = 4,
          .week_lag = 4,
          .scale_length = 4,
          .lags = {1, 2, 4},
          .calendar = {},
          .cells = 4,
          .layers = 1};
}

TEST(ScaledWindow, MeasuresInUnitsOfTheMeanAbsoluteDeviationRoundTheMean) {
  const ModelSpec spec = small_spec();
  ScaledWindow window(spec);
  const std::vector<double> values{100, 9, 10, 2, 4, 6, 8, 50, 60};  // Scale range before the split at 7: 2, 4, 6, 8.
  ASSERT_TRUE(window.read(values, 7, 2));
  EXPECT_DOUBLE_EQ(window.location(), 5);
  EXPECT_DOUBLE_EQ(window.scale(), 2 + 1e-3 * 5);
  EXPECT_FLOAT_EQ(window.x(-1), static_cast<float>(3 / 2.005));
  EXPECT_FLOAT_EQ(window.x(0), static_cast<float>(45 / 2.005));
  EXPECT_FLOAT_EQ(window.recent_mean(0), (window.x(-1) + window.x(-2) + window.x(-4)) / 3);
  // Over the context after its first value, 6 and 8: |6 - 4| and |8 - 6| a step, |6 - 9| and |8 - 10| a season of four.
  EXPECT_NEAR(window.constants()[0], std::log(2.005 / 5 + 1e-4), 1e-6);
  EXPECT_NEAR(window.constants()[1], std::log(2 / 2.005 + 1e-3), 1e-6);
  EXPECT_NEAR(window.constants()[2], std::log(2.5 / 2.005 + 1e-3), 1e-6);
  EXPECT_NEAR(window.constants()[3], std::log((3.0 + 1.0) / 2 / 2.005 + 1e-3), 1e-6);
}

TEST(ScaledWindow, LooksOnlyAtWhatIsKnown) {
  const ModelSpec spec = small_spec();
  ScaledWindow a(spec), b(spec);
  std::vector<double> values{1, 5, 2, 8, 3, 7, 4, 9};
  ASSERT_TRUE(a.read(values, 6, 0));
  values[6] = values[7] = 1e9;
  ASSERT_TRUE(b.read(values, 6, 0));
  for (int t = -spec.past(); t < spec.horizon; ++t) EXPECT_EQ(a.x(t), b.x(t));
  EXPECT_EQ(a.constants(), b.constants());
  EXPECT_FALSE(a.observed(0));
}

TEST(ScaledWindow, WhatIsMissingOrBeforeTheSeriesIsTheLocation) {
  const ModelSpec spec = small_spec();
  ScaledWindow window(spec);
  ASSERT_TRUE(window.read(std::vector<double>{7, kNaN, 9}, 3, 0));
  EXPECT_DOUBLE_EQ(window.location(), 8);
  EXPECT_EQ(window.x(-2), 0) << "missing";
  EXPECT_EQ(window.x(-4), 0) << "before the start";
  EXPECT_FALSE(window.observed(-2));
  EXPECT_FALSE(window.observed(-4));
  EXPECT_TRUE(window.observed(-3));
  for (const float constant : window.constants()) EXPECT_TRUE(std::isfinite(constant));
}

TEST(ScaledWindow, AGapLongerThanTheScaleRangeLeavesTheLastObservedValues) {
  const ModelSpec spec = small_spec();
  ScaledWindow window(spec);
  ASSERT_TRUE(window.read(std::vector<double>{10, 12, kNaN, kNaN, kNaN, kNaN}, 6, 0));
  EXPECT_DOUBLE_EQ(window.location(), 11);
  EXPECT_FALSE(window.read(std::vector<double>{10, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN, kNaN}, 8, 0))
      << "nothing within reach of any input";
  EXPECT_FALSE(window.read({}, 0, 0));
}

TEST(ScaledWindow, StaysWithinFloatForConstantTinyAndHugeSeries) {
  const ModelSpec spec = small_spec();
  ScaledWindow window(spec);
  for (const double size : {0.0, 1e-300, 1e-12, 1.0, 1e12, 1e99}) {
    std::vector<double> values(9, size);
    values.back() = 3 * size + 1;  // A jump after a constant stretch.
    ASSERT_TRUE(window.read(values, 8, 1));
    EXPECT_GE(window.scale(), 1e-30);
    for (int t = -spec.past(); t < spec.horizon; ++t) {
      EXPECT_TRUE(std::isfinite(window.x(t))) << size;
      EXPECT_LE(std::abs(window.x(t)), kScaledLimit) << size;
    }
    for (const float constant : window.constants()) EXPECT_TRUE(std::isfinite(constant)) << size;
  }
}

// Any affine change of the series leaves what the network sees unchanged but for the first constant (level against
// spread).
TEST(ScaledWindow, SeesTheSameShapeInAnyUnit) {
  const ModelSpec spec = small_spec();
  const std::uint64_t seed = 20261123;
  Rng rng(seed);
  for (int round = 0; round < 100; ++round) {
    std::vector<double> values, scaled;
    for (int i = 0; i < 12; ++i) values.push_back(rng.normal());
    const double unit = std::exp(5 * rng.normal());
    for (const double v : values) scaled.push_back(v * unit);
    ScaledWindow a(spec), b(spec);
    ASSERT_TRUE(a.read(values, 10, 2) && b.read(scaled, 10, 2));
    for (int t = -spec.past(); t < spec.horizon; ++t)
      ASSERT_NEAR(a.x(t), b.x(t), 1e-4 * (1 + std::abs(a.x(t)))) << "seed " << seed << ", round " << round;
    for (std::size_t i = 0; i < 4; ++i)
      ASSERT_NEAR(a.constants()[i], b.constants()[i], 1e-4) << "seed " << seed << ", round " << round;
  }
}

TEST(WriteWindow, PlacesLagsCalendarConstantsAndCandidatesByStep) {
  ModelSpec spec = small_spec();
  spec.calendar = {CalendarField::kMinuteOfHour};
  ScaledWindow window(spec);
  const std::vector<double> values{3, 1, 4, 1, 5, 9, 2, kNaN, 5, 3};
  Source source{.values = values, .first = 0, .features = {}, .static_reals = {}, .categories = {}};
  for (std::size_t i = 0; i < values.size(); ++i) source.features.push_back(static_cast<float>(i) / 100);
  const std::size_t split = 8, lanes = 8, lane = 5;
  ASSERT_TRUE(window.read(values, split, spec.horizon));
  const auto steps = static_cast<std::size_t>(spec.sequence()), width = spec.lags.size() + spec.calendar.size();
  std::vector<float> inputs(steps * width * lanes), statics(4 * lanes), candidates(steps * 4 * lanes),
      target(steps * lanes), weight(steps * lanes), scale(lanes);
  write_window(spec, window, source, split,
               {5, 8, inputs.data(), statics.data(), candidates.data(), target.data(), weight.data(), scale.data()});
  for (std::size_t p = 0; p < steps; ++p) {
    const int t = static_cast<int>(p) - 2;
    const auto input = [&](std::size_t row) { return inputs[(p * width + row) * lanes + lane]; };
    const auto candidate = [&](std::size_t row) { return candidates[(p * 4 + row) * lanes + lane]; };
    EXPECT_EQ(input(0), window.x(t - 1));
    EXPECT_EQ(input(2), window.x(t - 4));
    EXPECT_EQ(input(3), source.features[split + p - 2]);
    EXPECT_EQ(candidate(1), window.x(t - 4));
    EXPECT_EQ(candidate(3), window.recent_mean(t));
    EXPECT_EQ(target[p * lanes + lane], window.x(t));
    EXPECT_EQ(weight[p * lanes + lane], p == 1 ? 0.f : 1.f) << "the value at 7 is missing";
    EXPECT_EQ(inputs[p * width * lanes + 4], 0) << "other lanes are left alone";
  }
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(statics[i * lanes + lane], window.constants()[i]) << "once a window";
    EXPECT_EQ(statics[i * lanes + 4], 0);
  }
}

}  // namespace
}  // namespace tidecast::deepar
