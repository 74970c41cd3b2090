#pragma once
// Everything durable of one project, opened in start order: the folder's lock, the feature store, the registry, the
// tracking. Owns them; hands out references.  The definition says what they are.

#include <memory>

#include "app/definition.h"
#include "app/definition_change.h"
#include "app/lock.h"
#include "app/source_set.h"
#include "base/clock.h"
#include "features/store.h"
#include "registry/registry.h"
#include "sources/source.h"
#include "stream/pipeline.h"
#include "tracking/tracking.h"

namespace tidecast {

// More than any model looks back: GluonTS's longest lag is 1,200 steps.
inline constexpr std::int64_t kForecastHistory = 4096;
// What "all of history" means to a training run: two years of minutes.
inline constexpr std::int64_t kTrainingHistory = std::int64_t{1} << 20;

enum class DataFolder { kMustExist, kMayBeNew };

// Against what is in the data folder, as open() compares it; empty where there is nothing.  Takes no lock: a process
// may be at work there.
Result<std::vector<DefinitionChange>> changes_since_last(const Definition& now);

// What the definition says to the stream.
PipelineOptions pipeline_options(const Definition& definition);

class Project {
 public:
  // `who` is shown to another process that finds the folder locked: "tidecast replay".
  // Errors: kNotFound - no data folder where there must be one;  kDataLoss - a part of it is gone, or it is somebody
  // else's folder: nothing is made anew beside what is there;  kUnavailable - locked by another process; whatever
  // opening a store says.
  static Result<std::unique_ptr<Project>> open(Definition definition, const std::string& who, DataFolder folder);

  const Definition& definition() const { return definition_; }
  FeatureStore& features() { return *features_; }
  Registry& registry() { return *registry_; }
  const Registry& registry() const { return *registry_; }
  Tracking& tracking() { return *tracking_; }

  PipelineOptions pipeline_options() const { return tidecast::pipeline_options(definition_); }
  Result<SourceSet> open_sources() const;
  Result<std::unique_ptr<Source>> open_source(const SourceDefinition& source) const;
  Result<FileOptions> file_options(FileOptions options) const;  // With the readers of the events' times.

  // The forecast target; only where the definition has a forecast.
  const ForecastDefinition& forecast() const { return *definition_.forecast; }
  std::string series_name() const;   // "tx_metrics.avg_fee_1min"
  std::size_t target_group() const;  // Index into FeatureStore::groups().
  Milliseconds step() const;         // The target's window.
  int season() const;                // In steps.
  // The target as known at `as_of`, of windows that ended at or before `until`, re-indexed to the grid; of the newest
  // `steps` of it, so that neither a long history nor one misdated first event makes it grow without end.
  Result<TimeSeries> target_series(EventTime until, ProcessingTime as_of, std::int64_t steps) const;
  // The same for any "group.column"; kNotFound if there is none.
  Result<TimeSeries> series(const std::string& name, EventTime until, ProcessingTime as_of, std::int64_t steps) const;
  // What a training that starts at `as_of` takes: the target as known then, of the definition's training window,
  Result<TimeSeries> training_series(ProcessingTime as_of) const;
  // and how: the definition's hyperparameters, with the parameters that were in force then in their place.
  Result<DeepArOptions> training_options(ProcessingTime as_of) const;

  // 32 hexadecimal digits that are this data folder's own, made at its first use.
  Result<std::string> id() const;

  // Where the simulated clock of the last replay stands, also of one that was killed; nullopt before any.
  Result<std::optional<ProcessingTime>> simulated_now() const;
  Status set_simulated_now(ProcessingTime now);

 private:
  Project(Definition definition, FolderLock lock) : definition_(std::move(definition)), lock_(std::move(lock)) {}

  Definition definition_;
  FolderLock lock_;
  std::unique_ptr<FeatureStore> features_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<Tracking> tracking_;
};

}  // namespace tidecast
