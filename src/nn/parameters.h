#pragma once
// Where each weight of the network lies in one flat array, so that the optimiser, the average and the gradient sum are
// single loops and a file is a list of slices.  Names and layouts are torch's.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tidecast::nn {

// A table of vectors, one for each value of a category.
struct Embedding {
  int cardinality = 0, dimension = 0;
  bool operator==(const Embedding&) const = default;
};

// `layers` LSTM layers of `cells`, the first fed by `inputs` features of a step and `statics` that are the same for all
// steps of a window, and a linear head of `outputs` on the last.  The embedded vectors are the last statics, in the
// order of `embeddings`.
struct NetworkShape {
  int inputs = 0, statics = 0, cells = 0, layers = 0, outputs = 0;
  std::vector<Embedding> embeddings = {};
  int inputs_of(int layer) const { return layer == 0 ? inputs + statics : cells; }
  int embedded() const;  // Statics that are embedded vectors.
  bool operator==(const NetworkShape&) const = default;
};

struct ParameterBlock {
  std::string name;                  // "lstm.weight_ih_l0", ..., "head.weight", "head.bias", "embedding.0.weight"
  std::vector<std::int64_t> shape;   // [out][in] or [out]
  std::size_t offset = 0, size = 0;  // In elements of the flat array.
};

// Per layer l: lstm.weight_ih_l [4 cells][inputs, of the first layer inputs + statics], lstm.weight_hh_l [4
// cells][cells], lstm.bias_ih_l and lstm.bias_hh_l [4 cells], gates in the order input, forget, cell, output; then
// head.weight [outputs][cells], head.bias [outputs] and per embedding i embedding.i.weight [cardinality][dimension].
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
  std::size_t embedding(std::size_t i) const {
    return blocks_[4 * static_cast<std::size_t>(shape_.layers) + 2 + i].offset;
  }

 private:
  NetworkShape shape_;
  std::vector<ParameterBlock> blocks_;
  std::size_t size_ = 0;
};

// Torch's defaults: every weight and bias of LSTM and Linear uniform within +-1 / sqrt(cells), an embedding's normal
// with mean 0 and deviation 1.
std::vector<float> initial_parameters(const ParameterMap& map, std::uint64_t seed);

// Writes the vectors of each lane's categories to the last rows of statics [static][lane].  categories
// [embedding][lane] are below their cardinality; a negative one is an unused lane's and gives zeros.
template <typename Real>
void gather_embeddings(const ParameterMap& map, const Real* parameters, std::span<const int> categories, int lanes,
                       Real* statics);
// The way back: adds d loss / d statics [static][lane] to the gradient of the rows that were gathered, lane by lane in
// their order, so the sum of a row that many lanes share always comes out the same.
template <typename Real>
void scatter_embeddings(const ParameterMap& map, const Real* static_gradient, std::span<const int> categories,
                        int lanes, Real* gradient);

}  // namespace tidecast::nn
