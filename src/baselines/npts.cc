#include "baselines/npts.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/rng.h"

namespace tidecast {
namespace {

// A uniform number in [0, 1) of 53 bits.
double uniform_of(std::uint32_t high, std::uint32_t low) {
  return static_cast<double>((std::uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
}

Status check(std::span<const double> context, int horizon, const NptsOptions& options) {
  if (horizon < 0) return invalid_argument("horizon {}; allowed: 0 or more", horizon);
  if (options.season < 1) return invalid_argument("season {}; allowed: 1 or more", options.season);
  if (!(options.alpha >= 0 && std::isfinite(options.alpha)))
    return invalid_argument("alpha {}; allowed: 0 or more", options.alpha);
  if (!(options.scale > 0 && std::isfinite(options.scale)))
    return invalid_argument("scale {}; allowed: above 0", options.scale);
  if (std::ranges::any_of(context, [](double y) { return std::isinf(y); }))
    return invalid_argument("an infinite value among the last {}", context.size());
  if (std::ranges::all_of(context, [](double y) { return std::isnan(y); }))
    return invalid_argument("not one observed value among the last {}", context.size());
  return ok();
}

// The weights of positions 0 .. target - 1 for the draw at `target`; `total` counts the positions of past and horizon.
std::vector<double> kernel_weights(int target, int total, std::span<const double> context, const NptsOptions& options) {
  const auto is_missing = [&](int t) {
    return static_cast<std::size_t>(t) < context.size() && std::isnan(context[static_cast<std::size_t>(t)]);
  };
  std::vector<double> distance(static_cast<std::size_t>(target));
  double nearest = INFINITY;
  for (int t = 0; t < target; ++t) {
    const int apart = (target - t) % options.season;
    const int phases = std::min(apart, options.season - apart);
    double& d = distance[static_cast<std::size_t>(t)];
    if (options.kernel == NptsKernel::kUniform) {
      d = phases == 0 ? 0 : INFINITY;
    } else {
      d = options.alpha * static_cast<double>(target - t) / std::max(1, total - 1);
      if (phases > 0) d += options.alpha * options.scale * phases / (options.season - 1);
    }
    if (is_missing(t)) d = INFINITY;
    nearest = std::min(nearest, d);
  }
  // The nearest weighs 1, so that no alpha makes all weights 0.
  for (int t = 0; t < target; ++t) {
    double& d = distance[static_cast<std::size_t>(t)];
    d = std::isfinite(nearest) ? std::exp(nearest - d) : is_missing(t) ? 0 : 1;
  }
  return distance;
}

}  // namespace

Result<Npts> Npts::make(std::span<const double> history, int horizon, const NptsOptions& options) {
  if (options.context < 1) return invalid_argument("context {}; allowed: 1 or more", options.context);
  const auto context = history.last(std::min(history.size(), static_cast<std::size_t>(options.context)));
  TRY(check(context, horizon, options));

  const std::size_t n = context.size();
  std::vector<std::size_t> order;  // Positions of the observed values, the smallest value first.
  for (std::size_t t = 0; t < n; ++t)
    if (!std::isnan(context[t])) order.push_back(t);
  std::ranges::stable_sort(order, {}, [&](std::size_t t) { return context[t]; });

  Npts npts;
  for (const std::size_t t : order) npts.values_.push_back(context[t]);
  for (int k = 0; k < horizon; ++k) {
    const int target = static_cast<int>(n) + k;
    const std::vector<double> at =
        kernel_weights(target, static_cast<int>(n) + horizon, context, options);  // By position.
    std::vector<double> weights;
    for (const std::size_t t : order) weights.push_back(at[t]);
    std::vector<double> share = weights;
    weights.insert(weights.end(), at.begin() + static_cast<std::ptrdiff_t>(n), at.end());
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    // A draw of an earlier step is that step's mixture of past values.
    for (std::size_t j = 0; j < static_cast<std::size_t>(k); ++j)
      if (const double own = at[n + j]; own > 0)
        for (std::size_t i = 0; i < share.size(); ++i) share[i] += own * npts.share_[j][i];
    for (double& s : share) s /= sum;
    std::partial_sum(weights.begin(), weights.end(), weights.begin());
    npts.share_.push_back(std::move(share));
    npts.cumulative_.push_back(std::move(weights));
  }
  return npts;
}

std::vector<double> Npts::mean() const {
  std::vector<double> mean;
  for (const auto& share : share_) mean.push_back(std::inner_product(share.begin(), share.end(), values_.begin(), 0.0));
  return mean;
}

std::vector<double> Npts::quantile(double tau) const {
  CHECK(tau > 0 && tau < 1);
  std::vector<double> quantile;
  for (const auto& share : share_) {
    std::size_t i = 0;
    // The sum of n shares is rounded: what is short of tau by that alone has reached it.
    const double wanted = tau - 1e-12;
    for (double below = share[0]; below < wanted && i + 1 < share.size();) below += share[++i];
    quantile.push_back(values_[i]);
  }
  return quantile;
}

std::vector<double> Npts::paths(int paths, std::uint64_t seed) const {
  CHECK(paths >= 0);
  const std::size_t n = values_.size(), h = cumulative_.size();
  std::vector<double> result(static_cast<std::size_t>(paths) * h);
  for (std::size_t path = 0; path < static_cast<std::size_t>(paths); ++path) {
    double* const drawn = result.data() + path * h;
    for (std::size_t k = 0; k < h; ++k) {
      const auto bits = philox4x32({static_cast<std::uint32_t>(path), static_cast<std::uint32_t>(k), 0, 0},
                                   {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
      const std::vector<double>& cumulative = cumulative_[k];
      // The product may round up to the whole sum: the end is then the first position that reaches it.
      const double u = uniform_of(bits[0], bits[1]) * cumulative.back();
      auto chosen = std::ranges::upper_bound(cumulative, u);
      if (chosen == cumulative.end()) chosen = std::ranges::lower_bound(cumulative, cumulative.back());
      const auto i = static_cast<std::size_t>(chosen - cumulative.begin());
      drawn[k] = i < n ? values_[i] : drawn[i - n];
    }
  }
  return result;
}

}  // namespace tidecast
