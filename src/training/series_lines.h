#pragma once
// Series as SageMaker DeepAR's training data has them: JSON Lines, one object a series,
//
//   {"start": "2026-05-06 00:00:00", "target": [41.5, null, 39.1], "cat": [0], "dynamic_feat": [[0, 1, 1]]}
//
// `start` in UTC, without a zone; missing targets null or "NaN"; `cat` and `dynamic_feat` only where the series has
// such. Amazon's documentation, "Input/Output Interface for the DeepAR Algorithm".  What `tidecast export` and the
// training of programs of one's own write, and the back-test reads.

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "training/dataset_backtest.h"

namespace tidecast {

// One object, and one line of it with its '\n'.
json::object series_record(const TimeSeries& series);
std::string series_line(const TimeSeries& series);

// A line's series; it is called `item_id` (as GluonTS names it), else `name`.  Other fields are passed over.
// dynamic_feat may go on beyond the target.  Errors: kInvalidArgument - which field, what was found, what is allowed.
Result<NamedSeries> read_series_line(std::string_view line, std::string name, const Frequency& step);

// A whole file, .json or .jsonl, plain or with .gz behind; empty lines are passed over, series without a name are
// called by the number of their line.  Errors: kNotFound - no such file;  kInvalidArgument - as above, with the line's
// number; series of one name; no series;  kUnavailable.
Result<std::vector<NamedSeries>> read_series_lines(const std::filesystem::path& file, const Frequency& step);
bool holds_series_lines(const std::filesystem::path& file);  // By its name.

// SageMaker's channels in `folder`: train/series.json.gz with all but the last `windows` windows of `horizon` steps of
// every series, test/series.json.gz with each series cut behind each of these windows, the oldest first: the last
// `horizon` values of a line are what is to be forecast.  Series that are not longer are in neither.
// Errors: kFailedPrecondition - no series is long enough;  kUnavailable.
Status export_channels(std::span<const TimeSeries> series, int windows, int horizon,
                       const std::filesystem::path& folder);

}  // namespace tidecast
