#pragma once
// What the body of an invocation asks for, and where exactly it is wrong.  Read by Endpoints; pure.
// Format: docs/endpoint.md.  Nothing is ignored in silence: a member that we do not honour is an error.

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "flow/forecaster.h"

namespace tidecast {

inline constexpr int kInstancesMax = 1'000;
inline constexpr int kSamplesMax = 10'000;  // Paths of one instance.
inline constexpr int kPathsMax = 100'000;   // Instances times paths: bounds how long a request takes.
inline constexpr std::size_t kQuantilesMax = 99;

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

// What is wanted of each instance.  The defaults are those of Amazon's batch transform.
struct Configuration {
  std::vector<NamedQuantile> quantiles = named_quantiles({0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9});
  int samples = 100;
  bool want_mean = true, want_quantiles = true, want_samples = false;
};

// The long form: SageMaker DeepAR's, which brings its series along.
struct InstancesInvocation {
  std::vector<TimeSeries> instances;  // Not empty; values NaN where missing.
  Configuration configuration;
};

// What a model wants of a series besides its values.
struct SeriesNeeds {
  Frequency step{60'000ms};
  int horizon = 0;
  std::vector<int> cardinality{};  // Of each category: codes from 0 to below it.
  int dynamic = 0;                 // Features that are known beforehand.
};
// As the model says of itself; `step` where it does not say one.
SeriesNeeds needs_of(const Forecaster& model, const Frequency& step);

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

// `start` is moved back to a whole step (within its day).
Parsed<Invocation> parse_invocation(std::string_view body, const SeriesNeeds& needs);
// The two parts of the long form alone, as files of instances have them.
Parsed<TimeSeries> parse_instance(std::string_view text, const SeriesNeeds& needs);
Parsed<Configuration> parse_configuration(std::string_view text);

// The steps that other formats of a request share.  Places are JSON pointers.
Parsed<json::value> parse_request(std::string_view text);
// That the members of `object` are among `known`.
Parsed<bool> check_members(const json::object& object, const std::string& where,
                           std::initializer_list<std::string_view> known);
std::string shown(const json::value& value);  // What was found, as an error shows it: long values by their kind.
Parsed<EventTime> instance_start(const json::value& value, const std::string& where, const SeriesNeeds& needs);
Parsed<double> target_value(const json::value& value, const std::string& where);  // NaN where missing.
Parsed<double> feature_value(const json::value& value, const std::string& where);
Parsed<int> category_code(const json::value& value, const std::string& where, int cardinality);
Parsed<int> number_of_samples(const json::value& value, const std::string& where);
// 1 to kQuantilesMax, each once: "0.5", or the number 0.5, which is then named by its shortest text.
Parsed<std::vector<NamedQuantile>> named_quantiles_of(const json::value& items, const std::string& where);
// That all instances together want no more paths than a request may have.
Parsed<bool> check_paths(std::size_t instances, int samples, const std::string& where);

}  // namespace tidecast
