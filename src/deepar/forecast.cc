// Sampling futures: the context is read once, then the paths go through the horizon in blocks.

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "deepar/model.h"
#include "deepar/window.h"
#include "nn/draw.h"
#include "nn/kernels.h"

namespace tidecast::deepar {
namespace {

constexpr int kPathsMax = 100'000;
constexpr int kStepsAtOnce = 64;   // Of the context: their inputs too.
constexpr int kPathsAtOnce = 128;  // Their state and gates stay in the second-level cache.

float to_unit(double x, double location, double scale, bool whole) {
  constexpr double kMax = std::numeric_limits<float>::max();
  const double y = x * scale + location;
  return static_cast<float>(std::clamp(whole ? std::round(y) : y, -kMax, kMax));
}

// Paths of one forecast, one a lane of `state` (LstmState or LstmFew), from the end of the context to the horizon's.
template <typename State>
class PathSampler {
 public:
  PathSampler(const ModelSpec& spec, const ScaledWindow& window, const nn::Kernels<float>& kernels, State state)
      : spec_(spec),
        window_(window),
        kernels_(kernels),
        lanes_(state.lanes()),
        state_(std::move(state)),
        samples_(count(spec.horizon)),
        lags_(count(static_cast<int>(spec.lags.size()))),
        candidates_(count(spec.gated() ? nn::kCandidates : 0)),
        head_(count(nn::head_outputs(spec.head))),
        drawn_(count(1)),
        window_scale_(count(1)) {
    std::fill_n(window_scale_.data(), window_scale_.size(), static_cast<float>(window.scale()));
  }

  // Paths from first_path on into `result`: all that it has, or as many as there are lanes.  shared: [horizon][4
  // cells], the first layer's sum over the inputs that the paths have in common.
  void run(const nn::LstmVector& encoded, const std::vector<float>& shared, std::uint64_t seed, int first_path,
           ForecastPaths& result) {
    state_.take(encoded);
    const float* raw = state_.head();
    const bool original = nn::target_unit(spec_.head) == nn::TargetUnit::kOriginal;
    for (int k = 0; k < spec_.horizon; ++k) {
      if (k > 0) {
        const int rows = gather_lags(k);
        raw = state_.advance(lags_.data(), rows, shared.data() + std::ptrdiff_t{k} * 4 * spec_.cells);
      }
      if (spec_.gated()) gather_candidates(k);
      kernels_.head_parameters(spec_.head,
                               {.lanes = lanes_,
                                .raw = raw,
                                .candidates = spec_.gated() ? candidates_.data() : nullptr,
                                .scale = window_scale_.data()},
                               head_.data());
      nn::draw(
          spec_.head, lanes_, head_.data(),
          {.seed = seed, .first_path = static_cast<std::uint32_t>(first_path), .step = static_cast<std::uint32_t>(k)},
          original ? kCountLimit : kScaledLimit, kernels_, original ? drawn_.data() : sample(k));
      if (!original) continue;
      const float scale = 1 / static_cast<float>(window_.scale());  // Original units have no location.
      for (int lane = 0; lane < lanes_; ++lane)
        sample(k)[lane] = std::clamp(drawn_[static_cast<std::size_t>(lane)] * scale, -kScaledLimit, kScaledLimit);
    }
    float* out = result.values.data() + std::ptrdiff_t{first_path} * spec_.horizon;
    for (int lane = 0; lane < std::min(lanes_, result.paths - first_path); ++lane)
      for (int k = 0; k < spec_.horizon; ++k)
        *out++ = to_unit(sample(k)[lane], window_.location(), window_.scale(), nn::is_count(spec_.head));
  }

 private:
  float* sample(int k) { return samples_.data() + static_cast<std::ptrdiff_t>(k) * lanes_; }
  std::size_t count(int rows) const { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(lanes_); }

  // The lags of step k that reach into the horizon, which are the first ones, since lags rise.  Returns how many.
  int gather_lags(int k) {
    int rows = 0;
    for (; rows < static_cast<int>(spec_.lags.size()) && spec_.lags[static_cast<std::size_t>(rows)] <= k; ++rows) {
      const float* from = sample(k - spec_.lags[static_cast<std::size_t>(rows)]);
      float* to = lags_.data() + static_cast<std::ptrdiff_t>(rows) * lanes_;
      for (int lane = 0; lane < lanes_; ++lane) to[lane] = std::clamp(from[lane], -spec_.lag_limit, spec_.lag_limit);
    }
    return rows;
  }

  // Adds share * x_(k - lag) to a row of candidates, from the path or from what is known.
  void add_lag(int k, int lag, float share, float* row) {
    if (lag > k) {
      const float known = share * window_.x(k - lag);
      for (int lane = 0; lane < lanes_; ++lane) row[lane] += known;
    } else {
      const float* from = sample(k - lag);
      for (int lane = 0; lane < lanes_; ++lane) row[lane] += share * from[lane];
    }
  }

  void gather_candidates(int k) {
    candidates_.clear();
    const auto row = [&](int i) { return candidates_.data() + static_cast<std::ptrdiff_t>(i) * lanes_; };
    add_lag(k, 1, 1, row(0));
    add_lag(k, spec_.season, 1, row(1));
    add_lag(k, spec_.week_lag, 1, row(2));
    const std::size_t recent = std::min<std::size_t>(7, spec_.lags.size());
    for (std::size_t i = 0; i < recent; ++i) add_lag(k, spec_.lags[i], 1.f / static_cast<float>(recent), row(3));
  }

  const ModelSpec& spec_;
  const ScaledWindow& window_;
  const nn::Kernels<float>& kernels_;
  int lanes_;
  State state_;
  nn::Buffer<float> samples_;  // [horizon][lane]
  nn::Buffer<float> lags_, candidates_, head_, drawn_, window_scale_;
};

}  // namespace

Result<ForecastPaths> Model::forecast(const TimeSeries& history, int paths, std::uint64_t seed) const {
  if (history.step != spec_.step)
    return invalid_argument("history has steps of {}; this model was trained for {}", to_text(history.step),
                            to_text(spec_.step));
  if (paths < 1 || paths > kPathsMax) return invalid_argument("{} paths; allowed: 1 to {}", paths, kPathsMax);
  TRY(check_values(history).in("history"));
  const std::size_t split = history.values.size(),
                    first = split - std::min(split, static_cast<std::size_t>(spec_.context - 1));
  const Source source =
      TRY(make_source(spec_, history, first, split + static_cast<std::size_t>(spec_.horizon)).in("history"));
  ScaledWindow window(spec_);
  if (!window.read(history.values, split, 0))
    return invalid_argument("not one observed value among the last {}",
                            std::min<std::size_t>(split, static_cast<std::size_t>(spec_.past())));

  const nn::Kernels<float>& kernels = nn::best_kernels<float>();
  nn::LstmVector encoder(columns_, kernels, spec_.zoneout);
  const auto step_inputs = static_cast<std::size_t>(spec_.step_inputs());
  std::vector<float> inputs(static_cast<std::size_t>(map_.shape().inputs_of(0)));
  write_window_inputs(spec_, window, source, inputs.data() + step_inputs, 1);
  nn::gather_embeddings(map_, parameters_.data(), source.categories, 1, inputs.data() + step_inputs);
  std::vector<float> steps;
  steps.reserve(inputs.size() * static_cast<std::size_t>(std::min(spec_.context, kStepsAtOnce)));
  for (int p = 0; p < spec_.context; ++p) {
    write_known_inputs(spec_, window, source, split, p, inputs);
    steps.insert(steps.end(), inputs.begin(), inputs.end());
    if (const int read = p % kStepsAtOnce + 1; read == kStepsAtOnce || p + 1 == spec_.context) {
      encoder.read(read, steps.data());
      steps.clear();
    }
  }
  std::vector<float> shared(static_cast<std::size_t>(spec_.horizon) * static_cast<std::size_t>(4 * spec_.cells));
  for (int k = 1; k < spec_.horizon; ++k) {  // Steps after the split.
    write_known_inputs(spec_, window, source, split, spec_.context - 1 + k, inputs);
    const auto own = std::ranges::upper_bound(spec_.lags, k) - spec_.lags.begin();
    encoder.first_layer_sum(inputs.data(), static_cast<int>(own), shared.data() + std::ptrdiff_t{k} * 4 * spec_.cells);
  }

  ForecastPaths result{.paths = paths, .horizon = spec_.horizon, .values = {}};
  result.values.resize(static_cast<std::size_t>(paths) * static_cast<std::size_t>(spec_.horizon));
  // A last vector of lanes that would be three quarters empty is not begun: other lanes are cheaper for its paths.
  const int rest = paths % kernels.lanes, many = 4 * rest <= kernels.lanes ? paths - rest : paths;
  int from = 0;
  if (many > 0) {
    const auto parts = [](int whole, int part) { return (whole + part - 1) / part; };
    const int lanes = parts(parts(many, parts(many, kPathsAtOnce)), kernels.lanes) * kernels.lanes;
    PathSampler sampler(spec_, window, kernels, nn::LstmState(map_, parameters_.data(), lanes, kernels, spec_.zoneout));
    for (; from < many; from += lanes) sampler.run(encoder, shared, seed, from, result);
  }
  if (from < paths) {
    PathSampler sampler(spec_, window, kernels,
                        nn::LstmFew(map_, parameters_.data(), columns_, paths - from, kernels, spec_.zoneout));
    sampler.run(encoder, shared, seed, from, result);
  }
  return result;
}

}  // namespace tidecast::deepar
