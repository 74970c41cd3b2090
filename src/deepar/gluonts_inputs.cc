#include "deepar/gluonts_inputs.h"

#include <algorithm>
#include <cmath>

namespace tidecast::deepar {
namespace {

constexpr double kScaleMin = 1e-10;

}  // namespace

GluonTsSpec gluonts_spec(const Frequency& step, int horizon, int context) {
  return {.step = step,
          .horizon = horizon,
          .context = context > 0 ? context : horizon,
          .lags = gluonts_lags(step),
          .calendar = gluonts_calendar(step)};
}

Result<std::vector<float>> gluonts_features(const GluonTsSpec& spec, const TimeSeries& series, std::size_t steps) {
  if (series.dynamic.size() != static_cast<std::size_t>(spec.dynamic))
    return invalid_argument("{} dynamic features; allowed: {}", series.dynamic.size(), spec.dynamic);
  for (std::size_t i = 0; i < series.dynamic.size(); ++i) {
    const std::vector<double>& values = series.dynamic[i];
    if (values.size() < steps)
      return invalid_argument("dynamic feature {}: {} values; needed: {}", i, values.size(), steps);
    const auto end = values.begin() + static_cast<std::ptrdiff_t>(steps);
    const auto bad = std::find_if(values.begin(), end, [](double value) { return !std::isfinite(value); });
    if (bad != end)
      return invalid_argument("dynamic feature {}: value {} is {}; allowed: numbers", i, bad - values.begin(), *bad);
  }
  std::vector<float> features;
  features.reserve(steps * static_cast<std::size_t>(spec.features()));
  for (std::size_t i = 0; i < steps; ++i) {
    const EventTime time = spec.step.calendar_time(series.time_of(i));
    for (const CalendarField field : spec.calendar) features.push_back(calendar_value(field, time));
    features.push_back(static_cast<float>(std::log10(2 + static_cast<double>(i))));
    for (const std::vector<double>& values : series.dynamic) features.push_back(static_cast<float>(values[i]));
  }
  return features;
}

Result<std::vector<int>> gluonts_codes(const GluonTsSpec& spec, const TimeSeries& series) {
  if (series.static_reals.size() != static_cast<std::size_t>(spec.static_reals))
    return invalid_argument("{} static reals; allowed: {}", series.static_reals.size(), spec.static_reals);
  for (std::size_t i = 0; i < series.static_reals.size(); ++i)
    if (!std::isfinite(series.static_reals[i]))
      return invalid_argument("static real {}: found {}; allowed: numbers", i, series.static_reals[i]);
  if (series.categories.empty() && spec.cardinality == std::vector<int>{1}) return std::vector<int>{0};
  if (series.categories.size() != spec.cardinality.size())
    return invalid_argument("{} categories; allowed: {}", series.categories.size(), spec.cardinality.size());
  for (std::size_t i = 0; i < series.categories.size(); ++i)
    if (series.categories[i] < 0 || series.categories[i] >= spec.cardinality[i])
      return invalid_argument("category {}: found {}; allowed: 0 to {}", i, series.categories[i],
                              spec.cardinality[i] - 1);
  return series.categories;
}

GluonTsWindow::GluonTsWindow(const GluonTsSpec& spec)
    : spec_(spec),
      past_(spec.past()),
      width_(spec.features()),
      filler_(static_cast<float>(spec.filler)),
      y_(static_cast<std::size_t>(past_ + spec.horizon)),
      x_(y_.size()),
      observed_(y_.size()) {}

void GluonTsWindow::read(std::span<const double> values, std::span<const float> features, std::size_t split,
                         int known) {
  features_ = features;
  split_ = static_cast<std::ptrdiff_t>(split);
  std::ranges::fill(y_, filler_);
  std::ranges::fill(observed_, 0);
  double magnitude = 0, count = 0;
  const std::ptrdiff_t end = std::min(split_ + known, static_cast<std::ptrdiff_t>(values.size()));
  for (std::ptrdiff_t at = std::max<std::ptrdiff_t>(split_ - past_, 0); at < end; ++at) {
    const double value = values[static_cast<std::size_t>(at)];
    if (!std::isfinite(value)) continue;
    const int t = static_cast<int>(at - split_);
    y_[index(t)] = static_cast<float>(value);
    observed_[index(t)] = 1;
    if (t >= -spec_.context && t < 0) magnitude += std::abs(value), ++count;
  }
  scale_ = !spec_.scaling ? 1 : std::max(count > 0 ? magnitude / count : spec_.default_scale, kScaleMin);
  for (std::size_t i = 0; i < y_.size(); ++i) x_[i] = static_cast<float>(static_cast<double>(y_[i]) / scale_);
}

void write_window(const GluonTsSpec& spec, const GluonTsWindow& window, const LaneTarget& to) {
  float* input = to.inputs + to.lane;
  const auto put = [&](float value) {
    *input = value;
    input += to.lanes;
  };
  for (int p = 0; p < spec.sequence(); ++p) {
    const int t = p - spec.context + 1;
    for (const int lag : spec.lags) put(window.x(t - lag));
    for (int i = 0; i < spec.features(); ++i) put(window.feature(t, i));
    const std::ptrdiff_t at = std::ptrdiff_t{p} * to.lanes + to.lane;
    const float value = spec.target == TargetUnit::kScaled ? window.x(t) : window.y(t);
    to.target[at] = value;
    to.weight[at] = window.observed(t) ? 1.f : 0.f;
  }
}

void write_nothing(const GluonTsSpec& spec, const LaneTarget& to) {
  const auto zero = [&](float* at, int rows) {
    for (int i = 0; i < rows * spec.sequence(); ++i) at[std::ptrdiff_t{i} * to.lanes + to.lane] = 0;
  };
  zero(to.inputs, spec.step_inputs());
  zero(to.target, 1);
  zero(to.weight, 1);
}

void write_statics(const GluonTsSpec& spec, const GluonTsWindow& window, std::span<const double> static_reals, int lane,
                   int lanes, float* statics) {
  float* at = statics + lane;
  for (const double value : static_reals) *at = static_cast<float>(value), at += lanes;
  if (spec.static_reals == 0) *at = 0, at += lanes;
  *at = static_cast<float>(std::log(window.scale()));
}

void write_known_inputs(const GluonTsSpec& spec, const GluonTsWindow& window, int p, std::span<float> inputs) {
  const int t = p - spec.context + 1;
  std::size_t at = 0;
  for (const int lag : spec.lags) {
    if (t - lag < 0) inputs[at] = window.x(t - lag);
    ++at;
  }
  for (int i = 0; i < spec.features(); ++i) inputs[at++] = window.feature(t, i);
}

}  // namespace tidecast::deepar
