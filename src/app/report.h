#pragma once
// What a replay came to: the JSON of `--report FILE` and the table at its end.  Wall times stand in "wall_seconds",
// "peak_memory_bytes" and the runs' "seconds" only; all else is the same for the same input and seed.

#include <string>

#include "app/project.h"
#include "base/json.h"

namespace tidecast {

struct ReplayRange {
  ProcessingTime from, until;
  double wall_seconds = 0;
  std::size_t peak_memory_bytes = 0;
  std::size_t open_windows = 0;  // In all groups, at the end.
};

// {"simulated":{..},"wall_seconds","events":{..},"windows":{..},"runs":[..],"models":[..],"deployments":[..],"alarms":[..],
//  "forecasts":{..},"baselines":{..},"replaced":[..],"balance":"ok"}: docs/formats/report.md.
Result<json::object> make_report(Project& project, const ReplayRange& range);

// The same for people, at most 100 columns.
std::string report_table(const json::object& report);

// Digits in groups of three, as people read them: 658412 -> "658,412".
std::string grouped(std::int64_t number);

}  // namespace tidecast
