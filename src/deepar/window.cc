#include "deepar/window.h"

#include <algorithm>
#include <cmath>

namespace tidecast::deepar {
namespace {

constexpr double kMagnitudeMin = 1e-9;
constexpr double kFeatureMax = 1e30;  // Of features, which are not scaled.
constexpr std::size_t kRecent = 7;

float limited(double x) { return static_cast<float>(std::clamp<double>(x, -kScaledLimit, kScaledLimit)); }

// A mean over what is there; 0 of nothing.
struct Mean {
  double sum = 0;
  int count = 0;
  void add(double value) { sum += value, ++count; }
  double value() const { return count == 0 ? 0 : sum / count; }
};

// The value t steps after the split; NaN outside the series and after what is known.
double value_at(std::span<const double> values, std::ptrdiff_t split, int t, int known) {
  const std::ptrdiff_t at = split + t;
  return t >= known || at < 0 || at >= static_cast<std::ptrdiff_t>(values.size())
             ? std::nan("")
             : values[static_cast<std::size_t>(at)];
}

// Feature f of the step `time` from the series' start; what is before the series has the filler, as GluonTS pads.
float feature_at(const ModelSpec& spec, const Source& source, std::ptrdiff_t time, std::ptrdiff_t f) {
  if (time < 0) return static_cast<float>(spec.filler);
  return source
      .features[static_cast<std::size_t>((time - static_cast<std::ptrdiff_t>(source.first)) * spec.features() + f)];
}

Status check_counts(const ModelSpec& spec, const TimeSeries& series) {
  const auto check = [](std::string_view what, std::size_t found, std::size_t allowed) -> Status {
    if (found == allowed) return ok();
    return invalid_argument("{} {}; allowed: {}", found, what, allowed);
  };
  const bool dummy = spec.embeddings.size() == 1 && spec.embeddings[0].cardinality == 1;
  if (!(dummy && series.categories.empty())) TRY(check("categories", series.categories.size(), spec.embeddings.size()));
  if (!(spec.static_reals == 1 && series.static_reals.empty()))
    TRY(check("static reals", series.static_reals.size(), static_cast<std::size_t>(spec.static_reals)));
  return check("dynamic features", series.dynamic.size(), static_cast<std::size_t>(spec.dynamic));
}

Status check_numbers(std::string_view what, std::span<const double> values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!(std::abs(values[i]) <= kFeatureMax))
      return invalid_argument("{}: value {} is {}; allowed: numbers, at most {} in magnitude", what, i, values[i],
                              kFeatureMax);
  return ok();
}

}  // namespace

Result<Source> make_source(const ModelSpec& spec, const TimeSeries& series, std::size_t first, std::size_t end) {
  TRY(check_counts(spec, series));
  Source source{
      .values = series.values, .first = first, .features = {}, .static_reals = {}, .categories = series.categories};
  TRY(check_numbers("static reals", series.static_reals));
  for (const double value : series.static_reals) source.static_reals.push_back(static_cast<float>(value));
  source.static_reals.resize(static_cast<std::size_t>(spec.static_reals));
  source.categories.resize(spec.embeddings.size());
  for (std::size_t i = 0; i < source.categories.size(); ++i)
    if (source.categories[i] < 0 || source.categories[i] >= spec.embeddings[i].cardinality)
      return invalid_argument("category {}: found {}; allowed: 0 to {}", i, source.categories[i],
                              spec.embeddings[i].cardinality - 1);
  for (std::size_t i = 0; i < series.dynamic.size(); ++i) {
    if (series.dynamic[i].size() < end)
      return invalid_argument("dynamic feature {}: {} values; needed: {}", i, series.dynamic[i].size(), end);
    TRY(check_numbers(fmt::format("dynamic feature {}", i), std::span(series.dynamic[i]).first(end)));
  }
  if (spec.features() == 0) return source;
  source.features.reserve((end - first) * static_cast<std::size_t>(spec.features()));
  for (std::size_t i = first; i < end; ++i) {
    const EventTime time = spec.step.calendar_time(series.time_of(i));
    for (const CalendarField field : spec.calendar) source.features.push_back(calendar_value(field, time));
    if (spec.age) source.features.push_back(static_cast<float>(std::log10(2 + static_cast<double>(i))));
    for (const std::vector<double>& values : series.dynamic) source.features.push_back(static_cast<float>(values[i]));
  }
  return source;
}

ScaledWindow::ScaledWindow(const ModelSpec& spec)
    : spec_(spec), past_(spec.past()), x_(static_cast<std::size_t>(past_ + spec.horizon)), observed_(x_.size()) {}

bool ScaledWindow::read(std::span<const double> values, std::size_t split, int known) {
  const auto at = static_cast<std::ptrdiff_t>(split);
  std::ranges::fill(observed_, 0);
  constants_ = {};
  location_ = magnitude_ = 0;
  scale_ = spec_.scaling == Scaling::kNone ? 1 : spec_.default_scale;
  int last = -1;
  while (last >= -past_ && !std::isfinite(value_at(values, at, last, known))) --last;
  const bool any = last >= -past_;
  if (any) read_scale(values, at, last);
  std::ranges::fill(x_, spec_.scaling == Scaling::kLocation ? 0.f : limited(spec_.filler / scale_));
  if (!any && spec_.scaling == Scaling::kLocation) return false;
  for (int t = -past_; t < known; ++t)
    if (const double y = value_at(values, at, t, known); std::isfinite(y)) {
      x_[static_cast<std::size_t>(t + past_)] = limited((y - location_) / scale_);
      observed_[static_cast<std::size_t>(t + past_)] = 1;
    }
  if (spec_.constants) read_constants();
  return any;
}

// last: the newest observed value.
void ScaledWindow::read_scale(std::span<const double> values, std::ptrdiff_t split, int last) {
  const int newest = last >= -spec_.scale_length ? -1 : last;  // A gap as long as the range moves it back.
  const int oldest = std::max(newest - spec_.scale_length + 1, -past_);
  Mean level, magnitude, deviation;
  for (int t = oldest; t <= newest; ++t)
    if (const double y = value_at(values, split, t, 0); std::isfinite(y)) level.add(y), magnitude.add(std::abs(y));
  magnitude_ = magnitude.value();
  if (spec_.scaling == Scaling::kMagnitude) scale_ = std::max(magnitude_, spec_.scale_floor);
  if (spec_.scaling != Scaling::kLocation) return;
  for (int t = oldest; t <= newest; ++t)
    if (const double y = value_at(values, split, t, 0); std::isfinite(y)) deviation.add(std::abs(y - level.value()));
  location_ = level.value();
  constexpr double kOfZeros = 1e-30;  // Else the share of the magnitude is floor enough.
  scale_ = std::max(deviation.value() + 1e-3 * magnitude_, kOfZeros);
}

void ScaledWindow::read_constants() {
  Mean step, season, size;
  for (int t = 1 - spec_.context; t < 0; ++t) {
    if (!observed(t)) continue;
    size.add(std::abs(x(t)));
    if (observed(t - 1)) step.add(std::abs(x(t) - x(t - 1)));
    if (observed(t - spec_.season)) season.add(std::abs(x(t) - x(t - spec_.season)));
  }
  constants_ = {static_cast<float>(std::log(scale_ / std::max(magnitude_, kMagnitudeMin) + 1e-4)),
                static_cast<float>(std::log(step.value() + 1e-3)), static_cast<float>(std::log(season.value() + 1e-3)),
                static_cast<float>(std::log(size.value() + 1e-3))};
}

float ScaledWindow::target(int t) const {
  if (nn::target_unit(spec_.head) != nn::TargetUnit::kOriginal) return x(t);
  return static_cast<float>(std::min<double>(static_cast<double>(x(t)) * scale_ + location_, kCountLimit));
}

float ScaledWindow::recent_mean(int t) const {
  const std::size_t count = std::min(kRecent, spec_.lags.size());
  float sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += x(t - spec_.lags[i]);
  return sum / static_cast<float>(count);
}

void write_window_inputs(const ModelSpec& spec, const ScaledWindow& window, const Source& source, float* to,
                         std::ptrdiff_t stride) {
  const auto put = [&](float value) {
    *to = value;
    to += stride;
  };
  for (const float value : source.static_reals) put(value);
  if (spec.log_scale) put(static_cast<float>(std::log(window.scale())));
  if (spec.constants)
    for (const float value : window.constants()) put(value);
}

void write_window(const ModelSpec& spec, const ScaledWindow& window, const Source& source, std::size_t split,
                  const LaneTarget& to) {
  const std::ptrdiff_t lanes = to.lanes, fields = spec.features();
  float* input = to.inputs + to.lane;
  float* candidate = to.candidates + to.lane;
  const auto put = [lanes](float*& at, float value) {
    *at = value;
    at += lanes;
  };
  write_window_inputs(spec, window, source, to.statics + to.lane, lanes);
  to.scale[to.lane] = static_cast<float>(window.scale());
  for (int p = 0; p < spec.sequence(); ++p) {
    const int t = p - spec.context + 1;
    for (const int lag : spec.lags) put(input, std::clamp(window.x(t - lag), -spec.lag_limit, spec.lag_limit));
    const std::ptrdiff_t time = static_cast<std::ptrdiff_t>(split) + t;
    for (std::ptrdiff_t f = 0; f < fields; ++f) put(input, feature_at(spec, source, time, f));
    if (spec.gated()) {
      put(candidate, window.x(t - 1));
      put(candidate, window.x(t - spec.season));
      put(candidate, window.x(t - spec.week_lag));
      put(candidate, window.recent_mean(t));
    }
    to.target[p * lanes + to.lane] = window.target(t);
    to.weight[p * lanes + to.lane] = window.observed(t) ? 1.f : 0.f;
  }
}

void write_nothing(const ModelSpec& spec, const LaneTarget& to) {
  const auto zero = [&](float* at, int rows) {
    for (int i = 0; i < rows; ++i) at[static_cast<std::ptrdiff_t>(i) * to.lanes + to.lane] = 0;
  };
  zero(to.inputs, spec.step_inputs() * spec.sequence());
  zero(to.statics, spec.window_inputs());
  if (spec.gated()) zero(to.candidates, nn::kCandidates * spec.sequence());
  zero(to.target, spec.sequence());
  zero(to.weight, spec.sequence());
  to.scale[to.lane] = 1;
}

void write_known_inputs(const ModelSpec& spec, const ScaledWindow& window, const Source& source, std::size_t split,
                        int p, std::span<float> inputs) {
  const int t = p - spec.context + 1;
  std::size_t at = 0;
  for (const int lag : spec.lags) {
    if (t - lag < 0) inputs[at] = std::clamp(window.x(t - lag), -spec.lag_limit, spec.lag_limit);
    ++at;
  }
  const std::ptrdiff_t time = static_cast<std::ptrdiff_t>(split) + t, fields = spec.features();
  for (std::ptrdiff_t f = 0; f < fields; ++f) inputs[at++] = feature_at(spec, source, time, f);
}

}  // namespace tidecast::deepar
