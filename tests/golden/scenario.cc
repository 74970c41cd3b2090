#include "scenario.h"

#include <vector>

#include "features/record_id.h"
#include "stream/memory_store.h"
#include "stream/pipeline.h"

namespace tidecast {
namespace {

constexpr std::string_view kDay = "2020-01-01";
constexpr std::string_view kOneSource = "scenario";  // Where the scenario names none.

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
  constexpr std::pair<std::string_view, AggregateKind> kKinds[] = {
      {"count", AggregateKind::kCount},   {"sum", AggregateKind::kSum},
      {"min", AggregateKind::kMin},       {"max", AggregateKind::kMax},
      {"avg", AggregateKind::kAvg},       {"count_distinct", AggregateKind::kCountDistinct},
      {"stddev", AggregateKind::kStddev}, {"first", AggregateKind::kFirst},
      {"last", AggregateKind::kLast},     {"quantile", AggregateKind::kQuantile}};
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

// The places of these names, which are split by commas.
template <typename Named>
Result<std::vector<std::size_t>> places_of(const std::vector<Named>& all, std::string_view names) {
  std::vector<std::size_t> places;
  for (const std::string& name : split(names, ',')) {
    const auto found = std::ranges::find(all, name, &Named::name);
    if (found == all.end()) return invalid_argument("nothing is called '{}'", name);
    places.push_back(static_cast<std::size_t>(found - all.begin()));
  }
  return places;
}

// "window=1min lateness=0s every=10s n=count()", from the third word on.
Status parse_group(const std::vector<std::string>& words, const PipelineOptions& options, WindowGroup& group) {
  group.name = words[1];
  group.event = options.events.size() - 1;
  for (const std::string& word : std::span(words).subspan(2))
    if (word.starts_with("event=")) group.event = TRY(places_of(options.events, word.substr(6)))[0];
  const EventMapping& event = options.events[group.event];
  for (const std::string& word : std::span(words).subspan(2)) {
    const std::size_t equals = word.find('=');
    const std::string option = word.substr(0, equals), value = word.substr(equals + 1);
    if (value.find('(') != value.npos) {
      group.columns.push_back(TRY(parse_column(word, event)));
    } else if (option == "key") {
      group.key = TRY(places_of(event.fields, value));
    } else if (option != "event") {
      const Milliseconds duration = TRY(parse_duration(value));
      if (option == "window")
        group.window = duration;
      else if (option == "session")
        group.kind = WindowKind::kSession, group.window = duration;
      else if (option == "every")
        group.kind = WindowKind::kHopping, group.every = duration;
      else if (option == "lateness")
        group.lateness = duration;
      else if (option == "offset")
        group.offset = duration;
      else if (option == "allowed_lateness")
        group.allowed_lateness = duration;
      else if (option == "close_when_idle")
        group.close_when_idle = duration;
      else
        return invalid_argument("'{}' is no option of a group", option);
    }
  }
  return ok();
}

Status parse_source(const std::vector<std::string>& words, PipelineOptions& options) {
  PipelineSource source{words[1], {}};
  if (words.size() == 3) source.idle_after = TRY(parse_duration(words[2].substr(words[2].find('=') + 1)));
  if (options.sources[0].name == kOneSource) options.sources.clear();
  options.sources.push_back(std::move(source));
  return ok();
}

// "event trips when=/kind=trip,ride sources=a"
Status parse_event(const std::vector<std::string>& words, PipelineOptions& options) {
  EventMapping event;
  event.name = words[1];
  for (const std::string& word : std::span(words).subspan(2)) {
    if (word.starts_with("sources=")) {
      event.sources = TRY(places_of(options.sources, word.substr(8)));
    } else {
      const std::size_t equals = word.find('=', 5);
      event.when.push_back({word.substr(5, equals - 5), split(word.substr(equals + 1), ',')});
    }
  }
  if (options.events[0].name.empty()) options.events.clear();
  options.events.push_back(std::move(event));
  return ok();
}

Status parse_definition(const std::string& line, PipelineOptions& options) {
  const std::vector<std::string> words = split(line, ' ');
  EventMapping& event = options.events.back();
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
  else if (words[0] == "source" && words.size() >= 2)
    TRY(parse_source(words, options));
  else if (words[0] == "event" && words.size() >= 2)
    TRY(parse_event(words, options));
  else if (words[0] == "group" && words.size() >= 4)
    TRY(parse_group(words, options, options.groups.emplace_back()));
  else if (words[0] == "where")  // Of the last group.
    options.groups.back().where = line.substr(6);
  else
    return invalid_argument("'{}' is no definition", words[0]);
  return ok();
}

// Of the scenario's day only the time of day.
std::string time_text(std::int64_t ms) {
  const std::string text = to_rfc3339(ms);
  return text.starts_with(kDay) ? text.substr(11, text.size() - 12) : text;
}

std::string text_of(const ClosedWindow& window, const WindowGroup& group, const FeatureGroup& features) {
  const FeatureRow& row = window.row;
  std::string text = fmt::format("  {} {}", group.name, time_text(row.window_start.ms()));
  if (group.kind != WindowKind::kTumbling) text += "-" + time_text(row.window_end.ms());
  if (!group.key.empty()) text += " " + key_text(features.keys, row.key);
  for (std::size_t c = 0; c < group.columns.size(); ++c) {
    const FeatureValue& value = row.values[c];
    text += fmt::format(" {}=", group.columns[c].name);
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      text += fmt::format("{}", *integer);
    else if (const auto* number = std::get_if<double>(&value))
      text += fmt::format("{}", *number);
    else
      text += "null";
  }
  if (row.revision > 0) text += fmt::format(" revision {}", row.revision);
  if (row.closed_by_idle) text += " by idle";
  return text + "\n";
}

std::string text_of(const ClockMark& mark) {
  const std::string at = time_text(mark.at.ms());
  if (mark.kind == ClockMark::Kind::kSourceIdle) return fmt::format("  {} is idle at {}\n", mark.name, at);
  return fmt::format("  watermark of {} is {} at {}\n", mark.name, time_text(mark.time.ms()), at);
}

Result<std::string> fate_of_last(const Books& before, const MemoryStore& store) {
  const Books after = store.books();
  if (after.stored > before.stored && store.archive().back().event == "-") return "unmatched";
  if (after.stored > before.stored) return "stored";
  if (after.late > before.late) return "late";
  if (after.duplicate > before.duplicate) return "duplicate";
  return "dead: " + TRY(store.dead_letters(after.dead)).back().reason;
}

// A scenario that is played: the pipeline on its store.
struct Play {
  // "12:00:00 clock", "12:00:00 replay", "12:00:00 b {...}", "12:00:00 {...}": what becomes of it.
  Result<std::string> line(const std::string& line, const std::string& where) {
    const std::size_t space = line.find(' ');
    const auto at = ProcessingTime::from_ms(TRY(parse_rfc3339(fmt::format("{}T{}Z", kDay, line.substr(0, space)))));
    std::string_view rest = std::string_view(line).substr(space + 1);
    const std::size_t marks = TRY(store->clock_marks()).size();
    std::string text;
    Ingested ingested;
    if (rest == "clock") {
      ingested = TRY(pipeline->on_time(at));
    } else if (rest == "replay") {
      auto replayed = TRY(pipeline->replay(TRY(store->dead_letters(1000)), at));
      const Books& books = replayed.ingested.books;
      text = fmt::format("  {} stored, {} late, {} duplicate, {} still dead\n", books.stored, books.late,
                         books.duplicate, replayed.still_dead);
      ingested = std::move(replayed.ingested);
    } else {
      std::size_t source = 0;
      for (std::size_t s = 0; s < options.sources.size(); ++s)
        if (rest.starts_with(options.sources[s].name + " ")) {
          source = s;
          rest.remove_prefix(options.sources[s].name.size() + 1);
          break;
        }
      RawBatch batch;
      batch.append(rest, at);
      batch.pad();
      batch.cursor = where;
      const Books before = store->books();
      ingested = TRY(pipeline->ingest(source, batch));
      text = "  " + TRY(fate_of_last(before, *store)) + "\n";
    }
    const std::vector<ClockMark> all = TRY(store->clock_marks());
    for (std::size_t m = marks; m < all.size(); ++m) text += text_of(all[m]);
    for (const ClosedWindow& window : ingested.closed)
      text += text_of(window, options.groups[window.group], store->groups()[window.group]);
    return text;
  }

  PipelineOptions options{.sources = {{std::string(kOneSource)}}};
  std::unique_ptr<MemoryStore> store{};
  std::unique_ptr<Pipeline> pipeline{};
};

}  // namespace

Result<std::string> transcript_of(std::string_view scenario, Restarts restarts) {
  Play play;
  std::string transcript;
  int number = 0;
  for (const std::string& line : split(scenario, '\n')) {
    const std::string where = fmt::format("line {}", ++number);
    if (line.starts_with("  ")) continue;  // What is expected; the transcript has what is.
    if (!(line.empty() && number > 1 && transcript.ends_with("\n\n"))) transcript += line + "\n";
    if (line.empty() || line[0] == '#') continue;
    if (line[0] < '0' || line[0] > '9') {
      TRY(parse_definition(line, play.options).in(where));
      continue;
    }
    if (!play.store) {
      std::vector<FeatureGroup> groups;
      for (const WindowGroup& group : play.options.groups)
        groups.push_back(feature_group_of(group, play.options.events[group.event]));
      play.store = std::make_unique<MemoryStore>(std::move(groups));
    }
    if (!play.pipeline || restarts == Restarts::kBeforeEachRecord)
      play.pipeline = TRY(Pipeline::open(play.options, *play.store).in(where));
    transcript += TRY(play.line(line, where).in(where));
  }
  while (transcript.ends_with("\n\n")) transcript.pop_back();
  return transcript;
}

}  // namespace tidecast
