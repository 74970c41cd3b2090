#pragma once
// The point-in-time join: to each row of an entity frame (a CSV or Parquet file with a time and, where groups have
// keys, columns of their names) the newest feature row of each group that was known at that time, so that a training
// set holds nothing that was learned later.
//
// A row counts at time t if its window ended and it was written, both at or before t.  Of several that count the one of
// the newest window is taken, in the newest version known at t: a late correction of an older window hides no newer
// one, and what was erased later is still there at times before.  None: nulls.  A null key matches no series.
//
// A row's versions were written in the order of their revisions.
//
// Memory: the frame and the answers in DuckDB's, which memory_mb bounds; beside it, of one group at a time, about 90
// bytes for each version, 16 for each value, and 24 for each row of the frame.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "features/store.h"
#include "storage/duck.h"

namespace tidecast {

struct JoinOptions {
  std::filesystem::path entities;          // .csv, .tsv or .parquet
  std::string name{};                      // What errors call it; "": by its path.
  std::string time_column = "event_time";  // A TIMESTAMP (without a zone: UTC), or text in RFC 3339.
  std::vector<std::string> groups;
  bool known_now = false;                 // Rows count from the end of their window on, in the version of today.
  std::optional<Milliseconds> max_age{};  // Rows whose window ended longer before t do not count.
  int threads = 2;
  int memory_mb = 2048;
};

// All columns of the frame, in its order of rows and columns; then for each group <group>__event_time and
// <group>__<column> for each column.  To a CSV or Parquet file, by the ending of `out`, which appears as a whole; how
// many rows.  Errors: kNotFound - no such file or group; kInvalidArgument - which file and column, what is wrong with
// it.
Result<std::uint64_t> join_to_file(const FeatureStore& store, const JoinOptions& options,
                                   const std::filesystem::path& out);
// The same as values; of the frame's first `most` rows.
Result<duck::Table> join_to_rows(const FeatureStore& store, const JoinOptions& options, std::size_t most);

}  // namespace tidecast
