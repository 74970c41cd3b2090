#pragma once
// One cut of a series as the network sees it: everything before the split in units of the window's own location and
// scale.
//
//   series   ... past() values ... | split: horizon values to forecast
//   step p = 0 .. T - 1 of the sequence forecasts the value at split + t, t = p - (C - 1), from its lags and features
//   (calendar, age, what is known beforehand); what is the same for all steps of the window are the statics
//
// Location and scale come from the last Ls values: by location loc = mean, s = mean|y - loc| + 1e-3 mean|y|; by
// magnitude loc = 0, s = mean|y|; at least the spec's floor.  x = (y - loc) / s.  Where none of those is observed (a
// gap), the Ls values ending at the last observed one serve.  A value that is missing or before the series is x = 0 by
// location, that is loc, else filler / s.  |x| is cut to 1e6, so that a jump after a constant stretch stays within what
// float can square.
//
// GluonTS 0.17's inputs (gluonts/torch/model/deepar: estimator.py, module.py) are a spec of this with its lags, all
// calendar fields, age, log scale and Ls = C.  Where ours differs, knowingly: what is before the start counts as
// unobserved for every filler (GluonTS gives it `filler` as its flag), and a context without one observed value never
// depends on the windows that happen to share its batch.

#include <array>
#include <span>
#include <vector>

#include "deepar/recipe.h"

namespace tidecast::deepar {

inline constexpr float kScaledLimit = 1e6f;  // Of x: targets, gate candidates and draws.
inline constexpr float kCountLimit = 1e9f;   // Of counts, which are not scaled.

// A series and what travels beside it, checked and ready to be cut; `values` are the series' own.
struct Source {
  std::span<const double> values;
  std::size_t first = 0;            // The step whose features come first.
  std::vector<float> features;      // [step][spec.features()]
  std::vector<float> static_reals;  // [spec.static_reals]
  std::vector<int> categories;      // [spec.embeddings.size()]
};
// Features are made of the steps [first, end): of the whole series for training, of the context and the horizon for a
// forecast.  Errors: kInvalidArgument - another number of categories, static reals or dynamic features than the spec's
// (a spec of one category of one value, or one static real, takes series without: code 0, value 0, as GluonTS does), a
// code outside its cardinality, a feature that is no number or too short.
Result<Source> make_source(const ModelSpec& spec, const TimeSeries& series, std::size_t first, std::size_t end);

class ScaledWindow {
 public:
  explicit ScaledWindow(const ModelSpec& spec);

  // Reads the window at `split` (0 .. values.size()); values at and after it are read up to `known` (0 .. horizon)
  // steps.  False when not one of the past() values before the split is observed: by location all x are 0 then; else
  // the scale is the spec's default, and the window is as good as any.
  bool read(std::span<const double> values, std::size_t split, int known);

  double location() const { return location_; }
  double scale() const { return scale_; }
  // log(s / mean|y| + 1e-4), log(e1 + 1e-3), log(em + 1e-3), log(mean|x| + 1e-3); e1, em: mean |x_t - x_(t-1)|, |x_t -
  // x_(t-m)| over the context, each over the pairs that are observed.
  const std::array<float, ModelSpec::kConstants>& constants() const { return constants_; }

  // t: steps after the split, -past() .. horizon - 1.
  float x(int t) const { return x_[static_cast<std::size_t>(t + past_)]; }
  bool observed(int t) const { return observed_[static_cast<std::size_t>(t + past_)]; }
  // What the head forecasts, in its unit (nn/heads.h).
  float target(int t) const;
  // Mean of the first seven lags (of all, if fewer) before t: what the gate calls the recent mean.
  float recent_mean(int t) const;

 private:
  void read_scale(std::span<const double> values, std::ptrdiff_t split, int last);
  void read_constants();

  const ModelSpec& spec_;
  int past_;
  std::vector<float> x_;
  std::vector<char> observed_;
  double location_ = 0, scale_ = 1, magnitude_ = 0;
  std::array<float, ModelSpec::kConstants> constants_{};
};

// A lane of a shard's arrays, [step][row][lane] but for the statics and the scale: where a window is written to.
struct LaneTarget {
  int lane = 0, lanes = 0;
  float* inputs = nullptr;      // [T][step_inputs]
  float* statics = nullptr;     // [window_inputs][lane]
  float* candidates = nullptr;  // [T][4]: x_(t-1), x_(t-m), x_(t-week), recent mean.
  float* target = nullptr;      // [T]: in the head's unit, where unobserved a value of its support.
  float* weight = nullptr;      // [T]: 1 where observed, else 0.
  float* scale = nullptr;       // [lane]
};
// `split` as read.
void write_window(const ModelSpec& spec, const ScaledWindow& window, const Source& source, std::size_t split,
                  const LaneTarget& to);
// An unused lane: zeros, and a scale of 1.
void write_nothing(const ModelSpec& spec, const LaneTarget& to);

// The inputs of sequence step p, [step_inputs], as far as they are known at the split: lags that reach past it are left
// as they are.
void write_known_inputs(const ModelSpec& spec, const ScaledWindow& window, const Source& source, std::size_t split,
                        int p, std::span<float> inputs);
// [window_inputs]
void write_window_inputs(const ModelSpec& spec, const ScaledWindow& window, const Source& source, float* to,
                         std::ptrdiff_t stride);

}  // namespace tidecast::deepar
