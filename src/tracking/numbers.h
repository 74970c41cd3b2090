#pragma once
// Rows of doubles in one blob, exactly: each row is its length (32 bits) and then its numbers (IEEE 754, 64 bits), all
// little-endian.  30 steps of a forecast with three quantiles, a mean and two baselines are 1.5 kB, and take a
// microsecond.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidecast {

void append_row(std::string& blob, std::span<const double> numbers);

// All rows.  Errors: kDataLoss - the blob ends within a row.
Result<std::vector<std::vector<double>>> read_rows(std::string_view blob);

}  // namespace tidecast
