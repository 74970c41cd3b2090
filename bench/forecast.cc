// Milliseconds of one forecast: 30 minutes ahead, one series, context 60, two networks of 2 layers of 40 cells, one
// thread; and its quantiles.  And of a thousand series.

#include <benchmark/benchmark.h>

#include <cmath>

#include "base/rng.h"
#include "base/workers.h"
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

// A thousand series of a thousand hours, a day ahead, 100 paths each, on two threads.
void thousand_series(benchmark::State& state) {
  constexpr int kSeries = 1000, kThreads = 2;
  TimeSeries series = minutes(1000);
  series.step = Milliseconds(3'600'000);
  const auto trained = train_deepar(std::vector{series}, {.horizon = 24, .season = 24, .steps = 20, .select = false});
  if (!trained.ok()) return state.SkipWithError(trained.message().c_str());
  Workers workers(kThreads);
  for (auto _ : state)
    workers.run(kSeries, [&](int i) {
      benchmark::DoNotOptimize(trained->model->forecast(series, 100, static_cast<std::uint64_t>(i))->values.data());
    });
}
BENCHMARK(thousand_series)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  fmt::print("peak memory {:.0f} MB\n", tidecast::peak_memory_mb());
}
