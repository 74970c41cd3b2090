// Milliseconds of one forecast: 30 minutes ahead, one series, context 60, 2 layers of 40 cells, one thread; and its
// quantiles.

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

// paths, points of history: under 4,400 points the recipe takes six lags, else 22.
void forecast(benchmark::State& state) {
  const TimeSeries series = minutes(static_cast<std::size_t>(state.range(1)));
  const auto trained = train_deepar(std::vector{series}, {.horizon = 30, .season = 60, .steps = 20, .select = false});
  if (!trained.ok()) return state.SkipWithError(trained.message().c_str());
  std::uint64_t seed = 0;
  for (auto _ : state) {
    const auto paths = trained->model->forecast(series, static_cast<int>(state.range(0)), ++seed);
    benchmark::DoNotOptimize(paths->quantile(0.5));
  }
}
BENCHMARK(forecast)
    ->ArgNames({"paths", "points"})
    ->ArgsProduct({{100, 1000}, {1500, 6000}})
    ->Unit(benchmark::kMillisecond);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  fmt::print("peak memory {:.0f} MB\n", tidecast::peak_memory_mb());
}
