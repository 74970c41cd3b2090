// Feature rows, dead letters, late records: what is asked of the feature store.
#include <algorithm>

#include "app/commands.h"
#include "app/verify.h"
#include "features/join.h"
#include "features/record_id.h"
#include "storage/file.h"

namespace tidecast {
namespace {

constexpr std::size_t kMostRows = 100'000;  // Of one answer.
constexpr Milliseconds kLongestSpan = 24h * 365 * 10;
constexpr ProcessingTime kFarFuture = ProcessingTime::from_ms(4'102'444'800'000);  // 2100: no later window is open.
constexpr std::size_t kReplayedAtOnce = 1'000;                                     // Dead letters, in one commit.
constexpr std::size_t kMostRawBytes = 16 << 20;  // Of dead letters or late records in one answer.

Result<std::int64_t> time_or(std::string_view name, const std::string& text, std::int64_t otherwise) {
  return text.empty() ? Result<std::int64_t>(otherwise) : parse_rfc3339(text).in(name);
}

Result<EventRange> range_of(const std::string& from, const std::string& until) {
  const EventRange range{EventTime::from_ms(TRY(time_or("from", from, EventTime::min().ms()))),
                         EventTime::from_ms(TRY(time_or("until", until, EventTime::max().ms())))};
  if (range.from > range.until)
    return invalid_argument("found from {} after until {}; allowed: from before until", from, until);
  return range;
}

json::value json_of(const FeatureValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return nullptr;
}

json::value json_of(const KeyValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* boolean = std::get_if<bool>(&value)) return *boolean;
  if (const auto* text = std::get_if<std::string>(&value)) return json::string(*text);
  return nullptr;
}

// What people see of a row: times, keys, columns, and what is unusual about it.
Result<json::object> row_json(const FeatureGroup& group, const FeatureRow& row, bool history) {
  json::object entry{{"window_start", to_rfc3339(row.window_start)},
                     {"window_end", to_rfc3339(row.window_end)},
                     {"write_time", to_rfc3339(row.write_time)}};
  const std::vector<KeyValue> keys = TRY(key_values(group.keys, row.key));
  for (std::size_t k = 0; k < keys.size(); ++k) entry[group.keys[k].name] = json_of(keys[k]);
  for (std::size_t c = 0; c < group.columns.size(); ++c)
    entry[group.columns[c].name] = c < row.values.size() ? json_of(row.values[c]) : json::value(nullptr);
  if (history || row.revision > 0) entry["revision"] = row.revision;
  if (history) entry["is_deleted"] = row.deleted;
  if (history || row.closed_by_idle) entry["closed_by_idle"] = row.closed_by_idle;
  return entry;
}

// The newest `last` of what `query` asks for (0: all), without reading much more than those: back in time by longer and
// longer stretches.
Result<std::vector<FeatureRow>> newest_rows(const FeatureStore& store, const FeatureGroup& group, RowQuery query,
                                            int last) {
  const EventRange range = query.range;
  std::optional<EventTime> end;
  if (last > 0)
    if (const std::optional<EventTime> newest = store.freshness(group.name).event_time)
      end = std::min({range.until, *newest + 1ms, EventTime::from_ms(std::min(query.as_of, kFarFuture).ms())});
  std::vector<FeatureRow> rows;
  const auto wanted = static_cast<std::size_t>(last);
  for (Milliseconds span = group.step() * std::max(last, 1); end && span < kLongestSpan; span *= 4) {
    query.range.from = std::max(range.from, *end - span);
    rows = TRY(store.select(group.name, query));
    if (rows.size() >= wanted || *end - span <= range.from) break;
  }
  query.range = range;
  if (!end || rows.size() < wanted) rows = TRY(store.select(group.name, query));
  if (last > 0 && rows.size() > wanted) rows.erase(rows.begin(), rows.end() - last);
  return rows;
}

json::object books_json(const Books& books) {
  return {{"read", books.read},
          {"stored", books.stored},
          {"duplicate", books.duplicate},
          {"late", books.late},
          {"dead", books.dead}};
}

json::object letter_json(const DeadLetter& letter) {
  return {{"number", letter.number},
          {"arrival", to_rfc3339(letter.arrival)},
          {"source", letter.source},
          {"position", letter.position},
          {"reason", as_utf8(letter.reason)},
          {"raw", as_utf8(letter.raw)},
          {"replayed_as", letter.replayed_as ? json::value(*letter.replayed_as) : json::value(nullptr)}};
}

Status check_last(int last) { return last < 1 ? invalid_argument("last: found {}, allowed: 1 or more", last) : ok(); }

}  // namespace

Result<const FeatureGroup*> ProjectCommands::group_named(const std::string& name) const {
  std::string known;
  for (const FeatureGroup& group : parts_.project.features().groups()) {
    if (name.empty() || group.name == name) return &group;
    known += (known.empty() ? "" : ", ") + group.name;
  }
  const std::filesystem::path kept = parts_.project.definition().data / "offline" / name;
  const bool plain = !name.starts_with('.') && name.find('/') == name.npos;
  std::error_code ignored;
  if (plain && std::filesystem::is_directory(kept, ignored))
    return not_found(
        "the definition has no feature group '{}' any more, but {}; its rows are kept, and shown again when it has; "
        "what was flushed by then is in {}",
        name, known, kept.string());
  return not_found("no feature group '{}'; there are: {}", name, known);
}

Result<json::object> ProjectCommands::features(const FeaturesQuery& query) {
  const FeatureGroup& group = *TRY(group_named(query.group));
  if (query.last < 0) return invalid_argument("last: found {}, allowed: 0 or more", query.last);
  RowQuery wanted{.range = TRY(range_of(query.from, query.until)), .history = query.history};
  wanted.as_of = ProcessingTime::from_ms(TRY(time_or("as_of", query.as_of, ProcessingTime::max().ms())));
  if (query.key) wanted.key = TRY(parse_key(group.keys, *query.key));
  const std::vector<FeatureRow> rows = TRY(newest_rows(parts_.project.features(), group, wanted, query.last));
  if (rows.size() > kMostRows)
    return invalid_argument("{} rows of {}; allowed: {}; narrow from and until", rows.size(), group.name, kMostRows);

  json::array columns, list;
  for (const FeatureKey& key : group.keys)
    columns.push_back(json::object{{"name", key.name}, {"type", name_of(key.type)}, {"unit", ""}});
  for (const FeatureColumn& column : group.columns)
    columns.push_back(json::object{{"name", column.name}, {"type", name_of(column.type)}, {"unit", column.unit}});
  for (const FeatureRow& row : rows) list.push_back(TRY(row_json(group, row, query.history)));
  return json::object{{"group", group.name}, {"columns", std::move(columns)}, {"rows", std::move(list)}};
}

Result<json::object> ProjectCommands::latest(const std::string& name, const std::vector<std::string>& keys) {
  const FeatureGroup& group = *TRY(group_named(name));
  std::vector<std::string> ids;
  for (const std::string& key : keys) ids.push_back(TRY(parse_key(group.keys, key)));
  json::array rows;
  for (const std::optional<FeatureRow>& row : TRY(parts_.project.features().latest_of(group.name, ids)))
    rows.push_back(row ? json::value(TRY(row_json(group, *row, false))) : json::value(nullptr));
  return json::object{{"group", group.name}, {"rows", std::move(rows)}};
}

Result<json::object> ProjectCommands::erase(const Erasure& erasure) {
  const FeatureGroup& group = *TRY(group_named(erasure.group));
  if (erasure.why.empty())
    return invalid_argument("why: found nothing, allowed: the reason, which whoever comes next will read");
  const EventRange range = TRY(range_of(erasure.from, erasure.until));
  std::optional<std::string> key;
  if (erasure.key) key = TRY(parse_key(group.keys, *erasure.key));
  return parts_.on_loop([&]() -> Result<json::object> {
    const std::uint64_t rows = TRY(parts_.scheduler.erase(group.name, key, range, erasure.actor, erasure.why));
    return json::object{{"group", group.name}, {"rows", rows}};
  });
}

Result<json::object> ProjectCommands::dead_letters(int last) {
  TRY(check_last(last));
  const FeatureStore& store = parts_.project.features();
  json::array list;
  std::uint64_t left_out = 0;
  std::vector<DeadLetter> letters = TRY(store.dead_letters(static_cast<std::size_t>(last), kMostRawBytes, &left_out));
  for (auto letter = letters.rbegin(); letter != letters.rend(); ++letter) list.push_back(letter_json(*letter));
  return json::object{{"dead", store.books().dead}, {"left_out", left_out}, {"letters", std::move(list)}};
}

Result<json::object> ProjectCommands::dead_letter(std::int64_t number) {
  if (number >= 0)
    if (const auto letter = TRY(parts_.project.features().dead_letter(static_cast<std::uint64_t>(number))))
      return letter_json(*letter);
  return not_found("no dead letter {}; tidecast dead list shows them", number);
}

Result<json::object> ProjectCommands::replay_dead(const std::vector<std::int64_t>& numbers, const std::string& actor) {
  const FeatureStore& store = parts_.project.features();
  const auto answer = [](const Books& taken, std::uint64_t still_dead) {
    return json::object{{"taken", books_json(taken)}, {"still_dead", still_dead}};
  };
  if (!numbers.empty())
    return parts_.on_loop([&]() -> Result<json::object> {
      std::vector<DeadLetter> letters;
      for (const std::int64_t number : numbers) {
        auto letter = number < 0 ? std::nullopt : TRY(store.dead_letter(static_cast<std::uint64_t>(number)));
        if (!letter) return not_found("no dead letter {}; tidecast dead list shows them", number);
        if (!letter->replayed_as) letters.push_back(std::move(*letter));
      }
      std::ranges::sort(letters, {}, &DeadLetter::number);
      const auto [first, last] = std::ranges::unique(letters, {}, &DeadLetter::number);
      letters.erase(first, last);
      const Replayed replayed = TRY(parts_.scheduler.replay_dead(letters, actor));
      return answer(replayed.ingested.books, replayed.still_dead);
    });
  // All that are there now, in portions between which the stream goes on.
  const std::uint64_t until = store.books().read;
  std::uint64_t next = 0, still_dead = 0;
  Books taken;
  while (next < until)
    TRY(parts_.on_loop([&]() -> Result<json::object> {
      std::vector<DeadLetter> letters = TRY(store.dead_letters_from(next, kReplayedAtOnce, kMostRawBytes));
      next = letters.empty() ? until : letters.back().number + 1;
      std::erase_if(letters, [&](const DeadLetter& letter) { return letter.replayed_as || letter.number >= until; });
      const Replayed replayed = TRY(parts_.scheduler.replay_dead(letters, actor));
      const Books& more = replayed.ingested.books;
      taken.read += more.read, taken.stored += more.stored, taken.duplicate += more.duplicate;
      taken.late += more.late, taken.dead += more.dead;
      still_dead += replayed.still_dead;
      return json::object();
    }));
  return answer(taken, still_dead);
}

Result<json::object> ProjectCommands::late(int last) {
  TRY(check_last(last));
  const FeatureStore& store = parts_.project.features();
  json::array list;
  std::uint64_t left_out = 0;
  std::vector<LateRecord> records = TRY(store.late_records(static_cast<std::size_t>(last), kMostRawBytes, &left_out));
  for (auto record = records.rbegin(); record != records.rend(); ++record)
    list.push_back(json::object{{"number", record->number},
                                {"arrival", to_rfc3339(record->arrival)},
                                {"time", to_rfc3339(record->time)},
                                {"source", record->source},
                                {"reason", record->reason},
                                {"counted", record->counted},
                                {"raw", as_utf8(record->raw)}});
  return json::object{{"late", store.books().late}, {"left_out", left_out}, {"records", std::move(list)}};
}

Result<json::object> ProjectCommands::verify(const std::string& from, const std::string& until) {
  const EventRange range = TRY(range_of(from, until));
  const Project& project = parts_.project;
  const auto as_defined = [&](const std::string& text) -> Result<PipelineOptions> {
    return pipeline_options(TRY(parse_definition(text, project.definition().file)));
  };
  const Verification found =
      TRY(tidecast::verify(parts_.project.features(), project.pipeline_options(), range, 20'000, as_defined));
  json::array groups;
  for (const GroupVerification& group : found.groups) {
    json::array differences;
    for (const std::string& difference : group.differences) differences.emplace_back(difference);
    groups.push_back(json::object{{"group", group.group},
                                  {"compared", group.compared},
                                  {"equal", group.equal},
                                  {"missing", group.missing},
                                  {"extra", group.extra},
                                  {"different", group.different},
                                  {"erased", group.erased},
                                  {"correctable", group.correctable},
                                  {"differences", std::move(differences)}});
  }
  return json::object{{"ok", found.equal() && found.compared() > 0},
                      {"compared", found.compared()},
                      {"records", found.records},
                      {"groups", std::move(groups)}};
}

Result<SqlFile> ProjectCommands::join(const JoinRequest& request) {
  JoinOptions options{.name = "entities", .known_now = request.known_now};
  if (!request.time_column.empty()) options.time_column = request.time_column;
  if (!request.max_age.empty()) options.max_age = TRY(parse_duration(request.max_age).in("max_age"));
  options.groups = request.groups;
  if (options.groups.empty())
    for (const FeatureGroup& group : parts_.project.features().groups()) options.groups.push_back(group.name);
  const ScratchFolder scratch = TRY(ScratchFolder::make("join"));
  options.entities = scratch.path() / (request.parquet ? "entities.parquet" : "entities.csv");
  const std::filesystem::path out = scratch.path() / (request.format == "parquet" ? "joined.parquet" : "joined.csv");
  TRY(write_file_atomically(options.entities, request.entities));
  TRY(join_to_file(parts_.project.features(), options, out));
  return SqlFile{.bytes = TRY(read_file(out))};
}

}  // namespace tidecast
