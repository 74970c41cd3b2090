// Window operators: events a second in memory on one thread, of prepared columns.
//
//   build/bench/bench_windows [NAME]
//
// Three aggregates (count, sum, average), windows of one minute, events one minute late at most and about in order: 1 M
// events a minute of event time.  Making the events is not measured; closing windows into rows is.  In the thread's own
// time, since nothing here waits.  Prints the best and the median of five runs, and what a piece of state costs after
// 1,000 events.

#include <time.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/rng.h"
#include "peak_memory.h"
#include "stream/window_operator.h"

using namespace tidecast;

namespace {

constexpr std::size_t kBatch = 1'000, kBatches = 4'000;

// Of this thread on its core: what else runs on the machine does not count.
double seconds() {
  timespec spent{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + 1e-9 * static_cast<double>(spent.tv_nsec);
}

EventMapping mapping() {
  EventMapping event;
  event.fields = {{"fee", "/fee"}, {"account", "/account"}};
  return event;
}

struct Workload {
  const char* name;
  WindowKind kind = WindowKind::kTumbling;
  Milliseconds window{60'000}, every{0};
  std::size_t keys = 0;  // 0: one series.
  bool texts = false;    // Keys are texts rather than integers.
};

std::vector<EventBatch> events_of(const Workload& load, std::vector<std::string>& names) {
  Rng rng(7);
  for (std::size_t k = 0; k < load.keys; ++k) names.push_back(fmt::format("account-{:06}", k));
  std::vector<EventBatch> batches(kBatches);
  std::int64_t event = 0;
  for (EventBatch& batch : batches) {
    batch.columns.resize(2);
    batch.columns[1].type = load.texts ? FieldType::kText : FieldType::kInteger;
    for (std::size_t i = 0; i < kBatch; ++i, ++event) {
      const std::int64_t now = 1'600'000'000'000 + event * 60'000 / 1'000'000;
      batch.alive.push_back(1);
      batch.time.push_back(EventTime::from_ms(now - static_cast<std::int64_t>(rng.below(2'000))));
      batch.columns[0].integers.push_back(static_cast<std::int64_t>(rng.below(100'000)));
      const std::size_t key = load.keys == 0 ? 0 : rng.below(load.keys);
      batch.columns[1].integers.push_back(static_cast<std::int64_t>(key));
      batch.columns[1].texts.push_back(load.texts ? std::string_view(names[key]) : std::string_view());
      for (EventColumn& column : batch.columns) column.present.push_back(1);
    }
  }
  return batches;
}

void run(const Workload& load) {
  EventMapping event = mapping();
  if (load.texts) event.fields[1].type = FieldType::kText;
  WindowGroup group{.name = "bench",
                    .window = load.window,
                    .columns = {{"n", AggregateKind::kCount, std::nullopt},
                                {"fee", AggregateKind::kSum, 0},
                                {"avg_fee", AggregateKind::kAvg, 0}},
                    .kind = load.kind,
                    .every = load.every};
  if (load.keys > 0) group.key = {1};
  std::vector<std::string> names;
  const std::vector<EventBatch> batches = events_of(load, names);
  std::vector<double> rates;
  std::size_t rows = 0, late = 0, piece = 0;
  double slowest_close = 0, piece_seconds = 0;
  for (int r = 0; r < 5; ++r) {
    const auto windows = WindowOperator::make(0, group, event);
    std::vector<ClosedWindow> closed;
    EventTime newest = EventTime::min();
    std::uint64_t number = 0;
    rows = late = 0;
    const double began = seconds();
    for (const EventBatch& batch : batches) {
      for (std::size_t i = 0; i < kBatch; ++i) {
        late += !windows->on_event(batch, i, number++, {}, closed);
        if (batch.time[i] <= newest) continue;
        newest = batch.time[i];
        windows->advance(newest - 60s, {}, false, closed);
      }
      rows += closed.size();
      closed.clear();
    }
    rates.push_back(static_cast<double>(kBatch * kBatches) / (seconds() - began));
    // Outside of the above: what a commit of 1,000 events costs, and the closing of the newest windows.
    std::string state;
    windows->append_snapshot(state);
    for (std::size_t i = 0; i < kBatch; ++i) windows->on_event(batches.back(), i, number++, {}, closed);
    state.clear();
    const double before = seconds();
    windows->append_changes(state);
    piece_seconds = seconds() - before;
    piece = state.size();
    const double closing = seconds();
    windows->advance(newest + 1h, {}, false, closed);
    slowest_close = std::max(slowest_close, seconds() - closing);
  }
  std::ranges::sort(rates);
  fmt::print(
      "{:<34} {:>6.2f} M events/s (median {:>6.2f})  {:>8} rows, {} late; piece {:>6} bytes in {:.0f} us; "
      "closing all that is open {:.0f} ms\n",
      load.name, rates.back() / 1e6, rates[2] / 1e6, rows, late, piece, piece_seconds * 1e6, slowest_close * 1e3);
}

}  // namespace

int main(int argc, char** argv) {
  using K = WindowKind;
  for (const Workload& load :
       std::initializer_list<Workload>{{"tumbling 1min, unkeyed"},
                                       {"tumbling 1min, 100 keys", K::kTumbling, 60s, 0s, 100},
                                       {"tumbling 1min, 100 k keys", K::kTumbling, 60s, 0s, 100'000},
                                       {"tumbling 1min, 100 k text keys", K::kTumbling, 60s, 0s, 100'000, true},
                                       {"hopping 5min/1min, 100 k keys", K::kHopping, 300s, 60s, 100'000},
                                       {"hopping 5min/1min, unkeyed", K::kHopping, 300s, 60s},
                                       {"session 20s, 100 k keys", K::kSession, 20s, 0s, 100'000},
                                       {"session 1s, unkeyed", K::kSession, 1s}})
    if (argc < 2 || std::strstr(load.name, argv[1]) != nullptr) run(load);
  fmt::print("peak memory {:.0f} MB\n", peak_memory_mb());
}
