// The two halves of `./dev peers bench` that are ours: the input and script for Flink, and the same job in the engine.
//
//   bench_flink_peer render FOLDER TRANSACTIONS   FOLDER/input.ndjson and FOLDER/job.sql
//   bench_flink_peer run FOLDER                   the same file through decode, de-duplication, windows and synced
//   commits
//
// The input: the shipped bodies below 20 kB with random hashes and rising times over 48 hours, up to 19 s out of order.

#include <sys/resource.h>
#include <unistd.h>
#include <zstd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>

#include "base/rng.h"
#include "features/store.h"
#include "stream/pipeline.h"
#include "stream/sql_flink.h"

using namespace tidecast;
namespace fs = std::filesystem;

namespace {

template <typename T>
T take(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  fmt::print(stderr, "{}\n", result.message());
  std::exit(1);
}

PipelineOptions job() {
  PipelineOptions options;
  options.sources = {{"file"}};
  options.events[0] = {.id = {"/hash"}, .fields = {{"fee", "/fee"}, {"size", "/size"}}};
  using K = AggregateKind;
  options.groups = {
      {.name = "minutes",
       .columns = {{"transactions", K::kCount, {}}, {"fees", K::kSum, 0}, {"fee", K::kAvg, 0}, {"bytes", K::kSum, 1}}}};
  return options;
}

// A body with places for another hash and time.
struct Body {
  std::string before_hash, before_time, after_time;
};

std::vector<Body> bodies() {
  const std::string path = std::string(TIDECAST_ROOT) + "/data/bitcoin/blockchain_info_transactions_1020.ndjson.zst";
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  const std::string packed = bytes.str();
  std::string text(64 << 20, '\0');
  const std::size_t size = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
  if (ZSTD_isError(size) != 0) std::exit(1);
  std::istringstream lines(text.substr(0, size));
  std::vector<Body> out;
  for (std::string line; std::getline(lines, line);) {
    if (line.size() >= 20'000) continue;
    // The transaction's own hash has 64 digits; its time stands behind it.
    const std::size_t hash = line.find("\"hash\":\"") + 8, time = line.find("\"time\":", hash) + 7;
    if (hash == 7 || time == 6) continue;
    out.push_back({line.substr(0, hash), line.substr(hash + 64, time - hash - 64),
                   line.substr(line.find_first_not_of("0123456789", time))});
  }
  return out;
}

void render(const fs::path& folder, std::int64_t count) {
  fs::create_directories(folder);
  const std::vector<Body> templates = bodies();
  if (templates.empty()) {
    fmt::print(stderr, "no body has a hash and a time behind it\n");
    std::exit(1);
  }
  Rng rng(7);
  std::ofstream out(folder / "input.ndjson");
  for (std::int64_t i = 0; i < count; ++i) {
    const Body& body = templates[rng.below(templates.size())];
    const std::int64_t time = 1'700'000'000 + i * 172'800 / count + static_cast<std::int64_t>(rng.below(20));
    out << body.before_hash
        << fmt::format("{:016x}{:016x}{:016x}{:016x}", rng.next(), rng.next(), rng.next(), rng.next())
        << body.before_time << time << body.after_time << '\n';
  }
  // De-duplication stands before the window: here it is Flink's own, of the records that have the hash for the first
  // time.
  std::string sql = take(flink_sql(job(), 0, FlinkConnectors::files(folder / "input.ndjson", folder / "rows")));
  const std::string view = "CREATE TEMPORARY VIEW `minutes_rows` AS\nSELECT * FROM (SELECT\n";
  sql.replace(
      sql.find(view), view.size(),
      "CREATE TEMPORARY VIEW `once` AS SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY `hash` ORDER BY "
      "`arrival` ASC) AS nth FROM `minutes_events`) WHERE nth = 1;\n" +
          view);
  const std::size_t from = sql.find("FROM `minutes_events` WHERE `time` IS NOT NULL");
  sql.replace(from, std::string_view("FROM `minutes_events`").size(), "FROM `once`");
  const std::string columns = "CREATE TABLE `minutes_events` (\n";
  sql.replace(sql.find(columns), columns.size(), columns + "  `hash` STRING,\n  `arrival` AS PROCTIME(),\n");
  std::ofstream(folder / "job.sql")
      << "SET 'execution.checkpointing.interval' = '10 s';\nSET 'execution.checkpointing.dir' = 'file://"
      << (folder / "checkpoints").string() << "';\n"
      << sql;
}

void run(const fs::path& folder) {
  const PipelineOptions options = job();
  const fs::path data = folder / "tidecast";
  fs::remove_all(data);
  const auto store = take(FeatureStore::open(
      {.directory = data, .groups = {feature_group_of(options.groups[0], options.events[0])}, .raw_archive = false}));
  const auto pipeline = take(Pipeline::open(options, *store));
  std::vector<char> buffer(std::size_t{1} << 20);
  std::ifstream in;
  in.rdbuf()->pubsetbuf(buffer.data(), static_cast<std::streamsize>(buffer.size()));
  in.open(folder / "input.ndjson");
  std::size_t read = 0, rows = 0;
  std::string line;
  const auto fill = [&](RawBatch& batch) {
    batch.bytes.clear();
    batch.records.clear();
    for (; batch.records.size() < 1'000 && std::getline(in, line); ++read)
      batch.append(line, ProcessingTime::from_ms(static_cast<std::int64_t>(read)));
    batch.pad();
    batch.cursor = fmt::to_string(read);
  };
  const auto began = std::chrono::steady_clock::now();
  // The next batch is read beside the work, as Flink's source reads in a thread of its own.
  RawBatch batch, next;
  for (fill(batch); !batch.empty(); std::swap(batch, next)) {
    const auto filled = std::async(std::launch::async, [&] { fill(next); });
    rows += take(pipeline->ingest(0, batch)).closed.size();
    filled.wait();
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("tidecast {:.2f} s, {:.0f} transactions/s, {} rows closed, {} MB\n", seconds,
             static_cast<double>(read) / seconds, rows, usage.ru_maxrss / 1024);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "render" && argc == 4) return render(fs::absolute(argv[2]), std::stoll(argv[3])), 0;
  if (what == "run" && argc == 3) return run(argv[2]), 0;
  return fmt::print(stderr, "usage: {} render FOLDER TRANSACTIONS | run FOLDER\n", argv[0]), 2;
}
