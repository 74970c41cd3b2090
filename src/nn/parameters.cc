#include "nn/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/result.h"
#include "base/rng.h"

namespace tidecast::nn {

int NetworkShape::embedded() const {
  int sum = 0;
  for (const Embedding& embedding : embeddings) sum += embedding.dimension;
  return sum;
}

ParameterMap::ParameterMap(const NetworkShape& shape) : shape_(shape) {
  CHECK(shape.embedded() <= shape.statics);
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
  for (std::size_t i = 0; i < shape.embeddings.size(); ++i)
    add(fmt::format("embedding.{}.weight", i), {shape.embeddings[i].cardinality, shape.embeddings[i].dimension});
}

namespace {

// Element i of a stream of normal numbers, by Box and Muller from one counter.
float normal_at(std::uint64_t key, std::uint64_t i) {
  const auto bits = philox4x32({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i >> 32), 0, 0},
                               {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)});
  const double u = (bits[0] + 0.5) * 0x1p-32, v = bits[1] * 0x1p-32;
  return static_cast<float>(std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v));
}

// Calls visit(lane, row of the embedding's table as an offset into the parameters, first static, dimension) for every
// lane that has a category.
template <typename Visit>
void each_embedded(const ParameterMap& map, std::span<const int> categories, int lanes, const Visit& visit) {
  const NetworkShape& shape = map.shape();
  CHECK(categories.size() == shape.embeddings.size() * static_cast<std::size_t>(lanes));
  int row = shape.statics - shape.embedded();
  for (std::size_t i = 0; i < shape.embeddings.size(); ++i) {
    const auto& [cardinality, dimension] = shape.embeddings[i];
    for (int lane = 0; lane < lanes; ++lane) {
      const int category = categories[i * static_cast<std::size_t>(lanes) + static_cast<std::size_t>(lane)];
      CHECK(category < cardinality);
      if (category >= 0)
        visit(lane, map.embedding(i) + static_cast<std::size_t>(category) * static_cast<std::size_t>(dimension), row,
              dimension);
    }
    row += dimension;
  }
}

}  // namespace

std::vector<float> initial_parameters(const ParameterMap& map, std::uint64_t seed) {
  constexpr std::uint64_t kStream = 0x696e6974;      // "init": apart from whatever else draws from this seed.
  constexpr std::uint64_t kEmbeddings = 0x656d6264;  // "embd"
  Rng rng(seed, kStream);
  const double reach = 1 / std::sqrt(static_cast<double>(map.shape().cells));
  std::vector<float> parameters(map.size());
  const std::size_t embeddings = map.shape().embeddings.empty() ? map.size() : map.embedding(0);
  for (std::size_t i = 0; i < embeddings; ++i) parameters[i] = static_cast<float>((2 * rng.uniform() - 1) * reach);
  for (std::size_t i = embeddings; i < map.size(); ++i)
    parameters[i] = normal_at(mix64(seed ^ kEmbeddings), i - embeddings);
  return parameters;
}

template <typename Real>
void gather_embeddings(const ParameterMap& map, const Real* parameters, std::span<const int> categories, int lanes,
                       Real* statics) {
  const std::ptrdiff_t pitch = lanes;
  std::fill(statics + (map.shape().statics - map.shape().embedded()) * pitch, statics + map.shape().statics * pitch,
            Real(0));
  each_embedded(map, categories, lanes, [&](int lane, std::size_t offset, int row, int dimension) {
    for (int d = 0; d < dimension; ++d)
      statics[(row + d) * pitch + lane] = parameters[offset + static_cast<std::size_t>(d)];
  });
}

template <typename Real>
void scatter_embeddings(const ParameterMap& map, const Real* static_gradient, std::span<const int> categories,
                        int lanes, Real* gradient) {
  const std::ptrdiff_t pitch = lanes;
  each_embedded(map, categories, lanes, [&](int lane, std::size_t offset, int row, int dimension) {
    for (int d = 0; d < dimension; ++d)
      gradient[offset + static_cast<std::size_t>(d)] += static_gradient[(row + d) * pitch + lane];
  });
}

template void gather_embeddings(const ParameterMap&, const float*, std::span<const int>, int, float*);
template void gather_embeddings(const ParameterMap&, const double*, std::span<const int>, int, double*);
template void scatter_embeddings(const ParameterMap&, const float*, std::span<const int>, int, float*);
template void scatter_embeddings(const ParameterMap&, const double*, std::span<const int>, int, double*);

}  // namespace tidecast::nn
