#pragma once
// Readers of the parts of a definition file, one a top-level key; parse_definition() calls them in the order of the
// file. They note errors in the list behind their Value, and go on with defaults.

#include <filesystem>

#include "app/definition.h"
#include "app/definition_value.h"

namespace tidecast {

// Paths in the file start at `folder`, the definition file's own.  Only events with an id can be known again, which
// decides what may be said about overlapping replies.
enum class EventId { kNone, kGiven };
std::vector<SourceDefinition> read_sources(const Value& sources, const std::filesystem::path& folder, EventId id);

// `event:` alone, or the list `events:`; exactly one of the two should be there.
struct ReadEvents {
  std::vector<EventMapping> events;
  std::vector<std::optional<ArrivalMapping>> arrivals;
};
ReadEvents read_events(const Value& event, const Value& events, const std::vector<SourceDefinition>& sources);

// SQL does not tell Fee from fee: names that differ in nothing else are one.
std::string as_sql_name(std::string_view text);

// What aggregates and targets are checked against.  Where the events could not be read at all, their fields are not
// known, and nothing is said about those that aggregates name.
struct ReadGroups {
  std::vector<WindowGroup> groups;
  std::vector<KeepRows> keep;
  std::optional<Milliseconds> keep_raw;
  bool complete = true;  // All names of groups and columns are there: an unknown one is an error of its own.
};
ReadGroups read_features(const Value& features, const std::vector<EventMapping>& events, bool events_known);

// A program of one's own runs in `folder`, the definition file's own.
std::optional<ForecastDefinition> read_forecast(const Value& forecast, const ReadGroups& features,
                                                const std::filesystem::path& folder);
ValidationDefinition read_validation(const Value& validation);
DeploymentDefinition read_deployment(const Value& deployment);
MonitoringDefinition read_monitoring(const Value& monitoring);
ServerDefinition read_server(const Value& server);

}  // namespace tidecast
