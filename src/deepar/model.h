#pragma once
// A trained model in memory: its spec, its weights and the words about it.  Immutable, so any number of threads may
// forecast.

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "deepar/recipe.h"
#include "nn/lstm.h"
#include "nn/safetensors.h"

namespace tidecast::deepar {

// lags, calendar, constants -> LSTM -> degrees of freedom, location, scale and the copy gate's five.
nn::NetworkShape network_shape(const ModelSpec& spec);

class Model final : public Forecaster {
 public:
  // about: describe() beyond the spec, in the order it is to be printed.
  Model(ModelSpec spec, std::vector<float> parameters, json::object about);

  Result<ForecastPaths> forecast(const TimeSeries& history, int paths, std::uint64_t seed) const override;
  int horizon() const override { return spec_.horizon; }
  // With age as an input, how long ago the series began matters.
  int history_needed() const override { return spec_.age ? std::numeric_limits<int>::max() : spec_.past(); }
  const json::object& describe() const override { return description_; }
  std::string serialize() const override;

  const ModelSpec& spec() const { return spec_; }
  const std::vector<float>& parameters() const { return parameters_; }
  // The tensors of the artefact, their names behind `prefix`; they live as long as the model.
  void add_tensors(std::string_view prefix, std::vector<nn::NamedTensor>& tensors) const;
  // From a description and the tensors behind `prefix` in a file of so many bytes.  Errors: kInvalidArgument.
  static Result<std::shared_ptr<const Model>> read(json::object description, const nn::Safetensors& file,
                                                   std::size_t bytes, std::string_view prefix);

 private:
  ModelSpec spec_;
  nn::ParameterMap map_;
  std::vector<float> parameters_;
  nn::LstmColumns columns_;  // The same weights, laid out for reading the context.
  json::object description_;
};

// The spec as JSON and back; from_json checks every number.
json::object to_json(const ModelSpec& spec);
Result<ModelSpec> spec_from_json(const json::object& fields);

// How a recipe stands in a description: "R" is the default one.
std::string recipe_text(const Recipe& recipe);

// The spec, the recipe, the set's size, the steps (those that were best) and the schedule of a model's description:
// what trains it anew.  Nothing else of the plan is filled.
Result<TrainingPlan> plan_from_json(const json::object& description);

// A value no series may hold: infinite, or so large that sums of it leave the numbers.  NaN is a missing value and
// allowed. Errors: kInvalidArgument - "value 17 is inf; ...".
Status check_values(const TimeSeries& series);

}  // namespace tidecast::deepar
