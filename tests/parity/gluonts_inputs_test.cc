// From raw series to the network's input, against what GluonTS 0.17's pipeline made of the same series (recorded by its
// own code, the last window of each series): every tensor it feeds the network, the scale, and the rows that enter the
// LSTM.  Each file in tests/parity/data is a case, so a new recording needs no line here.

#include "deepar/gluonts_inputs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/json.h"
#include "nn/safetensors.h"

namespace tidecast::deepar {
namespace {

constexpr double kTolerance = 1e-6;  // Of the largest magnitude, within a window.
const std::filesystem::path kFolder = TIDECAST_ROOT "/tests/parity/data";

std::vector<std::string> recordings() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(kFolder))
    if (file.path().extension() == ".safetensors") names.push_back(file.path().stem().string());
  std::ranges::sort(names);
  return names;
}

// Of the n-th of `windows` equal parts of a tensor.
void expect_close(const std::vector<float>& ours, const std::vector<float>& theirs, std::size_t n, std::size_t windows,
                  const std::string& what) {
  const std::size_t size = theirs.size() / windows;
  ASSERT_EQ(ours.size(), size) << what;
  double most = 0, difference = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const auto their = static_cast<double>(theirs[n * size + i]);
    most = std::max(most, std::abs(their));
    difference = std::max(difference, std::abs(static_cast<double>(ours[i]) - their));
  }
  EXPECT_LE(difference, kTolerance * most) << what << ", window " << n;
}

class GluonTsInputs : public testing::TestWithParam<std::string> {
 protected:
  GluonTsInputs() {
    std::ifstream stream(kFolder / (GetParam() + ".safetensors"), std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(stream), {});
    file_ = nn::parse_safetensors(bytes_).value();
    about_ = parse_json(file_.metadata.at("case")).value();
    const Frequency step = parse_frequency(about_.at("freq").as_string()).value();
    spec_ = gluonts_spec(step, whole("prediction_length"), whole("context_length"));
    spec_.cardinality.clear();
    for (const json::value& of : about_.at("cardinality").as_array())
      spec_.cardinality.push_back(static_cast<int>(of.as_int64()));
    spec_.scaling = about_.at("scaling").as_bool();
    const auto head = std::string_view(about_.at("head").as_string());
    if (head == "BetaOutput" || head == "GammaOutput") spec_.filler = 0.5;
    for (const json::value& row : about_.at("series").as_array()) {
      TimeSeries one{.start = start(), .step = step};
      for (const json::value& value : row.at("target").as_array())
        one.values.push_back(value.is_null() ? std::nan("") : value.to_number<double>());
      for (const json::value& code : row.at("cat").as_array())
        one.categories.push_back(static_cast<int>(code.as_int64()));
      for (const json::value& real : row.at("static_real").as_array())
        one.static_reals.push_back(real.to_number<double>());
      series_.push_back(std::move(one));
    }
    spec_.static_reals = static_cast<int>(series_[0].static_reals.size());
  }

  int whole(const char* key) const { return static_cast<int>(about_.at(key).as_int64()); }
  EventTime start() const {  // "2024-02-27 05:00" or "2019-12-30"
    std::string text(about_.at("start").as_string());
    if (text.size() > 10) text += ":00Z";
    return EventTime::from_ms(parse_rfc3339(text).value());
  }
  std::vector<float> floats(const std::string& name) const { return file_.tensors.at(name).floats().value(); }

  std::string bytes_;
  nn::Safetensors file_;
  json::value about_;
  GluonTsSpec spec_;
  std::vector<TimeSeries> series_;
};

TEST_P(GluonTsInputs, LagsAndLengthsAreGluonTss) {
  std::vector<int> lags;
  for (const json::value& lag : about_.at("lags").as_array()) lags.push_back(static_cast<int>(lag.as_int64()));
  EXPECT_EQ(spec_.lags, lags);
  EXPECT_EQ(spec_.past(), whole("past_length"));
}

TEST_P(GluonTsInputs, WhatIsMadeOfTheSeriesIsGluonTss) {
  const std::size_t windows = series_.size();
  GluonTsWindow window(spec_);
  for (std::size_t n = 0; n < windows; ++n) {
    const TimeSeries& series = series_[n];
    const std::vector<float> features = gluonts_features(spec_, series, series.values.size()).value();
    const std::size_t split = series.values.size() - static_cast<std::size_t>(spec_.horizon);
    window.read(series.values, features, split, spec_.horizon);
    const auto each = [&](int from, int to, auto value) {
      std::vector<float> all;
      for (int t = from; t < to; ++t) all.push_back(value(t));
      return all;
    };
    const auto all_features = [&](int from, int to) {
      std::vector<float> all;
      for (int t = from; t < to; ++t)
        for (int i = 0; i < spec_.features(); ++i) all.push_back(window.feature(t, i));
      return all;
    };
    const auto target = [&](int t) { return window.y(t); };
    const auto observed = [&](int t) { return window.observed(t) ? 1.f : 0.f; };
    // GluonTS pads the flags with the filler as well, which we do not copy.
    const auto padded = [&](int t) {
      return static_cast<std::ptrdiff_t>(split) + t < 0 ? static_cast<float>(spec_.filler) : observed(t);
    };
    const int past = spec_.past(), horizon = spec_.horizon, context = spec_.context;
    expect_close(each(-past, 0, target), floats("input.past_target"), n, windows, "past_target");
    expect_close(each(0, horizon, target), floats("input.future_target"), n, windows, "future_target");
    expect_close(each(-past, 0, padded), floats("input.past_observed_values"), n, windows, "past_observed_values");
    expect_close(each(0, horizon, observed), floats("input.future_observed_values"), n, windows, "future_observed");
    expect_close(each(1 - context, horizon, observed), floats("observed"), n, windows, "observed");
    expect_close(all_features(-past, 0), floats("input.past_time_feat"), n, windows, "past_time_feat");
    expect_close(all_features(0, horizon), floats("input.future_time_feat"), n, windows, "future_time_feat");
    expect_close({static_cast<float>(window.scale())}, floats("scale"), n, windows, "scale");
  }
}

TEST_P(GluonTsInputs, TheRowsOfTheNetworkAreGluonTss) {
  const std::size_t windows = series_.size(), lanes = 8, steps = static_cast<std::size_t>(spec_.sequence());
  ASSERT_LE(windows, lanes);
  const auto width = static_cast<std::size_t>(spec_.step_inputs()), lags = spec_.lags.size(),
             statics_width = static_cast<std::size_t>(spec_.statics());
  std::vector<float> inputs(steps * width * lanes), target(steps * lanes), weight(steps * lanes),
      statics(statics_width * lanes);
  GluonTsWindow window(spec_);
  for (std::size_t n = 0; n < windows; ++n) {
    const TimeSeries& series = series_[n];
    const std::vector<float> features = gluonts_features(spec_, series, series.values.size()).value();
    window.read(series.values, features, series.values.size() - static_cast<std::size_t>(spec_.horizon), spec_.horizon);
    const int lane = static_cast<int>(n);
    write_window(spec_, window,
                 {.lane = lane,
                  .lanes = static_cast<int>(lanes),
                  .inputs = inputs.data(),
                  .target = target.data(),
                  .weight = weight.data()});
    write_statics(spec_, window, series.static_reals, lane, static_cast<int>(lanes), statics.data());

    std::vector<float> embedded;
    const std::vector<int> codes = gluonts_codes(spec_, series).value();
    for (std::size_t i = 0; i < codes.size(); ++i) {
      const std::vector<float> table = floats(fmt::format("weight.embedder._embedders.{}.weight", i));
      const std::size_t size = table.size() / static_cast<std::size_t>(spec_.cardinality[i]);
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
    expect_close(rows, floats("rnn_input"), n, windows, "rnn_input");
  }
}

INSTANTIATE_TEST_SUITE_P(Recordings, GluonTsInputs, testing::ValuesIn(recordings()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace tidecast::deepar
