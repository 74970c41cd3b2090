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
#include "sources/push.h"
#include "sources/rawblocks.h"
#include "sources/source.h"
#include "sources/websocket.h"
#include "stream/pipeline.h"
#include "training/algorithm.h"
#include "training/gate.h"

namespace tidecast {

struct SourceDefinition {
  enum class Kind { kRecording, kFile, kHttpPoll, kWebSocket, kHttpPush };
  std::string name;  // The cursor is kept under it.
  Kind kind = Kind::kRecording;
  RecordingOptions recording;              // kRecording; its name is `name`.
  FileOptions file;                        // kFile; its name is `name`, its readers are the project's.
  HttpPollOptions poll;                    // kHttpPoll; its name is `name`.
  std::optional<Milliseconds> idle_after;  // Silent for so long, it is not waited for by watermarks.
  WebSocketOptions websocket;              // kWebSocket.
  PushOptions push;                        // kHttpPush.
  // Where a live one's history is, for `tidecast backfill`: a blockchain.info; its range is the command's.
  std::optional<RawBlockOptions> history;
  bool live() const { return kind != Kind::kRecording && kind != Kind::kFile; }
};

// Where a recorded record says when it arrived.
struct ArrivalMapping {
  std::string pointer;
  TimeFormat time;
};

// How long rows stay; nullopt: for ever.
struct KeepRows {
  std::optional<Milliseconds> online, offline;
};

struct ForecastDefinition {
  std::string group, column;                    // The target; `group` is one of Definition::groups.
  int horizon = 30;                             // Steps of the group's window.
  Algorithm algorithm;
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
  std::filesystem::path file;             // As it was given.
  std::filesystem::path data;             // Everything durable; relative paths of the file start at its folder.
  std::vector<SourceDefinition> sources;  // At least one; all live or all recorded.
  std::vector<EventMapping> events;       // At least one.
  std::vector<std::optional<ArrivalMapping>>
      arrivals;  // By event; nullopt: recorded records arrive by the median rule.
  std::vector<WindowGroup> groups;
  std::vector<KeepRows> keep;                  // By group.
  std::optional<Milliseconds> keep_raw;        // The raw archive, dead letters, late records; nullopt: for ever.
  std::optional<ForecastDefinition> forecast;  // nullopt: a feature store and no more.
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
