// Optimiser steps per second of the recipe on minutes: context 60, horizon 30 (T = 89 steps a window), also context 31
// (T = 60), 2 layers of 40 cells. Everything a step does is in it: cutting windows, forward, loss, back, clipping,
// Adam, average.

#include <benchmark/benchmark.h>

#include <cmath>

#include "base/rng.h"
#include "deepar/deepar.h"
#include "peak_memory.h"

namespace {

using namespace tidecast;

TimeSeries minutes(std::size_t count) {
  Rng rng(1);
  TimeSeries series{.start = EventTime::epoch(), .step = Milliseconds(60'000), .values = {}};
  for (std::size_t i = 0; i < count; ++i)
    series.values.push_back(30 + 10 * std::sin(static_cast<double>(i) / 9.5) + 3 * rng.normal());
  return series;
}

// threads, batch, points, context: under 4,400 points the recipe takes six lags, else 22.
void training_step(benchmark::State& state) {
  const std::vector series{minutes(static_cast<std::size_t>(state.range(2)))};
  constexpr int kSteps = 100;
  for (auto _ : state) {
    const auto trained = train_deepar(series, {.horizon = 30,
                                               .season = 60,
                                               .context = static_cast<int>(state.range(3)),
                                               .steps = kSteps,
                                               .select = false,
                                               .batch = static_cast<int>(state.range(1)),
                                               .members = 1,
                                               .threads = static_cast<int>(state.range(0))});
    if (!trained.ok()) state.SkipWithError(trained.message().c_str());
  }
  state.counters["steps/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kSteps), benchmark::Counter::kIsRate);
  state.counters["step"] = benchmark::Counter(static_cast<double>(state.iterations() * kSteps),
                                              benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(training_step)
    ->ArgNames({"threads", "batch", "points", "context"})
    ->ArgsProduct({{1, 2}, {32, 128}, {1500, 6000}, {60}})
    ->ArgsProduct({{1, 2}, {128}, {6000, 1'000'000}, {31}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  fmt::print("peak memory {:.0f} MB\n", tidecast::peak_memory_mb());
}
