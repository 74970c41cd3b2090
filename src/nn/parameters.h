#pragma once
// Where each weight of the network lies in one flat array, so that the optimiser, the average and the gradient sum are
// single loops and a file is a list of slices.  Names and layouts are torch's.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tidecast::nn {

// `layers` LSTM layers of `cells`, the first fed by `inputs` features, and a linear head of `outputs` on the last.
struct NetworkShape {
  int inputs = 0, cells = 0, layers = 0, outputs = 0;
  int inputs_of(int layer) const { return layer == 0 ? inputs : cells; }
  bool operator==(const NetworkShape&) const = default;
};

struct ParameterBlock {
  std::string name;                  // "lstm.weight_ih_l0", ..., "head.weight", "head.bias"
  std::vector<std::int64_t> shape;   // [out][in] or [out]
  std::size_t offset = 0, size = 0;  // In elements of the flat array.
};

// Per layer l: lstm.weight_ih_l [4 cells][inputs], lstm.weight_hh_l [4 cells][cells], lstm.bias_ih_l and lstm.bias_hh_l
// [4 cells], gates in the order input, forget, cell, output; then head.weight [outputs][cells], head.bias [outputs].
class ParameterMap {
 public:
  explicit ParameterMap(const NetworkShape& shape);

  const NetworkShape& shape() const { return shape_; }
  std::size_t size() const { return size_; }
  std::span<const ParameterBlock> blocks() const { return blocks_; }

  std::size_t weight_ih(int layer) const { return blocks_[4 * static_cast<std::size_t>(layer)].offset; }
  std::size_t weight_hh(int layer) const { return blocks_[4 * static_cast<std::size_t>(layer) + 1].offset; }
  std::size_t bias_ih(int layer) const { return blocks_[4 * static_cast<std::size_t>(layer) + 2].offset; }
  std::size_t bias_hh(int layer) const { return blocks_[4 * static_cast<std::size_t>(layer) + 3].offset; }
  std::size_t head_weight() const { return blocks_[4 * static_cast<std::size_t>(shape_.layers)].offset; }
  std::size_t head_bias() const { return blocks_[4 * static_cast<std::size_t>(shape_.layers) + 1].offset; }

 private:
  NetworkShape shape_;
  std::vector<ParameterBlock> blocks_;
  std::size_t size_ = 0;
};

// Torch's default for LSTM and Linear: every weight and bias uniform within +-1 / sqrt(cells).
std::vector<float> initial_parameters(const ParameterMap& map, std::uint64_t seed);

}  // namespace tidecast::nn
