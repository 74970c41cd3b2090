#include "nn/lstm.h"

#include <algorithm>

#include "base/result.h"
#include "base/rng.h"

namespace tidecast::nn {
namespace {

// W x of a row-major weight [out][in].
template <typename Real>
Product<Real> times(const Real* input, const Real* weight, int in) {
  return {.input = input, .weight = weight, .stride_k = 1, .stride_n = in, .k = in};
}
// W^T d: the same weight on the way back, `out` rows of d.
template <typename Real>
Product<Real> transposed_times(const Real* d, const Real* weight, int out, int in) {
  return {.input = d, .weight = weight, .stride_k = in, .stride_n = 1, .k = out};
}

// Steps whose gate errors are turned into gradients at once, while they are still in the nearest caches.
constexpr int kChunk = 12;

std::size_t elements(int steps, int rows, int lanes) {
  return static_cast<std::size_t>(steps) * static_cast<std::size_t>(rows) * static_cast<std::size_t>(lanes);
}

}  // namespace

template <typename Real>
void add_biases(const ParameterMap& map, int layer, const Real* parameters, Real* out) {
  const Real* ih = parameters + map.bias_ih(layer);
  const Real* hh = parameters + map.bias_hh(layer);
  for (int i = 0; i < 4 * map.shape().cells; ++i) out[i] = ih[i] + hh[i];
}

template <typename Real>
LstmPass<Real>::LstmPass(const ParameterMap& map, int lanes, int steps_max, const Kernels<Real>& kernels)
    : map_(map), kernels_(kernels), lanes_(lanes) {
  CHECK(lanes > 0 && lanes % kLaneAlign == 0 && steps_max > 0);
  const NetworkShape& shape = map.shape();
  inputs_ = Buffer<Real>(elements(steps_max, shape.inputs, lanes));
  raw_ = Buffer<Real>(elements(steps_max, shape.outputs, lanes));
  raw_gradient_ = Buffer<Real>(raw_.size());
  dh_ = Buffer<Real>(elements(steps_max, shape.cells, lanes));
  bias_ = Buffer<Real>(4 * static_cast<std::size_t>(shape.cells));
  for (int layer = 0; layer < shape.layers; ++layer) {
    Layer l;
    l.gates = Buffer<Real>(elements(steps_max, 4 * shape.cells, lanes));
    l.tanh_c = Buffer<Real>(dh_.size());
    l.h = Buffer<Real>(elements(steps_max + 1, shape.cells, lanes));
    l.c = Buffer<Real>(l.h.size());
    if (layer + 1 < shape.layers) l.dropped = Buffer<Real>(dh_.size());
    layers_.push_back(std::move(l));
  }
}

template <typename Real>
const Real* LstmPass<Real>::input_of(int layer, double dropout_rate) const {
  if (layer == 0) return inputs_.data();
  const Layer& below = layers_[static_cast<std::size_t>(layer) - 1];
  return dropout_rate > 0 ? below.dropped.data() : below.h.data() + cells_stride();
}

template <typename Real>
void LstmPass<Real>::forward(const Real* parameters, int steps, const Dropout& dropout) {
  const NetworkShape& shape = map_.shape();
  const std::int64_t stride = cells_stride();
  for (int layer = 0; layer < shape.layers; ++layer) {
    Layer& l = layers_[static_cast<std::size_t>(layer)];
    const int in = shape.inputs_of(layer);
    add_biases(map_, layer, parameters, bias_.data());
    const Real* x = input_of(layer, dropout.rate);
    for (int t = 0; t < steps; ++t) {
      Real* gates = l.gates.data() + t * 4 * stride;
      Real* h = l.h.data() + t * stride;
      Real* c = l.c.data() + t * stride;
      kernels_.linear(lanes_, 4 * shape.cells,
                      times(x + t * in * std::int64_t{lanes_}, parameters + map_.weight_ih(layer), in),
                      times<Real>(h, parameters + map_.weight_hh(layer), shape.cells), bias_.data(), false, gates);
      kernels_.cell(static_cast<int>(stride), gates, c, c + stride, l.tanh_c.data() + t * stride, h + stride);
    }
    if (dropout.rate > 0 && layer + 1 < shape.layers)
      kernels_.dropout(static_cast<int>(steps * stride), dropout.rate,
                       mix64(dropout.key + static_cast<std::uint64_t>(layer)), 0, l.h.data() + stride,
                       l.dropped.data());
  }
  const Real* top = hidden();
  for (int t = 0; t < steps; ++t)
    kernels_.linear(lanes_, shape.outputs, times(top + t * stride, parameters + map_.head_weight(), shape.cells), {},
                    parameters + map_.head_bias(), false, raw_.data() + t * std::int64_t{shape.outputs} * lanes_);
}

template <typename Real>
void LstmPass<Real>::backward(const Real* parameters, int steps, const Dropout& dropout, Real* gradient) {
  const NetworkShape& shape = map_.shape();
  const std::int64_t stride = cells_stride(), raw_stride = std::int64_t{shape.outputs} * lanes_;
  for (int t = 0; t < steps; t += kChunk) {
    const int count = std::min(kChunk, steps - t);
    const Real* draw = raw_gradient_.data() + t * raw_stride;
    kernels_.outer_sum(count, lanes_, draw, shape.outputs, raw_stride, hidden() + t * stride, shape.cells, stride,
                       gradient + map_.head_weight());
    kernels_.row_sum(count, lanes_, draw, shape.outputs, raw_stride, gradient + map_.head_bias());
    for (int i = 0; i < count; ++i)
      kernels_.linear(
          lanes_, shape.cells,
          transposed_times<Real>(draw + i * raw_stride, parameters + map_.head_weight(), shape.outputs, shape.cells),
          {}, nullptr, false, dh_.data() + (t + i) * stride);
  }
  for (int layer = shape.layers - 1; layer >= 0; --layer) {
    const int rows = 4 * shape.cells;
    // In the place of the last state, which is not read again.
    Real* dc = layers_[static_cast<std::size_t>(layer)].c.data() + steps * stride;
    std::fill(dc, dc + stride, Real(0));
    bias_.clear();
    for (int end = steps; end > 0; end -= kChunk)
      backward_chunk(parameters, steps, layer, std::max(0, end - kChunk), end, dropout, dc, gradient);
    for (int i = 0; i < rows; ++i) {  // Both biases enter as their sum, so they share their gradient.
      gradient[map_.bias_ih(layer) + static_cast<std::size_t>(i)] += bias_[static_cast<std::size_t>(i)];
      gradient[map_.bias_hh(layer) + static_cast<std::size_t>(i)] += bias_[static_cast<std::size_t>(i)];
    }
    if (layer > 0 && dropout.rate > 0)
      kernels_.dropout(static_cast<int>(steps * stride), dropout.rate,
                       mix64(dropout.key + static_cast<std::uint64_t>(layer - 1)), 0, dh_.data(), dh_.data());
  }
}

template <typename Real>
void LstmPass<Real>::backward_chunk(const Real* parameters, int steps, int layer, int begin, int end,
                                    const Dropout& dropout, Real* dc, Real* gradient) {
  Layer& l = layers_[static_cast<std::size_t>(layer)];
  const int cells = map_.shape().cells, in = map_.shape().inputs_of(layer), rows = 4 * cells;
  const std::int64_t stride = cells_stride(), in_stride = std::int64_t{in} * lanes_, gates_stride = 4 * stride;
  for (int t = end - 1; t >= begin; --t) {
    Real* gates = l.gates.data() + t * gates_stride;
    Real* dh = dh_.data() + t * stride;
    if (t + 1 < steps)
      kernels_.linear(lanes_, cells,
                      transposed_times<Real>(gates + gates_stride, parameters + map_.weight_hh(layer), rows, cells), {},
                      nullptr, true, dh);
    kernels_.cell_back(static_cast<int>(stride), gates, l.c.data() + t * stride, l.tanh_c.data() + t * stride, dh, dc);
  }
  const Real* dgates = l.gates.data() + begin * gates_stride;
  kernels_.outer_sum(end - begin, lanes_, dgates, rows, gates_stride, input_of(layer, dropout.rate) + begin * in_stride,
                     in, in_stride, gradient + map_.weight_ih(layer));
  kernels_.outer_sum(end - begin, lanes_, dgates, rows, gates_stride, l.h.data() + begin * stride, cells, stride,
                     gradient + map_.weight_hh(layer));
  kernels_.row_sum(end - begin, lanes_, dgates, rows, gates_stride, bias_.data());
  if (layer == 0) return;
  for (int t = begin; t < end; ++t)
    kernels_.linear(
        lanes_, in,
        transposed_times<Real>(l.gates.data() + t * gates_stride, parameters + map_.weight_ih(layer), rows, in), {},
        nullptr, false, dh_.data() + t * stride);
}

template <typename Real>
LstmState<Real>::LstmState(const ParameterMap& map, int lanes, const Kernels<Real>& kernels)
    : map_(map), kernels_(kernels), lanes_(lanes) {
  CHECK(lanes > 0 && lanes % kLaneAlign == 0);
  const NetworkShape& shape = map.shape();
  gates_ = Buffer<Real>(elements(4, shape.cells, lanes));
  tanh_c_ = Buffer<Real>(elements(1, shape.cells, lanes));
  bias_ = Buffer<Real>(elements(4, shape.cells, shape.layers));
  raw_ = Buffer<Real>(elements(1, shape.outputs, lanes));
  for (int layer = 0; layer < shape.layers; ++layer) {
    Layer l;
    l.h = Buffer<Real>(tanh_c_.size());
    l.c = Buffer<Real>(tanh_c_.size());
    layers_.push_back(std::move(l));
  }
}

template <typename Real>
const Real* LstmState<Real>::advance(const Real* parameters, const Product<Real>& first, const Real* first_bias) {
  const NetworkShape& shape = map_.shape();
  const int elements_of_layer = shape.cells * lanes_;
  for (int layer = 0; layer < shape.layers; ++layer) {
    Layer& l = layers_[static_cast<std::size_t>(layer)];
    Product<Real> in = first;
    const Real* bias = first_bias;
    if (layer > 0) {
      in = times<Real>(layers_[static_cast<std::size_t>(layer) - 1].h.data(), parameters + map_.weight_ih(layer),
                       shape.cells);
      add_biases(map_, layer, parameters, bias_.data());
      bias = bias_.data();
    }
    kernels_.linear(lanes_, 4 * shape.cells, in,
                    times<Real>(l.h.data(), parameters + map_.weight_hh(layer), shape.cells), bias, false,
                    gates_.data());
    kernels_.cell(elements_of_layer, gates_.data(), l.c.data(), l.c.data(), tanh_c_.data(), l.h.data());
  }
  return head(parameters);
}

template <typename Real>
const Real* LstmState<Real>::head(const Real* parameters) {
  const NetworkShape& shape = map_.shape();
  kernels_.linear(lanes_, shape.outputs,
                  times<Real>(layers_.back().h.data(), parameters + map_.head_weight(), shape.cells), {},
                  parameters + map_.head_bias(), false, raw_.data());
  return raw_.data();
}

template <typename Real>
void LstmState<Real>::take(const LstmVector& other) {
  for (int layer = 0; layer < map_.shape().layers; ++layer) {
    Layer& l = layers_[static_cast<std::size_t>(layer)];
    for (int cell = 0; cell < map_.shape().cells; ++cell) {
      std::fill_n(l.h.data() + std::int64_t{cell} * lanes_, lanes_, static_cast<Real>(other.h(layer, cell)));
      std::fill_n(l.c.data() + std::int64_t{cell} * lanes_, lanes_, static_cast<Real>(other.c(layer, cell)));
    }
  }
}

LstmColumns::LstmColumns(const ParameterMap& map, const float* parameters)
    : shape_(map.shape()), pitch_((shape_.cells + kLaneAlign - 1) / kLaneAlign * kLaneAlign) {
  const auto cells = static_cast<std::size_t>(shape_.cells), lanes = elements(4, pitch_, 1);
  for (int layer = 0; layer < shape_.layers; ++layer) {
    const auto in = static_cast<std::size_t>(shape_.inputs_of(layer));
    Layer l{.weight = Buffer<float>((in + cells) * lanes), .bias = Buffer<float>(lanes)};
    for (std::size_t row = 0; row < 4 * cells; ++row) {
      const std::size_t column = row / cells * static_cast<std::size_t>(pitch_) + row % cells;
      for (std::size_t k = 0; k < in; ++k)
        l.weight[k * lanes + column] = parameters[map.weight_ih(layer) + row * in + k];
      for (std::size_t k = 0; k < cells; ++k)
        l.weight[(in + k) * lanes + column] = parameters[map.weight_hh(layer) + row * cells + k];
      l.bias[column] = parameters[map.bias_ih(layer) + row] + parameters[map.bias_hh(layer) + row];
    }
    layers_.push_back(std::move(l));
  }
}

LstmVector::LstmVector(const LstmColumns& columns, const Kernels<float>& kernels)
    : columns_(columns),
      kernels_(kernels),
      gates_(elements(4, columns.pitch_, 1)),
      tanh_c_(elements(1, columns.pitch_, 1)) {
  for (int layer = 0; layer < columns.shape_.layers; ++layer)
    layers_.push_back({.h = Buffer<float>(tanh_c_.size()), .c = Buffer<float>(tanh_c_.size())});
}

void LstmVector::advance(const float* inputs) {
  const int lanes = 4 * columns_.pitch_, cells = columns_.shape_.cells;
  for (int layer = 0; layer < columns_.shape_.layers; ++layer) {
    const LstmColumns::Layer& weights = columns_.layers_[static_cast<std::size_t>(layer)];
    Layer& l = layers_[static_cast<std::size_t>(layer)];
    const int in = columns_.shape_.inputs_of(layer);
    const float* weight_hh = weights.weight.data() + std::int64_t{in} * lanes;
    std::copy_n(weights.bias.data(), lanes, gates_.data());
    kernels_.linear(lanes, 1, {.input = weights.weight.data(), .weight = inputs, .stride_k = 1, .stride_n = 0, .k = in},
                    {.input = weight_hh, .weight = l.h.data(), .stride_k = 1, .stride_n = 0, .k = cells}, nullptr, true,
                    gates_.data());
    kernels_.cell(columns_.pitch_, gates_.data(), l.c.data(), l.c.data(), tanh_c_.data(), l.h.data());
    inputs = l.h.data();
  }
}

void LstmVector::first_layer_sum(const float* inputs, int from, float* out) {
  const int lanes = 4 * columns_.pitch_, cells = columns_.shape_.cells;
  const LstmColumns::Layer& weights = columns_.layers_.front();
  const Product<float> rest{.input = weights.weight.data() + std::int64_t{from} * lanes,
                            .weight = inputs + from,
                            .stride_k = 1,
                            .stride_n = 0,
                            .k = columns_.shape_.inputs - from};
  std::copy_n(weights.bias.data(), lanes, gates_.data());
  kernels_.linear(lanes, 1, rest, {}, nullptr, true, gates_.data());
  for (int gate = 0; gate < 4; ++gate) std::copy_n(gates_.data() + gate * columns_.pitch_, cells, out + gate * cells);
}

template class LstmPass<float>;
template class LstmPass<double>;
template class LstmState<float>;
template class LstmState<double>;
template void add_biases(const ParameterMap&, int, const float*, float*);
template void add_biases(const ParameterMap&, int, const double*, double*);

}  // namespace tidecast::nn
