// Ingest: transactions a second through decode, de-duplication, windows and one synced commit a batch.
//
//   build/bench/bench_ingest [--transactions N] [--batch N] [--no-archive]
//   build/bench/bench_ingest --growth [--transactions N] ...   a line at every power of ten from 100,000 on
//   build/bench/bench_ingest --keys N                          restart to first commit with N live keys
//
// Input: the reconstructed recording, rendered beforehand in memory-sized batches, so that rendering is not measured.
// Where the recording ends it begins again, with other identifiers and later, so there is no end to it.  Prints the
// rate, the commit latency (all of ingest() for one batch), the processor time of it on the calling thread and on all,
// what was stored, and the memory.
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "features/store.h"
#include "peak_memory.h"
#include "sources/source.h"
#include "stream/pipeline.h"

using namespace tidecast;

namespace {

double seconds(clockid_t clock = CLOCK_MONOTONIC) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

template <typename T>
T take(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  fmt::print(stderr, "{}\n", result.message());
  std::exit(1);
}

struct Setup {
  EventMapping event{.id = {"/hash"},
                     .fields = {{.name = "fee", .pointer = "/fee"}, {.name = "size", .pointer = "/size"}},
                     .deduplicate_for = 3h,
                     .max_ahead = 10min};
  WindowGroup group{.name = "tx_metrics",
                    .columns = {{"total_nb_trx_1min", AggregateKind::kCount, std::nullopt},
                                {"total_fee_1min", AggregateKind::kSum, 0},
                                {"avg_fee_1min", AggregateKind::kAvg, 0}}};
  std::filesystem::path folder = std::filesystem::temp_directory_path() / fmt::format("tidecast-bench-{}", ::getpid());
  bool archive = true;

  std::unique_ptr<FeatureStore> open_store() const {
    return take(FeatureStore::open({.directory = folder,
                                    .groups = {feature_group_of(group, event)},
                                    .raw_archive = archive,
                                    .keep_keys = event.deduplicate_for}));
  }
  std::unique_ptr<Pipeline> open_pipeline(FeatureStore& store) const {
    return take(Pipeline::open({.sources = {{"recording"}}, .events = {event}, .groups = {group}}, store));
  }
};

// Small records under new identifiers, a millisecond apart.
RawBatch synthetic(std::uint64_t first, std::size_t count) {
  RawBatch batch;
  for (std::uint64_t n = first; n < first + count; ++n) {
    const std::int64_t ms = 1'600'000'000'000 + static_cast<std::int64_t>(n);
    std::string id;
    for (std::uint64_t word = 0; word < 4; ++word) id += fmt::format("{:016x}", mix64(n * 4 + word));
    batch.append(fmt::format(R"({{"hash":"{}","time":{},"fee":1,"size":1}})", id, ms / 1000),
                 ProcessingTime::from_ms(ms));
  }
  batch.cursor = std::to_string(first + count);
  batch.pad();
  return batch;
}

// The recording again, `round` weeks later and of other transactions.
void move_on(RawBatch& batch, std::size_t round) {
  constexpr std::string_view kHash = R"("hash":")", kTime = R"("time":)";
  for (RawRecord& record : batch.records) {
    record.arrival += round * 168h;
    char* const first = batch.bytes.data() + record.offset;
    const std::string_view raw(first, record.length);
    if (const std::size_t at = raw.find(kHash); at != raw.npos && at + kHash.size() + 4 < raw.size())
      for (std::size_t i = 0, bits = round; i < 4; ++i, bits >>= 4) {
        char& digit = first[at + kHash.size() + i];
        const auto value = static_cast<std::size_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
        digit = "0123456789abcdef"[(value ^ bits) & 15];
      }
    std::int64_t time = 0;
    if (const std::size_t at = raw.find(kTime); at != raw.npos)
      if (const auto [end, error] = std::from_chars(first + at + kTime.size(), first + raw.size(), time);
          error == std::errc())
        std::to_chars(first + at + kTime.size(), first + raw.size(),
                      time + static_cast<std::int64_t>(round) * 7 * 86'400);
  }
}

int restart(Setup setup, std::size_t keys) {
  setup.archive = false;
  constexpr std::size_t kBatch = 1000;
  {
    const auto store = setup.open_store();
    const auto pipeline = setup.open_pipeline(*store);
    for (std::size_t n = 0; n < keys; n += kBatch) take(pipeline->ingest(0, synthetic(n, kBatch)));
  }
  const RawBatch next = synthetic(keys, kBatch);
  const double began = seconds(), worked = seconds(CLOCK_PROCESS_CPUTIME_ID);
  const auto store = setup.open_store();
  const double opened = seconds();
  const auto pipeline = setup.open_pipeline(*store);
  const double restored = seconds();
  take(pipeline->ingest(0, next));
  fmt::print(
      "restart with {} live keys: {:.2f} s to the first commit: store {:.2f}, keys {:.2f}, batch {:.3f}; processor "
      "time {:.2f} s; peak memory {:.0f} MB\n",
      keys, seconds() - began, opened - began, restored - opened, seconds() - restored,
      seconds(CLOCK_PROCESS_CPUTIME_ID) - worked, peak_memory_mb());
  return 0;
}

std::uint64_t size_of(const std::filesystem::path& folder) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) bytes += entry.file_size();
  return bytes;
}

// What happened since the line before.
struct Stretch {
  double spent = 0, calling = 0, all = 0;
  std::size_t records = 0, bytes = 0;
  std::vector<double> latencies;

  void print(const Setup& setup, std::size_t batch_size, const FeatureStore& store) {
    std::ranges::sort(latencies);
    const auto each = [this](double time) { return time * 1e6 / static_cast<double>(records); };
    const Books books = store.books();
    fmt::print(
        "ingest, archive {}, batches of {}: {:.0f} transactions/s, {:.0f} MB/s; batch p50 {:.2f} p99 {:.2f} max {:.1f} "
        "ms; processor {:.2f} us a transaction on the calling thread, {:.2f} on all; "
        "{} read = {} stored + {} duplicate + {} late + {} dead; {} windows; {} MB on disk, {:.0f} MB resident, peak "
        "{:.0f}\n",
        setup.archive ? "on" : "off", batch_size, static_cast<double>(records) / spent,
        static_cast<double>(bytes) / 1e6 / spent, latencies[latencies.size() / 2] * 1e3,
        latencies[latencies.size() * 99 / 100] * 1e3, latencies.back() * 1e3, each(calling), each(all), books.read,
        books.stored, books.duplicate, books.late, books.dead, store.rows("tx_metrics"), size_of(setup.folder) >> 20,
        resident_memory_mb(), peak_memory_mb());
    std::fflush(stdout);
    *this = {};
  }
};

}  // namespace

int main(int argc, char** argv) {
  std::size_t wanted = 300'000, batch_size = 1000, keys = 0;
  bool growth = false;
  Setup setup;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--transactions") == 0 && i + 1 < argc)
      wanted = std::stoul(argv[++i]);
    else if (std::strcmp(argv[i], "--batch") == 0 && i + 1 < argc)
      batch_size = std::stoul(argv[++i]);
    else if (std::strcmp(argv[i], "--keys") == 0 && i + 1 < argc)
      keys = std::stoul(argv[++i]);
    else if (std::strcmp(argv[i], "--no-archive") == 0)
      setup.archive = false;
    else if (std::strcmp(argv[i], "--growth") == 0)
      growth = true;
    else
      return fmt::print(stderr, "usage: {} [--transactions N] [--batch N] [--no-archive] [--growth] | --keys N\n",
                        argv[0]),
             2;
  }
  if (keys > 0) {
    const int code = restart(setup, keys);
    std::filesystem::remove_all(setup.folder);
    return code;
  }

  const std::string data = std::string(TIDECAST_ROOT) + "/data/bitcoin/";
  const auto store = setup.open_store();
  const auto pipeline = setup.open_pipeline(*store);
  Stretch now;
  std::size_t records = 0, next_line = growth ? 100'000 : wanted;
  for (std::size_t round = 0; records < wanted; ++round) {
    const auto source = take(open_recording({.bodies = data + "blockchain_info_transactions_1020.ndjson.zst",
                                             .schedule = data + "schedule_7d.csv.zst",
                                             .first_minute = 2880}));
    while (records < wanted) {
      RawBatch batch = take(source->read(ProcessingTime::max(), batch_size));
      if (batch.empty()) break;
      if (round > 0) move_on(batch, round);
      const double began = seconds(), calling = seconds(CLOCK_THREAD_CPUTIME_ID),
                   all = seconds(CLOCK_PROCESS_CPUTIME_ID);
      take(pipeline->ingest(0, batch));
      now.latencies.push_back(seconds() - began);
      now.spent += now.latencies.back();
      now.calling += seconds(CLOCK_THREAD_CPUTIME_ID) - calling;
      now.all += seconds(CLOCK_PROCESS_CPUTIME_ID) - all;
      now.records += batch.records.size();
      now.bytes += batch.bytes.size();
      records += batch.records.size();
      if (records < next_line && records < wanted) continue;
      now.print(setup, batch_size, *store);
      next_line = std::min(next_line * 10, wanted);
    }
  }
  std::filesystem::remove_all(setup.folder);
  return store->books().balanced() ? 0 : 1;
}
