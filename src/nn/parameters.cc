#include "nn/parameters.h"

#include <fmt/format.h>

#include <cmath>

#include "base/rng.h"

namespace tidecast::nn {

ParameterMap::ParameterMap(const NetworkShape& shape) : shape_(shape) {
  const auto add = [&](std::string name, std::vector<std::int64_t> block_shape) {
    std::size_t size = 1;
    for (const std::int64_t extent : block_shape) size *= static_cast<std::size_t>(extent);
    blocks_.push_back({std::move(name), std::move(block_shape), size_, size});
    size_ += size;
  };
  const std::int64_t gates = 4 * std::int64_t{shape.cells};
  for (int layer = 0; layer < shape.layers; ++layer) {
    add(fmt::format("lstm.weight_ih_l{}", layer), {gates, shape.inputs_of(layer)});
    add(fmt::format("lstm.weight_hh_l{}", layer), {gates, shape.cells});
    add(fmt::format("lstm.bias_ih_l{}", layer), {gates});
    add(fmt::format("lstm.bias_hh_l{}", layer), {gates});
  }
  add("head.weight", {shape.outputs, shape.cells});
  add("head.bias", {shape.outputs});
}

std::vector<float> initial_parameters(const ParameterMap& map, std::uint64_t seed) {
  constexpr std::uint64_t kStream = 0x696e6974;  // "init": apart from whatever else draws from this seed.
  Rng rng(seed, kStream);
  const double reach = 1 / std::sqrt(static_cast<double>(map.shape().cells));
  std::vector<float> parameters(map.size());
  for (float& p : parameters) p = static_cast<float>((2 * rng.uniform() - 1) * reach);
  return parameters;
}

}  // namespace tidecast::nn
