#pragma once
// The recurrent network (Hochreiter and Schmidhuber's LSTM as torch.nn.LSTM computes it, and a linear head) in two
// forms: LstmPass runs a shard of windows forwards and back through time for training, LstmState advances many paths by
// one step for sampling.  Float in the product; double is instantiated for checking gradients by finite differences.

#include <cstdint>
#include <vector>

#include "nn/buffer.h"
#include "nn/kernels.h"
#include "nn/parameters.h"

namespace tidecast::nn {

// Dropout on the output of every layer but the last, as torch.nn.LSTM does it.  A mask is a function of key, layer,
// step, cell and lane, so it is never stored.
struct Dropout {
  double rate = 0;
  std::uint64_t key = 0;  // Another for each shard and optimiser step.
};

// One shard's forward and backward pass.  Owns its memory, allocated once; one thread at a time.
template <typename Real>
class LstmPass {
 public:
  // For up to `steps_max` steps of `lanes` windows (a multiple of kLaneAlign).  map and kernels must outlive it.
  LstmPass(const ParameterMap& map, int lanes, int steps_max, const Kernels<Real>& kernels);

  int lanes() const { return lanes_; }
  Real* inputs() { return inputs_.data(); }  // [step][input][lane], the caller fills it; unused lanes finite.
  const Real* hidden() const {
    return layers_.back().h.data() + cells_stride();
  }                                                      // [step][cell][lane] of the last layer.
  const Real* raw() const { return raw_.data(); }        // [step][output][lane], after forward.
  Real* raw_gradient() { return raw_gradient_.data(); }  // [step][output][lane], the caller fills it before backward.

  void forward(const Real* parameters, int steps, const Dropout& dropout);
  // Adds d loss / d parameters to `gradient` (the map's size).  Destroys what forward left; `dropout` as given there.
  void backward(const Real* parameters, int steps, const Dropout& dropout, Real* gradient);

 private:
  struct Layer {
    Buffer<Real> gates, tanh_c;  // [step][4 cells][lane], [step][cell][lane]
    Buffer<Real> h, c;           // [step + 1][cell][lane]: the state before the first step is 0.
    Buffer<Real> dropped;        // [step][cell][lane]: h as the next layer saw it; empty where that is h itself.
  };
  std::int64_t cells_stride() const { return std::int64_t{map_.shape().cells} * lanes_; }
  const Real* input_of(int layer, double dropout_rate) const;
  // Steps end - 1 down to begin of one layer: from dh_ to the gates' errors, their share of the gradient (biases into
  // bias_) and, in dh_'s place, the errors of what the layer was fed.  dc: the cells' errors between steps.
  void backward_chunk(const Real* parameters, int steps, int layer, int begin, int end, const Dropout& dropout,
                      Real* dc, Real* gradient);

  const ParameterMap& map_;
  const Kernels<Real>& kernels_;
  int lanes_;
  Buffer<Real> inputs_, raw_, raw_gradient_;
  Buffer<Real> dh_;    // [step][cell][lane]: d loss / d h of the layer in hand.
  Buffer<Real> bias_;  // [4 cells]: torch's two bias vectors, added.
  std::vector<Layer> layers_;
};

// Weights for a single sequence, made once for a model.  With a single lane the gates are the fast index instead, so
// the weights are transposed, [in][4][pitch] with the cells padded to kLaneAlign.
class LstmColumns {
 public:
  LstmColumns(const ParameterMap& map, const float* parameters);

 private:
  friend class LstmVector;
  struct Layer {
    Buffer<float> weight;  // [in + cells][4][pitch]: weight_ih above weight_hh.
    Buffer<float> bias;    // [4][pitch]: both biases, added.
  };
  NetworkShape shape_;
  int pitch_;
  std::vector<Layer> layers_;
};

// One sequence, step by step: the context of a forecast.  columns must outlive it.
class LstmVector {
 public:
  LstmVector(const LstmColumns& columns, const Kernels<float>& kernels);

  void advance(const float* inputs);  // [inputs]
  // What the first layer's gates get from both biases and inputs[from ..]: [4 cells].  The state stays as it is.
  void first_layer_sum(const float* inputs, int from, float* out);
  float h(int layer, int cell) const {
    return layers_[static_cast<std::size_t>(layer)].h[static_cast<std::size_t>(cell)];
  }
  float c(int layer, int cell) const {
    return layers_[static_cast<std::size_t>(layer)].c[static_cast<std::size_t>(cell)];
  }

 private:
  struct Layer {
    Buffer<float> h, c;  // [pitch]
  };
  const LstmColumns& columns_;
  const Kernels<float>& kernels_;
  Buffer<float> gates_, tanh_c_;
  std::vector<Layer> layers_;
};

// The network's state between steps for `lanes` paths.
template <typename Real>
class LstmState {
 public:
  LstmState(const ParameterMap& map, int lanes, const Kernels<Real>& kernels);

  // Every lane takes the state of `other`.
  void take(const LstmVector& other);
  // One step.  `first` is the product that feeds the first layer and `first_bias` [4 cells] what is the same for all
  // lanes: both biases and the inputs that do not differ by lane.  Returns raw outputs [output][lane].
  const Real* advance(const Real* parameters, const Product<Real>& first, const Real* first_bias);
  // Raw outputs of the present state, [output][lane].
  const Real* head(const Real* parameters);

 private:
  struct Layer {
    Buffer<Real> h, c;  // [cell][lane]
  };
  const ParameterMap& map_;
  const Kernels<Real>& kernels_;
  int lanes_;
  Buffer<Real> gates_, tanh_c_, bias_, raw_;
  std::vector<Layer> layers_;
};

// The sum of torch's two bias vectors of a layer, [4 cells].
template <typename Real>
void add_biases(const ParameterMap& map, int layer, const Real* parameters, Real* out);

}  // namespace tidecast::nn
