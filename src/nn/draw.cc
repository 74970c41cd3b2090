#include "nn/draw.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "base/rng.h"

namespace tidecast::nn {
namespace {

// The uniform numbers of one draw, two from each block of its counters; the first two are its path's point.
class Uniforms {
 public:
  Uniforms(const DrawSource& source, int lane, std::array<std::uint32_t, 2> point)
      : path_(source.first_path + static_cast<std::uint32_t>(lane)),
        step_(source.step),
        seed_(source.seed),
        point_(point) {}

  std::array<std::uint32_t, 4> block() {  // Random bits.
    auto bits = philox4x32({path_, step_, block_, 0},
                           {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
    if (block_++ == 0) bits[0] = point_[0], bits[2] = point_[1];
    return bits;
  }
  // Inside (0, 1): the middle of one of 2^52 intervals.
  double next() {
    if (is_second_) {
      is_second_ = false;
      return second_;
    }
    const auto bits = block();
    is_second_ = true;
    second_ = middle(bits[2], bits[3]);
    return middle(bits[0], bits[1]);
  }
  double normal() {
    const double radius = std::sqrt(-2 * std::log(next()));
    return radius * std::cos(2 * M_PI * next());
  }

 private:
  static double middle(std::uint32_t high, std::uint32_t low) {
    return (static_cast<double>(std::uint64_t{high} << 20 | low >> 12) + 0.5) * 0x1p-52;
  }
  std::uint32_t path_, step_, block_ = 0;
  std::uint64_t seed_;
  std::array<std::uint32_t, 2> point_;
  double second_ = 0;
  bool is_second_ = false;
};

// Both rejections below accept most attempts: a hundred that fail are a parameter that is no number.
constexpr int kAttemptsMax = 100;

// The logarithm of a gamma variable of scale 1: one of shape 1e-7 is mostly smaller than any double.
double log_gamma_draw(double shape, Uniforms& uniforms) {
  if (shape < 1) {  // gamma(shape) = gamma(shape + 1) u^(1 / shape)
    const double larger = log_gamma_draw(shape + 1, uniforms);
    return larger + std::log(uniforms.next()) / shape;
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const double x = uniforms.normal(), root = 1 + c * x, u = uniforms.next();
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(u) < 0.5 * x * x + d * (1 - v + std::log(v))) return std::log(d * v);
  }
  return std::log(shape);
}

// log of Poisson's probability of k >= 1, as a saddle point (Loader 2000): k log(k / mean) + mean - k does not lose its
// digits where k is near a large mean.
double log_poisson(double k, double mean) {
  const double e = (mean - k) / k, v = e / (2 + e), v2 = v * v;  // log(1 + e) = 2 atanh(v)
  const double phi = std::abs(e) < 0.1 ? v * (e - 2 * v2 * (1.0 / 3 + v2 * (1.0 / 5 + v2 * (1.0 / 7 + v2 / 9))))
                                       : e - std::log(mean / k);
  double rest;  // log k! without its large terms.
  if (k < 15) {
    double factorial = 1;
    for (int i = 2; i <= k; ++i) factorial *= i;
    rest = std::log(factorial) - (k + 0.5) * std::log(k) + k - 0.5 * std::log(2 * M_PI);
  } else {
    const double r2 = 1 / (k * k);
    rest = (1.0 / 12 - r2 * (1.0 / 360 - r2 * (1.0 / 1260 - r2 / 1680))) / k;
  }
  return -k * phi - rest - 0.5 * std::log(2 * M_PI * k);
}

double poisson_draw(double mean, Uniforms& uniforms) {
  if (mean < 10) {
    double left = uniforms.next(), k = 0;
    for (double p = std::exp(-mean); left > p && k < 200; p *= mean / k) {
      left -= p;
      ++k;
    }
    return k;
  }
  const double b = 0.931 + 2.53 * std::sqrt(mean), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), squeeze = 0.9277 - 3.6224 / (b - 2);
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const double u = uniforms.next() - 0.5, v = uniforms.next(), us = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= squeeze) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    const double log_p = k == 0 ? -mean : log_poisson(k, mean);
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <= log_p) return k;
  }
  return std::floor(mean);
}

double sample(Head head, const float* parameters, std::size_t lanes, Uniforms uniforms) {
  const double first = static_cast<double>(parameters[0]);
  const double second = head_outputs(head) > 1 ? static_cast<double>(parameters[lanes]) : 0;
  switch (head) {
    case Head::kGaussian: return first + second * uniforms.normal();
    case Head::kLaplace: {
      const double u = uniforms.next();
      return first + second * (u < 0.5 ? std::log(2 * u) : -std::log(2 * (1 - u)));
    }
    case Head::kNegativeBinomial: {
      const double rate = std::exp(log_gamma_draw(first, uniforms) + std::log(second / first));
      return poisson_draw(std::min(rate, 1e30), uniforms);
    }
    case Head::kPoisson: return poisson_draw(first, uniforms);
    case Head::kBeta: {
      const double one = log_gamma_draw(first, uniforms), other = log_gamma_draw(second, uniforms);
      return 1 / (1 + std::exp(other - one));
    }
    case Head::kGamma: return std::exp(log_gamma_draw(first, uniforms)) / second;
    case Head::kStudentT:
    case Head::kPoint: break;
  }
  return first;
}

constexpr int kAtOnce = 64;

// A uniform number inside (0, 1): the middle of one of 2^23 intervals, which float holds exactly.
float uniform_of(std::uint32_t bits) {
  return (static_cast<float>(static_cast<std::int32_t>(bits >> 9)) + 0.5f) * 0x1p-23f;
}

}  // namespace

void draw(Head head, int lanes, const float* parameters, const DrawSource& source, float limit,
          const Kernels<float>& kernels, float* out) {
  const std::array<std::uint32_t, 2> seed{static_cast<std::uint32_t>(source.seed),
                                          static_cast<std::uint32_t>(source.seed >> 32)};
  const auto keys = philox4x32({source.step, 0, 0, 1}, seed);  // An order and a scrambling of the step's own.
  std::array<std::uint32_t, kAtOnce> x{}, y{};
  for (int first = 0; first < lanes; first += kAtOnce) {
    const int count = std::min(kAtOnce, lanes - first);
    kernels.step_points(count, source.first_path + static_cast<std::uint32_t>(first), keys.data(), x.data(), y.data());
    const float* from = parameters + first;
    if (head == Head::kStudentT) {
      alignas(64) std::array<float, kAtOnce> u, v;
      std::ranges::transform(x, u.begin(), uniform_of);
      std::ranges::transform(y, v.begin(), uniform_of);
      kernels.student_t_draw(count, from, from + lanes, from + 2 * std::ptrdiff_t{lanes}, u.data(), v.data(), limit,
                             out + first);
      continue;
    }
    for (int lane = 0; lane < count; ++lane) {
      const auto i = static_cast<std::size_t>(lane);
      const double value =
          sample(head, from + lane, static_cast<std::size_t>(lanes), Uniforms(source, first + lane, {x[i], y[i]}));
      out[first + lane] =
          static_cast<float>(std::clamp(value, -static_cast<double>(limit), static_cast<double>(limit)));
    }
  }
}

}  // namespace tidecast::nn
