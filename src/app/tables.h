#pragma once
// What SQL sees beside the feature groups: runs, models, forecasts, scores, evaluations, alarms, timeline.

#include <vector>

#include "app/project.h"
#include "query/query.h"

namespace tidecast {

// Made only when a query names them.  The project must outlive the tables.
std::vector<SqlTable> sql_tables(Project& project);

}  // namespace tidecast
