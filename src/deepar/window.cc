#include "deepar/window.h"

#include <algorithm>
#include <cmath>

namespace tidecast::deepar {
namespace {

constexpr double kScaleMin = 1e-10;
constexpr double kMagnitudeMin = 1e-9;
constexpr std::size_t kRecent = 7;

float limited(double x) { return static_cast<float>(std::clamp<double>(x, -kScaledLimit, kScaledLimit)); }

float as_input(float x) { return std::clamp(x, -kLagInputLimit, kLagInputLimit); }

// A mean over what is there; 0 of nothing.
struct Mean {
  double sum = 0;
  int count = 0;
  void add(double value) { sum += value, ++count; }
  double value() const { return count == 0 ? 0 : sum / count; }
};

}  // namespace

ScaledWindow::ScaledWindow(const ModelSpec& spec)
    : spec_(spec), past_(spec.past()), x_(static_cast<std::size_t>(past_ + spec.horizon)), observed_(x_.size()) {}

bool ScaledWindow::read(std::span<const double> values, std::size_t split, int known) {
  const auto value_at = [&](int t) {  // NaN outside the series and after what is known.
    const auto at = static_cast<std::ptrdiff_t>(split) + t;
    return t >= known || at < 0 || at >= static_cast<std::ptrdiff_t>(values.size())
               ? std::nan("")
               : values[static_cast<std::size_t>(at)];
  };
  std::ranges::fill(x_, 0.f);
  std::ranges::fill(observed_, 0);
  constants_ = {};
  location_ = 0;
  scale_ = 1;

  int last = -1;
  while (last >= -past_ && !std::isfinite(value_at(last))) --last;
  if (last < -past_) return false;
  const int newest = last >= -spec_.scale_length ? -1 : last;  // A gap as long as the range moves it back.
  const int oldest = std::max(newest - spec_.scale_length + 1, -past_);
  Mean level, magnitude, deviation;
  for (int t = oldest; t <= newest; ++t)
    if (const double y = value_at(t); std::isfinite(y)) level.add(y), magnitude.add(std::abs(y));
  for (int t = oldest; t <= newest; ++t)
    if (const double y = value_at(t); std::isfinite(y)) deviation.add(std::abs(y - level.value()));
  location_ = level.value();
  scale_ = std::max(deviation.value() + 1e-3 * magnitude.value(), kScaleMin);

  for (int t = -past_; t < known; ++t)
    if (const double y = value_at(t); std::isfinite(y)) {
      x_[static_cast<std::size_t>(t + past_)] = limited((y - location_) / scale_);
      observed_[static_cast<std::size_t>(t + past_)] = 1;
    }
  read_constants(magnitude.value());
  return true;
}

void ScaledWindow::read_constants(double mean_magnitude) {
  Mean step, season, size;
  for (int t = 1 - spec_.context; t < 0; ++t) {
    if (!observed(t)) continue;
    size.add(std::abs(x(t)));
    if (observed(t - 1)) step.add(std::abs(x(t) - x(t - 1)));
    if (observed(t - spec_.season)) season.add(std::abs(x(t) - x(t - spec_.season)));
  }
  constants_ = {static_cast<float>(std::log(scale_ / std::max(mean_magnitude, kMagnitudeMin) + 1e-4)),
                static_cast<float>(std::log(step.value() + 1e-3)), static_cast<float>(std::log(season.value() + 1e-3)),
                static_cast<float>(std::log(size.value() + 1e-3))};
}

float ScaledWindow::recent_mean(int t) const {
  const std::size_t count = std::min(kRecent, spec_.lags.size());
  float sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += x(t - spec_.lags[i]);
  return sum / static_cast<float>(count);
}

void write_window(const ModelSpec& spec, const ScaledWindow& window, std::span<const float> calendar, std::size_t split,
                  const LaneTarget& to) {
  const auto lanes = static_cast<std::size_t>(to.lanes), fields = spec.calendar.size();
  float* input = to.inputs + to.lane;
  float* candidate = to.candidates + to.lane;
  for (std::size_t i = 0; i < window.constants().size(); ++i)
    to.statics[i * lanes + static_cast<std::size_t>(to.lane)] = window.constants()[i];
  for (int p = 0; p < spec.sequence(); ++p) {
    const int t = p - spec.context + 1;
    const auto put = [&](float*& at, float value) {
      *at = value;
      at += lanes;
    };
    for (const int lag : spec.lags) put(input, as_input(window.x(t - lag)));
    const std::ptrdiff_t time = static_cast<std::ptrdiff_t>(split) + t;
    for (std::size_t f = 0; f < fields; ++f)  // Before the series there is no calendar: 0, as GluonTS pads.
      put(input, time < 0 ? 0.f : calendar[static_cast<std::size_t>(time) * fields + f]);
    put(candidate, window.x(t - 1));
    put(candidate, window.x(t - spec.season));
    put(candidate, window.x(t - spec.week_lag));
    put(candidate, window.recent_mean(t));
    to.target[static_cast<std::size_t>(p) * lanes + static_cast<std::size_t>(to.lane)] = window.x(t);
    to.weight[static_cast<std::size_t>(p) * lanes + static_cast<std::size_t>(to.lane)] = window.observed(t) ? 1.f : 0.f;
  }
}

void write_nothing(const ModelSpec& spec, const LaneTarget& to) {
  const auto zero = [&](float* at, int rows) {
    for (int i = 0; i < rows; ++i) at[static_cast<std::ptrdiff_t>(i) * to.lanes + to.lane] = 0;
  };
  zero(to.inputs, (spec.inputs() - ModelSpec::kConstants) * spec.sequence());
  zero(to.statics, ModelSpec::kConstants);
  zero(to.candidates, 4 * spec.sequence());
  zero(to.target, spec.sequence());
  zero(to.weight, spec.sequence());
}

void write_known_inputs(const ModelSpec& spec, const ScaledWindow& window, EventTime time, int p,
                        std::span<float> inputs) {
  const int t = p - spec.context + 1;
  std::size_t at = 0;
  for (const int lag : spec.lags) {
    if (t - lag < 0) inputs[at] = as_input(window.x(t - lag));
    ++at;
  }
  for (const CalendarField field : spec.calendar) inputs[at++] = calendar_value(field, spec.step.calendar_time(time));
  for (const float constant : window.constants()) inputs[at++] = constant;
}

}  // namespace tidecast::deepar
