#include "deepar/model.h"

#include <algorithm>
#include <cmath>

#include "nn/kernels.h"
#include "nn/safetensors.h"

namespace tidecast::deepar {
namespace {

constexpr int kFormat = 1, kGeneralFormat = 2;  // 2: a network that earlier programs do not know.
constexpr std::string_view kRecipeR = "R";      // How the default recipe stands in a description.

Result<std::int64_t> whole(const json::object& fields, std::string_view key, std::int64_t low, std::int64_t high) {
  const json::value* value = fields.if_contains(key);
  if (!value) return invalid_argument("{}: missing", key);
  if (!value->is_int64() || value->get_int64() < low || value->get_int64() > high)
    return invalid_argument("{}: found {}; allowed: whole numbers from {} to {}", key, to_text(*value), low, high);
  return value->get_int64();
}

Result<int> small_whole(const json::object& fields, std::string_view key, int low, int high) {
  return static_cast<int>(TRY(whole(fields, key, low, high)));
}

Result<const json::array*> array_of(const json::object& fields, std::string_view key) {
  const json::value* value = fields.if_contains(key);
  if (!value || !value->is_array())
    return invalid_argument("{}: {}; allowed: an array", key, value ? to_text(*value) : "missing");
  return &value->get_array();
}

std::vector<float> checked(std::vector<float> parameters, const nn::ParameterMap& map) {
  CHECK(parameters.size() == map.size());
  return parameters;
}

}  // namespace

nn::NetworkShape network_shape(const ModelSpec& spec) {
  int embedded = 0;
  for (const nn::Embedding& embedding : spec.embeddings) embedded += embedding.dimension;
  return {.inputs = spec.step_inputs(),
          .statics = spec.window_inputs() + embedded,
          .cells = spec.cells,
          .layers = spec.layers,
          .outputs = spec.gated() ? nn::gated_outputs(spec.head) : nn::head_outputs(spec.head),
          .embeddings = spec.embeddings};
}

Status check_values(const TimeSeries& series) {
  for (std::size_t i = 0; i < series.values.size(); ++i)
    if (std::abs(series.values[i]) > kSeriesValueMax)
      return invalid_argument("value {}, of {}, is {}; allowed: NaN for missing, else at most {} in magnitude", i,
                              to_rfc3339(series.time_of(i)), series.values[i], kSeriesValueMax);
  return ok();
}

namespace {

// What differs from recipe R's one Student-T network, so that earlier programs read the models that they understand.
void add_differences(const ModelSpec& spec, json::object& fields) {
  const ModelSpec usual;
  if (spec.head != usual.head) fields["likelihood"] = nn::name_of(spec.head);
  if (spec.scaling != usual.scaling) fields["scaling"] = name_of(spec.scaling);
  const auto flag = [&](const char* key, bool value, bool by_default) {
    if (value != by_default) fields[key] = value;
  };
  flag("copy_gate", spec.gate, usual.gate);
  flag("window_constants", spec.constants, usual.constants);
  flag("log_scale", spec.log_scale, usual.log_scale);
  flag("age", spec.age, usual.age);
  const auto number = [&](const char* key, double value, double by_default) {
    if (value != by_default) fields[key] = value;
  };
  number("lag_limit", static_cast<double>(spec.lag_limit), static_cast<double>(usual.lag_limit));
  number("filler", spec.filler, usual.filler);
  number("default_scale", spec.default_scale, usual.default_scale);
  number("scale_floor", spec.scale_floor, usual.scale_floor);
  number("zoneout", spec.zoneout, usual.zoneout);
  if (spec.static_reals > 0) fields["static_reals"] = spec.static_reals;
  if (spec.dynamic > 0) fields["dynamic_features"] = spec.dynamic;
  if (spec.embeddings.empty()) return;
  json::array cardinality, dimension;
  for (const nn::Embedding& embedding : spec.embeddings)
    cardinality.push_back(embedding.cardinality), dimension.push_back(embedding.dimension);
  fields["cardinality"] = std::move(cardinality);
  fields["embedding_dimension"] = std::move(dimension);
}

bool is_usual(const ModelSpec& spec) {
  json::object differences;
  add_differences(spec, differences);
  return differences.empty();
}

Status read_differences(const json::object& fields, ModelSpec& spec) {
  constexpr int kMost = 1'000'000;
  if (const json::value* head = fields.if_contains("likelihood"))
    spec.head = TRY(nn::head_of(head->is_string() ? std::string_view(head->get_string()) : "").in("likelihood"));
  if (const json::value* scaling = fields.if_contains("scaling")) {
    bool known = false;
    for (const Scaling each : {Scaling::kLocation, Scaling::kMagnitude, Scaling::kNone})
      if (scaling->is_string() && std::string_view(scaling->get_string()) == name_of(each))
        spec.scaling = each, known = true;
    if (!known) return invalid_argument("scaling: found {}; allowed: location, magnitude, none", to_text(*scaling));
  }
  const auto flag = [&](const char* key, bool& out) -> Status {
    const json::value* value = fields.if_contains(key);
    if (value && !value->is_bool()) return invalid_argument("{}: found {}; allowed: true, false", key, to_text(*value));
    if (value) out = value->get_bool();
    return ok();
  };
  TRY(flag("copy_gate", spec.gate));
  TRY(flag("window_constants", spec.constants));
  TRY(flag("log_scale", spec.log_scale));
  TRY(flag("age", spec.age));
  const auto number = [&](const char* key, double low, double high, auto& out) -> Status {
    const json::value* value = fields.if_contains(key);
    if (!value) return ok();
    const double found = value->is_number() ? value->to_number<double>() : std::nan("");
    if (!(found >= low && found <= high))
      return invalid_argument("{}: found {}; allowed: {} to {}", key, to_text(*value), low, high);
    out = static_cast<std::remove_reference_t<decltype(out)>>(found);
    return ok();
  };
  TRY(number("lag_limit", 1, 1e30, spec.lag_limit));
  TRY(number("filler", -1e6, 1e6, spec.filler));
  TRY(number("default_scale", 1e-30, kSeriesValueMax, spec.default_scale));
  TRY(number("scale_floor", 1e-30, kSeriesValueMax, spec.scale_floor));
  TRY(number("zoneout", 0, 0.95, spec.zoneout));
  if (fields.contains("static_reals")) spec.static_reals = TRY(small_whole(fields, "static_reals", 1, 10'000));
  if (fields.contains("dynamic_features")) spec.dynamic = TRY(small_whole(fields, "dynamic_features", 1, 10'000));
  if (!fields.contains("cardinality")) return ok();
  const auto read = [&](const char* key, int high) -> Result<std::vector<int>> {
    std::vector<int> all;
    for (const json::value& value : *TRY(array_of(fields, key))) {
      if (!value.is_int64() || value.get_int64() < 1 || value.get_int64() > high)
        return invalid_argument("{}: found {}; allowed: whole numbers from 1 to {}", key, to_text(value), high);
      all.push_back(static_cast<int>(value.get_int64()));
    }
    return all;
  };
  const auto cardinality = TRY(read("cardinality", kMost)), dimension = TRY(read("embedding_dimension", 1000));
  if (cardinality.size() != dimension.size())
    return invalid_argument("{} cardinalities and {} embedding dimensions", cardinality.size(), dimension.size());
  for (std::size_t i = 0; i < cardinality.size(); ++i) spec.embeddings.push_back({cardinality[i], dimension[i]});
  return ok();
}

}  // namespace

json::object to_json(const ModelSpec& spec) {
  json::array calendar;
  for (const CalendarField field : spec.calendar) calendar.emplace_back(name_of(field));
  const bool width = spec.step.is_width();
  json::value step = json::string(to_text(spec.step));
  if (width) step = spec.step.width()->count();
  json::object fields{{width ? "step_ms" : "step", std::move(step)},
                      {"horizon", spec.horizon},
                      {"context", spec.context},
                      {"season", spec.season},
                      {"week_lag", spec.week_lag},
                      {"scale_length", spec.scale_length},
                      {"lags", json::array(spec.lags.begin(), spec.lags.end())},
                      {"calendar", std::move(calendar)},
                      {"cells", spec.cells},
                      {"layers", spec.layers}};
  add_differences(spec, fields);
  return fields;
}

Result<ModelSpec> spec_from_json(const json::object& fields) {
  constexpr int kLagLimit = 1'000'000;
  ModelSpec spec;
  if (const json::value* step = fields.if_contains("step")) {
    if (!step->is_string()) return invalid_argument("step: found {}; allowed: text like 1M", to_text(*step));
    spec.step = TRY(parse_frequency(std::string_view(step->get_string())).in("step"));
  } else {
    spec.step = Milliseconds(TRY(whole(fields, "step_ms", 1, INT64_C(100) * 366 * 86'400'000)));
  }
  spec.horizon = TRY(small_whole(fields, "horizon", 1, 1000));
  spec.context = TRY(small_whole(fields, "context", 1, 2000));
  spec.season = TRY(small_whole(fields, "season", 1, kLagLimit));
  spec.week_lag = TRY(small_whole(fields, "week_lag", 1, kLagLimit));
  spec.cells = TRY(small_whole(fields, "cells", 1, 512));
  spec.layers = TRY(small_whole(fields, "layers", 1, 8));
  for (const json::value& lag : *TRY(array_of(fields, "lags"))) {
    const int after = spec.lags.empty() ? 0 : spec.lags.back();
    if (!lag.is_int64() || lag.get_int64() <= after || lag.get_int64() > kLagLimit)
      return invalid_argument("lags: found {} after {}; allowed: rising whole numbers up to {}", to_text(lag), after,
                              kLagLimit);
    spec.lags.push_back(static_cast<int>(lag.get_int64()));
  }
  if (spec.lags.empty()) return invalid_argument("lags: none; at least one is needed");
  TRY(read_differences(fields, spec));
  for (const int lag : {1, spec.season, spec.week_lag})  // What gate and constants look back by.
    if ((spec.gated() || spec.constants) && std::ranges::find(spec.lags, lag) == spec.lags.end())
      return invalid_argument("lags: {} is not among them", lag);
  spec.scale_length = TRY(small_whole(fields, "scale_length", 1, spec.past()));
  for (const json::value& name : *TRY(array_of(fields, "calendar"))) {
    CalendarField field{};
    if (!name.is_string() || !calendar_field_of(std::string_view(name.get_string()), field))
      return invalid_argument("calendar: {} is not known", to_text(name));
    spec.calendar.push_back(field);
  }
  return spec;
}

std::string recipe_text(const Recipe& recipe) { return recipe == Recipe{} ? std::string(kRecipeR) : text_of(recipe); }

Result<TrainingPlan> plan_from_json(const json::object& description) {
  constexpr int kStepsMax = 10'000'000;
  TrainingPlan plan;
  plan.spec = TRY(spec_from_json(description));
  const json::value* small_set = description.if_contains("small_set");
  if (!small_set || !small_set->is_bool()) return invalid_argument("small_set: neither true nor false");
  plan.small_set = small_set->get_bool();
  if (const json::value* recipe = description.if_contains("recipe"); recipe && recipe->is_string())
    if (const std::string_view text = recipe->get_string(); text != kRecipeR)
      plan.recipe = TRY(parse_recipe(text).in("recipe"));
  plan.steps = TRY(small_whole(description, "best_step", 1, kStepsMax));
  plan.schedule_steps = TRY(small_whole(description, "schedule_steps", 1, kStepsMax));
  return plan;
}

Model::Model(ModelSpec spec, std::vector<float> parameters, json::object about)
    : spec_(std::move(spec)),
      map_(network_shape(spec_)),
      parameters_(checked(std::move(parameters), map_)),
      columns_(map_, parameters_.data()) {
  description_ = {
      {"format", is_usual(spec_) ? kFormat : kGeneralFormat}, {"algorithm", "deepar"}, {"recipe", kRecipeR}};
  for (const auto& [key, value] : to_json(spec_)) description_[key] = value;
  for (const auto& [key, value] : about) description_[key] = value;
  description_["parameters"] = parameters_.size();
}

void Model::add_tensors(std::string_view prefix, std::vector<nn::NamedTensor>& tensors) const {
  for (const nn::ParameterBlock& block : map_.blocks())
    tensors.push_back(
        {std::string(prefix) + block.name, block.shape, std::span(parameters_).subspan(block.offset, block.size)});
}

std::string Model::serialize() const {
  std::vector<nn::NamedTensor> tensors;
  add_tensors("", tensors);
  return nn::write_safetensors({{"format", "tidecast.deepar"}, {"tidecast", to_text(description_)}}, tensors);
}

Result<std::shared_ptr<const Model>> Model::read(json::object description, const nn::Safetensors& file,
                                                 std::size_t bytes, std::string_view prefix) {
  TRY(whole(description, "format", kFormat, kGeneralFormat).in("header: tidecast"));
  ModelSpec spec = TRY(spec_from_json(description).in("header: tidecast"));
  const nn::ParameterMap map(network_shape(spec));
  if (map.size() > bytes / sizeof(float))  // Before memory is taken at the header's word.
    return invalid_argument("a network of {} weights in a file of {} bytes", map.size(), bytes);
  std::vector<float> parameters(map.size());
  for (const nn::ParameterBlock& block : map.blocks()) {
    const std::string name = std::string(prefix) + block.name;
    const std::vector<float> values = TRY(file.floats(name, block.shape));
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(values[i])) return invalid_argument("tensor '{}': element {} is {}", name, i, values[i]);
      parameters[block.offset + i] = values[i];
    }
  }
  const auto own =
      std::ranges::count_if(file.tensors, [&](const auto& each) { return each.first.starts_with(prefix); });
  if (static_cast<std::size_t>(own) != map.blocks().size())
    return invalid_argument("{} tensors; this network has {}", own, map.blocks().size());
  return std::make_shared<const Model>(std::move(spec), std::move(parameters), std::move(description));
}

}  // namespace tidecast::deepar
