#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "app/status.h"
#include "base/log.h"
#include "cli/context.h"
#include "storage/file.h"

namespace tidecast {
namespace {

// A record as a person can glance at it.
std::string excerpt(std::string_view record) {
  constexpr std::size_t kWidth = 90;
  return record.size() <= kWidth ? std::string(record)
                                 : fmt::format("{}... ({} bytes)", record.substr(0, kWidth), record.size());
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
    changed.wait_for(lock, std::chrono::seconds(20), [&] { return woken; });
    const SourceHealth health = source->health().value_or(SourceHealth{});
    if (health.state == SourceHealth::State::kRetrying) return unavailable("{}: {}", source->name(), health.text);
  }
  return source->read(ProcessingTime::max(), static_cast<std::size_t>(records));
}

}  // namespace

Status check_command(const Context& context, int records) {
  const Definition definition = TRY(load(context));
  const std::vector<DefinitionChange> changes = TRY(changes_since_last(definition));
  if (!context.json) {
    fmt::print("{}", describe(definition));
    using Kind = DefinitionChange::Kind;
    for (const auto& [kind, title] : {std::pair{Kind::kRefused, "Refused over the data that is there:"},
                                      std::pair{Kind::kNewVersion, "A new version of a feature group, from now on:"},
                                      std::pair{Kind::kFree, "Changed, and holds from now on:"}})
      if (const std::string text = to_text(changes, kind); !text.empty()) fmt::print("\n{}\n{}\n", title, text);
  }
  if (const std::string refused = to_text(changes, DefinitionChange::Kind::kRefused); !refused.empty())
    return failed_precondition("{}: not over the data in {}", definition.file.string(), definition.data.string());
  if (records <= 0) return ok();

  // The first records through the real decoder into a store that is thrown away.
  const ScratchFolder folder = TRY(ScratchFolder::make("check"));
  Definition scratch = definition;
  scratch.data = folder.path();
  const std::unique_ptr<Project> project =
      TRY(Project::open(std::move(scratch), "tidecast check", DataFolder::kMayBeNew));
  const std::unique_ptr<Pipeline> pipeline = TRY(Pipeline::open(project->pipeline_options(), project->features()));
  json::array shown;
  for (std::size_t s = 0; s < definition.sources.size(); ++s) {
    if (definition.sources[s].kind == SourceDefinition::Kind::kHttpPush) {
      if (!context.json)
        fmt::print("\n{0} brings what is sent to POST /sources/{0}/events of a running Tidecast.\n",
                   definition.sources[s].name);
      continue;
    }
    const RawBatch batch = TRY(first_records(TRY(project->open_source(definition.sources[s])), records));
    const std::uint64_t before = project->features().books().read;
    TRY(pipeline->ingest(s, batch));
    const std::vector<DeadLetter> dead = TRY(project->features().dead_letters(batch.records.size()));
    if (!context.json) fmt::print("\nThe first records of {}:\n", definition.sources[s].name);
    for (std::size_t i = 0; i < std::min(batch.records.size(), static_cast<std::size_t>(records)); ++i) {
      std::string verdict = "taken";
      for (const DeadLetter& letter : dead)
        if (letter.number == before + i) verdict = "dead: " + letter.reason;
      const std::string arrival = to_rfc3339(batch.records[i].arrival);
      if (context.json)
        shown.push_back(json::object{{"source", definition.sources[s].name},
                                     {"arrival", arrival},
                                     {"verdict", verdict},
                                     {"record", batch.raw(i)}});
      else
        fmt::print("  arrived {}  {}\n    {}\n", arrival, verdict, excerpt(batch.raw(i)));
    }
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
  Connection connection = TRY(connect(context, "tidecast status"));
  const json::object status = TRY(connection.commands().status());
  fmt::print("{}", context.json ? to_text(status) + "\n" : status_text(status));
  return ok();
}

}  // namespace tidecast
