#pragma once
// How many transactions come in each minute and how high their fees are: the schedule of the reconstructed recording.

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace tidecast {

struct ScheduleMinute {
  EventTime start;
  double tx_per_minute = 0;  // Mean of the minute's number of transactions, >= 0.
  double fee_level = 1;      // Factor of their fees, > 0.
};

// CSV with the header "minute_utc,tx_per_minute,fee_level", one line a minute, none left out.
// Errors: kInvalidArgument - "line 17: fee_level: '-1'; a number above 0 is needed".
Result<std::vector<ScheduleMinute>> parse_schedule(std::string_view csv);

}  // namespace tidecast
