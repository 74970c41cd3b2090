#include "app/init.h"

#include <algorithm>

#include "base/json.h"
#include "net/url.h"
#include "sources/file_records.h"
#include "sources/unpacked_file.h"
#include "storage/file.h"

namespace tidecast {
namespace {

constexpr std::size_t kBytesToGuessFrom = std::size_t{32} << 20;  // Of large records fewer are looked at.

Result<std::vector<std::string>> first_records(const FileOptions& options, std::size_t most) {
  const auto reader = TRY(open_records(options));
  std::vector<std::string> records;
  std::size_t bytes = 0;
  for (FileRecord record; records.size() < most && bytes < kBytesToGuessFrom;) {
    const auto more = reader->next(record);
    if (!more.ok() && records.empty()) return more.status();
    if (!more.ok() || !*more) break;  // What is good will do.
    bytes += record.text().size();
    records.emplace_back(record.text());
  }
  return records;
}

// How many of a CSV file's first rows are whole by this delimiter, times its columns; 0: it does not divide them.
std::size_t fit_of(FileOptions options, char delimiter) {
  options.delimiter = delimiter;
  const auto records = first_records(options, 100);
  if (!records.ok()) return 0;
  std::size_t whole = 0, columns = 0;
  for (const std::string& record : *records) {
    const auto value = parse_json(record);
    if (!value.ok() || !value->is_object()) continue;
    ++whole;
    columns = value->get_object().size();
  }
  return columns > 1 && whole * 2 >= records->size() ? whole * 1000 + columns : 0;
}

// The first row is taken for names unless one of its values is none: a number, a time, true, or nothing.
bool has_header(FileOptions options) {
  options.header = false;
  const auto records = first_records(options, 1);
  if (!records.ok() || records->empty()) return true;
  const auto row = parse_json(records->front());
  if (!row.ok() || !row->is_object()) return true;
  for (const auto& [key, value] : row->get_object())
    if ((!value.is_string() && !value.is_null()) || (value.is_string() && guess_time({value}))) return false;
  return true;
}

// Sets what the name of the file does not say.
Status look_at_content(FileOptions& options, SniffedSource& source) {
  if (format_of(options.path) == FileFormat::kParquet) return ok();
  const auto beginning = TRY(first_records({.path = options.path, .format = FileFormat::kNdjson}, 1));
  const bool csv_by_name = format_of(options.path) == FileFormat::kCsv;
  if (!csv_by_name && !beginning.empty() && beginning[0].starts_with("PAR1")) {
    options.format = FileFormat::kParquet;
    source.format = "parquet";
    return ok();
  }
  const bool json = !beginning.empty() && (beginning[0].starts_with('{') || beginning[0].starts_with('['));
  if (!csv_by_name && json) return ok();

  FileOptions csv = options;
  csv.format = FileFormat::kCsv;
  char best = 0;
  std::size_t most = fit_of(csv, 0);
  for (const char delimiter : {',', ';', '\t', '|'}) {
    const std::size_t fit = fit_of(csv, delimiter);
    if (fit <= most) continue;
    most = fit;
    best = delimiter;
  }
  if (!csv_by_name && most == 0) return ok();  // Neither: said when its records are looked at.
  csv.delimiter = best;
  if (best != 0) source.delimiter = std::string(1, best);
  source.header = csv.header = has_header(csv);
  if (!csv_by_name) source.format = "csv";
  options = csv;
  return ok();
}

// "trips" of trips.csv.gz.
std::string name_of_file(const std::filesystem::path& path) {
  std::string name = path.filename().string();
  const std::size_t dot = name.find('.', 1);
  return name.substr(0, dot);
}

// Why no line of the file is a record, where that is because the whole file is one document; ok otherwise.
Status check_not_one_document(const std::filesystem::path& path) {
  const auto text = read_unpacked(path, std::size_t{16} << 20);
  const auto document = text.ok() ? parse_json(*text) : Result<json::value>(text.status());
  const auto list = document.ok() ? find_records(*document) : std::nullopt;
  if (!list) return ok();
  std::string filter = *list;
  std::replace(filter.begin(), filter.end(), '/', '.');
  return invalid_argument(
      "{}: one JSON document with a list in it; allowed: NDJSON, one object a line: jq -c '{}[]' {}", path.string(),
      filter.empty() ? "." : filter, path.string());
}

std::string name_of_host(const std::string& url) {
  const auto parsed = parse_url(url);
  if (!parsed.ok()) return "events";
  std::string host = parsed->host;
  if (host.starts_with("www.") || host.starts_with("api.")) host.erase(0, 4);
  const std::string first = host.substr(0, host.find('.'));
  const bool name = first.find_first_not_of("0123456789") != first.npos;
  return name ? first : "events";
}

}  // namespace

Result<std::string> init_from_file(const std::filesystem::path& path, const std::filesystem::path& seen_from) {
  SniffedSource source{.name = name_of_file(path), .place = path.string()};
  FileOptions options{.path = path};
  TRY(look_at_content(options, source));
  const std::vector<std::string> records = TRY(first_records(options, kRecordsToGuessFrom));
  const auto guess = guess_definition(source, records);
  if (!guess.ok() && options.format == FileFormat::kByName) TRY(check_not_one_document(path));
  TRY(guess);
  if (path.is_relative()) {
    std::error_code ignored;
    const auto seen = std::filesystem::proximate(path, seen_from.empty() ? "." : seen_from, ignored);
    source.place = (ignored ? path : seen).generic_string();
  }
  return definition_text(source, *guess);
}

Result<std::string> init_from_url(const std::string& url, HttpClient& client) {
  const HttpAnswer answer = TRY(client.get(url));
  if (answer.status != 200) return unavailable("{}: HTTP {}; allowed: 200", url, answer.status);
  const auto document = parse_json(answer.body).in(url + ": the reply is no JSON");
  if (!document.ok()) return document.status();
  SniffedSource source{.kind = SniffedSource::Kind::kHttpPoll, .name = name_of_host(url), .place = url};
  std::vector<std::string> records;
  const auto pointer = find_records(*document);
  if (pointer && pointer->empty())
    return invalid_argument("{}: the reply is a list itself; allowed: an object, with the list at a pointer below it",
                            url);
  if (pointer) {
    source.records = *pointer;
    RawBatch batch;
    TRY(split_reply(answer.body, *pointer, ReplyOrder::kOldestFirst, ProcessingTime::epoch(), batch).in(url));
    for (std::size_t i = 0; i < std::min(batch.records.size(), kRecordsToGuessFrom); ++i)
      records.emplace_back(batch.raw(i));
  } else {
    records.push_back(answer.body);
  }
  return definition_text(source, TRY(guess_definition(source, records)));
}

Result<std::string> init(const InitArguments& arguments) {
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(arguments.to, error)))
    return failed_precondition("{}: is there already, and stays as it is; another name: --to FILE",
                               arguments.to.string());
  std::string text;
  if (arguments.from.starts_with("http://") || arguments.from.starts_with("https://")) {
    const auto client = TRY(HttpClient::make({}));
    text = TRY(init_from_url(arguments.from, *client));
  } else {
    text = TRY(init_from_file(arguments.from, arguments.to.parent_path()));
  }
  TRY(write_file_atomically(arguments.to, text));
  return text;
}

}  // namespace tidecast
