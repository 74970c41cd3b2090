#pragma once
// Rows of the tables (file.cc) as the values of tracking.h, and a forecast's numbers as a blob.  Each reader takes a
// row of SELECT *.  Private to this room.  Errors: kDataLoss - what we wrote ourselves cannot be read any more.

#include <string>

#include "storage/sqlite.h"
#include "tracking/tracking.h"

namespace tidecast {

Result<Run> read_run(const sqlite::Statement& row);
Result<Forecast> read_forecast(const sqlite::Statement& row);
Result<Score> read_score(const sqlite::Statement& row);
Evaluation read_evaluation(const sqlite::Statement& row);
AlarmChange read_alarm_change(const sqlite::Statement& row);
TimelineEvent read_timeline_event(const sqlite::Statement& row);
Result<json::value> read_json(const sqlite::Statement& row, int column);

// Rows: taus, mean, naive, seasonal naive, then each quantile.
std::string blob_of(const Forecast& forecast);
// Errors: kInvalidArgument - the parts of a forecast differ in length.
Status check_shape(const Forecast& forecast);

}  // namespace tidecast
