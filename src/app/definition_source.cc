// sources: where raw records come from.
#include <algorithm>

#include "app/definition_parts.h"
#include "net/url.h"

namespace tidecast {
namespace {

// Of a source whose kind is not known.
const std::vector<std::string_view> kAllKeys = {
    "path",         "format",       "delimiter", "header",     "sort",    "bodies",    "schedule",
    "first_minute", "minutes",      "every",     "records",    "order",   "seed",      "constant_fee_level",
    "url",          "overlap",      "timeout",   "ca_file",    "headers", "subscribe", "only",
    "keep_alive",   "read_timeout", "fill",      "idle_after", "backfill"};

// Any number of minutes, seconds or records that a file could hold.
constexpr std::int64_t kMany = 1'000'000'000;

std::filesystem::path place(const std::filesystem::path& folder, const std::string& path) {
  return (folder / path).lexically_normal();
}

void read_recording(const Value& source, const std::filesystem::path& folder, SourceDefinition& out) {
  const ValueMap map = source.map({
      .required = {"name", "kind", "bodies", "schedule"},
      .optional = {"first_minute", "minutes", "every", "records", "order", "seed", "constant_fee_level", "idle_after"},
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
      .optional = {"format", "delimiter", "header", "sort", "idle_after"},
      .refused = {later("records", "no key: each line of the file is one record"),
                  {"order", "belongs to replies", "no key: the file's own order, or sort: arrival"},
                  {"every", "belongs to replies", "no key: arrival times are in the records, or follow from them"},
                  {"url", "belongs to kind http_poll", "path"}},
      .synonyms = {{"file", "path"}, {"filename", "path"}, {"separator", "delimiter"}},
  });
  if (const auto text = map["path"].text("a path of NDJSON, CSV or Parquet")) out.file.path = place(folder, *text);
  static constexpr FileFormat kFormats[] = {FileFormat::kNdjson, FileFormat::kCsv, FileFormat::kParquet};
  const Value format = map["format"], delimiter = map["delimiter"], header = map["header"];
  if (const auto index = format.word({.what = "format",
                                      .words = {"ndjson", "csv", "parquet"},
                                      .synonyms = {{"json", "ndjson"}, {"jsonl", "ndjson"}, {"tsv", "csv"}}}))
    out.file.format = kFormats[*index];
  if (const auto text = delimiter.text("one character")) {
    if (text->size() == 1 && *text != "\"" && *text != "\n" && *text != "\r")
      out.file.delimiter = text->front();
    else
      delimiter.error(fmt::format("'{}' is no delimiter", *text),
                      "one character of ASCII, like , ; | or a tab (\"\\t\")");
  }
  set(out.file.header, header.boolean());
  out.file.sort_by_arrival = map["sort"].word({.what = "order", .words = {"arrival"}, .later = {"time"}}).has_value();
}

void read_url(const Value& url, Result<Url> (*parse)(std::string_view), std::string_view allowed, std::string& out) {
  const auto text = url.text(allowed);
  if (!text) return;
  out = *text;
  const auto parsed = parse(*text);
  if (!parsed.ok()) url.error(parsed.message().substr(0, parsed.message().rfind("; allowed: ")), std::string(allowed));
}

// NAME: value, or NAME: { file: PATH }, or NAME: { environment: VARIABLE } for what is secret.
std::vector<SourceHeader> read_headers(const Value& headers, const std::filesystem::path& folder) {
  std::vector<SourceHeader> out;
  for (const auto& [key, value] : headers.entries()) {
    SourceHeader header{.name = key.node().text};
    if (value.is(YamlNode::Kind::kMap)) {
      const ValueMap map = value.map({.optional = {"file", "environment"}, .synonyms = {{"env", "environment"}}});
      if (const auto path = map["file"].text("a path")) header.file = place(folder, *path);
      set(header.environment, map["environment"].text("the name of a variable"));
      if (header.file.empty() == header.environment.empty())
        value.error("one of file and environment", "{ file: PATH } or { environment: NAME }");
    } else {
      set(header.value, value.text("a text, { file: PATH } or { environment: NAME }"));
    }
    out.push_back(std::move(header));
  }
  return out;
}

// Of http_poll, and of what a websocket asks beside it.
const std::vector<std::string_view> kPollKeys = {"every",   "records", "order",  "overlap",
                                                 "timeout", "ca_file", "headers"};

void read_poll(const ValueMap& map, const std::filesystem::path& folder, EventId id, HttpPollOptions& options) {
  read_url(map["url"], parse_url, "https://host[:port]/path?query, http:// too", options.url);
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
  if (const Value headers = map["headers"]) options.headers = read_headers(headers, folder);
}

// backfill: where the history of a live source is.
void read_history(const Value& history, const std::filesystem::path& folder, SourceDefinition& out) {
  if (!history) return;
  RawBlockOptions options;
  const ValueMap map =
      history.map({.required = {"url"}, .optional = {"kind", "settle", "pause", "timeout", "ca_file", "headers"}});
  map["kind"].word({.what = "kind of history", .words = {"rawblocks"}});
  read_url(map["url"], parse_url, "https://host[:port], of a blockchain.info", options.url);
  set(options.settle, map["settle"].duration(1min, 24h));
  set(options.pause, map["pause"].duration(0s, 1h));
  set(options.timeout, map["timeout"].duration(100ms, 10min));
  if (const auto path = map["ca_file"].text("a path of certificates, PEM")) options.ca_file = place(folder, *path);
  if (const Value headers = map["headers"]) options.headers = read_headers(headers, folder);
  out.history = std::move(options);
}

void read_http_poll(const Value& source, const std::filesystem::path& folder, EventId id, SourceDefinition& out) {
  out.kind = SourceDefinition::Kind::kHttpPoll;
  Keys keys{.required = {"name", "kind", "url"},
            .optional = {"idle_after", "backfill"},
            .refused = {{"path", "belongs to kind file", "url"},
                        {"bodies", "belongs to kind recording", "url"},
                        {"schedule", "belongs to kind recording", "url"},
                        later("method", "no key: a GET")},
            .synonyms = {{"uri", "url"}, {"address", "url"}, {"interval", "every"}, {"ca", "ca_file"}}};
  keys.optional.insert(keys.optional.end(), kPollKeys.begin(), kPollKeys.end());
  const ValueMap map = source.map(keys);
  read_poll(map, folder, id, out.poll);
  read_history(map["backfill"], folder, out);
}

void read_websocket(const Value& source, const std::filesystem::path& folder, EventId id, SourceDefinition& out) {
  out.kind = SourceDefinition::Kind::kWebSocket;
  WebSocketOptions& options = out.websocket;
  const ValueMap map = source.map({
      .required = {"name", "kind", "url"},
      .optional = {"subscribe", "record", "only", "keep_alive", "read_timeout", "timeout", "ca_file", "headers", "fill",
                   "idle_after", "backfill"},
      .refused = {{"records", "is called record here", "record: a JSON Pointer into a message"},
                  {"every", "belongs to fill, or to kind http_poll", "fill: { url, every }"}},
      .synonyms = {{"uri", "url"}, {"ping_every", "keep_alive"}, {"rest", "fill"}, {"poll", "fill"}},
  });
  read_url(map["url"], parse_websocket_url, "wss://host[:port]/path?query, ws:// too", options.url);
  if (const Value subscribe = map["subscribe"]; subscribe.is(YamlNode::Kind::kList)) {
    for (const Value& item : subscribe.items())
      if (const auto text = item.text("a message, as text")) options.subscribe.push_back(*text);
  } else if (const auto text = subscribe.text("a message, as text, or a list of them")) {
    options.subscribe.push_back(*text);
  }
  set(options.record, map["record"].pointer());
  for (const auto& [key, value] : map["only"].entries()) {
    WebSocketOptions::Match match;
    set(match.pointer, key.field_pointer());
    set(match.value, value.text("a text, a number, true, false or null"));
    options.only.push_back(std::move(match));
  }
  set(options.ping_every, map["keep_alive"].duration(1s, 1h));
  set(options.read_timeout, map["read_timeout"].duration(1s, 1h));
  set(options.timeout, map["timeout"].duration(100ms, 5min));
  if (const auto path = map["ca_file"].text("a path of certificates, PEM")) options.ca_file = place(folder, *path);
  if (const Value headers = map["headers"]) options.headers = read_headers(headers, folder);
  if (const Value fill = map["fill"]) {
    Keys keys{.required = {"url"}, .optional = kPollKeys};
    keys.optional.push_back("while_connected");
    const ValueMap parts = fill.map(keys);
    read_poll(parts, folder, id, options.fill.emplace());
    set(options.fill_every, parts["while_connected"].duration(1s, 24h));
    options.fill->overlap = id == EventId::kGiven && !options.fill->records.empty();
  }
  read_history(map["backfill"], folder, out);
}

void read_http_push(const Value& source, SourceDefinition& out) {
  out.kind = SourceDefinition::Kind::kHttpPush;
  const ValueMap map = source.map({.required = {"name", "kind"},
                                   .optional = {"most_waiting", "idle_after"},
                                   .refused = {{"url", "is this program's own: POST /sources/NAME/events", "no key"}}});
  set(out.push.records_max, map["most_waiting"].integer(1, 10'000'000));
}

}  // namespace

std::vector<SourceDefinition> read_sources(const Value& sources, const std::filesystem::path& folder, EventId id) {
  const std::vector<Value> items = sources.items();
  if (items.empty() && sources.is(YamlNode::Kind::kList)) sources.error("the list is empty", "one source");

  std::vector<SourceDefinition> out;
  for (const Value& source : items) {
    SourceDefinition read;
    const Value name = source.find("name");
    set(read.name, name.name(/*dashes=*/true));
    for (const SourceDefinition& other : out)
      if (!read.name.empty() && other.name == read.name)
        name.error(fmt::format("two sources are named '{}'", read.name), "a name of its own");

    // The kind decides which other keys there are.  Of one that is not known they are left alone.
    const Value kind = source.find("kind");
    const auto index = kind.word({.what = "source kind",
                                  .words = {"recording", "file", "http_poll", "websocket", "http_push"},
                                  .later = {"kafka"},
                                  .synonyms = {{"ndjson", "file"},
                                               {"csv", "file"},
                                               {"json", "file"},
                                               {"parquet", "file"},
                                               {"http", "http_poll"},
                                               {"https", "http_poll"},
                                               {"rest", "http_poll"},
                                               {"poll", "http_poll"},
                                               {"ws", "websocket"},
                                               {"wss", "websocket"},
                                               {"push", "http_push"},
                                               {"webhook", "http_push"}}});
    if (!kind)
      source.map({.required = {"name", "kind"}, .optional = kAllKeys});
    else if (index == 0u)
      read_recording(source, folder, read);
    else if (index == 1u)
      read_file_source(source, folder, read);
    else if (index == 2u)
      read_http_poll(source, folder, id, read);
    else if (index == 3u)
      read_websocket(source, folder, id, read);
    else if (index == 4u)
      read_http_push(source, read);
    const Value idle = source.find("idle_after");
    if (idle && !idle.is_word("off")) read.idle_after = idle.duration(1s, 24h * 7, "off");
    if (index && !out.empty() && out.front().live() != read.live())
      kind.error(fmt::format("{} is {}, and {} is {}", read.name, read.live() ? "live" : "recorded", out.front().name,
                             out.front().live() ? "live" : "recorded"),
                 "live sources, or recorded ones; a file beside a live source: tidecast backfill");
    read.recording.name = read.poll.name = read.file.name = read.websocket.name = read.push.name = read.name;
    out.push_back(std::move(read));
  }
  if (out.empty()) out.emplace_back();
  return out;
}

}  // namespace tidecast
