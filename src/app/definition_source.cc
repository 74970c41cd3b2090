// sources: where raw records come from.
#include <algorithm>

#include "app/definition_parts.h"

namespace tidecast {
namespace {

// Any number of minutes, seconds or records that a file could hold.
constexpr std::int64_t kMany = 1'000'000'000;

std::filesystem::path place(const std::filesystem::path& folder, const std::string& path) {
  return (folder / path).lexically_normal();
}

void read_recording(const Value& source, const std::filesystem::path& folder, SourceDefinition& out) {
  const ValueMap map = source.map({
      .required = {"name", "kind", "bodies", "schedule"},
      .optional = {"first_minute", "minutes", "every", "records", "order", "seed", "constant_fee_level"},
      .refused = {{"path", "belongs to kind file", "bodies and schedule"},
                  {"url", "belongs to kind http_poll", "bodies and schedule"}},
  });
  RecordingOptions& options = out.recording;
  if (const auto path = map["bodies"].text("a path of NDJSON, zstd")) options.bodies = place(folder, *path);
  if (const auto path = map["schedule"].text("a path of CSV, zstd")) options.schedule = place(folder, *path);
  set(options.first_minute, map["first_minute"].integer(0, kMany));
  set(options.minutes, map["minutes"].integer(0, kMany));
  set(options.every, map["every"].duration(100ms, 1h));
  map["records"].word({.what = "list in a recording's replies", .words = {"/txs"}, .synonyms = {{"txs", "/txs"}}});
  map["order"].word({.what = "order of a recording", .words = {"newest_first"}, .later = {"oldest_first"}});
  set(options.seed, map["seed"].seed());
  if (const Value level = map["constant_fee_level"])
    options.constant_fee_level = level.number(0, 1e6, Bounds::kExcluded);
}

void read_file_source(const Value& source, const std::filesystem::path& folder, SourceDefinition& out) {
  out.kind = SourceDefinition::Kind::kFile;
  const ValueMap map = source.map({
      .required = {"name", "kind", "path"},
      .refused = {later("records", "no key: each line of the file is one record"),
                  {"order", "belongs to replies", "no key: the file's own order"},
                  {"every", "belongs to replies", "no key: arrival times follow from the records' event times"},
                  {"url", "belongs to kind http_poll", "path"}},
      .synonyms = {{"file", "path"}, {"filename", "path"}},
  });
  const Value path = map["path"];
  const auto text = path.text("a path of NDJSON, plain or zstd");
  if (!text) return;
  out.file = place(folder, *text);
  const std::string_view name = *text;
  for (const std::string_view ending : {".csv", ".csv.zst", ".csv.gz", ".tsv", ".parquet", ".gz"})
    if (name.ends_with(ending))
      return path.error_at(name.size() - ending.size(), ending.size(),
                           fmt::format("a file of {} is not in this version", ending),
                           "NDJSON, one JSON object a line, plain or .zst");
}

}  // namespace

SourceDefinition read_sources(const Value& sources, const std::filesystem::path& folder) {
  const std::vector<Value> items = sources.items();
  if (items.empty() && sources.is(YamlNode::Kind::kList)) sources.error("the list is empty", "one source");

  SourceDefinition first;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Value& source = items[i];
    if (i == 1) source.error("a second source is not in this version", "one source");
    SourceDefinition read;
    const Value name = source.find("name");
    set(read.name, name.name(/*dashes=*/true));
    if (!read.name.empty() && std::find(names.begin(), names.end(), read.name) != names.end())
      name.error(fmt::format("two sources are named '{}'", read.name), "a name of its own");
    names.push_back(read.name);

    // The kind decides which other keys there are.  Of one that is not known they are left alone.
    const Value kind = source.find("kind");
    const auto index = kind.word({.what = "source kind",
                                  .words = {"recording", "file"},
                                  .later = {"http_poll", "websocket", "http_push", "kafka"},
                                  .synonyms = {{"ndjson", "file"}, {"json", "file"}}});
    if (!kind)
      source.map({.required = {"name", "kind"},
                  .optional = {"path", "bodies", "schedule", "first_minute", "minutes", "every", "records", "order",
                               "seed", "constant_fee_level"}});
    else if (index == 0u)
      read_recording(source, folder, read);
    else if (index == 1u)
      read_file_source(source, folder, read);
    if (i == 0) first = std::move(read);
  }
  first.recording.name = first.name;
  return first;
}

}  // namespace tidecast
