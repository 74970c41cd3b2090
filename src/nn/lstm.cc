#include "nn/lstm.h"

#include <algorithm>

#include "base/result.h"
#include "base/rng.h"

namespace tidecast::nn {
namespace {

// W x of a row-major weight [out][in], or of `k` of its columns.
template <typename Real>
Product<Real> times(const Real* input, const Real* weight, int k, int in) {
  return {.input = input, .weight = weight, .stride_k = 1, .stride_n = in, .k = k};
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

int padded(int rows) { return (rows + kLaneAlign - 1) / kLaneAlign * kLaneAlign; }

bool drops(const Regulariser& r) { return r.kind == Regularisation::kDropout && r.rate > 0; }
std::uint64_t dropout_key(const Regulariser& r, int layer) { return mix64(r.key + static_cast<std::uint64_t>(layer)); }
enum class Zone { kHidden, kCell };
std::uint64_t zone_key(const Regulariser& r, int layer, Zone zone) {
  return mix64(r.key + 2 * static_cast<std::uint64_t>(layer) + (zone == Zone::kCell));
}

// out[i][j] += in[j][i] for i < rows, j < columns.
template <typename Real>
void add_turned(const Real* in, int rows, std::int64_t in_pitch, int columns, Real* out, std::int64_t out_pitch) {
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) out[i * out_pitch + j] += in[j * in_pitch + i];
}

// now = rate * before + (1 - rate) * now.
template <typename Real>
void mix(std::int64_t n, double rate, const Real* before, Real* now) {
  const Real keep = static_cast<Real>(rate);
  for (std::int64_t i = 0; i < n; ++i) now[i] += keep * (before[i] - now[i]);
}

// One step of a layer in use: h and c [n] take their next state; before [2 n] is scratch.
void advance_cell(const Kernels<float>& kernels, int n, double zoneout, const float* gates, float* before, float* h,
                  float* c) {
  if (zoneout > 0) {
    std::copy_n(h, n, before);
    std::copy_n(c, n, before + n);
  }
  kernels.cell_state(n, gates, c, h);
  if (zoneout > 0) {
    mix(n, zoneout, before, h);
    mix(n, zoneout, before + n, c);
  }
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
  const int pitch = padded(4 * shape.cells), head_pitch = padded(shape.outputs), chunk = std::min(kChunk, steps_max);
  inputs_ = Buffer<Real>(elements(steps_max, shape.inputs, lanes));
  statics_ = Buffer<Real>(elements(1, shape.statics, lanes));
  static_gradient_ = Buffer<Real>(statics_.size());
  raw_ = Buffer<Real>(elements(steps_max, shape.outputs, lanes));
  raw_gradient_ = Buffer<Real>(raw_.size());
  start_ = Buffer<Real>(elements(4, shape.cells, lanes));
  dh_ = Buffer<Real>(elements(steps_max, shape.cells, lanes));
  bias_ = Buffer<Real>(4 * static_cast<std::size_t>(shape.cells));
  kept_ = Buffer<Real>(elements(1, shape.cells, lanes));
  gate_sums_ = Buffer<Real>(start_.size());
  turned_ = Buffer<Real>(elements(chunk, std::max(pitch, head_pitch), lanes));
  const int rows = std::max(shape.inputs + shape.cells, 2 * shape.cells);
  weight_sums_ =
      Buffer<Real>(std::max(elements(1, std::max(rows, shape.statics), pitch), elements(1, shape.cells, head_pitch)));
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
const Real* LstmPass<Real>::fed(int layer, const Regulariser& regulariser) const {
  if (layer == 0) return inputs_.data();
  const Layer& below = layers_[static_cast<std::size_t>(layer) - 1];
  return drops(regulariser) ? below.dropped.data() : below.h.data() + cells_stride();
}

template <typename Real>
void LstmPass<Real>::zone_out(Layer& l, int layer, int t, const Regulariser& r) {
  const std::int64_t stride = cells_stride();
  const auto counter = static_cast<std::uint32_t>(t * stride);
  const int n = static_cast<int>(stride);
  Real* h = l.h.data() + t * stride;
  Real* c = l.c.data() + t * stride;
  if (r.kind == Regularisation::kZoneout) {
    kernels_.zoneout(n, r.rate, zone_key(r, layer, Zone::kHidden), counter, h, h + stride);
    kernels_.zoneout(n, r.rate, zone_key(r, layer, Zone::kCell), counter, c, c + stride);
  } else if (r.kind == Regularisation::kExpectedZoneout) {
    mix(stride, r.rate, h, h + stride);
    mix(stride, r.rate, c, c + stride);
  }
}

template <typename Real>
void LstmPass<Real>::forward(const Real* parameters, int steps, const Regulariser& regulariser) {
  const NetworkShape& shape = map_.shape();
  const std::int64_t stride = cells_stride();
  for (int layer = 0; layer < shape.layers; ++layer) {
    Layer& l = layers_[static_cast<std::size_t>(layer)];
    const int in = shape.inputs_of(layer), rows = rows_fed(layer), gate_rows = 4 * shape.cells;
    const Real* weight_ih = parameters + map_.weight_ih(layer);
    add_biases(map_, layer, parameters, bias_.data());
    if (layer == 0)
      kernels_.linear(lanes_, gate_rows, times<Real>(statics_.data(), weight_ih + shape.inputs, shape.statics, in), {},
                      bias_.data(), nullptr, start_.data());
    const Real* x = fed(layer, regulariser);
    for (int t = 0; t < steps; ++t) {
      Real* gates = l.gates.data() + t * 4 * stride;
      Real* h = l.h.data() + t * stride;
      Real* c = l.c.data() + t * stride;
      kernels_.linear(lanes_, gate_rows, times(x + t * std::int64_t{rows} * lanes_, weight_ih, rows, in),
                      times<Real>(h, parameters + map_.weight_hh(layer), shape.cells, shape.cells), bias_.data(),
                      layer == 0 ? start_.data() : nullptr, gates);
      kernels_.cell(static_cast<int>(stride), gates, c, c + stride, l.tanh_c.data() + t * stride, h + stride);
      zone_out(l, layer, t, regulariser);
    }
    if (drops(regulariser) && layer + 1 < shape.layers)
      kernels_.dropout(static_cast<int>(steps * stride), regulariser.rate, dropout_key(regulariser, layer), 0,
                       l.h.data() + stride, l.dropped.data());
  }
  const Real* top = hidden();
  for (int t = 0; t < steps; ++t)
    kernels_.linear(lanes_, shape.outputs,
                    times(top + t * stride, parameters + map_.head_weight(), shape.cells, shape.cells), {},
                    parameters + map_.head_bias(), nullptr, raw_.data() + t * std::int64_t{shape.outputs} * lanes_);
}

template <typename Real>
void LstmPass<Real>::turn(int steps, const Real* errors, int rows, int pitch) {
  for (int t = 0; t < steps; ++t)
    kernels_.transpose(rows, lanes_, errors + t * std::int64_t{rows} * lanes_, lanes_,
                       turned_.data() + t * std::int64_t{lanes_} * pitch, pitch);
}

template <typename Real>
void LstmPass<Real>::add_outer(int steps, int pitch, const Real* right, int right_rows, Real* sums) {
  kernels_.linear(pitch, right_rows,
                  {.input = turned_.data(),
                   .weight = right,
                   .stride_k = 1,
                   .stride_n = lanes_,
                   .k = steps * lanes_,
                   .block = lanes_,
                   .block_stride = std::int64_t{right_rows} * lanes_},
                  {}, nullptr, sums, sums);
}

template <typename Real>
void LstmPass<Real>::backward(const Real* parameters, int steps, const Regulariser& regulariser, Real* gradient) {
  CHECK(regulariser.kind != Regularisation::kExpectedZoneout);
  const NetworkShape& shape = map_.shape();
  const std::int64_t stride = cells_stride(), raw_stride = std::int64_t{shape.outputs} * lanes_;
  const int head_pitch = padded(shape.outputs);
  weight_sums_.clear();
  for (int t = 0; t < steps; t += kChunk) {
    const int count = std::min(kChunk, steps - t);
    const Real* draw = raw_gradient_.data() + t * raw_stride;
    turn(count, draw, shape.outputs, head_pitch);
    add_outer(count, head_pitch, hidden() + t * stride, shape.cells, weight_sums_.data());
    for (int i = 0; i < count; ++i)
      kernels_.linear(
          lanes_, shape.cells,
          transposed_times<Real>(draw + i * raw_stride, parameters + map_.head_weight(), shape.outputs, shape.cells),
          {}, nullptr, nullptr, dh_.data() + (t + i) * stride);
  }
  add_turned(weight_sums_.data(), shape.outputs, head_pitch, shape.cells, gradient + map_.head_weight(), shape.cells);
  kernels_.row_sum(steps, lanes_, raw_gradient_.data(), shape.outputs, raw_stride, gradient + map_.head_bias());
  for (int layer = shape.layers - 1; layer >= 0; --layer) {
    // In the place of the last state, which is not read again.
    Real* dc = layers_[static_cast<std::size_t>(layer)].c.data() + steps * stride;
    std::fill(dc, dc + stride, Real(0));
    weight_sums_.clear();
    gate_sums_.clear();
    for (int end = steps; end > 0; end -= kChunk)
      backward_chunk(parameters, steps, layer, std::max(0, end - kChunk), end, regulariser, dc);
    finish_layer(parameters, layer, gradient);
    if (layer > 0 && drops(regulariser))
      kernels_.dropout(static_cast<int>(steps * stride), regulariser.rate, dropout_key(regulariser, layer - 1), 0,
                       dh_.data(), dh_.data());
  }
}

template <typename Real>
void LstmPass<Real>::cell_back(Layer& l, int layer, int t, const Regulariser& r, Real* dc) {
  const std::int64_t stride = cells_stride();
  const int n = static_cast<int>(stride);
  const auto counter = static_cast<std::uint32_t>(t * stride);
  Real* dh = dh_.data() + t * stride;
  const bool zones = r.kind == Regularisation::kZoneout;
  if (zones) {  // Before the first step there is only 0, which learns nothing.
    kernels_.zoneout_back(n, r.rate, zone_key(r, layer, Zone::kHidden), counter, dh,
                          t > 0 ? dh - stride : kept_.data());
    kept_.clear();
    kernels_.zoneout_back(n, r.rate, zone_key(r, layer, Zone::kCell), counter, dc, kept_.data());
  }
  kernels_.cell_back(n, l.gates.data() + t * 4 * stride, l.c.data() + t * stride, l.tanh_c.data() + t * stride, dh, dc,
                     gate_sums_.data());
  if (zones)
    for (std::int64_t i = 0; i < stride; ++i) dc[i] += kept_.data()[i];
}

template <typename Real>
void LstmPass<Real>::backward_chunk(const Real* parameters, int steps, int layer, int begin, int end,
                                    const Regulariser& regulariser, Real* dc) {
  Layer& l = layers_[static_cast<std::size_t>(layer)];
  const int cells = map_.shape().cells, rows = 4 * cells, pitch = padded(rows), right_rows = rows_fed(layer);
  const std::int64_t stride = cells_stride();
  for (int t = end - 1; t >= begin; --t) {
    Real* dh = dh_.data() + t * stride;
    if (t + 1 < steps)
      kernels_.linear(lanes_, cells,
                      transposed_times<Real>(l.gates.data() + (t + 1) * 4 * stride, parameters + map_.weight_hh(layer),
                                             rows, cells),
                      {}, nullptr, dh, dh);
    cell_back(l, layer, t, regulariser, dc);
  }
  turn(end - begin, l.gates.data() + begin * 4 * stride, rows, pitch);
  add_outer(end - begin, pitch, fed(layer, regulariser) + begin * std::int64_t{right_rows} * lanes_, right_rows,
            weight_sums_.data());
  add_outer(end - begin, pitch, l.h.data() + begin * stride, cells,
            weight_sums_.data() + std::int64_t{right_rows} * pitch);
  if (layer == 0) return;
  for (int t = begin; t < end; ++t)
    kernels_.linear(
        lanes_, cells,
        transposed_times<Real>(l.gates.data() + t * 4 * stride, parameters + map_.weight_ih(layer), rows, cells), {},
        nullptr, nullptr, dh_.data() + t * stride);
}

template <typename Real>
void LstmPass<Real>::finish_layer(const Real* parameters, int layer, Real* gradient) {
  const NetworkShape& shape = map_.shape();
  const int cells = shape.cells, rows = 4 * cells, pitch = padded(rows), in = shape.inputs_of(layer);
  Real* by_ih = gradient + map_.weight_ih(layer);
  add_turned(weight_sums_.data(), rows, pitch, rows_fed(layer), by_ih, in);
  add_turned(weight_sums_.data() + std::int64_t{rows_fed(layer)} * pitch, rows, pitch, cells,
             gradient + map_.weight_hh(layer), cells);
  bias_.clear();
  kernels_.row_sum(1, lanes_, gate_sums_.data(), rows, 0, bias_.data());
  for (int i = 0; i < rows; ++i) {  // Both biases enter as their sum, so they share their gradient.
    gradient[map_.bias_ih(layer) + static_cast<std::size_t>(i)] += bias_[static_cast<std::size_t>(i)];
    gradient[map_.bias_hh(layer) + static_cast<std::size_t>(i)] += bias_[static_cast<std::size_t>(i)];
  }
  if (layer > 0 || shape.statics == 0) return;
  weight_sums_.clear();
  turn(1, gate_sums_.data(), rows, pitch);
  add_outer(1, pitch, statics_.data(), shape.statics, weight_sums_.data());
  add_turned(weight_sums_.data(), rows, pitch, shape.statics, by_ih + shape.inputs, in);
  kernels_.linear(lanes_, shape.statics,
                  transposed_times<Real>(gate_sums_.data(), parameters + map_.weight_ih(0) + shape.inputs, rows, in),
                  {}, nullptr, nullptr, static_gradient_.data());
}

LstmState::LstmState(const ParameterMap& map, const float* parameters, int lanes, const Kernels<float>& kernels,
                     double zoneout)
    : map_(map), parameters_(parameters), kernels_(kernels), lanes_(lanes), zoneout_(zoneout) {
  CHECK(lanes > 0 && lanes % kernels.lanes == 0);
  const NetworkShape& shape = map.shape();
  gates_ = Buffer<float>(elements(4, shape.cells, lanes));
  before_ = Buffer<float>(elements(2, shape.cells, lanes));
  raw_ = Buffer<float>(elements(1, shape.outputs, lanes));
  for (int layer = 0; layer < shape.layers; ++layer) {
    Layer l{.h = Buffer<float>(elements(1, shape.cells, lanes)),
            .c = Buffer<float>(elements(1, shape.cells, lanes)),
            .bias = Buffer<float>(elements(4, shape.cells, 1))};
    add_biases(map, layer, parameters, l.bias.data());
    layers_.push_back(std::move(l));
  }
}

void LstmState::take(const LstmVector& other) {
  for (int layer = 0; layer < map_.shape().layers; ++layer) {
    Layer& l = layers_[static_cast<std::size_t>(layer)];
    for (int cell = 0; cell < map_.shape().cells; ++cell) {
      std::fill_n(l.h.data() + std::int64_t{cell} * lanes_, lanes_, other.h(layer, cell));
      std::fill_n(l.c.data() + std::int64_t{cell} * lanes_, lanes_, other.c(layer, cell));
    }
  }
}

const float* LstmState::advance(const float* inputs, int rows, const float* shared) {
  const int cells = map_.shape().cells;
  for (int layer = 0; layer < map_.shape().layers; ++layer) {
    Layer& l = layers_[static_cast<std::size_t>(layer)];
    kernels_.linear(
        lanes_, 4 * cells,
        times(inputs, parameters_ + map_.weight_ih(layer), layer == 0 ? rows : cells, map_.shape().inputs_of(layer)),
        times(l.h.data(), parameters_ + map_.weight_hh(layer), cells, cells), layer == 0 ? shared : l.bias.data(),
        nullptr, gates_.data());
    advance_cell(kernels_, cells * lanes_, zoneout_, gates_.data(), before_.data(), l.h.data(), l.c.data());
    inputs = l.h.data();
  }
  return head();
}

const float* LstmState::head() {
  const NetworkShape& shape = map_.shape();
  kernels_.linear(lanes_, shape.outputs,
                  times(layers_.back().h.data(), parameters_ + map_.head_weight(), shape.cells, shape.cells), {},
                  parameters_ + map_.head_bias(), nullptr, raw_.data());
  return raw_.data();
}

LstmFew::LstmFew(const ParameterMap& map, const float* parameters, const LstmColumns& columns, int paths,
                 const Kernels<float>& kernels, double zoneout)
    : map_(map), parameters_(parameters), columns_(columns), paths_(paths), kernels_(kernels), zoneout_(zoneout) {
  CHECK(paths > 0 && paths <= kernels.lanes);
  const NetworkShape& shape = map.shape();
  const int pitch = columns.pitch_;
  gates_ = Buffer<float>(elements(4, pitch, paths));
  before_ = Buffer<float>(elements(2, pitch, 1));
  turned_ = Buffer<float>(elements(1, shape.cells, lanes()));
  raw_ = Buffer<float>(elements(1, shape.outputs, lanes()));
  for (const LstmColumns::Layer& weights : columns.layers_) {
    Layer l{.h = Buffer<float>(elements(1, pitch, paths)),
            .c = Buffer<float>(elements(1, pitch, paths)),
            .start = Buffer<float>(elements(4, pitch, paths))};
    for (int path = 0; path < paths; ++path)
      std::copy_n(weights.bias.data(), 4 * pitch, l.start.data() + std::int64_t{path} * 4 * pitch);
    layers_.push_back(std::move(l));
  }
}

void LstmFew::take(const LstmVector& other) {
  for (int layer = 0; layer < map_.shape().layers; ++layer) {
    Layer& l = layers_[static_cast<std::size_t>(layer)];
    for (int path = 0; path < paths_; ++path)
      for (int cell = 0; cell < map_.shape().cells; ++cell) {
        l.h.data()[path * columns_.pitch_ + cell] = other.h(layer, cell);
        l.c.data()[path * columns_.pitch_ + cell] = other.c(layer, cell);
      }
  }
}

const float* LstmFew::advance(const float* inputs, int rows, const float* shared) {
  const int cells = map_.shape().cells, pitch = columns_.pitch_, gates = 4 * pitch;
  for (int gate = 0; gate < 4 * paths_; ++gate)
    std::copy_n(shared + gate % 4 * cells, cells, layers_.front().start.data() + std::int64_t{gate} * pitch);
  Product<float> fed{.weight = inputs, .stride_k = lanes(), .stride_n = 1, .k = rows};
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    Layer& l = layers_[layer];
    const float* weight = columns_.layers_[layer].weight.data();
    fed.input = weight;
    kernels_.linear(gates, paths_, fed,
                    {.input = weight + std::int64_t{map_.shape().inputs_of(static_cast<int>(layer))} * gates,
                     .weight = l.h.data(),
                     .stride_k = 1,
                     .stride_n = pitch,
                     .k = cells},
                    nullptr, l.start.data(), gates_.data());
    for (int path = 0; path < paths_; ++path)
      advance_cell(kernels_, pitch, zoneout_, gates_.data() + path * gates, before_.data(), l.h.data() + path * pitch,
                   l.c.data() + path * pitch);
    fed = {.weight = l.h.data(), .stride_k = 1, .stride_n = pitch, .k = cells};
  }
  return head();
}

const float* LstmFew::head() {
  const NetworkShape& shape = map_.shape();
  kernels_.transpose(paths_, shape.cells, layers_.back().h.data(), columns_.pitch_, turned_.data(), lanes());
  kernels_.linear(lanes(), shape.outputs,
                  times(turned_.data(), parameters_ + map_.head_weight(), shape.cells, shape.cells), {},
                  parameters_ + map_.head_bias(), nullptr, raw_.data());
  return raw_.data();
}

LstmColumns::LstmColumns(const ParameterMap& map, const float* parameters)
    : shape_(map.shape()), pitch_(padded(shape_.cells)) {
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

LstmVector::LstmVector(const LstmColumns& columns, const Kernels<float>& kernels, double zoneout)
    : columns_(columns),
      kernels_(kernels),
      zoneout_(zoneout),
      gates_(elements(4, columns.pitch_, 1)),
      before_(elements(2, columns.pitch_, 1)) {
  const std::size_t pitch = elements(1, columns.pitch_, 1);
  for (int layer = 0; layer < columns.shape_.layers; ++layer)
    layers_.push_back({.h = Buffer<float>(pitch), .c = Buffer<float>(pitch)});
}

void LstmVector::read(int steps, const float* inputs) {
  const int lanes = 4 * columns_.pitch_, cells = columns_.shape_.cells;
  Buffer<float> gates(elements(steps, lanes, 1)), hidden(elements(steps, columns_.pitch_, 1));
  for (int layer = 0; layer < columns_.shape_.layers; ++layer) {
    const LstmColumns::Layer& weights = columns_.layers_[static_cast<std::size_t>(layer)];
    Layer& l = layers_[static_cast<std::size_t>(layer)];
    const int in = columns_.shape_.inputs_of(layer);
    const float* weight_hh = weights.weight.data() + std::int64_t{in} * lanes;
    for (int step = 0; step < steps; ++step)
      std::copy_n(weights.bias.data(), lanes, gates.data() + std::int64_t{step} * lanes);
    kernels_.linear(lanes, steps,
                    {.input = weights.weight.data(),
                     .weight = layer == 0 ? inputs : hidden.data(),
                     .stride_k = 1,
                     .stride_n = layer == 0 ? in : columns_.pitch_,
                     .k = in},
                    {}, nullptr, gates.data(), gates.data());
    for (int step = 0; step < steps; ++step) {
      float* now = gates.data() + std::int64_t{step} * lanes;
      kernels_.linear(lanes, 1, {.input = weight_hh, .weight = l.h.data(), .stride_k = 1, .stride_n = 0, .k = cells},
                      {}, nullptr, now, now);
      advance_cell(kernels_, columns_.pitch_, zoneout_, now, before_.data(), l.h.data(), l.c.data());
      std::copy_n(l.h.data(), columns_.pitch_, hidden.data() + std::int64_t{step} * columns_.pitch_);
    }
  }
}

void LstmVector::first_layer_sum(const float* inputs, int from, float* out) {
  const int lanes = 4 * columns_.pitch_, cells = columns_.shape_.cells;
  const LstmColumns::Layer& weights = columns_.layers_.front();
  const Product<float> rest{.input = weights.weight.data() + std::int64_t{from} * lanes,
                            .weight = inputs + from,
                            .stride_k = 1,
                            .stride_n = 0,
                            .k = columns_.shape_.inputs_of(0) - from};
  kernels_.linear(lanes, 1, rest, {}, nullptr, weights.bias.data(), gates_.data());
  for (int gate = 0; gate < 4; ++gate) std::copy_n(gates_.data() + gate * columns_.pitch_, cells, out + gate * cells);
}

template class LstmPass<float>;
template class LstmPass<double>;
template void add_biases(const ParameterMap&, int, const float*, float*);
template void add_biases(const ParameterMap&, int, const double*, double*);

}  // namespace tidecast::nn
