// A checkpoint is a safetensors file: the vectors by name, the rest as JSON in its metadata under "tidecast".

#include "deepar/checkpoint.h"

#include <cmath>

#include "base/json.h"
#include "nn/safetensors.h"

namespace tidecast::deepar {
namespace {

constexpr std::string_view kKind = "tidecast.checkpoint";

// Each member once, for both directions.
template <typename State, typename Visit>
void visit_numbers(State& state, const Visit& visit) {
  visit("step", state.step);
  visit("best_step", state.best_step);
  visit("best_loss", state.best_loss);
  visit("ended", state.ended);
  visit("diverged", state.diverged);
  visit("epoch_sum", state.epoch_sum);
  visit("rate", state.rate);
  visit("least_epoch", state.least_epoch);
  visit("bad_epochs", state.bad_epochs);
}

template <typename State, typename Visit>
void visit_vectors(State& state, const Visit& visit) {
  visit("parameters", state.parameters);
  visit("average", state.average);
  visit("kept", state.kept);
  visit("first_moment", state.first_moment);
  visit("second_moment", state.second_moment);
  visit("losses", state.losses);
}

}  // namespace

std::string write_checkpoint(const TrainingState& state, std::string_view identity) {
  json::object numbers{{"identity", identity}};
  visit_numbers(state, [&](const char* name, const auto& value) {
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, double>) {
      if (std::isfinite(value)) numbers[name] = value;  // Else it is the initial one.
    } else {
      numbers[name] = value;
    }
  });
  std::vector<nn::NamedTensor> tensors;
  visit_vectors(state, [&](const char* name, const std::vector<float>& values) {
    if (!values.empty()) tensors.push_back({name, {static_cast<std::int64_t>(values.size())}, values});
  });
  return nn::write_safetensors({{"format", std::string(kKind)}, {"tidecast", to_text(numbers)}}, tensors);
}

Result<TrainingState> read_checkpoint(std::string_view bytes, std::string_view identity, std::size_t parameters) {
  const nn::Safetensors file = TRY(nn::parse_safetensors(bytes).in("checkpoint"));
  const auto format = file.metadata.find("format"), text = file.metadata.find("tidecast");
  if (format == file.metadata.end() || format->second != kKind || text == file.metadata.end())
    return invalid_argument("checkpoint: not one of ours");
  const json::value about = TRY(parse_json(text->second).in("checkpoint"));
  if (!about.is_object()) return invalid_argument("checkpoint: not an object");
  const json::object& numbers = about.get_object();
  const json::value* own = numbers.if_contains("identity");
  if (own == nullptr || !own->is_string() || std::string_view(own->get_string()) != identity)
    return failed_precondition("the checkpoint is of another training");
  TrainingState state;
  Status status;
  visit_numbers(state, [&](const char* name, auto& value) {
    using Number = std::decay_t<decltype(value)>;
    const json::value* found = numbers.if_contains(name);
    if constexpr (std::is_same_v<Number, double>) {
      if (found && found->is_number()) value = found->to_number<double>();
    } else if constexpr (std::is_same_v<Number, bool>) {
      if (found && found->is_bool())
        value = found->get_bool();
      else
        status = invalid_argument("checkpoint: {}: neither true nor false", name);
    } else {
      if (found && found->is_int64() && found->get_int64() >= 0 && found->get_int64() <= INT32_MAX)
        value = static_cast<int>(found->get_int64());
      else
        status = invalid_argument("checkpoint: {}: no whole number", name);
    }
  });
  TRY(status);
  visit_vectors(state, [&](const std::string& name, std::vector<float>& values) {
    const auto found = file.tensors.find(name);
    if (found != file.tensors.end()) {
      auto read = found->second.floats();
      if (!read.ok()) return void(status = read.status());
      values = std::move(*read);
    }
    const bool may_be_absent = name == "kept" && state.best_step == 0;
    if (status.ok() && name != "losses" && values.size() != (may_be_absent ? 0 : parameters))
      status = invalid_argument("checkpoint: {}: {} numbers; this network has {}", name, values.size(), parameters);
  });
  TRY(status);
  return state;
}

}  // namespace tidecast::deepar
