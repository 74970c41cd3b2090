#pragma once
// A feature group as DuckDB SQL over the raw archive: the same rows as the engine's, computed by other means, for audit
// (`tidecast verify`) and backfill.  Text only; docs/sql-compiled.md explains it, tests/golden/sql has examples.
//
// The tables that it reads (times in UTC; a record's number orders everything):
//   archive      n BIGINT, arrival TIMESTAMP, source VARCHAR, event VARCHAR, record VARCHAR
//   clock_marks  i BIGINT, n BIGINT, kind VARCHAR, name VARCHAR, arrival TIMESTAMP, time TIMESTAMP
//                what the wall clock did before the record n, by i: 'source_idle' and 'forced_watermark' (ClockMark).
//                'newest': not a record but the newest event time so far of the source `name`, for who begins later
//                than at the first record.

#include <string>

#include "base/result.h"
#include "stream/pipeline.h"

namespace tidecast {

struct DuckdbSql {
  std::string judged;    // Every record and mark by place$, with its fields and the watermark before and after it.
  std::string assigned;  // From the table judged: records by the window that counts them.
  std::string rows;      // From judged and assigned: the group's rows whose windows have closed.

  std::string whole() const;  // The three as one statement.
};

// Records below `number` were judged by a definition before this one: as if they were, by this lateness.
struct JudgedBefore {
  std::uint64_t number = 0;
  Milliseconds lateness{0}, allowed_lateness{0};
};

// Columns of `rows`: start$ and end$ of the window in milliseconds, the keys, the features, each one that is not exact
// followed by "<feature> within", the most by which two right answers differ; written$ in milliseconds and by_clock$,
// which are those of the row's first revision.  In the order of end$.
// Errors: kInvalidArgument - the definition is wrong.
Result<DuckdbSql> duckdb_sql(const PipelineOptions& options, std::size_t group, const JudgedBefore& before = {});

}  // namespace tidecast
