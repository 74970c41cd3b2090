#include "training/algorithm.h"

#include "deepar/deepar.h"
#include "training/archive.h"

namespace tidecast {

std::string_view name_of(const Algorithm& algorithm) {
  if (algorithm.baseline) return name_of(*algorithm.baseline);
  return algorithm.program ? "program" : "deepar";
}

std::string title_of(const Algorithm& algorithm) {
  if (algorithm.baseline) return std::string(title_of(*algorithm.baseline));
  return algorithm.program ? fmt::format("{}", fmt::join(algorithm.program->command, " ")) : "DeepAR";
}

Result<std::shared_ptr<const Forecaster>> load_forecaster(std::string_view artefact,
                                                          const std::filesystem::path& work) {
  if (is_baseline(artefact)) return load_baseline(artefact);
  if (is_packed(artefact)) return load_program(artefact, work);
  return load_deepar(artefact);
}

}  // namespace tidecast
