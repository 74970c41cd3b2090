#pragma once
// What learns: DeepAR, a baseline, or a program of somebody's own.  And who loads what was learned.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "baselines/baseline_model.h"
#include "flow/forecaster.h"
#include "training/program.h"

namespace tidecast {

// DeepAR, unless one of these is given; never both.
struct Algorithm {
  std::optional<Baseline> baseline;
  std::optional<ProgramOptions> program;

  bool is_deepar() const { return !baseline && !program; }
};
std::string_view name_of(const Algorithm& algorithm);  // "deepar", "naive", ..., "program": in files.
std::string title_of(const Algorithm& algorithm);      // "DeepAR", "NPTS", "python3 seasonal.py": for people.

// The model that these bytes hold, whichever algorithm's: docs/formats/model.md, baseline.md, program.md.  A program's
// is unpacked below `work`.  Errors: kInvalidArgument - damaged, or none of these;  kUnavailable - the disk said no.
Result<std::shared_ptr<const Forecaster>> load_forecaster(std::string_view artefact, const std::filesystem::path& work);

}  // namespace tidecast
