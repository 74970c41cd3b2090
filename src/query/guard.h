#pragma once
// What text may be run for somebody who is not trusted.
//
// A locked DuckDB still writes into its allowed paths (COPY, ATTACH, EXPORT), and some of its table functions reach
// further than a query should: `query` and `json_execute_serialized_sql` run text made at run time, `enable_logging`
// writes to our standard output, `arrow_scan` takes pointers.  So DuckDB's parser is asked for the syntax tree, which
// it has for a SELECT only, and the tree must name no other table functions than those listed in guard.cc.

#include <set>
#include <string>

#include "storage/duck.h"

namespace tidecast {

struct CheckedQuery {
  std::string text;              // What to run.
  std::set<std::string> tables;  // All that it names, and its own WITH names, in lower case.
};

// The text to run if `sql` is exactly one SELECT (with whatever reads like one: WITH, FROM, VALUES, DESCRIBE, SHOW
// TABLES, SUMMARIZE), or EXPLAIN or EXPLAIN ANALYZE of one: the very bytes of which the tree was made, with the EXPLAIN
// before them, and never `sql` itself, in which we and DuckDB might see different beginnings.
// Runs nothing of the text; the session must not be locked yet.
// Errors: kInvalidArgument - with what was found and what is allowed.
Result<CheckedQuery> check_query(duck::Session& session, std::string_view sql);

}  // namespace tidecast
