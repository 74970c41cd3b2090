#include "app/project.h"

#include <algorithm>
#include <random>

#include "stats/season.h"
#include "stream/event_time_reader.h"

namespace tidecast {

namespace {

constexpr const char* kRegistry = "registry.db";
constexpr const char* kTracking = "tracking.db";

Status gone(const std::filesystem::path& data, std::string_view part, std::string_view there) {
  return data_loss(
      "{}: no whole data folder: there is {}, but no {}; put that back from a copy, or use another folder "
      "(data: in the definition, or --data)",
      data.string(), there, part);
}

// A part that a copy or a full disk left empty is no part.
bool is_there(const std::filesystem::path& file) {
  std::error_code ignored;
  return std::filesystem::exists(file, ignored) &&
         (!std::filesystem::is_regular_file(file, ignored) || std::filesystem::file_size(file, ignored) > 0);
}

// The feature store's state is what is made first in a new folder, so whatever else is there without it is somebody
// else's, or has lost it.
Status check_folder(const std::filesystem::path& data, DataFolder folder) {
  if (!is_there(data / "state" / "CURRENT")) {
    std::error_code ignored;
    for (const char* part : {kRegistry, kTracking, "offline", "raw", "models"})
      if (std::filesystem::exists(data / part, ignored)) return gone(data, "state", part);
    if (folder == DataFolder::kMayBeNew) return ok();
    return not_found("{}: no data yet; tidecast run or tidecast replay makes some", data.string());
  }
  return ok();
}

}  // namespace

Result<std::unique_ptr<Project>> Project::open(Definition definition, const std::string& who, DataFolder folder) {
  TRY(check_folder(definition.data, folder));
  FolderLock lock = TRY(FolderLock::take(definition.data, who));
  std::unique_ptr<Project> project(new Project(std::move(definition), std::move(lock)));
  const Definition& d = project->definition_;

  FeatureStore::Options options;
  options.directory = d.data;
  options.keep_keys = d.event.deduplicate_for;
  for (std::size_t g = 0; g < d.groups.size(); ++g) {
    FeatureGroup group = feature_group_of(d.groups[g], d.event);
    group.keep_online = d.keep_online[g];
    options.groups.push_back(std::move(group));
  }
  project->features_ = TRY(FeatureStore::open(std::move(options)));
  // Nothing is read before all parts were made, so a crash in the making of a new folder is none of these.
  for (const char* part : {kRegistry, kTracking})
    if (project->features_->books().read > 0 && !is_there(d.data / part)) return gone(d.data, part, "state");
  project->registry_ = TRY(Registry::open(d.data));
  project->tracking_ = TRY(Tracking::open(d.data));
  return project;
}

PipelineOptions Project::pipeline_options() const {
  return {.sources = {{definition_.source.name}}, .events = {definition_.event}, .groups = definition_.groups};
}

Result<std::unique_ptr<Source>> Project::open_source() const {
  const SourceDefinition& source = definition_.source;
  if (source.kind == SourceDefinition::Kind::kRecording) return open_recording(source.recording);
  if (source.kind == SourceDefinition::Kind::kHttpPoll) return open_http_poll(source.poll);
  const auto reader = std::make_shared<EventTimeReader>(definition_.event);
  return open_file({.name = source.name, .path = source.file, .event_time = [reader](std::string_view record) {
                      return reader->read(record);
                    }});
}

std::string Project::series_name() const { return forecast().group + "." + forecast().column; }

std::size_t Project::target_group() const {
  const auto& groups = features_->groups();
  for (std::size_t g = 0; g < groups.size(); ++g)
    if (groups[g].name == forecast().group) return g;
  CHECK(!"the definition's target is a group of it");
  return 0;
}

Milliseconds Project::step() const { return features_->groups()[target_group()].window; }

int Project::season() const {
  const int given = forecast().options.season;
  return given > 0 ? given : season_of(step());
}

Result<TimeSeries> Project::target_series(EventTime until, ProcessingTime as_of, std::int64_t steps) const {
  return series(series_name(), until, as_of, steps);
}

Result<TimeSeries> Project::series(const std::string& name, EventTime until, ProcessingTime as_of,
                                   std::int64_t steps) const {
  const std::size_t dot = name.find('.');
  const std::string group = name.substr(0, dot), column = dot == std::string::npos ? "" : name.substr(dot + 1);
  for (const FeatureGroup& g : features_->groups()) {
    if (g.name != group || !g.column(column)) continue;
    // Counted back from the newest row, or, where what was known then is asked for, from then, so that what came later
    // changes no answer.
    EventTime end = std::min(until, EventTime::from_ms(as_of.ms()));
    if (as_of == ProcessingTime::max())
      if (const auto newest = TRY(features_->latest(group))) end = std::min(end, newest->window_end);
    const EventTime from = end == EventTime::max() ? EventTime::min() : end - g.window * steps;
    return features_->series(group, column, {from + 1ms, until == EventTime::max() ? until : until + 1ms}, as_of);
  }
  std::string known;
  for (const FeatureGroup& g : features_->groups())
    for (const FeatureColumn& c : g.columns) known += (known.empty() ? "" : ", ") + g.name + "." + c.name;
  return not_found("no series '{}'; there are: {}", name, known);
}

Result<std::string> Project::id() const {
  if (const std::optional<json::value> saved = TRY(tracking_->state("project_id")))
    return std::string(saved->as_string());
  std::random_device device;
  std::string id;
  for (int i = 0; i < 4; ++i) id += fmt::format("{:08x}", device());
  TRY(tracking_->set_state("project_id", json::string(id)));
  return id;
}

Result<std::optional<ProcessingTime>> Project::simulated_now() const {
  const std::optional<json::value> saved = TRY(tracking_->state("simulated_now"));
  if (!saved) return std::optional<ProcessingTime>();
  // A replay that was killed had come as far as its last commit.
  return std::optional(
      std::max(ProcessingTime::from_ms(saved->to_number<std::int64_t>()), TRY(features_->recover()).arrival));
}

Status Project::set_simulated_now(ProcessingTime now) { return tracking_->set_state("simulated_now", now.ms()); }

}  // namespace tidecast
