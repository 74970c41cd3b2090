// Ingest: transactions a second through decode, de-duplication, windows and one synced commit a batch, on one thread.
//
//   build/bench/bench_ingest [--transactions N] [--batch N] [--no-archive]
//
// Input: the reconstructed recording, rendered beforehand as a file of NDJSON in memory-sized batches, so that
// rendering is not measured.  Prints the rate, the commit latency (all of ingest() for one batch), what was stored, and
// the peak memory.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <vector>

#include "features/store.h"
#include "peak_memory.h"
#include "sources/source.h"
#include "stream/pipeline.h"

using namespace tidecast;

namespace {

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

template <typename T>
T take(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  fmt::print(stderr, "{}\n", result.message());
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t wanted = 300'000, batch_size = 1000;
  bool archive = true;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--transactions") == 0 && i + 1 < argc)
      wanted = std::stoul(argv[++i]);
    else if (std::strcmp(argv[i], "--batch") == 0 && i + 1 < argc)
      batch_size = std::stoul(argv[++i]);
    else if (std::strcmp(argv[i], "--no-archive") == 0)
      archive = false;
    else
      return fmt::print(stderr, "usage: {} [--transactions N] [--batch N] [--no-archive]\n", argv[0]), 2;
  }

  const std::string data = std::string(TIDECAST_ROOT) + "/data/bitcoin/";
  const auto source = take(open_recording({.bodies = data + "blockchain_info_transactions_1020.ndjson.zst",
                                           .schedule = data + "schedule_7d.csv.zst",
                                           .first_minute = 2880}));
  EventMapping event{.id = {"/hash"},
                     .fields = {{.name = "fee", .pointer = "/fee"}, {.name = "size", .pointer = "/size"}},
                     .deduplicate_for = 3h,
                     .max_ahead = 10min};
  const WindowGroup group{.name = "tx_metrics",
                          .columns = {{"total_nb_trx_1min", AggregateKind::kCount, std::nullopt},
                                      {"total_fee_1min", AggregateKind::kSum, 0},
                                      {"avg_fee_1min", AggregateKind::kAvg, 0}}};

  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("tidecast-bench-{}", ::getpid());
  const auto store = take(FeatureStore::open(
      {.directory = folder, .groups = {feature_group_of(group, event)}, .raw_archive = archive, .keep_keys = 3h}));
  const auto pipeline =
      take(Pipeline::open({.sources = {{"recording"}}, .events = {event}, .groups = {group}}, *store));

  double spent = 0;
  std::size_t records = 0, bytes = 0;
  std::vector<double> latencies;
  while (records < wanted) {
    const RawBatch batch = take(source->read(ProcessingTime::max(), batch_size));
    if (batch.empty()) break;
    const double began = seconds();
    take(pipeline->ingest(0, batch));
    latencies.push_back(seconds() - began);
    spent += latencies.back();
    records += batch.records.size();
    bytes += batch.bytes.size();
  }
  std::sort(latencies.begin(), latencies.end());
  const Books books = store->books();
  fmt::print(
      "ingest, archive {}, batches of {}: {:.0f} transactions/s, {:.0f} MB/s; batch p50 {:.2f} p99 {:.2f} max {:.1f} "
      "ms; "
      "{} read = {} stored + {} duplicate + {} late + {} dead; {} windows; peak memory {:.0f} MB\n",
      archive ? "on" : "off", batch_size, static_cast<double>(records) / spent,
      static_cast<double>(bytes) / 1e6 / spent, latencies[latencies.size() / 2] * 1e3,
      latencies[latencies.size() * 99 / 100] * 1e3, latencies.back() * 1e3, books.read, books.stored, books.duplicate,
      books.late, books.dead, store->rows("tx_metrics"), peak_memory_mb());
  std::filesystem::remove_all(folder);
  return books.balanced() ? 0 : 1;
}
