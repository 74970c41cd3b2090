#include "app/backfill.h"

#include <algorithm>

namespace tidecast {
namespace {

constexpr std::size_t kBatch = 1000;
constexpr Milliseconds kFlushEvery = 1h;  // Of the records' arrivals.

Result<const SourceDefinition*> source_of(const Definition& definition, const BackfillOptions& options) {
  std::string names;
  for (const SourceDefinition& source : definition.sources) {
    const bool can = !options.file.empty() || source.history.has_value();
    if (can && (options.source.empty() || source.name == options.source)) return &source;
    names += (names.empty() ? "" : ", ") + source.name;
  }
  if (options.source.empty())
    return not_found(
        "no source has a history: give one backfill: in the definition, like {{ url: https://blockchain.info }}, or a "
        "file: --file PATH");
  for (const SourceDefinition& source : definition.sources)
    if (source.name == options.source)
      return not_found("the source {} has no backfill: in the definition; or give a file: --file PATH", source.name);
  return not_found("no source '{}'; there are: {}", options.source, names);
}

Result<std::unique_ptr<Source>> open_history(const Project& project, const SourceDefinition& source, Clock& clock,
                                             const BackfillOptions& options, const std::string& name) {
  if (!options.file.empty()) {
    FileOptions file = TRY(project.file_options(source.file));
    file.path = options.file;
    file.name = name;
    return open_file(std::move(file));
  }
  if (!options.from || !options.until)
    return invalid_argument("history needs a range: --from and --until, like --from -2d --until now");
  RawBlockOptions blocks = *source.history;
  blocks.name = name;
  blocks.from = *options.from;
  blocks.until = *options.until;
  blocks.stop = options.stop;
  return open_rawblocks(std::move(blocks), clock);
}

// The project's own, and the history as one source more, which feeds what `source` feeds.  The others bring nothing,
// and are not waited for.
PipelineOptions pipeline_of(const Project& project, std::size_t source, const std::string& name) {
  PipelineOptions options = project.pipeline_options();
  for (PipelineSource& each : options.sources) each.idle_after = 1ms;
  for (EventMapping& event : options.events)
    if (std::ranges::find(event.sources, source) != event.sources.end())
      event.sources.push_back(options.sources.size());
  options.sources.push_back({.name = name});
  return options;
}

}  // namespace

Status backfill(Project& project, Clock& clock, const BackfillOptions& options,
                const std::function<void(const BackfillProgress&)>& progress) {
  const Definition& definition = project.definition();
  const SourceDefinition& source = *TRY(source_of(definition, options));
  const Recovered recovered = TRY(project.features().recover());
  for (const SourceDefinition& each : definition.sources)
    if (recovered.cursors.contains(each.name))
      return failed_precondition(
          "the source {} has been read already, up to {}: what is older would be late; history comes first, into a new "
          "data folder (--data)",
          each.name, to_rfc3339(recovered.arrival));

  const std::string what = options.file.empty() ? source.name : options.file.filename().string();
  const std::string name = std::string(kBackfillPrefix) + what;
  const std::unique_ptr<Source> history = TRY(open_history(project, source, clock, options, name));
  const auto index = static_cast<std::size_t>(&source - definition.sources.data());
  const std::size_t last = definition.sources.size();
  const std::unique_ptr<Pipeline> pipeline = TRY(Pipeline::open(pipeline_of(project, index, name), project.features()));
  TRY(history->seek(pipeline->cursor(last)));

  std::optional<ProcessingTime> next_flush;
  for (;;) {
    if (options.stop && options.stop()) return cancelled("stopped; the same command goes on there");
    const std::optional<ProcessingTime> due = pipeline->next_due();
    const RawBatch batch = TRY(history->read(due.value_or(ProcessingTime::max()), kBatch));
    if (batch.empty() && !TRY(history->next_arrival())) break;
    if (batch.empty()) {
      TRY(pipeline->on_time(*due));
      continue;
    }
    TRY(pipeline->ingest(last, batch));
    const ProcessingTime arrival = batch.records.back().arrival;
    if (!next_flush) next_flush = arrival + kFlushEvery;
    if (arrival >= *next_flush) {
      TRY(project.features().flush());
      next_flush = arrival + kFlushEvery;
    }
    progress({history->progress(), project.features().books()});
  }
  return project.features().flush(true);
}

}  // namespace tidecast
