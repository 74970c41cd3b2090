// Sources: bytes a second of the reconstructed recording (48 h of it, rendered and split) and of a file of NDJSON.
//
//   build/bench/bench_sources [FILE...]
//
// CPU time, so that it can be compared on a busy machine.  Of a FILE (plain or zstd) the arrival rule is part, decoding
// is not: event times are made up from the record's number and length, a little out of order.

#include <ctime>

#include "sources/source.h"

using namespace tidecast;

namespace {

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

template <typename T>
T take(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  fmt::print(stderr, "{}\n", result.message());
  std::exit(1);
}

void read_through(Source& source, std::string_view what) {
  const double began = cpu_seconds();
  std::size_t bytes = 0, records = 0;
  for (;;) {
    const RawBatch batch = take(source.read(ProcessingTime::max(), 1000));
    if (batch.empty()) break;
    bytes += batch.bytes.size();
    records += batch.records.size();
  }
  const double spent = cpu_seconds() - began;
  fmt::print("{}: {} records, {:.0f} MB in {:.3f} s: {:.2f} GB/s, {:.2f} M records/s\n", what, records,
             static_cast<double>(bytes) / 1e6, spent, static_cast<double>(bytes) / 1e9 / spent,
             static_cast<double>(records) / 1e6 / spent);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string data = std::string(TIDECAST_ROOT) + "/data/bitcoin/";
  const double began = cpu_seconds();
  const auto recording = take(open_recording({.bodies = data + "blockchain_info_transactions_1020.ndjson.zst",
                                              .schedule = data + "schedule_7d.csv.zst",
                                              .first_minute = 2880,
                                              .minutes = 2880}));
  fmt::print("recording opened in {:.3f} s\n", cpu_seconds() - began);
  read_through(*recording, "recording");
  for (int i = 1; i < argc; ++i) {
    std::int64_t number = 0;
    const auto made_up_time = [&number](std::string_view record) {
      return std::optional(EventTime::from_ms(++number * 10 + static_cast<std::int64_t>(record.size() % 7) * 100));
    };
    read_through(*take(open_file({.path = argv[i], .event_time = made_up_time})), argv[i]);
  }
}
