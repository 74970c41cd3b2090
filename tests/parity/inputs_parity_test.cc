// From raw series to the network's input, against what GluonTS 0.17's pipeline made of the same series (recorded by its
// own code, the last window of each series): every tensor it feeds the network, the scale, and the rows that enter the
// LSTM.  Each file in tests/parity/data is a case, so a new recording needs no line here.

#include <gtest/gtest.h>

#include "recording.h"

namespace tidecast::deepar {
namespace {

constexpr double kTolerance = 1e-6;  // Of the largest magnitude, within a window.

// Of the n-th of `windows` equal parts of a tensor.
void expect_part(const std::vector<float>& ours, const std::vector<float>& theirs, std::size_t n, std::size_t windows,
                 const std::string& what) {
  const std::size_t size = theirs.size() / windows;
  expect_close(ours, std::span(theirs).subspan(n * size, size), kTolerance, fmt::format("{}, window {}", what, n));
}

class GluonTsInputs : public testing::TestWithParam<std::string> {
 protected:
  const Recording recording_{GetParam()};
  const ModelSpec& spec_ = recording_.spec();
  const std::vector<TimeSeries>& series_ = recording_.series();

  // Reads the series' last window; what travels beside it, and where it is split.
  std::pair<Source, std::size_t> read_last(const TimeSeries& series, ScaledWindow& window) const {
    const std::size_t split = series.values.size() - static_cast<std::size_t>(spec_.horizon);
    window.read(series.values, split, spec_.horizon);
    return {make_source(spec_, series, 0, series.values.size()).value(), split};
  }
};

TEST_P(GluonTsInputs, LagsAndLengthsAreGluonTss) {
  std::vector<int> lags;
  for (const json::value& lag : recording_.about("lags").as_array()) lags.push_back(static_cast<int>(lag.as_int64()));
  EXPECT_EQ(spec_.lags, lags);
  EXPECT_EQ(spec_.past(), recording_.whole("past_length"));
}

TEST_P(GluonTsInputs, WhatIsMadeOfTheSeriesIsGluonTss) {
  const std::size_t windows = series_.size();
  ScaledWindow window(spec_);
  for (std::size_t n = 0; n < windows; ++n) {
    const TimeSeries& series = series_[n];
    const auto [source, split] = read_last(series, window);
    const auto each = [&](int from, int to, auto value) {
      std::vector<float> all;
      for (int t = from; t < to; ++t) all.push_back(value(t));
      return all;
    };
    const auto all_features = [&](int from, int to) {
      std::vector<float> all;
      for (int t = from; t < to; ++t)
        for (int i = 0; i < spec_.features(); ++i) {
          const std::ptrdiff_t at = (static_cast<std::ptrdiff_t>(split) + t) * spec_.features() + i;
          all.push_back(at < 0 ? static_cast<float>(spec_.filler) : source.features[static_cast<std::size_t>(at)]);
        }
      return all;
    };
    const auto target = [&](int t) { return static_cast<float>(static_cast<double>(window.x(t)) * window.scale()); };
    const auto observed = [&](int t) { return window.observed(t) ? 1.f : 0.f; };
    // GluonTS pads the flags with the filler as well, which we do not copy.
    const auto padded = [&](int t) {
      return static_cast<std::ptrdiff_t>(split) + t < 0 ? static_cast<float>(spec_.filler) : observed(t);
    };
    const int past = spec_.past(), horizon = spec_.horizon, context = spec_.context;
    expect_part(each(-past, 0, target), recording_.floats("input.past_target"), n, windows, "past_target");
    expect_part(each(0, horizon, target), recording_.floats("input.future_target"), n, windows, "future_target");
    expect_part(each(-past, 0, padded), recording_.floats("input.past_observed_values"), n, windows,
                "past_observed_values");
    expect_part(each(0, horizon, observed), recording_.floats("input.future_observed_values"), n, windows,
                "future_observed");
    expect_part(each(1 - context, horizon, observed), recording_.floats("observed"), n, windows, "observed");
    expect_part(all_features(-past, 0), recording_.floats("input.past_time_feat"), n, windows, "past_time_feat");
    expect_part(all_features(0, horizon), recording_.floats("input.future_time_feat"), n, windows, "future_time_feat");
    expect_part({static_cast<float>(window.scale())}, recording_.floats("scale"), n, windows, "scale");
  }
}

TEST_P(GluonTsInputs, TheRowsOfTheNetworkAreGluonTss) {
  const std::size_t windows = series_.size(), lanes = 8, steps = static_cast<std::size_t>(spec_.sequence());
  ASSERT_LE(windows, lanes);
  const auto width = static_cast<std::size_t>(spec_.step_inputs()), lags = spec_.lags.size(),
             statics_width = static_cast<std::size_t>(spec_.window_inputs());
  std::vector<float> inputs(steps * width * lanes), target(steps * lanes), weight(steps * lanes),
      statics(statics_width * lanes), scale(lanes);
  ScaledWindow window(spec_);
  for (std::size_t n = 0; n < windows; ++n) {
    const TimeSeries& series = series_[n];
    const auto [source, split] = read_last(series, window);
    const int lane = static_cast<int>(n);
    write_window(spec_, window, source, split,
                 {.lane = lane,
                  .lanes = static_cast<int>(lanes),
                  .inputs = inputs.data(),
                  .statics = statics.data(),
                  .target = target.data(),
                  .weight = weight.data(),
                  .scale = scale.data()});

    std::vector<float> embedded;
    const std::vector<int>& codes = source.categories;
    for (std::size_t i = 0; i < codes.size(); ++i) {
      const std::vector<float> table = recording_.floats(fmt::format("weight.embedder._embedders.{}.weight", i));
      const std::size_t size = table.size() / static_cast<std::size_t>(spec_.embeddings[i].cardinality);
      ASSERT_EQ(size, static_cast<std::size_t>(spec_.embeddings[i].dimension));
      const auto row = table.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(codes[i]) * size);
      embedded.insert(embedded.end(), row, row + static_cast<std::ptrdiff_t>(size));
    }
    std::vector<float> rows;  // In GluonTS's order.
    for (std::size_t p = 0; p < steps; ++p) {
      const auto input = [&](std::size_t i) { return inputs[(p * width + i) * lanes + n]; };
      for (std::size_t i = 0; i < lags; ++i) rows.push_back(input(i));
      rows.insert(rows.end(), embedded.begin(), embedded.end());
      for (std::size_t i = 0; i < statics_width; ++i) rows.push_back(statics[i * lanes + n]);
      for (std::size_t i = lags; i < width; ++i) rows.push_back(input(i));
    }
    expect_part(rows, recording_.floats("rnn_input"), n, windows, "rnn_input");
  }
}

INSTANTIATE_TEST_SUITE_P(Recordings, GluonTsInputs, testing::ValuesIn(recordings()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace tidecast::deepar
