#include "app/project.h"

#include <algorithm>
#include <random>

#include "stats/season.h"
#include "storage/file.h"
#include "stream/event_time_reader.h"
#include "training/tune.h"

namespace tidecast {

namespace {

constexpr const char* kDefinition = "definition.yaml";  // Under which it was opened last.
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

// Ids of all events are remembered together; nullopt: for ever.
std::optional<Milliseconds> keep_keys(const std::vector<EventMapping>& events) {
  for (const EventMapping& event : events)
    if (!event.id.empty()) return event.deduplicate_for;
  return 1h;  // There are none.
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

// Under which the data folder was opened last.  `now` where there is none, or one that this version no longer reads:
// then only what the stores know is compared.
Result<Definition> last_definition(const Definition& now) {
  const auto text = read_file(now.data / kDefinition);
  if (text.code() == Code::kNotFound) return now;
  auto before = parse_definition(TRY(text), now.file);
  return before.ok() ? std::move(before).value() : now;
}

// Data that was written under another definition.
Status check_changes(const Definition& now, Schemas& stored) {
  const Definition before = TRY(last_definition(now));
  learn(before, stored);
  const std::string refused = to_text(changes_of(before, now, stored), DefinitionChange::Kind::kRefused);
  if (refused.empty()) return ok();
  return failed_precondition("{}: the data in {} was written under another definition:\n{}", now.file.string(),
                             now.data.string(), refused);
}

}  // namespace

Result<std::vector<DefinitionChange>> changes_since_last(const Definition& now) {
  const Definition before = TRY(last_definition(now));
  Schemas stored = TRY(FeatureStore::schemas(now.data));
  learn(before, stored);
  return changes_of(before, now, std::move(stored));
}

Result<std::unique_ptr<Project>> Project::open(Definition definition, const std::string& who, DataFolder folder) {
  TRY(check_folder(definition.data, folder));
  FolderLock lock = TRY(FolderLock::take(definition.data, who));
  std::unique_ptr<Project> project(new Project(std::move(definition), std::move(lock)));
  const Definition& d = project->definition_;

  FeatureStore::Options options;
  options.directory = d.data;
  options.keep_keys = keep_keys(d.events);
  options.keep_raw = d.keep_raw;
  for (std::size_t g = 0; g < d.groups.size(); ++g) {
    FeatureGroup group = feature_group_of(d.groups[g], d.events[d.groups[g].event]);
    group.keep_online = d.keep[g].online;
    group.keep_offline = d.keep[g].offline;
    options.groups.push_back(std::move(group));
  }
  options.before_adopting = [&d](Schemas& stored) { return check_changes(d, stored); };
  project->features_ = TRY(FeatureStore::open(std::move(options)));
  // Nothing is read before all parts were made, so a crash in the making of a new folder is none of these.
  for (const char* part : {kRegistry, kTracking})
    if (project->features_->books().read > 0 && !is_there(d.data / part)) return gone(d.data, part, "state");
  project->registry_ = TRY(Registry::open(d.data));
  project->tracking_ = TRY(Tracking::open(d.data));
  // The store has adopted it, whoever asked: the next one is compared with it.
  if (const auto last = read_file(d.data / kDefinition); !last.ok() || *last != d.text)
    TRY(write_file_atomically(d.data / kDefinition, d.text));
  return project;
}

PipelineOptions pipeline_options(const Definition& definition) {
  PipelineOptions options{
      .sources = {}, .events = definition.events, .groups = definition.groups, .definition = definition.text};
  for (const SourceDefinition& source : definition.sources)
    options.sources.push_back({.name = source.name, .idle_after = source.idle_after});
  return options;
}

Result<SourceSet> Project::open_sources() const {
  std::vector<std::unique_ptr<Source>> sources;
  for (const SourceDefinition& source : definition_.sources) sources.push_back(TRY(open_source(source)));
  return SourceSet(std::move(sources));
}

namespace {

// Records of several mappings may stand in one file: the time that the first of the readers finds.
template <typename Time>
std::function<std::optional<Time>(std::string_view)> first_of(std::vector<EventTimeReader> compiled) {
  auto readers = std::make_shared<std::vector<EventTimeReader>>(std::move(compiled));
  return [readers](std::string_view record) -> std::optional<Time> {
    for (EventTimeReader& reader : *readers)
      if (const auto time = reader.read(record)) return Time::from_ms(time->ms());
    return std::nullopt;
  };
}

}  // namespace

Result<std::unique_ptr<Source>> Project::open_source(const SourceDefinition& source) const {
  using Kind = SourceDefinition::Kind;
  switch (source.kind) {
    case Kind::kRecording: return open_recording(source.recording);
    case Kind::kHttpPoll: return open_http_poll(source.poll);
    case Kind::kWebSocket: return open_websocket(source.websocket);
    case Kind::kHttpPush: return std::unique_ptr<Source>(TRY(open_push(source.push)));
    case Kind::kFile: break;
  }
  return open_file(TRY(file_options(source.file)));
}

Result<FileOptions> Project::file_options(FileOptions options) const {
  std::vector<EventTimeReader> times, arrivals;
  for (const EventMapping& event : definition_.events)
    times.push_back(TRY(EventTimeReader::compile(event.time_pointer, event.time)));
  for (const auto& arrival : definition_.arrivals)
    if (arrival) arrivals.push_back(TRY(EventTimeReader::compile(arrival->pointer, arrival->time)));
  options.event_time = first_of<EventTime>(std::move(times));
  if (!arrivals.empty()) options.arrival = first_of<ProcessingTime>(std::move(arrivals));
  return options;
}

std::string Project::series_name() const { return forecast().group + "." + forecast().column; }

std::size_t Project::target_group() const {
  const auto& groups = features_->groups();
  for (std::size_t g = 0; g < groups.size(); ++g)
    if (groups[g].name == forecast().group) return g;
  CHECK(!"the definition's target is a group of it");
  return 0;
}

Milliseconds Project::step() const { return features_->groups()[target_group()].step(); }

int Project::season() const {
  const int given = forecast().options.season;
  return given > 0 ? given : season_of(step());
}

Result<TimeSeries> Project::target_series(EventTime until, ProcessingTime as_of, std::int64_t steps) const {
  return series(series_name(), until, as_of, steps);
}

Result<TimeSeries> Project::training_series(ProcessingTime as_of) const {
  TimeSeries series = TRY(target_series(EventTime::max(), as_of, kTrainingHistory));
  if (const auto& window = forecast().training_window; window && !series.values.empty()) {
    const std::int64_t keep = *window / step(), have = static_cast<std::int64_t>(series.values.size());
    if (keep < have) {
      series.start = series.time_of(static_cast<std::size_t>(have - keep));
      series.values.erase(series.values.begin(), series.values.end() - keep);
    }
  }
  return series;
}

Result<DeepArOptions> Project::training_options(ProcessingTime as_of) const {
  DeepArOptions options = forecast().options;
  TRY(set_hyperparameters(TRY(registry_->parameters(as_of)), options).in("parameters"));
  options.horizon = forecast().horizon;
  options.season = season();
  return options;
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
    const EventTime from = end == EventTime::max() ? EventTime::min() : end - g.step() * steps;
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
