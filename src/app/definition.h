#pragma once
// The definition file: one YAML file that is the whole project (docs/definition-file.md).  Read once at the start by
// every command; after that these are plain values, in the option types of the rooms that use them.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/definition_errors.h"
#include "deepar/deepar.h"
#include "monitoring/alarm.h"
#include "monitoring/retrain.h"
#include "sources/source.h"
#include "stream/pipeline.h"
#include "training/gate.h"

namespace tidecast {

struct SourceDefinition {
  enum class Kind { kRecording, kFile, kHttpPoll };
  std::string name;  // The cursor is kept under it.
  Kind kind = Kind::kRecording;
  RecordingOptions recording;  // kRecording; its name is `name`.
  std::filesystem::path file;  // kFile: NDJSON, plain or zstd.
  HttpPollOptions poll;        // kHttpPoll; its name is `name`.
};

struct ForecastDefinition {
  std::string group, column;                    // The target; `group` is one of Definition::groups.
  int horizon = 30;                             // Steps of the group's window.
  DeepArOptions options;                        // horizon and seed as here; the rest by the recipe where not given.
  std::optional<Milliseconds> training_window;  // The newest so much of history; nullopt: all of it.
  // Event time after the first window's start at which the first run starts; nullopt: as soon as 300 observations are
  // left for training before five back-test windows.
  std::optional<Milliseconds> first_training_after;
  std::uint64_t seed = 7;
};

struct ValidationDefinition {
  int windows = 10;          // Of the rolling-origin back-test, stride = horizon.
  double confidence = 90;    // Per cent: quantiles 0.5 -+ confidence / 200, and the median.
  double threshold = 0.24;   // Initial mean weighted quantile loss that a model may have.
  double update_rate = 0.5;  // 0 never moves the threshold, 1 takes the new model's loss.
  std::vector<Rival> must_beat = {Rival::kNaive, Rival::kSeasonalNaive, Rival::kProduction};
  int paths = 100;  // Sampled futures a forecast.
};

struct DeploymentDefinition {
  bool staging_auto = false;     // A model that passes the gate is approved and staged by itself.
  bool production_auto = false;  // And on to production, after
  Milliseconds soak{0};          // so long in staging.
};

struct MonitoringDefinition {
  Milliseconds every{3'600'000};
  AlarmRule alarm;
  RetrainRule retrain;
};

struct ServerDefinition {
  std::string address = "127.0.0.1";  // A loopback address, always.
  std::uint16_t port = 8080;          // 0: any free one.
};

struct Definition {
  std::string project;
  std::filesystem::path file;  // As it was given.
  std::filesystem::path data;  // Everything durable; relative paths of the file start at its folder.
  SourceDefinition source;
  EventMapping event;
  std::vector<WindowGroup> groups;
  std::vector<std::optional<Milliseconds>> keep_online;  // By group; nullopt: for ever.
  std::optional<ForecastDefinition> forecast;            // nullopt: a feature store and no more.
  ValidationDefinition validation;
  DeploymentDefinition deployment;
  MonitoringDefinition monitoring;
  ServerDefinition server;
  std::string text;  // The file as it was read.
};

// `file` is used for its name in errors and for its folder; nothing is opened.  Every error is in the message (to_text
// above) and, for programs, in `errors` if it is given.  Errors: kInvalidArgument.
Result<Definition> parse_definition(std::string text, const std::filesystem::path& file,
                                    std::vector<DefinitionError>* errors = nullptr);
// Errors: as above; kNotFound - there is no such file;  kUnavailable - it cannot be read.
Result<Definition> load_definition(const std::filesystem::path& file, std::vector<DefinitionError>* errors = nullptr);

// One screen of text, at most 100 columns, that says what this definition does: what `tidecast check` prints.
std::string describe(const Definition& definition);

}  // namespace tidecast
