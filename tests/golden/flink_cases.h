#pragma once
// Random streams and groups by which three are compared: the engine, the generated DuckDB SQL, and what a real Flink
// made of the generated Flink SQL (`./dev peers flink` asks it anew; tests/golden/flink/generated keeps some of its
// answers).

#include <compare>
#include <string>
#include <vector>

#include "stream/pipeline.h"

namespace tidecast {

struct FlinkCase {
  std::string name;  // "hopping_17": the kind and the seed.
  PipelineOptions options;
  std::vector<std::string> records;  // NDJSON, in the order of arrival; none twice.
};

// Disorder within and far beyond the lateness, silences, equal times, edges of windows, nulls, several keys.
FlinkCase flink_case(WindowKind kind, std::uint64_t seed);

// A row of any of the three.
struct PeerRow {
  std::string exact;         // Window, keys and all values but the standard deviation.
  std::vector<double> near;  // That; NaN for null.
  auto operator<=>(const PeerRow& other) const { return exact <=> other.exact; }
};
// The first difference between two lists of rows in words; "" where there is none.  Standard deviations may differ by
// 1e-9 of themselves: Flink makes them of sums of squares.
std::string difference(std::vector<PeerRow> left, std::vector<PeerRow> right);

// At the end of its input Flink closes every window; so do the other two, by a last record far in the future.
Result<std::vector<PeerRow>> engine_rows(const FlinkCase& stream);
Result<std::vector<PeerRow>> duckdb_rows(const FlinkCase& stream);
Result<std::vector<PeerRow>> flink_rows(const FlinkCase& stream, const std::vector<std::string>& lines);

}  // namespace tidecast
