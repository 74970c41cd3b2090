#pragma once
// Series from a file of rows `series,time,value` (CSV with a head, or Parquet), put on a grid of steps; or of JSON
// Lines, one a series (series_lines.h): .json, .jsonl, and these with .gz behind.

#include <filesystem>
#include <vector>

#include "training/dataset_backtest.h"

namespace tidecast {

// In the order of their first rows; a series' rows may come in any order.  Where there is no column `series` there is
// one, called after the file.  A time is RFC 3339, or without a zone in UTC; it counts
// for the step it lies in.  Steps
// without a row, and empty values, are NaN.
// Errors: kNotFound - no such file;  kInvalidArgument - a column is missing, there are no rows, a time or value is
// none, two rows of a series lie in one step, or steps are so small that the grid would hold more than a thousand times
// the rows: each with the row's number.
Result<std::vector<NamedSeries>> read_series_file(const std::filesystem::path& file, const Frequency& step);

}  // namespace tidecast
