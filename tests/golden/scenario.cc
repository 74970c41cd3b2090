#include "scenario.h"

#include <vector>

#include "stream/memory_store.h"
#include "stream/pipeline.h"

namespace tidecast {
namespace {

constexpr std::string_view kDay = "2020-01-01";

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i <= text.size();) {
    const std::size_t end = std::min(text.find(at, i), text.size());
    if (end > i || at == '\n') parts.emplace_back(text.substr(i, end - i));
    i = end + 1;
  }
  return parts;
}

Result<AggregateColumn> parse_column(const std::string& text, const EventMapping& event) {
  constexpr std::pair<std::string_view, AggregateKind> kKinds[] = {{"count", AggregateKind::kCount},
                                                                   {"sum", AggregateKind::kSum},
                                                                   {"min", AggregateKind::kMin},
                                                                   {"max", AggregateKind::kMax},
                                                                   {"avg", AggregateKind::kAvg}};
  const std::size_t equals = text.find('='), open = text.find('('), close = text.find(')');
  if (equals > open || open > close || close == text.npos)
    return invalid_argument("'{}' is no column like n=count()", text);
  AggregateColumn column{text.substr(0, equals), AggregateKind::kCount, std::nullopt};
  const std::string kind = text.substr(equals + 1, open - equals - 1), field = text.substr(open + 1, close - open - 1);
  const auto known = std::ranges::find(kKinds, kind, [](const auto& pair) { return pair.first; });
  if (known == std::end(kKinds)) return invalid_argument("no aggregate '{}'", kind);
  column.kind = known->second;
  if (field.empty()) return column;
  const auto mapped = std::ranges::find(event.fields, field, &EventField::name);
  if (mapped == event.fields.end()) return invalid_argument("no field '{}'", field);
  column.field = static_cast<std::size_t>(mapped - event.fields.begin());
  return column;
}

Status parse_definition(const std::vector<std::string>& words, PipelineOptions& options) {
  EventMapping& event = options.events[0];
  const auto unit_of = [](const std::string& word) {
    return word == "seconds"        ? TimeUnit::kSeconds
           : word == "milliseconds" ? TimeUnit::kMilliseconds
           : word == "microseconds" ? TimeUnit::kMicroseconds
           : word == "nanoseconds"  ? TimeUnit::kNanoseconds
                                    : TimeUnit::kRfc3339;
  };
  const auto type_of = [](const std::string& word) {
    return word == "integer"  ? FieldType::kInteger
           : word == "number" ? FieldType::kNumber
           : word == "text"   ? FieldType::kText
                              : FieldType::kBoolean;
  };
  if (words[0] == "id")
    event.id.assign(words.begin() + 1, words.end());
  else if (words[0] == "time" && words.size() == 3)
    event.time_pointer = words[1], event.time.unit = unit_of(words[2]);
  else if (words[0] == "field" && words.size() >= 4)
    event.fields.push_back({words[1], words[2], type_of(words[3]), words.size() == 5 && words[4] == "optional", ""});
  else if (words[0] == "deduplicate_for" && words.size() == 2)
    event.deduplicate_for = TRY(parse_duration(words[1]));
  else if (words[0] == "max_ahead" && words.size() == 2)
    event.max_ahead = TRY(parse_duration(words[1]));
  else if (words[0] == "max_behind" && words.size() == 2)
    event.max_behind = TRY(parse_duration(words[1]));
  else if (words[0] == "group" && words.size() >= 4) {
    WindowGroup group{words[1], TRY(parse_duration(words[2].substr(7))), TRY(parse_duration(words[3].substr(9))), {}};
    for (std::size_t i = 4; i < words.size(); ++i) group.columns.push_back(TRY(parse_column(words[i], event)));
    options.groups.push_back(std::move(group));
  } else {
    return invalid_argument("'{}' is no definition", words[0]);
  }
  return ok();
}

std::string text_of(const ClosedWindow& window, const WindowGroup& group) {
  std::string start = to_rfc3339(window.row.window_start);
  if (start.starts_with(kDay)) start = start.substr(11, start.size() - 12);
  std::string text = fmt::format("  {} {}", group.name, start);
  for (std::size_t c = 0; c < group.columns.size(); ++c) {
    const FeatureValue& value = window.row.values[c];
    text += fmt::format(" {}=", group.columns[c].name);
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      text += fmt::format("{}", *integer);
    else if (const auto* number = std::get_if<double>(&value))
      text += fmt::format("{}", *number);
    else
      text += "null";
  }
  return text + "\n";
}

Result<std::string> fate_of_last(const Books& before, const MemoryStore& store) {
  const Books after = store.books();
  if (after.stored > before.stored) return "stored";
  if (after.late > before.late) return "late";
  if (after.duplicate > before.duplicate) return "duplicate";
  return "dead: " + TRY(store.dead_letters(after.dead)).back().reason;
}

}  // namespace

Result<std::string> transcript_of(std::string_view scenario, Restarts restarts) {
  PipelineOptions options{.sources = {{"scenario"}}};
  std::unique_ptr<MemoryStore> store;
  std::unique_ptr<Pipeline> pipeline;
  std::string transcript;
  int number = 0;
  for (const std::string& line : split(scenario, '\n')) {
    const std::string where = fmt::format("line {}", ++number);
    if (line.starts_with("  ")) continue;  // What is expected; the transcript has what is.
    if (!(line.empty() && number > 1 && transcript.ends_with("\n\n"))) transcript += line + "\n";
    if (line.empty() || line[0] == '#') continue;
    if (line[0] < '0' || line[0] > '9') {
      TRY(parse_definition(split(line, ' '), options).in(where));
      continue;
    }
    if (!store) {
      std::vector<FeatureGroup> groups;
      for (const WindowGroup& group : options.groups) groups.push_back(feature_group_of(group, options.events[0]));
      store = std::make_unique<MemoryStore>(std::move(groups));
    }
    if (!pipeline || restarts == Restarts::kBeforeEachRecord) pipeline = TRY(Pipeline::open(options, *store).in(where));
    const std::size_t space = line.find(' ');
    const auto arrival = TRY(parse_rfc3339(fmt::format("{}T{}Z", kDay, line.substr(0, space))).in(where));
    RawBatch batch;
    batch.append(line.substr(space + 1), ProcessingTime::from_ms(arrival));
    batch.pad();
    batch.cursor = where;
    const Books before = store->books();
    const std::vector<ClosedWindow> closed = TRY(pipeline->ingest(0, batch).in(where)).closed;
    transcript += "  " + TRY(fate_of_last(before, *store)) + "\n";
    for (const ClosedWindow& window : closed) transcript += text_of(window, options.groups[window.group]);
  }
  while (transcript.ends_with("\n\n")) transcript.pop_back();
  return transcript;
}

}  // namespace tidecast
