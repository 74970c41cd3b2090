// Running an ETS model over a series, and forecasting with it.

#include "baselines/ets.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/rng.h"
#include "baselines/ets_series.h"

namespace tidecast {
namespace ets {

Result<Series> read_series(std::span<const double> history) {
  constexpr double kMax = 1e100;  // Its square, summed, is still a number.
  const auto is_observed = [](double y) { return !std::isnan(y); };
  const auto first = std::ranges::find_if(history, is_observed);
  if (first == history.end()) return invalid_argument("not one observed value among {}", history.size());
  Series series;
  series.y.assign(first, history.end());
  while (!is_observed(series.y.back())) {
    series.y.pop_back();
    ++series.gap;
  }
  double size = 0;
  for (const double y : series.y) {
    if (!is_observed(y)) continue;
    if (!(std::abs(y) <= kMax)) return invalid_argument("a value of {}; allowed: at most {} in size", y, kMax);
    size += std::abs(y);
    ++series.observed;
  }
  size /= series.observed;
  if (size > 0) series.unit = std::exp2(std::floor(std::log2(size)));
  for (double& y : series.y) y /= series.unit;
  return series;
}

EtsState times(EtsState state, double unit, EtsSeason season) {
  state.level *= unit;
  state.slope *= unit;
  if (season == EtsSeason::kAdditive)
    for (double& s : state.season) s *= unit;
  return state;
}

int parameter_count(const EtsForm& form, std::size_t season) {
  int count = 3;  // alpha, level, sigma2.
  if (form.trend != EtsTrend::kNone) count += 2;
  if (form.trend == EtsTrend::kDamped) ++count;
  if (form.season != EtsSeason::kNone) count += static_cast<int>(season);  // gamma, and all states but one.
  return count;
}

EtsModel model_of(const Series& series, const EtsForm& form, const EtsParameters& parameters, const EtsState& initial,
                  const Likelihood& likelihood, int parameters_estimated) {
  const double n = series.observed, k = parameters_estimated;
  EtsModel model{.form = form,
                 .parameters = parameters,
                 .initial = times(initial, series.unit, form.season),
                 .last = times(likelihood.last(), series.unit, form.season),
                 .gap = series.gap,
                 .observed = series.observed};
  model.sigma2 = likelihood.squares() / std::max(1.0, n + 1 - k);
  if (form.error == EtsError::kAdditive) model.sigma2 *= series.unit * series.unit;
  model.log_likelihood = -n / 2 * std::log(likelihood.squares() + n * Likelihood::kFloor) - likelihood.log_means() -
                         n * std::log(series.unit);
  model.aic = 2 * k - 2 * model.log_likelihood;
  model.bic = std::log(n) * k - 2 * model.log_likelihood;
  model.aicc = n - k - 1 > 0 ? model.aic + 2 * k * (k + 1) / (n - k - 1) : INFINITY;
  return model;
}

}  // namespace ets

namespace {

constexpr int kSimulatedPaths = 5'000;

// x with P(Z <= x) = tau for a standard normal Z: Abramowitz and Stegun 26.2.23 (error below 4.5e-4), then two steps of
// Newton's.
double normal_quantile(double tau) {
  const double tail = std::min(tau, 1 - tau), t = std::sqrt(-2 * std::log(tail));
  double x = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  for (int i = 0; i < 2; ++i) {
    const double above = std::erfc(x / std::numbers::sqrt2) / 2;
    x += (above - tail) / (std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi));
  }
  return tau < 0.5 ? -x : x;
}

// Two standard normal numbers of a path: its steps 2 pair and 2 pair + 1 (Box and Muller).
struct Normals {
  double even, odd;
};
Normals normals_of(std::uint32_t path, std::uint32_t pair, std::uint64_t seed) {
  const auto bits =
      philox4x32({path, pair, 0, 0}, {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  const double u = (bits[0] + 0.5) * 0x1p-32, angle = 2 * std::numbers::pi * (bits[1] * 0x1p-32);
  const double radius = std::sqrt(-2 * std::log(u));
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

// What the decomposed season adds `k` steps after the last observed value.
double figure_at(const EtsModel& model, std::size_t k) {
  return model.figure.empty() ? 0 : model.figure[k % model.figure.size()];
}

// A path of steps [0, gap + horizon) after the last observed value into `out`.
void simulate(const EtsModel& model, std::uint32_t path, std::uint64_t seed, EtsState& state, std::span<double> out) {
  const auto& [alpha, beta, gamma, phi] = model.parameters;
  const double sigma = std::sqrt(model.sigma2);
  const bool is_product = model.form.season == EtsSeason::kMultiplicative;
  state = model.last;
  Normals normals{};
  for (std::size_t k = 0; k < out.size(); ++k) {
    if (k % 2 == 0) normals = normals_of(path, static_cast<std::uint32_t>(k / 2), seed);
    double e = sigma * (k % 2 == 0 ? normals.even : normals.odd);
    const double q = state.level + phi * state.slope;
    double* const s = state.season.empty() ? nullptr : &state.season[k % state.season.size()];
    const double f = s == nullptr ? q : is_product ? q * *s : q + *s;
    if (model.form.error == EtsError::kMultiplicative) e = std::max(e, -1.0) * f;
    // A level or season that fell to 0 has no ratio to learn from.
    const double u = !is_product ? e : *s != 0 ? e / *s : 0;
    const double v = !is_product ? e : q != 0 ? e / q : 0;
    state.level = q + alpha * u;
    state.slope = phi * state.slope + beta * u;
    if (s != nullptr) *s += gamma * v;
    out[k] = f + e + figure_at(model, k);
  }
}

}  // namespace

std::string EtsForm::name() const {
  constexpr std::string_view kTrends[] = {"N", "A", "Ad"};
  return fmt::format("ETS({},{},{})", error == EtsError::kAdditive ? 'A' : 'M', kTrends[static_cast<int>(trend)],
                     "NAM"[static_cast<int>(season)]);
}

std::vector<double> EtsModel::point(int horizon) const {
  CHECK(horizon >= 0);
  std::vector<double> point;
  double damping = 0, power = 1;  // phi + .. + phi^(k + 1), phi^(k + 1).
  for (std::size_t k = 0; k < static_cast<std::size_t>(gap + horizon); ++k) {
    power *= parameters.phi;
    damping += power;
    double f = last.level + damping * last.slope;
    if (form.season == EtsSeason::kAdditive) f += last.season[k % last.season.size()];
    if (form.season == EtsSeason::kMultiplicative) f *= last.season[k % last.season.size()];
    point.push_back(f + figure_at(*this, k));
  }
  point.erase(point.begin(), point.begin() + gap);
  return point;
}

std::vector<double> EtsModel::paths(int paths, int horizon, std::uint64_t seed) const {
  CHECK(paths >= 0 && horizon >= 0);
  const auto h = static_cast<std::size_t>(horizon);
  std::vector<double> result(static_cast<std::size_t>(paths) * h), path(h + static_cast<std::size_t>(gap));
  EtsState state;
  for (std::size_t i = 0; i < static_cast<std::size_t>(paths); ++i) {
    simulate(*this, static_cast<std::uint32_t>(i), seed, state, path);
    std::copy(path.begin() + gap, path.end(), result.begin() + static_cast<std::ptrdiff_t>(i * h));
  }
  return result;
}

std::vector<double> EtsModel::quantiles(std::span<const double> levels, int horizon, std::uint64_t seed) const {
  for (const double level : levels) CHECK(level > 0 && level < 1);
  const auto h = static_cast<std::size_t>(horizon);
  std::vector<double> result(levels.size() * h);
  if (form.error == EtsError::kMultiplicative) {
    const std::vector<double> simulated = paths(kSimulatedPaths, horizon, seed);
    std::vector<double> column(kSimulatedPaths);
    for (std::size_t k = 0; k < h; ++k) {
      for (std::size_t i = 0; i < column.size(); ++i) column[i] = simulated[i * h + k];
      std::ranges::sort(column);
      for (std::size_t j = 0; j < levels.size(); ++j) {
        const auto rank = static_cast<std::size_t>(std::nearbyint((kSimulatedPaths - 1) * levels[j]));
        result[j * h + k] = column[rank];
      }
    }
    return result;
  }
  const std::vector<double> mean = point(horizon);
  double sum = 1, damping = 0, power = 1;  // Variance / sigma2; phi + .. + phi^j, phi^j.
  for (int j = 0; j < gap + horizon; ++j) {
    if (j > 0) {  // What an error adds j steps later.
      power *= parameters.phi;
      damping += power;
      double c = parameters.alpha + parameters.beta * damping;
      if (!last.season.empty() && j % static_cast<int>(last.season.size()) == 0) c += parameters.gamma;
      sum += c * c;
    }
    if (j < gap) continue;
    const auto k = static_cast<std::size_t>(j - gap);
    for (std::size_t i = 0; i < levels.size(); ++i)
      result[i * h + k] = mean[k] + std::sqrt(sigma2 * sum) * normal_quantile(levels[i]);
  }
  return result;
}

Result<EtsModel> run_ets(std::span<const double> history, const EtsForm& form, const EtsParameters& parameters,
                         const EtsState& initial) {
  const ets::Series series = TRY(ets::read_series(history));
  if (initial.season.empty() != (form.season == EtsSeason::kNone))
    return invalid_argument("{} states of a season for {}", initial.season.size(), form.name());
  ets::Likelihood likelihood(form, series.y);
  const EtsState start = ets::times(initial, 1 / series.unit, form.season);
  if (!std::isfinite(likelihood(parameters, start, nullptr)))
    return invalid_argument("{} cannot be run: a forecast that multiplies is not above 0", form.name());
  return ets::model_of(series, form, parameters, start, likelihood, ets::parameter_count(form, initial.season.size()));
}

}  // namespace tidecast
