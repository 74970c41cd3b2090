#pragma once
// The baselines as models like any other: fitted, written down, loaded, asked for paths.  And as rivals of one, whose
// quantiles are exact rather than sampled.
//
//   naive           the last value, then steps drawn from the changes seen from value to value
//   seasonal naive  the value a season before, then the same of the changes from season to season
//   NPTS            npts.h, exponential kernel, with the season
//   ETS             ets.h; the form is chosen when it is fitted, parameters and states anew for each forecast
//
// The changes are taken about their mean, so that the mean forecast is the last value (of the season), as bootstrapped
// intervals of Hyndman and Athanasopoulos, "Forecasting: principles and practice" (3rd ed.), 5.5, have it.  Each looks
// back over 1,100 values, or four seasons where that is more.
//
// Pure; objects are immutable, for any number of threads.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "flow/forecaster.h"

namespace tidecast {

enum class Baseline { kNaive, kSeasonalNaive, kNpts, kEts };
inline constexpr Baseline kBaselines[] = {Baseline::kNaive, Baseline::kSeasonalNaive, Baseline::kNpts, Baseline::kEts};
std::string_view name_of(Baseline baseline);                 // "naive", "seasonal_naive", "npts", "ets": in files.
std::string_view title_of(Baseline baseline);                // "naive", "seasonal naive", "NPTS", "ETS": for people.
std::optional<Baseline> baseline_of(std::string_view name);  // By its name in files.

// Errors: kInvalidArgument - horizon or season below 1, a series without an observed value where it looks, or an
// infinite one.
Result<std::shared_ptr<const Forecaster>> fit_baseline(Baseline baseline, const TimeSeries& series, int horizon,
                                                       int season);

// Whether these bytes are meant to be one; load_baseline says whether they are.  Format: docs/formats/baseline.md.
bool is_baseline(std::string_view artefact);
// Errors: kInvalidArgument - no JSON, another format version, a key that is missing or out of range.
Result<std::shared_ptr<const Forecaster>> load_baseline(std::string_view artefact);

struct BaselineForecast {
  std::vector<double> mean;                    // [horizon]
  std::vector<std::vector<double>> quantiles;  // [level][horizon]
};
// NPTS's or ETS's forecast of the steps after `history` (oldest first, NaN where missing), ETS's form chosen for it;
// 0 < level < 1.  `seed`: of the paths that stand for ETS's quantiles where its errors multiply.
// Errors: as fit_baseline's.
Result<BaselineForecast> forecast_npts(std::span<const double> history, int horizon, int season,
                                       std::span<const double> levels);
Result<BaselineForecast> forecast_ets(std::span<const double> history, int horizon, int season,
                                      std::span<const double> levels, std::uint64_t seed);

}  // namespace tidecast
