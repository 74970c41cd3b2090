// sources: where raw records come from.
#include <algorithm>

#include "app/definition_parts.h"
#include "net/url.h"

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

void read_http_poll(const Value& source, const std::filesystem::path& folder, EventId id, SourceDefinition& out) {
  out.kind = SourceDefinition::Kind::kHttpPoll;
  const ValueMap map = source.map({
      .required = {"name", "kind", "url"},
      .optional = {"every", "records", "order", "overlap", "timeout", "ca_file"},
      .refused = {{"path", "belongs to kind file", "url"},
                  {"bodies", "belongs to kind recording", "url"},
                  {"schedule", "belongs to kind recording", "url"},
                  later("headers", "no key: a GET without tokens"),
                  later("method", "no key: a GET")},
      .synonyms = {{"uri", "url"}, {"address", "url"}, {"interval", "every"}, {"ca", "ca_file"}},
  });
  HttpPollOptions& options = out.poll;
  const Value url = map["url"];
  if (const auto text = url.text("https://host[:port]/path?query")) {
    options.url = *text;
    if (const auto parsed = parse_url(*text); !parsed.ok())
      url.error(parsed.message().substr(0, parsed.message().rfind("; allowed: ")),
                "https://host[:port]/path?query, http:// too");
  }
  set(options.every, map["every"].duration(1s, 1h));
  const Value records = map["records"];
  set(options.records, records.pointer());
  if (const auto index = map["order"].word({.what = "order of records",
                                            .words = {"newest_first", "oldest_first"},
                                            .synonyms = {{"desc", "newest_first"}, {"asc", "oldest_first"}}}))
    options.order = index == 0u ? ReplyOrder::kNewestFirst : ReplyOrder::kOldestFirst;
  const Value overlap = map["overlap"];
  options.overlap = records && id == EventId::kGiven;
  if (const auto wanted = overlap.boolean()) {
    if (*wanted && id == EventId::kNone)
      overlap.error("nothing is known again without event.id", "event.id, or overlap: false");
    else if (*wanted && !records)
      overlap.error("a document that is one event repeats none before it", "records, or overlap: false");
    options.overlap = options.overlap && *wanted;
  }
  set(options.timeout, map["timeout"].duration(100ms, 5min));
  if (const auto path = map["ca_file"].text("a path of certificates, PEM")) options.ca_file = place(folder, *path);
}

}  // namespace

SourceDefinition read_sources(const Value& sources, const std::filesystem::path& folder, EventId id) {
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
                                  .words = {"recording", "file", "http_poll"},
                                  .later = {"websocket", "http_push", "kafka"},
                                  .synonyms = {{"ndjson", "file"},
                                               {"json", "file"},
                                               {"http", "http_poll"},
                                               {"https", "http_poll"},
                                               {"rest", "http_poll"},
                                               {"poll", "http_poll"}}});
    if (!kind)
      source.map({.required = {"name", "kind"},
                  .optional = {"path", "bodies", "schedule", "first_minute", "minutes", "every", "records", "order",
                               "seed", "constant_fee_level", "url", "overlap", "timeout", "ca_file"}});
    else if (index == 0u)
      read_recording(source, folder, read);
    else if (index == 1u)
      read_file_source(source, folder, read);
    else if (index == 2u)
      read_http_poll(source, folder, id, read);
    if (i == 0) first = std::move(read);
  }
  first.recording.name = first.poll.name = first.name;
  return first;
}

}  // namespace tidecast
