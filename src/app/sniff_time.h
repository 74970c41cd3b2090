#pragma once
// Which values of a few records are times, and how they are written.  Pure; for `tidecast init`.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace tidecast {

// How to read a column as times, in the words of the definition file.
struct TimeGuess {
  std::string unit;                             // "s", "ms", "us", "ns" or "rfc3339"; empty: by `format`.
  std::string format;                           // As strptime(3), with %E*S for seconds with a fraction.
  bool zone = false;                            // The format needs a zone.
  bool day_or_month = false;                    // Day and month could be the other way round.
  std::vector<std::optional<std::int64_t>> ms;  // By record; of a local time as if it were UTC.
};

// From the values of one column, by record (null: none).  nullopt: they are no times.  A few may be none: one in fifty.
// Numbers are times between 1990 and 2100 in one unit.
std::optional<TimeGuess> guess_time(const std::vector<json::value>& values);

// By one of the formats that guess_time() knows: %Y %y %m %d %H %I %M %S %E*S %b %a %p %z, a space, other characters.
std::optional<std::int64_t> time_by_format(std::string_view text, std::string_view format);

}  // namespace tidecast
