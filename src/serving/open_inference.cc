#include "serving/open_inference.h"

#include <algorithm>
#include <cmath>

#include "serving/forecast.h"

namespace tidecast {
namespace {

constexpr std::pair<std::string_view, OpenOutput> kOutputs[] = {
    {"mean", OpenOutput::kMean}, {"quantiles", OpenOutput::kQuantiles}, {"samples", OpenOutput::kSamples}};

bool is_text(const json::value* value, std::string_view text) {
  return value != nullptr && value->is_string() && std::string_view(value->get_string()) == text;
}

struct Tensor {
  std::string where;
  std::vector<std::int64_t> shape;
  const json::value* data = nullptr;
};

// Row-major, nested or flat, as the protocol allows.  Places are made for errors only: there may be millions of items.
template <typename T, typename Read>
Parsed<bool> flatten(const json::value& data, const std::string& where, const Read& read, std::vector<T>& out) {
  const json::array& items = data.as_array();
  for (std::size_t i = 0; i < items.size(); ++i) {
    if constexpr (std::is_same_v<T, double>) {
      if (items[i].is_number()) {
        out.push_back(items[i].to_number<double>());
        continue;
      }
    }
    const std::string place = fmt::format("{}/{}", where, i);
    if (items[i].is_array())
      TRY(flatten(items[i], place, read, out));
    else
      out.push_back(TRY(read(items[i], place)));
  }
  return true;
}

template <typename T, typename Read>
Parsed<std::vector<T>> items_of(const Tensor& tensor, const Read& read) {
  std::vector<T> items;
  TRY(flatten(*tensor.data, tensor.where + "/data", read, items));
  double product = 1;
  for (const std::int64_t size : tensor.shape) product *= static_cast<double>(size);
  if (product != static_cast<double>(items.size()))
    return Fault{tensor.where + "/data", fmt::format("{} items", items.size()),
                 fmt::format("{}, as the shape says", product)};
  return items;
}

// The tensor of that name; where there is none, its data is null.
Parsed<Tensor> tensor_named(const json::array& inputs, std::string_view name, std::string_view datatype) {
  Tensor tensor;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const json::object& input = inputs[i].as_object();
    if (!is_text(&input.at("name"), name)) continue;
    tensor.where = fmt::format("/inputs/{}", i);
    if (tensor.data != nullptr)
      return Fault{tensor.where, fmt::format("{} for the second time", name), "each input once"};
    const auto member = [&](const char* key) {
      const json::value* found = input.if_contains(key);
      return found ? *found : json::value();
    };
    if (const json::value found = member("datatype"); !is_text(&found, datatype))
      return Fault{tensor.where + "/datatype", shown(found), fmt::format("\"{}\"", datatype)};
    const json::value shape = member("shape");
    for (const json::value& size : shape.is_array() ? shape.as_array() : json::array()) {
      const std::int64_t* number = size.if_int64();
      tensor.shape.push_back(number == nullptr || *number < 1 ? -1 : *number);
    }
    if (tensor.shape.empty() || std::ranges::find(tensor.shape, -1) != tensor.shape.end())
      return Fault{tensor.where + "/shape", shown(shape), "an array of integers above 0"};
    tensor.data = input.if_contains("data");
    if (tensor.data == nullptr || !tensor.data->is_array())
      return Fault{tensor.where + "/data", tensor.data ? shown(*tensor.data) : "nothing",
                   "an array, nested or flat; there are no binary tensors here"};
  }
  return tensor;
}

Parsed<bool> check_shape(const Tensor& tensor, std::vector<std::int64_t> wanted, bool batched, std::int64_t instances) {
  if (batched) wanted.insert(wanted.begin(), instances);
  if (tensor.shape == wanted) return true;
  return Fault{tensor.where + "/shape", fmt::format("[{}]", fmt::join(tensor.shape, ",")),
               fmt::format("[{}], after that of target", fmt::join(wanted, ","))};
}

Fault missing(std::string_view name, std::string_view what) {
  return {"/inputs", fmt::format("no input {}", name), fmt::format("{}: {}", name, what)};
}

Parsed<bool> read_names(const json::array& inputs) {
  constexpr std::string_view kNames = "start, target, cat, dynamic_feat";
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string where = fmt::format("/inputs/{}", i);
    if (!inputs[i].is_object()) return Fault{where, shown(inputs[i]), "an object"};
    const json::object& input = inputs[i].as_object();
    TRY(check_members(input, where, {"name", "shape", "datatype", "parameters", "data"}));
    const json::value* name = input.if_contains("name");
    if (name == nullptr || (*name != "start" && *name != "target" && *name != "cat" && *name != "dynamic_feat"))
      return Fault{where + "/name", name ? shown(*name) : "nothing", std::string(kNames)};
  }
  return true;
}

Parsed<std::vector<TimeSeries>> read_inputs(const json::array& inputs, const SeriesNeeds& needs, bool& batched) {
  TRY(read_names(inputs));
  const Tensor target = TRY(tensor_named(inputs, "target", "FP64"));
  if (target.data == nullptr) return missing("target", "FP64 of shape [values] or [instances, values]");
  batched = target.shape.size() == 2;
  if (target.shape.size() > 2 || (batched && target.shape[0] > kInstancesMax))
    return Fault{target.where + "/shape", fmt::format("[{}]", fmt::join(target.shape, ",")),
                 fmt::format("[values], or [instances, values] of 1 to {} instances", kInstancesMax)};
  const std::int64_t instances = batched ? target.shape[0] : 1, length = target.shape.back();
  const auto values = TRY(items_of<double>(target, target_value));

  const Tensor start = TRY(tensor_named(inputs, "start", "BYTES"));
  if (start.data == nullptr) return missing("start", "BYTES, a time for each instance");
  TRY(check_shape(start, batched ? std::vector<std::int64_t>() : std::vector<std::int64_t>{1}, batched, instances));
  const auto starts = TRY(items_of<EventTime>(
      start, [&](const json::value& value, const std::string& where) { return instance_start(value, where, needs); }));

  std::vector<int> codes;
  const auto categories = static_cast<std::int64_t>(needs.cardinality.size());
  const Tensor cat = TRY(tensor_named(inputs, "cat", "INT64"));
  if (cat.data != nullptr && categories == 0)
    return Fault{cat.where, "the input cat", "nothing: the model was trained without it"};
  if (categories > 0) {
    if (cat.data == nullptr) return missing("cat", fmt::format("INT64, {} codes for each instance", categories));
    TRY(check_shape(cat, {categories}, batched, instances));
    std::size_t read = 0;
    codes = TRY(items_of<int>(cat, [&](const json::value& value, const std::string& where) {
      return category_code(value, where, needs.cardinality[read++ % needs.cardinality.size()]);
    }));
  }

  std::vector<double> features;
  const std::int64_t whole = length + needs.horizon;
  const Tensor dynamic = TRY(tensor_named(inputs, "dynamic_feat", "FP64"));
  if (dynamic.data != nullptr && needs.dynamic == 0)
    return Fault{dynamic.where, "the input dynamic_feat", "nothing: the model was trained without it"};
  if (needs.dynamic > 0) {
    if (dynamic.data == nullptr)
      return missing("dynamic_feat", fmt::format("FP64, {} times {} numbers for each instance, target and horizon",
                                                 needs.dynamic, whole));
    TRY(check_shape(dynamic, {needs.dynamic, whole}, batched, instances));
    features = TRY(items_of<double>(dynamic, feature_value));
  }

  std::vector<TimeSeries> all;
  for (std::int64_t i = 0; i < instances; ++i) {
    const auto part = [i](const auto& of_all, std::int64_t length_of_one) {
      const auto from = of_all.begin() + i * length_of_one;
      return std::vector(from, from + length_of_one);
    };
    TimeSeries series{.start = starts[static_cast<std::size_t>(i)], .step = needs.step, .values = part(values, length)};
    if (std::ranges::all_of(series.values, [](double value) { return std::isnan(value); }))
      return Fault{target.where + "/data", fmt::format("instance {} without a number", i), "at least one"};
    if (categories > 0) series.categories = part(codes, categories);
    for (std::int64_t f = 0; f < needs.dynamic; ++f) {
      const auto from = features.begin() + (i * needs.dynamic + f) * whole;
      series.dynamic.emplace_back(from, from + whole);
    }
    all.push_back(std::move(series));
  }
  return all;
}

// Parameters are texts, numbers and booleans: "0.1,0.5,0.9".
Parsed<std::vector<NamedQuantile>> read_quantiles(const json::value& value) {
  const std::string where = "/parameters/quantiles";
  json::array items;
  if (value.is_string())
    for (std::string_view rest = value.as_string();;) {
      const std::size_t comma = rest.find(',');
      items.emplace_back(rest.substr(0, comma));
      if (comma == rest.npos) break;
      rest.remove_prefix(comma + 1);
    }
  else
    items.push_back(value);
  return named_quantiles_of(items, where);
}

Parsed<bool> read_parameters(const json::value& value, Configuration& wanted) {
  if (!value.is_object()) return Fault{"/parameters", shown(value), "an object"};
  const json::object& parameters = value.as_object();
  // Triton's clients ask for binary tensors and take JSON as well.
  TRY(check_members(parameters, "/parameters", {"num_samples", "quantiles", "binary_data_output"}));
  if (const json::value* samples = parameters.if_contains("num_samples"))
    wanted.samples = TRY(number_of_samples(*samples, "/parameters/num_samples"));
  if (const json::value* quantiles = parameters.if_contains("quantiles"))
    wanted.quantiles = TRY(read_quantiles(*quantiles));
  return true;
}

Parsed<std::vector<OpenOutput>> read_outputs(const json::value& value) {
  if (!value.is_array()) return Fault{"/outputs", shown(value), "an array"};
  std::vector<OpenOutput> outputs;
  for (std::size_t i = 0; i < value.as_array().size(); ++i) {
    const json::value& item = value.as_array()[i];
    const json::value* name = item.is_object() ? item.as_object().if_contains("name") : nullptr;
    const auto known = std::ranges::find_if(kOutputs, [&](const auto& output) { return is_text(name, output.first); });
    if (known == std::end(kOutputs))
      return Fault{fmt::format("/outputs/{}/name", i), name ? shown(*name) : "nothing",
                   "\"mean\", \"quantiles\" or \"samples\""};
    if (std::ranges::find(outputs, known->second) != outputs.end())
      return Fault{fmt::format("/outputs/{}/name", i), shown(*name), "each output once"};
    outputs.push_back(known->second);
  }
  return outputs;
}

class PendingInference final : public PendingInstances {
 public:
  PendingInference(std::shared_ptr<const Forecaster> model, std::string name, int version, InferenceRequest request,
                   std::uint64_t seed)
      : PendingInstances(model, std::move(request.asked), seed),
        name_(std::move(name)),
        version_(version),
        id_(std::move(request.id)),
        batched_(request.batched),
        outputs_(std::move(request.outputs)),
        horizon_(model->horizon()),
        data_(outputs_.size(), std::vector<std::string>(static_cast<std::size_t>(parts()))) {}

 protected:
  void keep(std::size_t instance, const ForecastPaths& paths) override {
    for (std::size_t i = 0; i < outputs_.size(); ++i) data_[i][instance] = numbers_of(outputs_[i], paths);
  }

  HttpResponse answer_of_all() override {
    std::string body =
        fmt::format("{{\"model_name\":{},\"model_version\":\"{}\"", to_text(json::string(name_)), version_);
    if (id_) body += fmt::format(",\"id\":{}", to_text(json::string(*id_)));
    body += ",\"outputs\":[";
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const auto name = std::ranges::find(kOutputs, outputs_[i], [](const auto& output) { return output.second; });
      body += fmt::format("{}{{\"name\":\"{}\",\"datatype\":\"FP64\",\"shape\":[{}]{},\"data\":[{}]}}",
                          i == 0 ? "" : ",", name->first, fmt::join(shape_of(outputs_[i]), ","),
                          parameters_of(outputs_[i]), fmt::join(data_[i], ","));
    }
    return {.body = body + "]}\n"};
  }
  std::string where(std::size_t instance) const override { return fmt::format("instance {}", instance); }

 private:
  std::string numbers_of(OpenOutput output, const ForecastPaths& paths) const {
    json::array all;
    if (output == OpenOutput::kMean)
      for (const double value : paths.mean()) all.push_back(value);
    if (output == OpenOutput::kSamples) all = json::array(paths.values.begin(), paths.values.end());
    if (output == OpenOutput::kQuantiles) {
      const SortedPaths sorted(paths);
      for (const NamedQuantile& quantile : configuration().quantiles)
        for (const double value : sorted.quantile(quantile.tau)) all.push_back(value);
    }
    const std::string text = to_text(all);
    return text.substr(1, text.size() - 2);  // Without its brackets.
  }

  std::vector<std::int64_t> shape_of(OpenOutput output) const {
    std::vector<std::int64_t> shape;
    if (batched_) shape.push_back(parts());
    if (output == OpenOutput::kQuantiles) shape.push_back(std::ssize(configuration().quantiles));
    if (output == OpenOutput::kSamples) shape.push_back(configuration().samples);
    shape.push_back(horizon_);
    return shape;
  }

  std::string parameters_of(OpenOutput output) const {
    if (output != OpenOutput::kQuantiles) return "";
    std::vector<std::string> names;
    for (const NamedQuantile& quantile : configuration().quantiles) names.push_back(quantile.name);
    return fmt::format(",\"parameters\":{{\"quantiles\":{}}}",
                       to_text(json::string(fmt::format("{}", fmt::join(names, ",")))));
  }

  const std::string name_;
  const int version_;
  const std::optional<std::string> id_;
  const bool batched_;
  const std::vector<OpenOutput> outputs_;
  const int horizon_;
  std::vector<std::vector<std::string>> data_;  // [output][instance]: numbers with commas.
};

}  // namespace

std::optional<OpenPath> parse_open_path(std::string_view path) {
  using What = OpenPath::What;
  if (path == "/v2" || path == "/v2/") return OpenPath{What::kServer};
  if (path == "/v2/health/live") return OpenPath{What::kLive};
  if (path == "/v2/health/ready") return OpenPath{What::kReady};
  constexpr std::string_view kModels = "/v2/models/";
  if (!path.starts_with(kModels)) return std::nullopt;
  path.remove_prefix(kModels.size());
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    parts.emplace_back(path.substr(at, end - at));
    if (parts.back().empty()) return std::nullopt;
    at = end + 1;
  }
  OpenPath found{What::kModel, parts[0]};
  if (parts.size() >= 3 && parts[1] == "versions") {
    found.version = parts[2];
    parts.erase(parts.begin() + 1, parts.begin() + 3);
  }
  if (parts.size() == 1) return found;
  found.what = parts[1] == "infer" ? What::kInfer : What::kModelReady;
  return parts.size() == 2 && (parts[1] == "infer" || parts[1] == "ready") ? std::optional(found) : std::nullopt;
}

json::object model_metadata(const std::string& name, const std::vector<int>& versions, const SeriesNeeds& needs) {
  const auto tensor = [](const char* its_name, const char* datatype, json::array shape) {
    return json::object{{"name", its_name}, {"datatype", datatype}, {"shape", std::move(shape)}};
  };
  json::array numbers, inputs{tensor("start", "BYTES", {-1}), tensor("target", "FP64", {-1, -1})};
  for (const int version : versions) numbers.emplace_back(std::to_string(version));
  if (!needs.cardinality.empty()) inputs.push_back(tensor("cat", "INT64", {-1, needs.cardinality.size()}));
  if (needs.dynamic > 0) inputs.push_back(tensor("dynamic_feat", "FP64", {-1, needs.dynamic, -1}));
  return {{"name", name},
          {"versions", std::move(numbers)},
          {"platform", "tidecast"},
          {"inputs", std::move(inputs)},
          {"outputs", json::array{tensor("mean", "FP64", {-1, needs.horizon}),
                                  tensor("quantiles", "FP64", {-1, -1, needs.horizon}),
                                  tensor("samples", "FP64", {-1, -1, needs.horizon})}}};
}

Parsed<InferenceRequest> parse_inference(std::string_view body, const SeriesNeeds& needs) {
  const json::value parsed = TRY(parse_request(body));
  if (!parsed.is_object()) return Fault{"", shown(parsed), "{\"inputs\", \"parameters\", \"outputs\", \"id\"}"};
  const json::object& object = parsed.as_object();
  TRY(check_members(object, "", {"inputs", "parameters", "outputs", "id"}));
  InferenceRequest request;
  Configuration& wanted = request.asked.configuration;
  if (const json::value* id = object.if_contains("id")) {
    if (!id->is_string()) return Fault{"/id", shown(*id), "a text"};
    request.id = std::string(id->as_string());
  }
  if (const json::value* parameters = object.if_contains("parameters")) TRY(read_parameters(*parameters, wanted));
  if (const json::value* outputs = object.if_contains("outputs"))
    if (std::vector<OpenOutput> named = TRY(read_outputs(*outputs)); !named.empty()) request.outputs = std::move(named);
  const json::value* inputs = object.if_contains("inputs");
  if (inputs == nullptr || !inputs->is_array())
    return Fault{"/inputs", inputs ? shown(*inputs) : "nothing", "an array of tensors"};
  request.asked.instances = TRY(read_inputs(inputs->as_array(), needs, request.batched));
  TRY(check_paths(request.asked.instances.size(), wanted.samples, "/parameters/num_samples"));
  return request;
}

std::unique_ptr<PendingAnswer> pending_inference(std::shared_ptr<const Forecaster> model, const std::string& name,
                                                 int version, InferenceRequest request, std::uint64_t seed) {
  return std::make_unique<PendingInference>(std::move(model), name, version, std::move(request), seed);
}

}  // namespace tidecast
