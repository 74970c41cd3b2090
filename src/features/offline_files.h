#pragma once
// Feature rows as Parquet files and as tables of DuckDB, with one layout for both:
//
//   event_time, write_time  TIMESTAMP WITH TIME ZONE    event_time is window_end
//   is_deleted              BOOLEAN                     a tombstone: its features are null
//   window_start, _end      TIMESTAMP WITH TIME ZONE
//   revision                INTEGER                     0, then one more with every correction
//   closed_by_idle          BOOLEAN                     the wall clock closed the window
//   then the group's keys, as VARCHAR, BIGINT or BOOLEAN,
//   and its columns, an integer as BIGINT and a number as DOUBLE
//
// Parquet stores the times as microseconds adjusted to UTC, so that any reader shows the same instants.  Files of the
// first layout have neither revision nor closed_by_idle; files have the columns, by the names, of when they were
// written.

#include <span>
#include <vector>

#include "features/store.h"
#include "storage/duck.h"

namespace tidecast {

// Column names that a feature must not take.
bool is_reserved_column(std::string_view name);

// A feature between a row of a result, in its column `at`, and a table.
FeatureValue feature_value(const FeatureColumn& column, const duck::Chunk& chunk, std::size_t at, std::size_t row);
void append_value(duck::Appender& appender, const FeatureValue& value);

// Creates a table of the layout in the session and fills it.
Status create_rows_table(duck::Session& session, const std::string& table, const FeatureGroup& group,
                         std::span<const FeatureRow> rows);

// Writes the rows, in their order, to a new Parquet file (zstd).
Status write_parquet(duck::Session& session, const FeatureGroup& group, std::span<const FeatureRow> rows,
                     const std::filesystem::path& path);

// Writes all rows of the files, by window end, key and revision, to one new file in the layout of today.
Status merge_parquet(duck::Session& session, const FeatureGroup& group, std::span<const OfflineFile> files,
                     const std::filesystem::path& path);

// Every version of the files' rows with window_end in `range`, written at or before `as_of`, of one series or of all,
// in no order.  Errors: kDataLoss - a file is missing or no Parquet of this group.
Result<std::vector<FeatureRow>> read_parquet(duck::Session& session, const FeatureGroup& group,
                                             std::span<const OfflineFile> files, const RowQuery& query);

// ---- SQL ----------------------------------------------------------------------------------------------------------

// A SELECT of every version of every row in today's layout, over files of whichever schema and the table of the outbox
// ("": none).
std::string history_sql(const FeatureGroup& group, std::span<const OfflineFile> files, const std::string& outbox_table);

// A SELECT, in the same layout, of the newest version of each window and series from the table or view `history`, but
// what is deleted.
std::string latest_sql(const FeatureGroup& group, const std::string& history);

// "station, weekday" quoted, as the tables have them, each after ", ".
std::string key_columns(const FeatureGroup& group);
std::string feature_columns(const FeatureGroup& group);

}  // namespace tidecast
