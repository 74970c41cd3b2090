#pragma once
// A file of instances forecast into a file of predictions: JSON Lines in, JSON Lines out, in the order of the lines, as
// Amazon's batch transform has it.  Format: docs/endpoint.md.

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "flow/forecaster.h"
#include "serving/invocation.h"

namespace tidecast {

struct BatchOptions {
  std::filesystem::path in;   // Packed by gzip or zstd, or not.
  std::filesystem::path out;  // There once all is written; what was there before is there until then.
  Configuration configuration{};
  int threads = 1;
};

struct BatchResult {
  std::uint64_t lines = 0;  // That are not empty.
  std::uint64_t wrong = 0;  // Lines that could not be forecast: an {"error"} stands in their place.
  std::string first_error;  // Of them: "line 7: /target/2: found ...".
};

// Reads a few hundred lines at a time, which the threads share.  The forecasts are those of the endpoint for the same
// model and seed, and the file the same for any number of threads.
// Errors: kNotFound - no such file;  kInvalidArgument - `out` is no file's name, or `in` itself;  kDataLoss - `in` is
// damaged;  kUnavailable - the disk said no.  Then nothing is left behind.
Result<BatchResult> forecast_file(const Forecaster& model, std::uint64_t seed, const BatchOptions& options);

}  // namespace tidecast
