#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "app/replay.h"
#include "base/log.h"
#include "cli/context.h"
#include "registry/registry.h"

namespace tidecast {
namespace {

// A record as a person can glance at it.
std::string excerpt(std::string_view record) {
  constexpr std::size_t kWidth = 90;
  return record.size() <= kWidth ? std::string(record)
                                 : fmt::format("{}... ({} bytes)", record.substr(0, kWidth), record.size());
}

std::string what_needs_you(const std::vector<ModelVersion>& models, const Scheduler& scheduler,
                           std::optional<int> staging, std::optional<int> production) {
  for (const ModelVersion& model : models) {
    if (model.approval == Approval::kPendingManualApproval)
      return fmt::format("model {} waits for approval: tidecast approve {}   or: tidecast reject {} -m WHY",
                         model.version, model.version, model.version);
    // Also one that could not be deployed by itself.
    const bool waits = model.version == staging || model.version == scheduler.candidate();
    if (waits && model.approval == Approval::kApproved && model.version != production && !scheduler.soaking())
      return fmt::format(
          "model {} is not in production: tidecast approve {} --for production   or: tidecast reject {} -m WHY",
          model.version, model.version, model.version);
  }
  if (scheduler.retrain_state() == RetrainState::kGaveUp)
    return "the alarm stands, and retraining gave up: look at tidecast runs, then tidecast train";
  return "nothing";
}

// The first `records` of a source; a live one is asked once.  Errors: as Source::read; kUnavailable - no good reply.
Result<RawBatch> first_records(std::unique_ptr<Source> given, int records) {
  const SystemClock clock;
  std::mutex mutex;
  std::condition_variable changed;
  bool woken = false;
  const std::unique_ptr<Source> source = std::move(given);  // Ends before what it wakes.
  if (source->live()) {
    set_log_level(LogLevel::kError);  // What is wrong is said once, by our error.
    TRY(source->start(clock, [&] {
      const std::lock_guard lock(mutex);
      woken = true;
      changed.notify_all();
    }));
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return woken; });  // A poll has an end of its own.
    const SourceHealth health = source->health().value_or(SourceHealth{});
    if (health.state == SourceHealth::State::kRetrying) return unavailable("{}: {}", source->name(), health.text);
  }
  return source->read(ProcessingTime::max(), static_cast<std::size_t>(records));
}

}  // namespace

Status check_command(const Context& context, int records) {
  const Definition definition = TRY(load(context));
  if (!context.json) fmt::print("{}", describe(definition));
  if (records <= 0) return ok();

  // The first records through the real decoder into a store that is thrown away.
  std::string pattern = (std::filesystem::temp_directory_path() / "tidecast-check-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) return unavailable("{}: cannot make a temporary folder", pattern);
  struct Removed {
    std::filesystem::path folder;
    ~Removed() {
      std::error_code ignored;  // A folder in /tmp that stays behind harms nobody.
      std::filesystem::remove_all(folder, ignored);
    }
  } removed{pattern};
  Definition scratch = definition;
  scratch.data = pattern;
  const std::unique_ptr<Project> project =
      TRY(Project::open(std::move(scratch), "tidecast check", DataFolder::kMayBeNew));
  std::unique_ptr<Source> source = TRY(project->open_source());
  const std::string source_name = source->name();
  const std::unique_ptr<Pipeline> pipeline = TRY(Pipeline::open(project->pipeline_options(), project->features()));
  const RawBatch batch = TRY(first_records(std::move(source), records));
  TRY(pipeline->ingest(batch));

  const std::vector<DeadLetter> dead = TRY(project->features().dead_letters(batch.records.size()));
  json::array shown;
  if (!context.json) fmt::print("\nThe first records of {}:\n", source_name);
  for (std::size_t i = 0; i < std::min(batch.records.size(), static_cast<std::size_t>(records)); ++i) {
    std::string verdict = "taken";
    for (const DeadLetter& letter : dead)
      if (letter.number == i) verdict = "dead: " + letter.reason;
    const std::string arrival = to_rfc3339(batch.records[i].arrival);
    if (context.json)
      shown.push_back(json::object{{"arrival", arrival}, {"verdict", verdict}, {"record", batch.raw(i)}});
    else
      fmt::print("  arrived {}  {}\n    {}\n", arrival, verdict, excerpt(batch.raw(i)));
  }
  const Books books = project->features().books();
  if (context.json)
    fmt::print("{}\n", to_text(json::object{{"project", definition.project}, {"records", std::move(shown)}}));
  else
    fmt::print("{} read: {} stored, {} duplicate, {} late, {} dead\n", books.read, books.stored, books.duplicate,
               books.late, books.dead);
  return ok();
}

Status status_command(const Context& context) {
  const Workbench bench = TRY(open_workbench(context, "tidecast status"));
  Project& project = *bench.project;
  const Books books = project.features().books();
  const std::optional<int> staging = TRY(project.registry().placed("staging"));
  const std::optional<int> production = TRY(project.registry().placed("production"));
  const std::vector<ModelVersion> models = TRY(project.registry().list());
  const std::vector<Evaluation> evaluations = TRY(project.tracking().evaluations("production"));
  const std::vector<AlarmChange> alarms = TRY(project.tracking().alarm_changes());
  const std::vector<Run> runs = TRY(project.tracking().runs());

  const std::optional<EventTime> watermark = bench.scheduler->pipeline().watermark();
  if (context.json) {
    json::object windows;
    for (const FeatureGroup& group : project.features().groups())
      windows[group.name] = project.features().rows(group.name);
    json::object out{
        {"project", project.definition().project},
        {"now", to_rfc3339(bench.clock->now())},
        {"events", json::object{{"read", books.read},
                                {"stored", books.stored},
                                {"duplicate", books.duplicate},
                                {"late", books.late},
                                {"dead", books.dead}}},
        {"balance", books.balanced() ? "ok" : "broken"},
        {"windows", std::move(windows)},
        {"watermark", watermark ? json::value(to_rfc3339(*watermark)) : json::value(nullptr)},
        {"staging", staging ? json::value(*staging) : json::value(nullptr)},
        {"production", production ? json::value(*production) : json::value(nullptr)},
        {"alarm", alarms.empty() ? json::value("OK") : json::value(alarms.back().state)},
        {"loss", !evaluations.empty() && evaluations.back().loss ? json::value(*evaluations.back().loss)
                                                                 : json::value(nullptr)},
        {"threshold", evaluations.empty() ? json::value(nullptr) : json::value(evaluations.back().threshold)},
        {"retrain", name_of(bench.scheduler->retrain_state())},
        {"runs", runs.size()},
        {"needs_you", what_needs_you(models, *bench.scheduler, staging, production)}};
    fmt::print("{}\n", to_text(out));
    return ok();
  }
  const auto line = [](std::string_view label, const std::string& text) { fmt::print(" {:<12} {}\n", label, text); };
  line("Project", fmt::format("{}, at {}{}", project.definition().project, to_rfc3339(bench.clock->now()),
                              TRY(project.simulated_now()) ? " (simulated)" : ""));
  line("Events", fmt::format("{} read = {} stored + {} duplicate + {} late + {} dead, {}", books.read, books.stored,
                             books.duplicate, books.late, books.dead, books.balanced() ? "balanced" : "NOT BALANCED"));
  for (std::size_t g = 0; g < project.features().groups().size(); ++g) {
    const FeatureGroup& group = project.features().groups()[g];
    line(g == 0 ? "Windows" : "",
         fmt::format("{}: {} closed, {} open, watermark {}", group.name, project.features().rows(group.name),
                     bench.scheduler->pipeline().open_windows(g), watermark ? to_rfc3339(*watermark) : "-"));
  }
  if (!project.definition().forecast) return ok();
  line("Models", fmt::format("{} registered; staging {}, production {}", models.size(),
                             staging ? fmt::format("model {}", *staging) : "none",
                             production ? fmt::format("model {}", *production) : "none"));
  if (!evaluations.empty()) {
    const Evaluation& last = evaluations.back();
    line("Accuracy", last.loss ? fmt::format("loss {:.3f} at {}, threshold {:.3f}, naive {:.3f}", *last.loss,
                                             to_rfc3339(last.at), last.threshold, last.naive)
                               : fmt::format("nothing to judge at {}", to_rfc3339(last.at)));
  }
  line("Alarm", alarms.empty() ? "OK"
                               : fmt::format("{} {} since {}", alarms.back().name, alarms.back().state,
                                             to_rfc3339(alarms.back().at)));
  if (runs.empty())
    line("Last run", fmt::format("none yet: the first needs {} windows, {} are there",
                                 kLeastObservations + kLeastWindows * project.forecast().horizon,
                                 project.features().rows(project.forecast().group)));
  else
    line("Last run", fmt::format("run {} ({}): {}", runs.back().id, runs.back().why, name_of(runs.back().outcome)));
  line("Needs you", what_needs_you(models, *bench.scheduler, staging, production));
  return ok();
}

}  // namespace tidecast
