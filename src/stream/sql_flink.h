#pragma once
// A feature group as Flink SQL, in the form of window table functions: the same definition, run by a cluster.  Text
// only; docs/sql-compiled.md says what is the same to the bit and what is not, tests/golden/sql has examples, and
// `./dev peers flink` runs them in a real Flink beside our engine.
//
// The job reads records that tidecast has taken already (decoded, de-duplicated), in their order.

#include <string>

#include "base/result.h"
#include "stream/pipeline.h"

namespace tidecast {

// What stands in the WITH (...) of the two tables.
struct FlinkConnectors {
  std::string source, sink;

  // Files of NDJSON; the source may be a folder, the sink is one.
  static FlinkConnectors files(const std::string& in, const std::string& out);
  // Topics of one partition each; watermarks advance with every record, not with the wall clock.
  static FlinkConnectors kafka(const std::string& servers, const std::string& in, const std::string& out);
};

// Two tables, a view and the INSERT, each ending with ";\n"; settings come first.  A name of each begins with the
// group's, so that scripts of several groups can follow one another. Errors: kInvalidArgument - the group has what
// Flink SQL cannot give identically: which, and why.
Result<std::string> flink_sql(const PipelineOptions& options, std::size_t group, const FlinkConnectors& connectors);

}  // namespace tidecast
