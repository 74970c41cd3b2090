#pragma once
// Feature rows as Parquet files and as tables of DuckDB, with one layout for both:
//
//   event_time, write_time  TIMESTAMP WITH TIME ZONE    event_time is window_end
//   is_deleted              BOOLEAN                     always false so far: windows are appended, never taken back
//   window_start, _end      TIMESTAMP WITH TIME ZONE
//   then the group's columns, an integer as BIGINT and a number as DOUBLE
//
// Parquet stores the times as microseconds adjusted to UTC, so that any reader shows the same instants.

#include <span>
#include <vector>

#include "features/store.h"
#include "storage/duck.h"

namespace tidecast {

// Column names that a feature must not take.
bool is_reserved_column(std::string_view name);

// Creates a table of the layout in the session and fills it.
Status create_rows_table(duck::Session& session, const std::string& table, const FeatureGroup& group,
                         std::span<const FeatureRow> rows);

// Writes the rows, in their order, to a new Parquet file (zstd).
Status write_parquet(duck::Session& session, const FeatureGroup& group, std::span<const FeatureRow> rows,
                     const std::filesystem::path& path);

// Rows of the files with window_end in `range`, written at or before `as_of`, oldest first.
// Errors: kDataLoss - a file is missing or no Parquet of this group.
Result<std::vector<FeatureRow>> read_parquet(const FeatureGroup& group, std::span<const OfflineFile> files,
                                             EventRange range, ProcessingTime as_of);

// read_parquet(['a', 'b']) as a table expression of SQL; at least one file.
std::string parquet_source(std::span<const OfflineFile> files);

}  // namespace tidecast
