#include "baselines/ets_likelihood.h"

#include <algorithm>
#include <cmath>

namespace tidecast::ets {

Likelihood::Likelihood(const EtsForm& form, std::span<const double> y) : form_(form), y_(y), steps_(y.size()) {
  observed_ = static_cast<int>(std::ranges::count_if(y, [](double v) { return !std::isnan(v); }));
}

template <EtsError error, EtsSeason season>
bool Likelihood::forward(const EtsParameters& p, const EtsState& initial) {
  last_ = initial;
  std::vector<double>& ring = last_.season;
  const std::size_t m = ring.size();
  double l = initial.level, b = initial.slope, product = 1;
  squares_ = log_means_ = 0;
  for (std::size_t t = 0, i = 0; t < y_.size(); ++t) {
    const double q = l + p.phi * b;
    const double s = season == EtsSeason::kNone ? 0 : ring[i];
    const double f = season == EtsSeason::kMultiplicative ? q * s : q + s;
    const double miss = y_[t] - f;
    steps_[t] = {b, q, s, miss};
    if (std::isnan(miss)) {
      if (std::isnan(f)) return false;
      l = q;
      b *= p.phi;
    } else {
      if (error == EtsError::kMultiplicative && !(f > 0)) return false;
      if (season == EtsSeason::kMultiplicative && !(q > 0 && s > 0)) return false;
      const double e = error == EtsError::kMultiplicative ? miss / f : miss;
      squares_ += e * e;
      if constexpr (error == EtsError::kMultiplicative) {
        product *= f;  // One logarithm for many factors.
        if (!(product > 1e-100 && product < 1e100)) {
          log_means_ += std::log(product);
          product = 1;
        }
      }
      // y / s - q, not (y - f) / s: the slow division need not wait for the level.
      const double u = season == EtsSeason::kMultiplicative ? y_[t] / s - q : y_[t] - s - q;
      l = q + p.alpha * u;
      b = p.phi * b + p.beta * u;
      if constexpr (season != EtsSeason::kNone)
        ring[i] = s + p.gamma * (season == EtsSeason::kMultiplicative ? y_[t] / q - s : miss);
    }
    if constexpr (season != EtsSeason::kNone) i = i + 1 == m ? 0 : i + 1;
  }
  log_means_ += std::log(product);
  last_.level = l;
  last_.slope = b;
  if (m > 0) std::ranges::rotate(ring, ring.begin() + static_cast<std::ptrdiff_t>(y_.size() % m));
  return true;
}

// Reads the steps backwards; by_x is the objective's derivative by x as it is before the step.
template <EtsError error, EtsSeason season>
void Likelihood::backward(const EtsParameters& p, Gradient& gradient) const {
  const double n = observed_, weight = 2 * n / (squares_ + n * kFloor);
  gradient.initial.season.assign(last_.season.size(), 0);
  std::vector<double>& by_ring = gradient.initial.season;
  const std::size_t m = by_ring.size();
  double by_l = 0, by_b = 0, by_alpha = 0, by_beta = 0, by_gamma = 0, by_phi = 0;
  for (std::size_t t = y_.size(), i = m == 0 ? 0 : t % m; t-- > 0;) {
    if constexpr (season != EtsSeason::kNone) i = i == 0 ? m - 1 : i - 1;
    const auto [b, q, s, miss] = steps_[t];
    double by_q = by_l;
    by_phi += by_b * b;
    if (!std::isnan(miss)) {
      const double by_u = p.alpha * by_l + p.beta * by_b;
      const double by_v = season == EtsSeason::kNone ? 0 : p.gamma * by_ring[i];
      double by_f = -weight * miss;  // By way of e alone.
      if constexpr (error == EtsError::kMultiplicative) {
        const double f = season == EtsSeason::kMultiplicative ? q * s : q + s;
        by_f = (2 - weight * (miss / f) * (y_[t] / f)) / f;  // e = y / f - 1.
      }
      if constexpr (season == EtsSeason::kMultiplicative) {
        const double y_q = y_[t] / q, y_s = y_[t] / s;  // u = y / s - q, v = y / q - s.
        by_alpha += by_l * (y_s - q);
        by_beta += by_b * (y_s - q);
        by_gamma += by_ring[i] * (y_q - s);
        by_q += by_f * s - by_v * y_q / q - by_u;
        by_ring[i] += by_f * q - by_u * y_s / s - by_v;
      } else {  // u = v = y - q - s.
        by_alpha += by_l * miss;
        by_beta += by_b * miss;
        by_q += by_f - by_v - by_u;
        if constexpr (season == EtsSeason::kAdditive) {
          by_gamma += by_ring[i] * miss;
          by_ring[i] += by_f - by_v - by_u;
        }
      }
    }
    by_phi += by_q * b;
    by_l = by_q;
    by_b = p.phi * (by_b + by_q);
  }
  gradient.parameters = {by_alpha, by_beta, by_gamma, by_phi};
  gradient.initial.level = by_l;
  gradient.initial.slope = by_b;
}

double Likelihood::operator()(const EtsParameters& parameters, const EtsState& initial, Gradient* gradient) {
  const auto run = [&]<EtsError error, EtsSeason season>() {
    if (!forward<error, season>(parameters, initial)) return false;
    if (gradient) backward<error, season>(parameters, *gradient);
    return true;
  };
  const auto run_error = [&]<EtsError error>() {
    switch (form_.season) {
      case EtsSeason::kNone: return run.template operator()<error, EtsSeason::kNone>();
      case EtsSeason::kAdditive: return run.template operator()<error, EtsSeason::kAdditive>();
      case EtsSeason::kMultiplicative: break;
    }
    return run.template operator()<error, EtsSeason::kMultiplicative>();
  };
  const bool possible = form_.error == EtsError::kAdditive ? run_error.template operator()<EtsError::kAdditive>()
                                                           : run_error.template operator()<EtsError::kMultiplicative>();
  if (!possible) return INFINITY;
  const double value = observed_ * std::log(squares_ + observed_ * kFloor) + 2 * log_means_;
  return std::isfinite(value) ? value : INFINITY;
}

}  // namespace tidecast::ets
