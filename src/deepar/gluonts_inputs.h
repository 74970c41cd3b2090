#pragma once
// The network's inputs as GluonTS 0.17's torch DeepAR makes them of a series (gluonts/torch/model/deepar: estimator.py,
// module.py, lightning_module.py), the other way to cut a window beside recipe R's (window.h):
//
//   step input at step p, for the value at split + t, t = p - (C - 1):
//     [lags of y / scale] [calendar of split + t] [age = log10(2 + steps since the series' start)] [dynamic of split +
//     t]
//   statics, once a window:
//     [static reals, or one 0] [log scale], then the embeddings of the codes, looked up by whoever has the weights
//
// GluonTS has both in one row: lags, embeddings, static reals, log scale, calendar, age, dynamic.
//
// y is the series with `filler` where a value is missing or before its start, scale the mean of |y| over the observed
// of the last C values before the split, at least 1e-10.  Where ours differs, knowingly: what is before the start
// counts as unobserved for every filler (GluonTS gives it `filler` as its flag), and a context without one observed
// value has the `default_scale` (GluonTS: the mean scale of the windows that happen to share its batch).

#include <optional>
#include <span>
#include <vector>

#include "deepar/recipe.h"
#include "deepar/window.h"

namespace tidecast::deepar {

// What targets and filler are measured in: of heads of counts the value, of all others the value / scale.
enum class TargetUnit { kScaled, kOriginal };

struct GluonTsSpec {
  Frequency step{0ms};
  int horizon = 0;
  int context = 0;
  std::vector<int> lags;  // Ascending.
  std::vector<CalendarField> calendar;
  std::vector<int> cardinality{1};  // Of each category; {1} for series without one, whose code is 0.
  int static_reals = 0;
  int dynamic = 0;
  double filler = 0;  // 0.5 for heads on (0, 1): a value that the head's support holds.
  bool scaling = true;
  double default_scale = 1;
  TargetUnit target = TargetUnit::kScaled;

  int features() const { return static_cast<int>(calendar.size()) + 1 + dynamic; }  // Calendar, age, dynamic.
  int step_inputs() const { return static_cast<int>(lags.size()) + features(); }    // In the order above.
  int statics() const { return (static_reals > 0 ? static_reals : 1) + 1; }         // Without embeddings.
  int sequence() const { return context + horizon - 1; }                            // T: steps of a training window.
  int past() const { return context - 1 + lags.back(); }                            // Values before the split.
};

// With GluonTS's lags and calendar of the step; context 0: the horizon, as GluonTS has it.
GluonTsSpec gluonts_spec(const Frequency& step, int horizon, int context = 0);

// The features of `steps` steps from the series' start, [step][feature]: its length for training, the horizon more for
// a forecast.  Errors: kInvalidArgument - another number of dynamic features than the spec's, one that is shorter than
// `steps` or has a value that is no number.
Result<std::vector<float>> gluonts_features(const GluonTsSpec& spec, const TimeSeries& series, std::size_t steps);

// The codes of the series' categories, {0} where the spec has the one dummy; what embeddings are looked up by.
// Errors: kInvalidArgument - another number of categories or static reals than the spec's, a code beyond its
// cardinality, a static real that is no number.
Result<std::vector<int>> gluonts_codes(const GluonTsSpec& spec, const TimeSeries& series);

// One cut of a series.  Keeps the spec and, from one read to the next, sees the features.
class GluonTsWindow {
 public:
  explicit GluonTsWindow(const GluonTsSpec& spec);

  // The window at `split` (0 .. values.size()); values at and after it are read up to `known` (0 .. horizon) steps.
  // features: gluonts_features of the series, at least up to the last step that will be written.
  void read(std::span<const double> values, std::span<const float> features, std::size_t split, int known);

  double scale() const { return scale_; }
  // t: steps after the split, -past() .. horizon - 1.
  float y(int t) const { return y_[index(t)]; }
  float x(int t) const { return x_[index(t)]; }  // y / scale.
  bool observed(int t) const { return observed_[index(t)]; }
  // Before the series' start: `filler`, as GluonTS pads.
  float feature(int t, int i) const {
    const std::ptrdiff_t at = split_ + t;
    return at < 0 ? filler_ : features_[static_cast<std::size_t>(at * width_ + i)];
  }

 private:
  std::size_t index(int t) const { return static_cast<std::size_t>(t + past_); }

  const GluonTsSpec& spec_;
  int past_;
  std::ptrdiff_t width_;
  float filler_;
  std::vector<float> y_, x_;
  std::vector<char> observed_;
  std::span<const float> features_;
  std::ptrdiff_t split_ = 0;
  double scale_ = 1;
};

// The window's T steps into a lane: inputs [T][step_inputs()], target [T] (the filler where unobserved, which every
// density has a finite logarithm of), weight [T] (0 there).  `candidates` are recipe R's and stay as they are.
void write_window(const GluonTsSpec& spec, const GluonTsWindow& window, const LaneTarget& to);
// An unused lane: zeros.
void write_nothing(const GluonTsSpec& spec, const LaneTarget& to);
// Static reals and log scale of the window into lane `lane` of [statics()][lanes].
void write_statics(const GluonTsSpec& spec, const GluonTsWindow& window, std::span<const double> static_reals, int lane,
                   int lanes, float* statics);
// The inputs of sequence step p as far as they are known at the split: lags that reach past it are left as they are.
void write_known_inputs(const GluonTsSpec& spec, const GluonTsWindow& window, int p, std::span<float> inputs);

}  // namespace tidecast::deepar
