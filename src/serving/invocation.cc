#include "serving/invocation.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/json.h"

namespace tidecast {

std::string shown(const json::value& value) {
  if (value.is_array()) return fmt::format("an array of {}", value.as_array().size());
  if (value.is_object()) return "an object";
  constexpr std::size_t kQuoteMax = 60;  // Bytes of a found value that an error repeats.
  const std::string text = to_text(value);
  return text.size() <= kQuoteMax ? text : fmt::format("a text of {} bytes", text.size());
}

Parsed<json::value> parse_request(std::string_view text) {
  Result<json::value> parsed = parse_json(text);
  if (!parsed.ok()) return Fault{"", parsed.message(), "JSON, where a missing value is null or \"NaN\""};
  return std::move(parsed).value();
}

Parsed<bool> check_members(const json::object& object, const std::string& where,
                           std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : object) {
    if (std::find(known.begin(), known.end(), std::string_view(key)) != known.end()) continue;
    return Fault{where, fmt::format("the member {}", shown(json::string(key))),
                 fmt::format("{}", fmt::join(known.begin(), known.end(), ", "))};
  }
  return true;
}

namespace {

constexpr std::string_view kStart = "a time like \"2026-05-06 14:30:00\", or a date; without a zone it is UTC";
constexpr const char* kTrainedWithout = "nothing: the model was trained without it";

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

}  // namespace

Parsed<int> number_of_samples(const json::value& value, const std::string& where) {
  const std::int64_t* number = value.if_int64();
  if (number == nullptr || *number < 1 || *number > kSamplesMax)
    return Fault{where, shown(value), fmt::format("an integer from 1 to {}", kSamplesMax)};
  return static_cast<int>(*number);
}

namespace {

// "0.5", or the number 0.5, which is then named by its shortest text.
Parsed<NamedQuantile> named_quantile(const json::value& value, const std::string& where) {
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

}  // namespace

Parsed<std::vector<NamedQuantile>> named_quantiles_of(const json::value& value, const std::string& where) {
  const json::array& items = *TRY(array_at(value, where, kQuantilesMax, "quantiles"));
  std::vector<NamedQuantile> quantiles;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string place = fmt::format("{}/{}", where, i);
    NamedQuantile quantile = TRY(named_quantile(items[i], place));
    for (const NamedQuantile& other : quantiles)
      if (other.name == quantile.name)
        return Fault{place, shown(items[i]) + " for the second time", "each quantile once"};
    quantiles.push_back(std::move(quantile));
  }
  return quantiles;
}

namespace {

Parsed<EventTime> time_at(const json::value& value, const std::string& where, std::string_view allowed) {
  const Fault fault{where, shown(value), std::string(allowed)};
  if (!value.is_string()) return fault;
  std::string text(value.as_string());
  if (text.size() == 19) text += 'Z';  // "YYYY-MM-DD HH:MM:SS", without a zone: UTC.
  const Result<std::int64_t> ms = parse_rfc3339(text);
  if (!ms.ok()) return fault;
  return EventTime::from_ms(*ms);
}

// Of a category or a dynamic feature, which the model was trained without.
std::optional<Fault> unwanted(const json::object& object, const char* feature, bool wanted, const std::string& where) {
  const json::value* found = object.if_contains(feature);
  if (found == nullptr || wanted) return std::nullopt;
  return Fault{fmt::format("{}/{}", where, feature), shown(*found), kTrainedWithout};
}

// An array of codes; of one category the bare code too, as SageMaker had it once.
Parsed<std::vector<int>> categories_at(const json::value* value, const std::string& where,
                                       const std::vector<int>& cardinality) {
  std::vector<int> codes;
  if (value != nullptr && value->is_int64() && cardinality.size() == 1)
    return codes = {TRY(category_code(*value, where, cardinality[0]))};
  const json::array* items = value == nullptr ? nullptr : value->if_array();
  if (items == nullptr || items->size() != cardinality.size())
    return Fault{where, value == nullptr ? "nothing" : shown(*value),
                 fmt::format("an array of {} integers, the codes of the categories", cardinality.size())};
  for (std::size_t i = 0; i < items->size(); ++i)
    codes.push_back(TRY(category_code((*items)[i], fmt::format("{}/{}", where, i), cardinality[i])));
  return codes;
}

// One array a feature, each as long as the target and the horizon.
Parsed<std::vector<std::vector<double>>> dynamic_at(const json::value* value, const std::string& where, int features,
                                                    std::size_t length) {
  const json::array* items = value == nullptr ? nullptr : value->if_array();
  if (items == nullptr || items->size() != static_cast<std::size_t>(features))
    return Fault{where, value == nullptr ? "nothing" : shown(*value),
                 fmt::format("an array of {} arrays of {} numbers, target and horizon", features, length)};
  std::vector<std::vector<double>> all;
  for (std::size_t f = 0; f < items->size(); ++f) {
    const std::string place = fmt::format("{}/{}", where, f);
    const json::array* numbers = (*items)[f].if_array();
    if (numbers == nullptr || numbers->size() != length)
      return Fault{place, numbers == nullptr ? shown((*items)[f]) : fmt::format("{} numbers", numbers->size()),
                   fmt::format("{}, target and horizon", length)};
    std::vector<double>& feature = all.emplace_back();
    feature.reserve(length);
    for (std::size_t i = 0; i < length; ++i) {
      const json::value& item = (*numbers)[i];
      feature.push_back(item.is_number() ? item.to_number<double>()
                                         : TRY(feature_value(item, fmt::format("{}/{}", place, i))));
    }
  }
  return all;
}

}  // namespace

Parsed<EventTime> instance_start(const json::value& value, const std::string& where, const SeriesNeeds& needs) {
  const EventTime start = TRY(time_at(value, where, kStart));
  if (!needs.step.is_width()) return needs.step.floor(start);
  return floor_to(start, std::min<Milliseconds>(*needs.step.width(), 24h));
}

Parsed<double> target_value(const json::value& value, const std::string& where) {
  constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
  if (value.is_number()) {
    const double number = value.to_number<double>();
    if (std::abs(number) <= kSeriesValueMax) return number;
    return Fault{where, shown(value), fmt::format("a number of at most {} in size, null or \"NaN\"", kSeriesValueMax)};
  }
  if (value.is_null() || value == "NaN") return kMissing;
  return Fault{where, shown(value), "a number, null or \"NaN\""};
}

Parsed<double> feature_value(const json::value& value, const std::string& where) {
  if (value.is_number()) return value.to_number<double>();
  return Fault{where, shown(value), "a number; a feature has no gaps"};
}

Parsed<int> category_code(const json::value& value, const std::string& where, int cardinality) {
  const std::int64_t* code = value.if_int64();
  if (code != nullptr && *code >= 0 && *code < cardinality) return static_cast<int>(*code);
  return Fault{where, shown(value), fmt::format("an integer from 0 to {}, as the model was trained", cardinality - 1)};
}

Parsed<bool> check_paths(std::size_t instances, int samples, const std::string& where) {
  if (static_cast<std::int64_t>(instances) * samples <= kPathsMax) return true;
  return Fault{where, fmt::format("{} for each of {} instances", samples, instances),
               fmt::format("together {} paths a request", kPathsMax)};
}

namespace {

Parsed<TimeSeries> instance_at(const json::value& value, const std::string& where, const SeriesNeeds& needs) {
  const json::object& object = *TRY(object_at(value, where));
  const bool has_categories = !needs.cardinality.empty(), has_dynamic = needs.dynamic > 0;
  if (auto fault = unwanted(object, "cat", has_categories, where)) return *std::move(fault);
  if (auto fault = unwanted(object, "dynamic_feat", has_dynamic, where)) return *std::move(fault);
  TRY(check_members(object, where, {"start", "target", "cat", "dynamic_feat"}));

  constexpr std::string_view kTarget = "an array of numbers, null or \"NaN\", at least one of them a number";
  const json::value* start = object.if_contains("start");
  const json::value* target = object.if_contains("target");
  if (start == nullptr) return Fault{where + "/start", "nothing", std::string(kStart)};
  if (target == nullptr) return Fault{where + "/target", "nothing", std::string(kTarget)};

  TimeSeries series{.start = TRY(instance_start(*start, where + "/start", needs)), .step = needs.step, .values = {}};
  if (!target->is_array()) return Fault{where + "/target", shown(*target), std::string(kTarget)};
  series.values.reserve(target->as_array().size());
  bool observed = false;
  for (const json::value& item : target->as_array()) {
    series.values.push_back(item.is_double() && std::abs(item.get_double()) <= kSeriesValueMax
                                ? item.get_double()
                                : TRY(target_value(item, fmt::format("{}/target/{}", where, series.values.size()))));
    observed |= !std::isnan(series.values.back());
  }
  if (!observed) return Fault{where + "/target", shown(*target) + " without a number among them", std::string(kTarget)};
  if (has_categories)
    series.categories = TRY(categories_at(object.if_contains("cat"), where + "/cat", needs.cardinality));
  if (has_dynamic)
    series.dynamic = TRY(dynamic_at(object.if_contains("dynamic_feat"), where + "/dynamic_feat", needs.dynamic,
                                    series.values.size() + static_cast<std::size_t>(needs.horizon)));
  return series;
}

Parsed<Configuration> configuration_at(const json::value& value, const std::string& where) {
  const json::object& object = *TRY(object_at(value, where));
  TRY(check_members(object, where, {"num_samples", "output_types", "quantiles"}));
  Configuration wanted;
  if (const json::value* samples = object.if_contains("num_samples"))
    wanted.samples = TRY(number_of_samples(*samples, where + "/num_samples"));
  if (const json::value* quantiles = object.if_contains("quantiles"))
    wanted.quantiles = TRY(named_quantiles_of(*quantiles, where + "/quantiles"));
  if (const json::value* types = object.if_contains("output_types")) {
    wanted.want_mean = wanted.want_quantiles = wanted.want_samples = false;
    const std::string place = where + "/output_types";
    const json::array& items = *TRY(array_at(*types, place, 3, "of mean, quantiles, samples"));
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (items[i] == "mean")
        wanted.want_mean = true;
      else if (items[i] == "quantiles")
        wanted.want_quantiles = true;
      else if (items[i] == "samples")
        wanted.want_samples = true;
      else
        return Fault{fmt::format("{}/{}", place, i), shown(items[i]), "\"mean\", \"quantiles\" or \"samples\""};
    }
  }
  return wanted;
}

Parsed<InstancesInvocation> long_form(const json::object& body, const SeriesNeeds& needs) {
  TRY(check_members(body, "", {"instances", "configuration"}));
  InstancesInvocation invocation;
  if (const json::value* configuration = body.if_contains("configuration"))
    invocation.configuration = TRY(configuration_at(*configuration, "/configuration"));
  const json::array& instances = *TRY(array_at(body.at("instances"), "/instances", kInstancesMax, "instances"));
  TRY(check_paths(instances.size(), invocation.configuration.samples, "/configuration/num_samples"));
  for (std::size_t i = 0; i < instances.size(); ++i)
    invocation.instances.push_back(TRY(instance_at(instances[i], fmt::format("/instances/{}", i), needs)));
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
    invocation.quantiles = TRY(named_quantiles_of(*quantiles, "/quantiles"));
  if (const json::value* samples = body.if_contains("num_samples"))
    invocation.samples = TRY(number_of_samples(*samples, "/num_samples"));
  return invocation;
}

}  // namespace

std::vector<NamedQuantile> named_quantiles(const std::vector<double>& taus) {
  std::vector<NamedQuantile> named;
  for (const double tau : taus) named.push_back({shortest(tau), tau});
  return named;
}

SeriesNeeds needs_of(const Forecaster& model, const Frequency& step) {
  SeriesNeeds needs{.step = step, .horizon = model.horizon()};
  const json::object& says = model.describe();
  if (const json::value* ms = says.if_contains("step_ms")) needs.step = Milliseconds(ms->to_number<std::int64_t>());
  if (const json::value* text = says.if_contains("step"))
    needs.step = parse_frequency(std::string_view(text->as_string())).value();
  if (const json::value* cardinality = says.if_contains("cardinality"))
    for (const json::value& codes : cardinality->as_array()) needs.cardinality.push_back(codes.to_number<int>());
  if (needs.cardinality == std::vector{1}) needs.cardinality.clear();  // GluonTS's dummy, of series without categories.
  if (const json::value* dynamic = says.if_contains("dynamic_features")) needs.dynamic = dynamic->to_number<int>();
  return needs;
}

Parsed<TimeSeries> parse_instance(std::string_view text, const SeriesNeeds& needs) {
  return instance_at(TRY(parse_request(text)), "", needs);
}

Parsed<Configuration> parse_configuration(std::string_view text) {
  return configuration_at(TRY(parse_request(text)), "");
}

Parsed<Invocation> parse_invocation(std::string_view body, const SeriesNeeds& needs) {
  constexpr std::string_view kForms =
      "{\"instances\": [{\"start\", \"target\"}], \"configuration\"} or {\"series\", \"as_of\", \"quantiles\"}";
  const json::value parsed = TRY(parse_request(body));
  const json::object* object = parsed.if_object();
  if (object == nullptr) return Fault{"", shown(parsed), std::string(kForms)};
  const bool is_long = object->contains("instances");
  if (is_long == object->contains("series"))
    return Fault{"", is_long ? "both instances and series" : "neither instances nor series", std::string(kForms)};
  if (is_long) return Invocation(TRY(long_form(*object, needs)));
  return Invocation(TRY(short_form(*object)));
}

}  // namespace tidecast
