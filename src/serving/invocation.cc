#include "serving/invocation.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <limits>

#include "base/json.h"

namespace tidecast {
namespace {

constexpr std::size_t kQuoteMax = 60;  // Bytes of a found value that an error repeats.
constexpr const char* kTrainedWithout = "nothing: the model was trained without it";

// What was found, as an error shows it: short values whole, long ones by their kind.
std::string shown(const json::value& value) {
  if (value.is_array()) return fmt::format("an array of {}", value.as_array().size());
  if (value.is_object()) return "an object";
  const std::string text = to_text(value);
  return text.size() <= kQuoteMax ? text : fmt::format("a text of {} bytes", text.size());
}

// The members of `object` must be among `known`.
Parsed<bool> check_members(const json::object& object, const std::string& where,
                           std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : object) {
    if (std::find(known.begin(), known.end(), std::string_view(key)) != known.end()) continue;
    return Fault{where, fmt::format("the member {}", shown(json::string(key))),
                 fmt::format("{}", fmt::join(known.begin(), known.end(), ", "))};
  }
  return true;
}

Parsed<const json::object*> object_at(const json::value& value, const std::string& where) {
  if (!value.is_object()) return Fault{where, shown(value), "an object"};
  return &value.as_object();
}

Parsed<const json::array*> array_at(const json::value& value, const std::string& where, std::size_t max,
                                    std::string_view of) {
  const json::array* array = value.if_array();
  if (array == nullptr || array->empty() || array->size() > max)
    return Fault{where, shown(value), fmt::format("an array of 1 to {} {}", max, of)};
  return array;
}

Parsed<int> samples_at(const json::value& value, const std::string& where) {
  const std::int64_t* number = value.if_int64();
  if (number == nullptr || *number < 1 || *number > kSamplesMax)
    return Fault{where, shown(value), fmt::format("an integer from 1 to {}", kSamplesMax)};
  return static_cast<int>(*number);
}

// "0.5", or the number 0.5, which is then named by its shortest text.
Parsed<NamedQuantile> quantile_at(const json::value& value, const std::string& where) {
  NamedQuantile quantile{"", -1};
  if (value.is_string()) {
    quantile.name = std::string(value.as_string());
    const char* const end = quantile.name.data() + quantile.name.size();
    const auto [rest, error] = std::from_chars(quantile.name.data(), end, quantile.tau);
    if (error != std::errc() || rest != end) quantile.tau = -1;
  } else if (value.is_double()) {
    quantile = {shortest(value.as_double()), value.as_double()};
  }
  if (quantile.tau > 0 && quantile.tau < 1) return quantile;  // NaN is neither.
  return Fault{where, shown(value), "a quantile above 0 and below 1, like \"0.9\""};
}

Parsed<std::vector<NamedQuantile>> quantiles_at(const json::value& value, const std::string& where) {
  const json::array& items = *TRY(array_at(value, where, kQuantilesMax, "quantiles"));
  std::vector<NamedQuantile> quantiles;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string place = fmt::format("{}/{}", where, i);
    NamedQuantile quantile = TRY(quantile_at(items[i], place));
    for (const NamedQuantile& other : quantiles)
      if (other.name == quantile.name)
        return Fault{place, shown(items[i]) + " for the second time", "each quantile once"};
    quantiles.push_back(std::move(quantile));
  }
  return quantiles;
}

Parsed<EventTime> time_at(const json::value& value, const std::string& where, std::string_view allowed) {
  const Fault fault{where, shown(value), std::string(allowed)};
  if (!value.is_string()) return fault;
  std::string text(value.as_string());
  if (text.size() == 19) text += 'Z';  // "YYYY-MM-DD HH:MM:SS", without a zone: UTC.
  const Result<std::int64_t> ms = parse_rfc3339(text);
  if (!ms.ok()) return fault;
  return EventTime::from_ms(*ms);
}

Parsed<double> value_at(const json::value& value, const std::string& where, std::size_t i) {
  constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
  switch (value.kind()) {
    case json::kind::double_: return value.get_double();
    case json::kind::int64: return static_cast<double>(value.get_int64());
    case json::kind::uint64: return static_cast<double>(value.get_uint64());
    case json::kind::null: return kMissing;
    case json::kind::string:
      if (value.get_string() == "NaN") return kMissing;
      [[fallthrough]];
    default: return Fault{fmt::format("{}/{}", where, i), shown(value), "a number, null or \"NaN\""};
  }
}

Parsed<TimeSeries> instance_at(const json::value& value, const std::string& where, Milliseconds step) {
  const json::object& object = *TRY(object_at(value, where));
  for (const char* feature : {"cat", "dynamic_feat"})
    if (const json::value* found = object.if_contains(feature))
      return Fault{fmt::format("{}/{}", where, feature), shown(*found), kTrainedWithout};
  TRY(check_members(object, where, {"start", "target"}));

  constexpr std::string_view kStart = "a time like \"2026-05-06 14:30:00\", or a date; without a zone it is UTC";
  constexpr std::string_view kTarget = "an array of numbers, null or \"NaN\", at least one of them a number";
  const json::value* start = object.if_contains("start");
  const json::value* target = object.if_contains("target");
  if (start == nullptr) return Fault{where + "/start", "nothing", std::string(kStart)};
  if (target == nullptr) return Fault{where + "/target", "nothing", std::string(kTarget)};

  TimeSeries series;
  series.step = step;
  series.start = floor_to(TRY(time_at(*start, where + "/start", kStart)), std::min<Milliseconds>(step, 24h));
  if (!target->is_array()) return Fault{where + "/target", shown(*target), std::string(kTarget)};
  series.values.reserve(target->as_array().size());
  bool observed = false;
  for (const json::value& item : target->as_array()) {
    series.values.push_back(TRY(value_at(item, where + "/target", series.values.size())));
    observed |= !std::isnan(series.values.back());
  }
  if (!observed) return Fault{where + "/target", shown(*target) + " without a number among them", std::string(kTarget)};
  return series;
}

Parsed<InstancesInvocation> configuration_at(const json::value& value) {
  const std::string where = "/configuration";
  const json::object& object = *TRY(object_at(value, where));
  TRY(check_members(object, where, {"num_samples", "output_types", "quantiles"}));
  InstancesInvocation invocation;
  if (const json::value* samples = object.if_contains("num_samples"))
    invocation.samples = TRY(samples_at(*samples, where + "/num_samples"));
  if (const json::value* quantiles = object.if_contains("quantiles"))
    invocation.quantiles = TRY(quantiles_at(*quantiles, where + "/quantiles"));
  if (const json::value* types = object.if_contains("output_types")) {
    invocation.want_mean = invocation.want_quantiles = invocation.want_samples = false;
    const std::string place = where + "/output_types";
    const json::array& items = *TRY(array_at(*types, place, 3, "of mean, quantiles, samples"));
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (items[i] == "mean")
        invocation.want_mean = true;
      else if (items[i] == "quantiles")
        invocation.want_quantiles = true;
      else if (items[i] == "samples")
        invocation.want_samples = true;
      else
        return Fault{fmt::format("{}/{}", place, i), shown(items[i]), "\"mean\", \"quantiles\" or \"samples\""};
    }
  }
  return invocation;
}

Parsed<InstancesInvocation> long_form(const json::object& body, Milliseconds step) {
  TRY(check_members(body, "", {"instances", "configuration"}));
  InstancesInvocation invocation;
  if (const json::value* configuration = body.if_contains("configuration"))
    invocation = TRY(configuration_at(*configuration));
  if (invocation.quantiles.empty())
    invocation.quantiles = named_quantiles({0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9});

  const json::array& instances = *TRY(array_at(body.at("instances"), "/instances", kInstancesMax, "instances"));
  if (static_cast<std::int64_t>(instances.size()) * invocation.samples > kPathsMax)
    return Fault{"/configuration/num_samples",
                 fmt::format("{} for each of {} instances", invocation.samples, instances.size()),
                 fmt::format("together {} paths a request", kPathsMax)};
  for (std::size_t i = 0; i < instances.size(); ++i)
    invocation.instances.push_back(TRY(instance_at(instances[i], fmt::format("/instances/{}", i), step)));
  return invocation;
}

Parsed<SeriesInvocation> short_form(const json::object& body) {
  TRY(check_members(body, "", {"series", "as_of", "quantiles", "num_samples"}));
  SeriesInvocation invocation;
  const json::value& series = body.at("series");
  if (!series.is_string() || series.as_string().empty()) return Fault{"/series", shown(series), "the name of a series"};
  invocation.series = std::string(series.as_string());
  if (const json::value* as_of = body.if_contains("as_of"))
    invocation.as_of = TRY(time_at(*as_of, "/as_of", "a time like \"2026-05-06T14:30:00Z\", or none for the newest"));
  if (const json::value* quantiles = body.if_contains("quantiles"))
    invocation.quantiles = TRY(quantiles_at(*quantiles, "/quantiles"));
  if (const json::value* samples = body.if_contains("num_samples"))
    invocation.samples = TRY(samples_at(*samples, "/num_samples"));
  return invocation;
}

}  // namespace

std::vector<NamedQuantile> named_quantiles(const std::vector<double>& taus) {
  std::vector<NamedQuantile> named;
  for (const double tau : taus) named.push_back({shortest(tau), tau});
  return named;
}

Parsed<Invocation> parse_invocation(std::string_view body, Milliseconds step) {
  constexpr std::string_view kForms =
      "{\"instances\": [{\"start\", \"target\"}], \"configuration\"} or {\"series\", \"as_of\", \"quantiles\"}";
  const Result<json::value> parsed = parse_json(body);
  if (!parsed.ok()) return Fault{"", parsed.message(), "JSON, where a missing value is null or \"NaN\""};
  const json::object* object = parsed->if_object();
  if (object == nullptr) return Fault{"", shown(*parsed), std::string(kForms)};
  const bool is_long = object->contains("instances");
  if (is_long == object->contains("series"))
    return Fault{"", is_long ? "both instances and series" : "neither instances nor series", std::string(kForms)};
  if (is_long) return Invocation(TRY(long_form(*object, step)));
  return Invocation(TRY(short_form(*object)));
}

}  // namespace tidecast
