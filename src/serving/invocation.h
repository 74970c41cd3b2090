#pragma once
// What the body of an invocation asks for, and where exactly it is wrong.  Read by Endpoints; pure.
// Format: docs/endpoint.md.  Nothing is ignored in silence: a member that we do not honour is an error.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "flow/series.h"

namespace tidecast {

inline constexpr int kInstancesMax = 1'000;
inline constexpr int kSamplesMax = 10'000;  // Paths of one instance.
inline constexpr int kPathsMax = 100'000;   // Instances times paths: bounds how long a request takes.
inline constexpr std::size_t kQuantilesMax = 99;
inline constexpr int kSamplesDefault = 100;  // Of the long form, as of Amazon's batch transform.

// A quantile under the name that the request gave it, which the answer repeats: "0.50" stays "0.50".
struct NamedQuantile {
  std::string name;
  double tau;  // In (0, 1).
};
std::vector<NamedQuantile> named_quantiles(const std::vector<double>& taus);

// The short form: a series that we know, as known at some time.
struct SeriesInvocation {
  std::string series;
  std::optional<EventTime> as_of;
  std::optional<std::vector<NamedQuantile>> quantiles;
  std::optional<int> samples;
};

// The long form: SageMaker DeepAR's, which brings its series along.
struct InstancesInvocation {
  std::vector<TimeSeries> instances;     // Not empty; values NaN where missing.
  std::vector<NamedQuantile> quantiles;  // Of use if want_quantiles.
  int samples = kSamplesDefault;
  bool want_mean = true, want_quantiles = true, want_samples = false;
};

using Invocation = std::variant<SeriesInvocation, InstancesInvocation>;

// What is wrong with a request: the place as a JSON pointer (RFC 6901, "" for the whole), what stands there, what may.
struct Fault {
  std::string where, found, allowed;

  std::string message() const {
    return where + (where.empty() ? "" : ": ") + "found " + found + "; allowed: " + allowed;
  }
};

// A T or the Fault that explains why there is none; made to work with TRY.
template <typename T>
class Parsed {
 public:
  Parsed(T value) : value_(std::move(value)) {}      // NOLINT: implicit, so that `return value;` works.
  Parsed(Fault fault) : value_(std::move(fault)) {}  // NOLINT: implicit, as above.
  bool ok() const { return value_.index() == 0; }
  T value() && { return std::get<0>(std::move(value_)); }
  const T& value() const& { return std::get<0>(value_); }
  const Fault& status() const& { return std::get<1>(value_); }
  Fault status() && { return std::get<1>(std::move(value_)); }

 private:
  std::variant<T, Fault> value_;
};

// `step` is the width of the long form's steps, whose `start` is moved back to a whole step (within its day).
Parsed<Invocation> parse_invocation(std::string_view body, Milliseconds step);

}  // namespace tidecast
