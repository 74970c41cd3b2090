#pragma once
// The recurrent network (Hochreiter and Schmidhuber's LSTM as torch.nn.LSTM computes it, and a linear head) in three
// forms: LstmPass runs a shard of windows forwards and back through time for training, LstmVector reads one sequence,
// LstmState (LstmFew) advances many (few) paths by one step for sampling.  Float; LstmPass is instantiated in double
// too, for checking gradients by finite differences.

#include <cstdint>
#include <vector>

#include "nn/buffer.h"
#include "nn/kernels.h"
#include "nn/parameters.h"

namespace tidecast::nn {

// What keeps the network from learning its windows by heart.
//   kDropout: of the output of every layer but the last, as torch.nn.LSTM does it.
//   kZoneout (Krueger et al., arXiv:1606.01305, equation 2): in every layer and step each element of h, and apart from
//   it each of c, keeps its value of the step before with probability `rate`.
//   kExpectedZoneout: its expectation, for using what was so trained: h = rate h_before + (1 - rate) h_new, c alike.
// Who falls is a function of key, layer, step, cell and lane, so it is never stored.
enum class Regularisation { kNone, kDropout, kZoneout, kExpectedZoneout };
struct Regulariser {
  Regularisation kind = Regularisation::kNone;
  double rate = 0;        // 0 .. below 1.
  std::uint64_t key = 0;  // Another for each shard and optimiser step.
};

// One shard's forward and backward pass.  Owns its memory, allocated once; one thread at a time.
template <typename Real>
class LstmPass {
 public:
  // For up to `steps_max` steps of `lanes` windows (a multiple of kLaneAlign).  map and kernels must outlive it.
  LstmPass(const ParameterMap& map, int lanes, int steps_max, const Kernels<Real>& kernels);

  int lanes() const { return lanes_; }
  // The caller fills both; unused lanes finite.
  Real* inputs() { return inputs_.data(); }    // [step][input][lane]
  Real* statics() { return statics_.data(); }  // [static][lane]; their product with the weights is made once a pass.
  const Real* hidden() const {
    return layers_.back().h.data() + cells_stride();
  }                                                      // [step][cell][lane] of the last layer.
  const Real* raw() const { return raw_.data(); }        // [step][output][lane], after forward.
  Real* raw_gradient() { return raw_gradient_.data(); }  // [step][output][lane], the caller fills it before backward.
  // d loss / d statics, [static][lane], after backward: what embeddings learn from.
  const Real* static_gradient() const { return static_gradient_.data(); }

  void forward(const Real* parameters, int steps, const Regulariser& regulariser);
  // Adds d loss / d parameters to `gradient` (the map's size), but for embeddings, whose share is static_gradient().
  // Destroys what forward left; `regulariser` as given there, and not kExpectedZoneout.
  void backward(const Real* parameters, int steps, const Regulariser& regulariser, Real* gradient);

 private:
  struct Layer {
    Buffer<Real> gates, tanh_c;  // [step][4 cells][lane], [step][cell][lane]
    Buffer<Real> h, c;           // [step + 1][cell][lane]: the state before the first step is 0.
    Buffer<Real> dropped;        // [step][cell][lane]: h as the next layer saw it; empty where that is h itself.
  };
  std::int64_t cells_stride() const { return std::int64_t{map_.shape().cells} * lanes_; }
  // What a layer is fed a step: [step][row][lane], without the statics.
  int rows_fed(int layer) const { return layer == 0 ? map_.shape().inputs : map_.shape().cells; }
  const Real* fed(int layer, const Regulariser& regulariser) const;
  void zone_out(Layer& layer, int number, int step, const Regulariser& regulariser);
  void cell_back(Layer& layer, int number, int step, const Regulariser& regulariser, Real* dc);
  // Steps end - 1 down to begin of one layer: from dh_ to the gates' errors, their share of the weights' gradients
  // (into weight_sums_) and, in dh_'s place, the errors of what the layer was fed.  dc: the cells' errors between
  // steps.
  void backward_chunk(const Real* parameters, int steps, int layer, int begin, int end, const Regulariser& regulariser,
                      Real* dc);
  // turned_ = errors [step][row][lane] as [step][lane][pitch].
  void turn(int steps, const Real* errors, int rows, int pitch);
  // sums[j][i] += sum over steps and lanes of turned_[step][lane][i] * right[step][j][lane].
  void add_outer(int steps, int pitch, const Real* right, int right_rows, Real* sums);
  // The sums of all steps into the gradient.
  void finish_layer(const Real* parameters, int layer, Real* gradient);

  const ParameterMap& map_;
  const Kernels<Real>& kernels_;
  int lanes_;
  Buffer<Real> inputs_, statics_, static_gradient_, raw_, raw_gradient_;
  Buffer<Real> start_;        // [4 cells][lane]: what the first layer's gates start from, both biases and the statics.
  Buffer<Real> dh_;           // [step][cell][lane]: d loss / d h of the layer in hand.
  Buffer<Real> bias_;         // [4 cells]: torch's two bias vectors, added.
  Buffer<Real> kept_;         // [cell][lane]: errors that zoneout carries past a step.
  Buffer<Real> gate_sums_;    // [4 cells][lane]: the gates' errors, summed over the steps.
  Buffer<Real> turned_;       // [step of a chunk][lane][pitch]: errors, transposed.
  Buffer<Real> weight_sums_;  // [row][pitch]: a weight's gradient, transposed.
  std::vector<Layer> layers_;
};

// Weights for one sequence or a few, made once for a model.  With few lanes the gates are the fast index instead, so
// the weights are transposed, [in][4][pitch] with the cells padded to kLaneAlign.
class LstmColumns {
 public:
  LstmColumns(const ParameterMap& map, const float* parameters);

 private:
  friend class LstmVector;
  friend class LstmFew;
  struct Layer {
    Buffer<float> weight;  // [in + cells][4][pitch]: weight_ih above weight_hh.
    Buffer<float> bias;    // [4][pitch]: both biases, added.
  };
  NetworkShape shape_;
  int pitch_;
  std::vector<Layer> layers_;
};

// One sequence: the context of a forecast.  columns must outlive it.
class LstmVector {
 public:
  // zoneout: the rate the network was trained with, 0 without.
  LstmVector(const LstmColumns& columns, const Kernels<float>& kernels, double zoneout = 0);

  // The next steps, [step][inputs, statics].  A layer takes them all before the layer above it does: what it is fed is
  // then one product, and the weights that are left for its steps stay in the nearest cache.
  void read(int steps, const float* inputs);
  // What the first layer's gates get from both biases and inputs[from ..], statics among them: [4 cells].  The state
  // stays as it is.
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
  double zoneout_;
  Buffer<float> gates_, before_;
  std::vector<Layer> layers_;
};

// The network's state between steps for many paths, all of which go on from one sequence's.  Everything given must
// outlive it.
class LstmState {
 public:
  // lanes: a multiple of the kernels'.  zoneout: the rate the network was trained with, 0 without.
  LstmState(const ParameterMap& map, const float* parameters, int lanes, const Kernels<float>& kernels,
            double zoneout = 0);

  int lanes() const { return lanes_; }
  // Every lane takes the state of `other`.
  void take(const LstmVector& other);
  // One step.  The first layer is fed `rows` inputs that differ by lane, [row][lane], and has `shared` of the others
  // (LstmVector::first_layer_sum).  Returns raw outputs [output][lane], valid until the next call.
  const float* advance(const float* inputs, int rows, const float* shared);
  // Raw outputs of the present state, [output][lane].
  const float* head();

 private:
  struct Layer {
    Buffer<float> h, c;  // [cell][lane]
    Buffer<float> bias;  // [4 cells]: torch's two bias vectors, added.
  };
  const ParameterMap& map_;
  const float* parameters_;
  const Kernels<float>& kernels_;
  int lanes_;
  double zoneout_;
  Buffer<float> gates_, before_, raw_;
  std::vector<Layer> layers_;
};

// The same, to the bit, for few paths, which would leave most of a vector of lanes empty: the gates are the fast index.
// What comes and goes still is [row][lane], of one vector; only the first `paths` lanes mean anything.
class LstmFew {
 public:
  // paths: 1 to the kernels' lanes.
  LstmFew(const ParameterMap& map, const float* parameters, const LstmColumns& columns, int paths,
          const Kernels<float>& kernels, double zoneout = 0);

  int lanes() const { return kernels_.lanes; }
  void take(const LstmVector& other);
  const float* advance(const float* inputs, int rows, const float* shared);
  const float* head();

 private:
  struct Layer {
    Buffer<float> h, c;   // [path][pitch]
    Buffer<float> start;  // [path][4][pitch]: of the first layer what the paths share, of the others their biases.
  };
  const ParameterMap& map_;
  const float* parameters_;
  const LstmColumns& columns_;
  int paths_;
  const Kernels<float>& kernels_;
  double zoneout_;
  Buffer<float> gates_, before_, turned_, raw_;
  std::vector<Layer> layers_;
};

// The sum of torch's two bias vectors of a layer, [4 cells].
template <typename Real>
void add_biases(const ParameterMap& map, int layer, const Real* parameters, Real* out);

}  // namespace tidecast::nn
