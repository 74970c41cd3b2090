#pragma once
// One cut of a series as the network sees it: everything before the split in units of the window's own location and
// scale.
//
//   series   ... past() values ... | split: horizon values to forecast
//   step p = 0 .. T - 1 of the sequence forecasts the value at split + p - (C - 1) from its lags, its place in the
//   calendar and four constants of the window
//
// Location and scale come from the last Ls values: loc = mean, s = mean|y - loc| + 1e-3 mean|y|, at least 1e-10, x = (y
// - loc) / s. Where none of those is observed (a gap), the Ls values ending at the last observed one serve.  A value
// that is missing or before the series is x = 0, that is loc.  |x| is cut to 1e6, so that a jump after a constant
// stretch stays within what float can square.

#include <array>
#include <span>
#include <vector>

#include "deepar/recipe.h"

namespace tidecast::deepar {

inline constexpr float kScaledLimit = 1e6f;  // Of targets, gate candidates and draws.
inline constexpr float kLagInputLimit = 30;  // Of lags as inputs to the network.

class ScaledWindow {
 public:
  explicit ScaledWindow(const ModelSpec& spec);

  // Reads the window at `split` (0 .. values.size()); values at and after it are read up to `known` (0 .. horizon)
  // steps. False, and all x are 0, when not one of the past() values before the split is observed.
  bool read(std::span<const double> values, std::size_t split, int known);

  double location() const { return location_; }
  double scale() const { return scale_; }
  // log(s / mean|y| + 1e-4), log(e1 + 1e-3), log(em + 1e-3), log(mean|x| + 1e-3); e1, em: mean |x_t - x_(t-1)|, |x_t -
  // x_(t-m)| over the context, each over the pairs that are observed.
  const std::array<float, ModelSpec::kConstants>& constants() const { return constants_; }

  // t: steps after the split, -past() .. horizon - 1.
  float x(int t) const { return x_[static_cast<std::size_t>(t + past_)]; }
  bool observed(int t) const { return observed_[static_cast<std::size_t>(t + past_)]; }
  // Mean of the first seven lags (of all, if fewer) before t: what the gate calls the recent mean.
  float recent_mean(int t) const;

 private:
  void read_constants(double mean_magnitude);

  const ModelSpec& spec_;
  int past_;
  std::vector<float> x_;
  std::vector<char> observed_;
  double location_ = 0, scale_ = 1;
  std::array<float, ModelSpec::kConstants> constants_{};
};

// A lane of a shard's arrays, [step][row][lane] but for the statics: where a window is written to.
struct LaneTarget {
  int lane = 0, lanes = 0;
  float* inputs = nullptr;      // [T][lags and calendar]
  float* statics = nullptr;     // [constants][lane]
  float* candidates = nullptr;  // [T][4]: x_(t-1), x_(t-m), x_(t-week), recent mean.
  float* target = nullptr;      // [T]: x, 0 where unobserved.
  float* weight = nullptr;      // [T]: 1 where observed, else 0.
};
// calendar: [step of the series][field], from the series' first step; `split` as read.
void write_window(const ModelSpec& spec, const ScaledWindow& window, std::span<const float> calendar, std::size_t split,
                  const LaneTarget& to);
// An unused lane: zeros.
void write_nothing(const ModelSpec& spec, const LaneTarget& to);

// The inputs of sequence step p as far as they are known at the split: lags that reach past it are left as they are.
void write_known_inputs(const ModelSpec& spec, const ScaledWindow& window, EventTime time, int p,
                        std::span<float> inputs);

}  // namespace tidecast::deepar
