// The two ends of `./dev peers flink`: streams and scripts for Flink, and whether its rows are ours.
//
//   peers_flink write FOLDER SEEDS    one script a kind of window, FOLDER/<kind>.sql, of SEEDS streams each
//   peers_flink compare FOLDER SEEDS  Flink's rows with the engine's and the DuckDB SQL's; exit 1 if any differ
//   peers_flink keep FOLDER SEEDS TO  copies the first streams and Flink's rows, for tests/golden/flink/generated

#include <filesystem>
#include <fstream>
#include <sstream>

#include "flink_cases.h"
#include "stream/sql_flink.h"

using namespace tidecast;
namespace fs = std::filesystem;

namespace {

constexpr std::array kKinds = {WindowKind::kTumbling, WindowKind::kHopping, WindowKind::kSession};

template <typename T>
T take(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  fmt::print(stderr, "{}\n", result.message());
  std::exit(1);
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// Some INSERTs at a time are one job, since a mini-cluster starts for every job.
void write(const fs::path& folder, WindowKind kind, std::uint64_t seeds) {
  constexpr std::uint64_t kTogether = 10;
  std::ofstream script(folder / fmt::format("{}.sql", name_of(kind)));
  std::string inserts;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    FlinkCase stream = flink_case(kind, seed);
    const fs::path input = folder / (stream.name + ".ndjson");
    std::ofstream(input) << joined(stream.records);
    stream.options.groups[0].name = stream.name;
    const std::string sql =
        take(flink_sql(stream.options, 0, FlinkConnectors::files(input, folder / (stream.name + ".rows"))));
    const std::size_t insert = sql.find("INSERT INTO");
    script << sql.substr(0, insert);
    inserts += sql.substr(insert);
    if (seed % kTogether != 0 && seed != seeds) continue;
    script << "EXECUTE STATEMENT SET\nBEGIN\n" << std::exchange(inserts, "") << "END;\n";
  }
}

std::vector<std::string> lines_below(const fs::path& folder) {
  std::vector<std::string> lines;
  if (!fs::exists(folder)) return lines;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

// How many streams differ.
int compare(const fs::path& folder, WindowKind kind, std::uint64_t seeds) {
  int different = 0;
  std::size_t rows = 0, records = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const FlinkCase stream = flink_case(kind, seed);
    const auto flink = take(flink_rows(stream, lines_below(folder / (stream.name + ".rows"))));
    rows += flink.size();
    records += stream.records.size();
    const auto check = [&](std::string_view whose, Result<std::vector<PeerRow>> found) {
      const std::string text = found.ok() ? difference(flink, found.value()) : std::string(found.message());
      if (text.empty()) return true;
      fmt::print("{}: Flink's rows and {} differ: {}\n", stream.name, whose, text);
      return false;
    };
    const bool engine = check("the engine's", engine_rows(stream));
    const bool duckdb = check("those of the DuckDB SQL", duckdb_rows(stream));
    if (!engine || !duckdb) ++different;
  }
  fmt::print("{}: {} of {} streams equal, {} rows of {} records\n", name_of(kind),
             seeds - static_cast<std::uint64_t>(different), seeds, rows, records);
  return different + (rows == 0 ? 1 : 0);
}

void keep(const fs::path& folder, WindowKind kind, std::uint64_t seeds, const fs::path& to) {
  fs::create_directories(to);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const FlinkCase stream = flink_case(kind, seed);
    std::ofstream(to / (stream.name + ".ndjson")) << joined(stream.records);
    std::ofstream(to / (stream.name + ".rows.ndjson")) << joined(lines_below(folder / (stream.name + ".rows")));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (argc < 4) return fmt::print(stderr, "usage: {} write|compare|keep FOLDER SEEDS [TO]\n", argv[0]), 2;
  const fs::path folder = fs::absolute(argv[2]);
  const std::uint64_t seeds = std::stoull(argv[3]);
  fs::create_directories(folder);
  int different = 0;
  for (const WindowKind kind : kKinds) {
    if (what == "write") write(folder, kind, seeds);
    if (what == "compare") different += compare(folder, kind, seeds);
    if (what == "keep" && argc > 4) keep(folder, kind, seeds, argv[4]);
  }
  return different == 0 ? 0 : 1;
}
