// The two inner loops of a forecast alone, as 50 paths of one network need them: GFLOP/s of the products that feed a
// layer of 40 cells, and nanoseconds that the gates take for a vector of paths.  One thread.

#include "nn/kernels.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "nn/buffer.h"

namespace {

using namespace tidecast::nn;

// A multiple of every table's lanes.
constexpr int kCells = 40, kRows = 4 * kCells, kLanes = 64;

// On cache lines' borders, as the network's are.
Buffer<float> filled(int size, float value) {
  Buffer<float> buffer(static_cast<std::size_t>(size));
  std::fill_n(buffer.data(), size, value);
  return buffer;
}

// inputs: what the layer is fed; besides, it has its own state.
void layer_product(benchmark::State& state) {
  const Kernels<float>& kernels = best_kernels<float>();
  const int inputs = static_cast<int>(state.range(0));
  const std::vector<float> weight_ih(static_cast<std::size_t>(kRows * inputs), 0.01f), weight_hh(kRows * kCells, 0.02f),
      bias(kRows, 0.1f);
  const Buffer<float> fed = filled(inputs * kLanes, 0.5f), own = filled(kCells * kLanes, 0.25f);
  Buffer<float> gates(kRows * kLanes);
  for (auto _ : state) {
    kernels.linear(kLanes, kRows,
                   {.input = fed.data(), .weight = weight_ih.data(), .stride_k = 1, .stride_n = inputs, .k = inputs},
                   {.input = own.data(), .weight = weight_hh.data(), .stride_k = 1, .stride_n = kCells, .k = kCells},
                   bias.data(), nullptr, gates.data());
    benchmark::DoNotOptimize(gates.data());
    benchmark::ClobberMemory();
  }
  state.SetLabel(kernels.name);
  state.counters["GFLOP/s"] =
      benchmark::Counter(2e-9 * kLanes * kRows * (inputs + kCells), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(layer_product)->ArgName("inputs")->Arg(4)->Arg(kCells);

// keeps: the gates, as a training needs them.
void cell(benchmark::State& state) {
  const Kernels<float>& kernels = best_kernels<float>();
  const bool keeps = state.range(0) != 0;
  constexpr int kElements = kCells * kLanes;
  Buffer<float> gates(4 * kElements), c = filled(kElements, 0.1f), tanh_c(kElements), h(kElements);
  // None is 0: a state that is fed nothing would fade to numbers that the processor is slow with.
  for (int i = 0; i < 4 * kElements; ++i)
    gates[static_cast<std::size_t>(i)] = (static_cast<float>(i % 97) - 48.5f) * 0.05f;
  for (auto _ : state) {
    if (keeps)
      kernels.cell(kElements, gates.data(), c.data(), c.data(), tanh_c.data(), h.data());
    else
      kernels.cell_state(kElements, gates.data(), c.data(), h.data());
    benchmark::DoNotOptimize(h.data());
    benchmark::ClobberMemory();
  }
  state.SetLabel(kernels.name);
  state.counters["vectors/s"] =
      benchmark::Counter(kElements / kernels.lanes, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(cell)->ArgName("keeps")->Arg(1)->Arg(0);

}  // namespace

BENCHMARK_MAIN();
