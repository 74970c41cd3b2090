// Fitting ETS models: where to start, the search, and the choice by AICc.

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>

#include "baselines/ets.h"
#include "baselines/ets_series.h"
#include "baselines/minimise.h"

namespace tidecast {
namespace ets {
namespace {

constexpr double kSmoothingMin = 1e-4, kSmoothingMax = 0.9999, kDampingMin = 0.8, kDampingMax = 0.98;

bool is_damped(const EtsForm& form) { return form.trend == EtsTrend::kDamped; }
bool has_trend(const EtsForm& form) { return form.trend != EtsTrend::kNone; }
bool has_season(const EtsForm& form) { return form.season != EtsSeason::kNone; }
bool multiplies(const EtsForm& form) {
  return form.error == EtsError::kMultiplicative || form.season == EtsSeason::kMultiplicative;
}

double mean_observed(std::span<const double> values) {
  double sum = 0;
  int count = 0;
  for (const double v : values)
    if (!std::isnan(v)) sum += v, ++count;
  return count > 0 ? sum / count : NAN;
}

// The season's figure by classical decomposition, phase of y[0] first: what is left beside a moving mean over a season,
// averaged by phase; of mean 0 (additive) or 1.  Empty where a phase has no value.
std::vector<double> seasonal_figure(std::span<const double> y, std::size_t m, EtsSeason season) {
  const bool is_product = season == EtsSeason::kMultiplicative;
  std::vector<double> sum(m), count(m);
  const double overall = mean_observed(y);
  for (std::size_t t = 0; t < y.size(); ++t) {
    double middle = overall;  // Too short a series has no moving mean.
    if (y.size() >= 2 * m) {
      if (t < m / 2 || t + m / 2 >= y.size()) continue;
      const std::size_t from = t - m / 2;
      // An even season: m + 1 values, those at the ends by half.
      middle = mean_observed(y.subspan(from, m));
      if (m % 2 == 0) middle = (middle + mean_observed(y.subspan(from + 1, m))) / 2;
    }
    if (std::isnan(y[t]) || std::isnan(middle)) continue;
    sum[t % m] += is_product ? y[t] / middle : y[t] - middle;
    ++count[t % m];
  }
  if (std::ranges::find(count, 0) != count.end()) return {};
  for (std::size_t i = 0; i < m; ++i) sum[i] /= count[i];
  const double mean = std::accumulate(sum.begin(), sum.end(), 0.0) / static_cast<double>(m);
  for (double& s : sum) s = is_product ? s / mean : s - mean;
  return sum;
}

struct Start {
  EtsState state;
  double spread = 1;  // A step's typical change: the search's unit for the states.
};

// Level and slope by least squares on the first max(10, 2 m) seasonally adjusted values (the book's 2.6).
Start heuristic_start(std::span<const double> y, std::size_t m, const EtsForm& form) {
  constexpr double kRatioMin = 0.01;
  Start start;
  std::vector<double> adjusted(y.begin(), y.end());
  if (has_season(form)) {
    auto& season = start.state.season;
    season = seasonal_figure(y, m, form.season);
    const bool is_product = form.season == EtsSeason::kMultiplicative;
    if (season.empty()) season.assign(m, is_product ? 1 : 0);
    if (is_product) {
      for (double& s : season) s = std::max(s, kRatioMin);
      const double mean = std::accumulate(season.begin(), season.end(), 0.0) / static_cast<double>(m);
      for (double& s : season) s /= mean;
    }
    for (std::size_t t = 0; t < y.size(); ++t) adjusted[t] = is_product ? y[t] / season[t % m] : y[t] - season[t % m];
  }
  double changes = 0, steps = 0, before = NAN;
  for (const double a : adjusted) {
    if (std::isnan(a)) continue;
    if (!std::isnan(before)) changes += (a - before) * (a - before), ++steps;
    before = a;
  }
  start.spread = std::max(1e-6, std::sqrt(changes / std::max(1.0, steps)));

  const auto first = std::span(adjusted).first(std::min(y.size(), std::max<std::size_t>(10, 2 * m)));
  start.state.level = mean_observed(first);
  if (!has_trend(form)) return start;
  double n = 0, t_sum = 0, tt = 0, ta = 0, a_sum = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (std::isnan(first[i])) continue;
    const double t = static_cast<double>(i + 1);
    ++n, t_sum += t, tt += t * t, a_sum += first[i], ta += t * first[i];
  }
  const double determinant = n * tt - t_sum * t_sum;
  if (!(determinant > 0)) return start;
  const double slope = (n * ta - t_sum * a_sum) / determinant, level = (a_sum - slope * t_sum) / n;
  if (multiplies(form) && !(level > 0 && level + slope > 0)) return start;  // Forecasts must stay above 0.
  start.state.slope = slope;
  start.state.level = level;
  return start;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double logit(double p) { return std::log(p / (1 - p)); }

// The search's variables: alpha, beta, gamma and phi within their bounds by a sigmoid, as the form has them, then the
// initial level, slope and the season's states but the last, which their sum gives, from where they start.
class Search {
 public:
  Search(const EtsForm& form, std::span<const double> y, std::size_t m)
      : form_(form), m_(has_season(form) ? m : 0), start_(heuristic_start(y, m, form)), likelihood_(form, y) {
    slope_unit_ = start_.spread / 10;  // It adds up over steps.
    season_unit_ = form.season == EtsSeason::kMultiplicative
                       ? start_.spread / std::max(start_.spread, std::abs(start_.state.level))
                       : start_.spread;
  }

  // False where no start is possible.
  bool run() {
    // The likelihood has several peaks: a few starts go some way, the best to its end.  Tolerances of -2 log
    // likelihood.
    constexpr std::size_t kStarts = 3;
    constexpr double kRough = 0.1, kFine = 1e-5;
    constexpr int kRoughSteps = 30, kFineSteps = 500;
    std::vector<Minimum> starts = coarse_starts();
    if (starts.empty()) return false;
    std::ranges::stable_sort(starts, {}, &Minimum::value);
    if (starts.size() > kStarts) starts.resize(kStarts);
    const auto function = [this](std::span<const double> x, std::span<double> gradient) { return ask(x, gradient); };
    for (Minimum& start : starts) start = minimise(function, std::move(start.x), kRough, kRoughSteps);
    Minimum& best = *std::ranges::min_element(starts, {}, &Minimum::value);
    read(minimise(function, std::move(best.x), kFine, kFineSteps).x);
    return std::isfinite(likelihood_(parameters_, state_, nullptr));
  }

  const EtsParameters& parameters() const { return parameters_; }
  const EtsState& state() const { return state_; }
  const Likelihood& likelihood() const { return likelihood_; }

 private:
  // Of each of a few alphas the best beta and gamma, the states as they start: [those that are possible].
  std::vector<Minimum> coarse_starts() {
    constexpr double kShares[] = {0.02, 0.2};  // Of what beta and gamma may be.
    const std::span betas(kShares, has_trend(form_) ? 2 : 1), gammas(kShares, has_season(form_) ? 2 : 1);
    std::vector<Minimum> starts;
    for (const double alpha : {0.02, 0.1, 0.3, 0.6, 0.9}) {
      Minimum best{.x = {}, .value = INFINITY};
      for (const double beta : betas)
        for (const double gamma : gammas) {
          std::vector<double> x{logit(alpha)};
          if (has_trend(form_)) x.push_back(logit(beta));
          if (has_season(form_)) x.push_back(logit(gamma));
          if (is_damped(form_)) x.push_back(logit(0.9));
          x.resize(x.size() + (has_trend(form_) ? 2 : 1) + (m_ > 0 ? m_ - 1 : 0));
          read(x);
          const double value = likelihood_(parameters_, state_, nullptr);
          if (value < best.value) best = {.x = std::move(x), .value = value};
        }
      if (std::isfinite(best.value)) starts.push_back(std::move(best));
    }
    return starts;
  }

  void read(std::span<const double> x) {
    std::size_t i = 0;
    parameters_ = {};
    parameters_.alpha = kSmoothingMin + (kSmoothingMax - kSmoothingMin) * sigmoid(x[i++]);
    if (has_trend(form_)) parameters_.beta = kSmoothingMin + (parameters_.alpha - kSmoothingMin) * sigmoid(x[i++]);
    if (has_season(form_))
      parameters_.gamma = kSmoothingMin + (1 - parameters_.alpha - kSmoothingMin) * sigmoid(x[i++]);
    if (is_damped(form_)) parameters_.phi = kDampingMin + (kDampingMax - kDampingMin) * sigmoid(x[i++]);
    state_ = start_.state;
    state_.level += start_.spread * x[i++];
    if (has_trend(form_)) state_.slope += slope_unit_ * x[i++];
    for (std::size_t j = 0; j + 1 < m_; ++j) {
      state_.season[j] += season_unit_ * x[i];
      state_.season[m_ - 1] -= season_unit_ * x[i++];
    }
  }

  double ask(std::span<const double> x, std::span<double> to) {
    read(x);
    const double value = likelihood_(parameters_, state_, &gradient_);
    if (!std::isfinite(value)) return value;
    const auto& [by_alpha, by_beta, by_gamma, by_phi] = gradient_.parameters;
    const auto rise = [](double at) { return sigmoid(at) * (1 - sigmoid(at)); };
    std::size_t i = 1;
    double total_by_alpha = by_alpha;  // Alpha moves the bounds of beta and gamma.
    if (has_trend(form_)) {
      total_by_alpha += by_beta * sigmoid(x[i]);
      to[i] = by_beta * (parameters_.alpha - kSmoothingMin) * rise(x[i]);
      ++i;
    }
    if (has_season(form_)) {
      total_by_alpha -= by_gamma * sigmoid(x[i]);
      to[i] = by_gamma * (1 - parameters_.alpha - kSmoothingMin) * rise(x[i]);
      ++i;
    }
    to[0] = total_by_alpha * (kSmoothingMax - kSmoothingMin) * rise(x[0]);
    if (is_damped(form_)) {
      to[i] = by_phi * (kDampingMax - kDampingMin) * rise(x[i]);
      ++i;
    }
    to[i++] = gradient_.initial.level * start_.spread;
    if (has_trend(form_)) to[i++] = gradient_.initial.slope * slope_unit_;
    for (std::size_t j = 0; j + 1 < m_; ++j)
      to[i++] = (gradient_.initial.season[j] - gradient_.initial.season[m_ - 1]) * season_unit_;
    return value;
  }

  EtsForm form_;
  std::size_t m_;
  Start start_;
  Likelihood likelihood_;
  Gradient gradient_;
  EtsParameters parameters_;
  EtsState state_;
  double slope_unit_ = 1, season_unit_ = 1;
};

std::optional<EtsModel> fit_form(const Series& series, const EtsForm& form, std::size_t m, int more_parameters = 0) {
  const int count = parameter_count(form, m) + more_parameters;
  if (series.observed - count - 1 <= 0) return {};
  Search search(form, series.y, m);
  if (!search.run()) return {};
  return model_of(series, form, search.parameters(), search.state(), search.likelihood(), count);
}

bool is_positive(const Series& series) {
  return std::ranges::none_of(series.y, [](double y) { return y <= 0; });  // NaN is not.
}

// Every form that may be chosen for a season of m steps.
std::vector<EtsForm> forms_for(const Series& series, std::size_t m) {
  std::vector<EtsForm> forms;
  for (const EtsError error : {EtsError::kAdditive, EtsError::kMultiplicative})
    for (const EtsTrend trend : {EtsTrend::kNone, EtsTrend::kAdditive, EtsTrend::kDamped})
      for (const EtsSeason season : {EtsSeason::kNone, EtsSeason::kAdditive, EtsSeason::kMultiplicative}) {
        const EtsForm form{error, trend, season};
        if (has_season(form) && (m < 2 || m > kEtsSeasonMax)) continue;
        if (season == EtsSeason::kMultiplicative && error == EtsError::kAdditive) continue;
        if (multiplies(form) && !is_positive(series)) continue;
        forms.push_back(form);
      }
  return forms;
}

// The best model without a season, of `only` that form if it is given, of what is left of `series` without its season's
// figure.  None where that cannot be taken off, or no form fits.
std::optional<EtsModel> fit_decomposed(Series series, std::size_t m, const EtsForm* only) {
  if (m <= static_cast<std::size_t>(kEtsSeasonMax) || series.y.size() < 2 * m) return {};
  std::vector<double> figure = seasonal_figure(series.y, m, EtsSeason::kAdditive);
  if (figure.empty()) return {};
  for (std::size_t t = 0; t < series.y.size(); ++t) series.y[t] -= figure[t % m];
  std::optional<EtsModel> best;
  for (const EtsForm& form : forms_for(series, 1)) {
    if (only != nullptr && form != *only) continue;
    auto model = fit_form(series, form, 1, static_cast<int>(m) - 1);
    if (model && (!best || model->aicc < best->aicc)) best = std::move(model);
  }
  if (!best) return {};
  std::ranges::rotate(figure, figure.begin() + static_cast<std::ptrdiff_t>(series.y.size() % m));
  for (double& f : figure) f *= series.unit;
  best->figure = std::move(figure);
  return best;
}

// Where no form has an AICc: the last value.
EtsModel last_value(const Series& series) {
  const EtsForm form;
  const EtsParameters parameters{.alpha = 1};
  const EtsState initial{.level = series.y.front()};
  Likelihood likelihood(form, series.y);
  likelihood(parameters, initial, nullptr);
  return model_of(series, form, parameters, initial, likelihood, 2);
}

}  // namespace
}  // namespace ets

Result<EtsModel> fit_ets(std::span<const double> history, int season) {
  if (season < 1) return invalid_argument("season {}; allowed: 1 or more", season);
  const ets::Series series = TRY(ets::read_series(history));
  const auto m = static_cast<std::size_t>(season);
  std::optional<EtsModel> best;
  const auto take = [&](std::optional<EtsModel> model) {
    if (model && (!best || model->aicc < best->aicc)) best = std::move(model);
  };
  for (const EtsForm& form : ets::forms_for(series, m)) take(ets::fit_form(series, form, m));
  take(ets::fit_decomposed(series, m, nullptr));
  if (!best) return ets::last_value(series);
  return *std::move(best);
}

Result<EtsModel> fit_ets(std::span<const double> history, int season, const EtsForm& form,
                         EtsDecomposition decomposition) {
  if (season < 1) return invalid_argument("season {}; allowed: 1 or more", season);
  const ets::Series series = TRY(ets::read_series(history));
  const auto m = static_cast<std::size_t>(season);
  if (decomposition == EtsDecomposition::kAdditive) {
    auto model = ets::fit_decomposed(series, m, &form);
    if (!model)
      return invalid_argument("{} of {} values without their season of {}; allowed: above {} steps, two of them there",
                              form.name(), series.y.size(), season, kEtsSeasonMax);
    return *std::move(model);
  }
  const auto forms = ets::forms_for(series, m);
  if (std::ranges::find(forms, form) == forms.end()) {
    std::string allowed;
    for (const EtsForm& f : forms) allowed += (allowed.empty() ? "" : ", ") + f.name();
    return invalid_argument("{} with a season of {} on these values; allowed: {}", form.name(), season, allowed);
  }
  auto model = ets::fit_form(series, form, m);
  if (!model)
    return invalid_argument("{} observed values; {} needs more than {}", series.observed, form.name(),
                            ets::parameter_count(form, m) + 1);
  return *std::move(model);
}

}  // namespace tidecast
