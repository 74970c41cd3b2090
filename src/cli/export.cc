#include "app/project.h"
#include "cli/context.h"
#include "training/series_lines.h"

namespace tidecast {

// Reads the stores itself, like a run's snapshot does, so no server may hold them meanwhile.
Status export_command(const Context& context, const ExportArguments& arguments) {
  Definition definition = TRY(load(context));
  if (!definition.forecast) return failed_precondition("the definition has no forecast: nothing to export");
  const int windows = arguments.windows > 0 ? arguments.windows : definition.validation.windows;
  const auto project = TRY(Project::open(std::move(definition), "tidecast export", DataFolder::kMustExist));
  const TimeSeries series = TRY(project->training_series(ProcessingTime::max()));
  const int horizon = project->forecast().horizon;
  TRY(export_channels(std::span(&series, 1), windows, horizon, arguments.out).in(project->series_name()));
  if (!context.quiet)
    fmt::print("{}: {} values in {}, {} windows of {} steps in {}\n", project->series_name(),
               series.values.size() - static_cast<std::size_t>(windows) * static_cast<std::size_t>(horizon),
               (arguments.out / "train").string(), windows, horizon, (arguments.out / "test").string());
  return ok();
}

}  // namespace tidecast
