// De-duplication: how long 10 million live keys take to come back from packs of 1,000 in memory, how many look-ups a
// second follow, and what they take of memory.
//
//   build/bench/bench_deduplicator [--keys N]

#include "stream/deduplicator.h"

#include <cstring>
#include <ctime>
#include <string>

#include "base/rng.h"
#include "peak_memory.h"

using namespace tidecast;

namespace {

double seconds() {  // Of this thread's own work, so that a busy machine tells about the same.
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

RecordKey key_of(std::uint64_t n) {  // As a hash would be.
  RecordKey key;
  for (std::size_t word = 0; word < 4; ++word) {
    const std::uint64_t bits = mix64(n * 4 + word);
    std::memcpy(key.data() + word * 8, &bits, sizeof bits);
  }
  return key;
}

// Batches as the pipeline has them: a thousand keys are fetched ahead, asked for, then taken.
template <typename KeyOf>
double rate(Deduplicator& known, std::size_t lookups, ProcessingTime& now, KeyOf key) {
  double spent = 0;
  std::vector<RecordKey> batch(1000);
  for (std::size_t done = 0; done < lookups; done += batch.size()) {
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i] = key(done + i);
    const double began = seconds();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (i + 12 < batch.size()) known.prefetch(batch[i + 12]);
      known.is_new(batch[i], now);
    }
    spent += seconds() - began;
    now += 1ms;
  }
  return static_cast<double>(lookups) / spent;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t keys = 10'000'000;
  if (argc == 3 && std::strcmp(argv[1], "--keys") == 0) keys = std::stoul(argv[2]);
  const double before = peak_memory_mb();
  Deduplicator known(24h);
  double spent = 0;
  std::vector<KeySeen> pack(1000);
  ProcessingTime now = ProcessingTime::from_ms(1'600'000'000'000);
  for (std::size_t n = 0; n < keys; n += pack.size()) {
    for (std::size_t i = 0; i < pack.size(); ++i) pack[i] = {key_of(n + i), now};
    const double began = seconds();
    known.restore(pack);
    spent += seconds() - began;
    now += 1ms;
  }
  const double began = seconds();
  known.end_restore();
  const double indexing = seconds() - began;
  fmt::print("{} keys in packs of 1,000: {:.2f} s to restore, of which {:.2f} s for the tables; {:.0f} MB\n",
             known.size(), spent + indexing, indexing, peak_memory_mb() - before);
  Rng rng(1);
  const double known_rate = rate(known, 2'000'000, now, [&](std::size_t) { return key_of(rng.below(keys)); });
  const double new_rate = rate(known, 2'000'000, now, [&](std::size_t i) { return key_of(keys + i); });
  now += 24h;
  const double expiring_rate = rate(known, 2'000'000, now, [&](std::size_t i) { return key_of(2 * keys + i); });
  fmt::print("then {:.1f} M/s that are known, {:.1f} M/s new, {:.1f} M/s new while the old expire\n", known_rate / 1e6,
             new_rate / 1e6, expiring_rate / 1e6);
}
