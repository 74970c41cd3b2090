// The feature store's readers: online look-ups, a range, the point-in-time join, and what a reader notices of a
// compaction.  In a temporary folder.
//   ./dev bench features [ROWS]
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/rng.h"
#include "features/join.h"
#include "features/record_id.h"
#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

using Clock = std::chrono::steady_clock;
double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

constexpr Milliseconds kWindow = 1s;

FeatureGroup group_named(std::string name, bool keyed) {
  FeatureGroup group;
  group.name = std::move(name);
  group.window = kWindow;
  if (keyed) group.keys = {{"station", FieldType::kText}};
  group.columns = {{"count", FieldType::kInteger}, {"fee", FieldType::kInteger}, {"rate", FieldType::kNumber}};
  return group;
}

std::string key_of(std::uint64_t series) { return record_id(std::vector<KeyValue>{fmt::format("S{:06}", series)}); }

// `windows` seconds of `series` series each; flushed as a running program does.
void fill(FeatureStore& store, std::size_t group, std::uint64_t windows, std::uint64_t series) {
  const bool keyed = !store.groups()[group].keys.empty();
  Commit commit;
  EventTime end = EventTime::from_ms(1'778'025'600'000);
  for (std::uint64_t w = 0; w < windows; ++w, end += kWindow) {
    for (std::uint64_t s = 0; s < series; ++s)
      commit.closed.push_back({group,
                               {end - kWindow,
                                end,
                                ProcessingTime::from_ms(end.ms() + 1500),
                                {static_cast<std::int64_t>(w), static_cast<std::int64_t>(s), 0.5},
                                keyed ? key_of(s) : ""}});
    if (commit.closed.size() < 20'000 && w + 1 < windows) continue;
    commit.arrival = commit.closed.back().row.write_time;
    if (const Status status = store.commit(commit); !status.ok()) fmt::print("{}\n", status.message()), std::exit(1);
    CHECK(store.flush().ok());
    commit.closed.clear();
  }
}

template <typename Look>
void look_ups(const char* what, std::uint64_t series, const Look& look) {
  constexpr int kCount = 1'000'000;
  std::vector<std::string> keys;
  for (std::uint64_t s = 0; s < series; ++s) keys.push_back(key_of(s));
  Rng rng(1);
  std::vector<std::uint32_t> asked(kCount);
  for (auto& each : asked) each = static_cast<std::uint32_t>(rng.below(series));
  const auto start = Clock::now();
  const double cpu = cpu_seconds();
  for (const auto each : asked) CHECK(look(keys[each]));
  const double used = cpu_seconds() - cpu;
  fmt::print("{:<44}{:>10.0f} k/s, {:.0f} k/s of CPU\n", what, kCount / seconds_since(start) / 1000,
             kCount / used / 1000);
}

void run(std::uint64_t join_rows) {
  const TemporaryFolder folder;
  FeatureStore::Options options;
  options.directory = folder.path() / "store";
  options.groups = {group_named("seconds", false), group_named("stations", true)};
  options.sync = false;
  auto store = std::move(FeatureStore::open(options)).value();

  constexpr std::uint64_t kSeries = 100'000;
  auto start = Clock::now();
  fill(*store, 1, 2, kSeries);
  fmt::print("{:<44}{:>10.0f} k/s\n", "rows committed, 100 k series", 2 * kSeries / seconds_since(start) / 1000);
  const EventTime newest = *store->freshness("stations").event_time;
  look_ups("newest row of one of 100 k series (>= 400)", kSeries,
           [&](const std::string& key) { return store->latest("stations", key)->has_value(); });
  look_ups("row of the newest window of a series (>= 400)", kSeries,
           [&](const std::string& key) { return store->get("stations", newest, key)->has_value(); });
  look_ups("row of the window before it (RocksDB)", kSeries,
           [&](const std::string& key) { return store->get("stations", newest - kWindow, key)->has_value(); });

  start = Clock::now();
  fill(*store, 0, join_rows, 1);
  fmt::print("{:<44}{:>10.0f} k/s\n", "rows committed and flushed, one series",
             static_cast<double>(join_rows) / seconds_since(start) / 1000);
  const EventTime end = *store->freshness("seconds").event_time;
  for (const auto& [what, query] :
       {std::pair("range of 100 k rows, online (<= 50)", RowQuery{{end - kWindow * 99'999, EventTime::max()}}),
        std::pair("the same from Parquet files (history)",
                  RowQuery{.range = {end - kWindow * 99'999, EventTime::max()}, .history = true})}) {
    double best = 1e9, least_cpu = 1e9;
    for (int i = 0; i < 3; ++i) {
      start = Clock::now();
      const double cpu = cpu_seconds();
      CHECK(store->select("seconds", query)->size() == std::min<std::uint64_t>(join_rows, 100'000));
      best = std::min(best, seconds_since(start));
      least_cpu = std::min(least_cpu, cpu_seconds() - cpu);
    }
    fmt::print("{:<44}{:>10.1f} ms, {:.1f} ms of CPU\n", what, best * 1000, least_cpu * 1000);
  }

  // A reader that asks for the newest row and for an hour of rows without a pause: alone, then during a compaction.
  const EventRange hour{end - 1h, EventTime::max()};
  for (const bool compacting : {false, true}) {
    std::atomic<bool> over = false;
    double longest = 0, longest_look_up = 0;
    std::uint64_t reads = 0;
    std::thread reader([&] {
      for (; !over; ++reads) {
        auto begun = Clock::now();
        CHECK(store->latest("seconds").ok());
        longest_look_up = std::max(longest_look_up, seconds_since(begun));
        begun = Clock::now();
        CHECK(store->range("seconds", hour).ok());
        longest = std::max(longest, seconds_since(begun));
      }
    });
    start = Clock::now();
    int merges = 0;
    if (!compacting) std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    for (; compacting; ++merges) {
      const auto merged = store->compact();
      CHECK(merged.ok());
      if (!*merged) break;
    }
    const double took = seconds_since(start);
    over = true;
    reader.join();
    fmt::print(
        "{} in {:.2f} s, {} files; {} reads, longest look-up {:.1f} ms, longest range of an hour {:.1f} ms (<= 50)\n",
        compacting ? fmt::format("{} merges", merges) : "no compaction", took, store->offline("seconds")->files.size(),
        reads, longest_look_up * 1000, longest * 1000);
  }

  auto session = std::move(duck::Session::open({.threads = 2, .memory_limit_mb = 2048})).value();
  const auto entities = folder.path() / "entities.parquet";
  CHECK(session
            .exec(fmt::format("COPY (SELECT make_timestamptz({} + (random() * {})::BIGINT * 1000) AS event_time, i AS "
                              "id FROM range({}) t(i)) TO '{}' (FORMAT parquet)",
                              1'778'025'600'000'000, join_rows * 1'000, join_rows, entities.string()))
            .ok());
  for (int i = 0; i < 2; ++i) {
    start = Clock::now();
    const double cpu = cpu_seconds();
    const auto rows =
        join_to_file(*store, {.entities = entities, .groups = {"seconds"}}, folder.path() / "out.parquet");
    if (!rows.ok()) fmt::print("{}\n", rows.message());
    fmt::print("point-in-time join {} x {}, Parquet to Parquet (<= 1){:>10.2f} s, {:.2f} s of CPU\n", *rows, join_rows,
               seconds_since(start), cpu_seconds() - cpu);
  }
}

}  // namespace
}  // namespace tidecast

int main(int count, char** arguments) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  tidecast::run(count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 1'000'000);
}
