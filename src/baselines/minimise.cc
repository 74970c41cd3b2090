#include "baselines/minimise.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/result.h"

namespace tidecast {
namespace {

double dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// The inverse of the Hessian as BFGS knows it; [n * n], symmetric.
class InverseHessian {
 public:
  explicit InverseHessian(std::size_t n) : n_(n), h_(n * n) { reset(1); }

  void reset(double scale) {
    std::ranges::fill(h_, 0);
    for (std::size_t i = 0; i < n_; ++i) h_[i * n_ + i] = scale;
  }

  std::vector<double> times(std::span<const double> v) const {
    std::vector<double> product(n_);
    for (std::size_t i = 0; i < n_; ++i) product[i] = dot(std::span(h_).subspan(i * n_, n_), v);
    return product;
  }

  // A step s changed the gradient by y, s y > 0.
  void update(std::span<const double> s, std::span<const double> y) {
    const double sy = dot(s, y);
    const std::vector<double> hy = times(y);
    const double factor = (1 + dot(y, hy) / sy) / sy;
    for (std::size_t i = 0; i < n_; ++i)
      for (std::size_t j = 0; j < n_; ++j) h_[i * n_ + j] += factor * s[i] * s[j] - (hy[i] * s[j] + s[i] * hy[j]) / sy;
  }

 private:
  std::size_t n_;
  std::vector<double> h_;
};

}  // namespace

Minimum minimise(const std::function<double(std::span<const double>, std::span<double>)>& function,
                 std::vector<double> x, double tolerance, int steps_max) {
  constexpr double kDescent = 1e-4, kCurvature = 0.9;  // Wolfe's constants, as Nocedal and Wright have them.
  constexpr int kTries = 40;
  const std::size_t n = x.size();
  std::vector<double> gradient(n), next_x(n), next_gradient(n), moved(n), changed(n);
  Minimum best{.x = std::move(x), .value = 0, .calls = 1};
  best.value = function(best.x, gradient);
  CHECK(std::isfinite(best.value));
  InverseHessian hessian(n);
  bool is_fresh = true;  // The inverse Hessian is a guess: its length says nothing yet.
  for (int step = 0, idle = 0; step < steps_max && idle < 3; ++step) {
    std::vector<double> direction = hessian.times(gradient);
    for (double& d : direction) d = -d;
    double slope = dot(direction, gradient);
    if (!(slope < 0)) {
      if (is_fresh) break;  // The gradient is 0.
      hessian.reset(1);
      is_fresh = true;
      continue;
    }
    double low = 0, high = INFINITY, length = is_fresh ? std::min(1.0, 1 / std::sqrt(-slope)) : 1;
    double value = INFINITY;
    for (int tries = 0; tries < kTries; ++tries) {
      for (std::size_t i = 0; i < n; ++i) next_x[i] = best.x[i] + length * direction[i];
      value = function(next_x, next_gradient);
      ++best.calls;
      if (!(value <= best.value + kDescent * length * slope)) {
        high = length;
        value = INFINITY;
      } else if (dot(next_gradient, direction) < kCurvature * slope) {
        low = length;
        if (tries + 1 >= kTries / 2) break;  // Downhill for ever: what has been gained will do.
      } else {
        break;
      }
      length = std::isfinite(high) ? (low + high) / 2 : 2 * low;
    }
    if (!std::isfinite(value)) {
      if (is_fresh) break;
      hessian.reset(1);
      is_fresh = true;
      continue;
    }
    for (std::size_t i = 0; i < n; ++i) {
      moved[i] = next_x[i] - best.x[i];
      changed[i] = next_gradient[i] - gradient[i];
    }
    idle = best.value - value < tolerance ? idle + 1 : 0;
    best.x.swap(next_x);
    gradient.swap(next_gradient);
    best.value = value;
    if (const double curved = dot(moved, changed); curved > 0) {
      if (is_fresh) hessian.reset(curved / dot(changed, changed));
      hessian.update(moved, changed);
      is_fresh = false;
    }
  }
  return best;
}

}  // namespace tidecast
