#include "life.h"

#include <algorithm>

#include "base/rng.h"
#include "features/record_id.h"
#include "stream/pipeline.h"

namespace tidecast::crash {
namespace {

// What is read before the first start, as `tidecast backfill` does it; then two sources in turn.
enum class Phase { kHistory, kLive };
constexpr int kHistoryBatches = 2;
Phase phase_of(int number) { return number < kHistoryBatches ? Phase::kHistory : Phase::kLive; }
std::size_t source_of(int number) { return phase_of(number) == Phase::kHistory ? 2 : number % 2; }

PipelineOptions pipeline_options(Phase phase) {
  PipelineOptions options;
  if (phase == Phase::kHistory)
    options.sources = {{"feed", 1ms}, {"push", 1ms}, {std::string(kBackfillPrefix) + "old.ndjson"}};
  else
    options.sources = {{"feed"}, {"push", 30min}};
  EventMapping& event = options.events[0];
  event.id = {"/id"};
  event.time_pointer = "/t";
  event.time.unit = TimeUnit::kMilliseconds;
  event.fields = {{"fee", "/fee", FieldType::kInteger, true, "satoshi"},
                  {"wallet", "/wallet", FieldType::kText, true, ""}};
  event.deduplicate_for = 1h;
  using K = AggregateKind;
  WindowGroup minutes{"minutes", 1min, 60s, {{"n", K::kCount, {}}, {"sum", K::kSum, 0}, {"mean", K::kAvg, 0}}};
  minutes.allowed_lateness = 1h;
  WindowGroup hours{"hours",
                    1h,
                    0ms,
                    {{"least", K::kMin, 0},
                     {"wallets", K::kCountDistinct, 1},
                     {"spread", K::kStddev, 0},
                     {"last", K::kLast, 0},
                     {"median", K::kQuantile, 0}}};
  hours.kind = WindowKind::kHopping;
  hours.every = 30min;
  hours.where = "fee > 100";
  WindowGroup wallets{"wallets", 4min, 60s, {{"n", K::kCount, {}}, {"sum", K::kSum, 0}}};
  wallets.kind = WindowKind::kSession;
  wallets.key = {1};
  wallets.close_when_idle = 1h;
  options.groups = {minutes, hours, wallets};
  return options;
}

FeatureStore::Options store_options(const std::filesystem::path& folder) {
  const PipelineOptions options = pipeline_options(Phase::kLive);
  FeatureStore::Options kept;
  kept.directory = folder;
  for (const WindowGroup& group : options.groups) kept.groups.push_back(feature_group_of(group, options.events[0]));
  kept.groups[0].keep_online = 30min;
  kept.groups[1].keep_offline = 12h;
  kept.keep_keys = 1h;
  kept.keep_raw = 30h;
  return kept;
}

// Twenty minutes of records each; after some of them a day of silence, the second time into another month.
constexpr Milliseconds kStep = 20min;
EventTime start_of(int number) {
  const int days = number < 6 ? 0 : number < 10 ? 1 : 2;
  return EventTime::from_ms(1'780'160'400'000) + 24h * days + kStep * number;  // 2026-05-30T17:00:00Z.
}
ProcessingTime arrival_of(int number) { return ProcessingTime::from_ms((start_of(number) + kStep).ms()); }

// Of which hardly more than half can be compressed away.
std::string noise(std::size_t length) {
  Rng rng(length);
  std::string text(length, ' ');
  for (char& c : text) c = "0123456789abcdef"[rng.below(16)];
  return text;
}

// All of it follows from `number`.
RawBatch batch(int number) {
  constexpr int kRecords = 12;
  RawBatch batch;
  for (int i = 0; i < kRecords; ++i) {
    const int id = i == 4 ? number * kRecords - i : number * kRecords + i;  // One of the batch before.
    EventTime time = start_of(number) + 100s * i;
    if (i == 5) time = start_of(number - 2 + number % 2) + 205s;  // Corrects what a batch before brought.
    if (i == 9) time = time - 4h;                                 // Late for every window.
    const std::string fee = i == 7 ? "\"none\"" : i == 3 ? "null" : std::to_string(id * 37 % 1000);
    // So much of it that the raw file is flushed before the commit: in the middle of an hour, and as the first of one.
    const bool large = i == 2 && (number == 3 || number == 6);
    batch.append(fmt::format(R"({{"id":"{}","t":{},"fee":{},"wallet":"w{}"{}}})", id, time.ms(), fee, id % 3,
                             large ? R"(,"note":")" + noise(300'000) + '"' : ""),
                 arrival_of(number));
  }
  batch.pad();
  batch.cursor = std::to_string(number + 1);
  batch.overlapping = number == 10;  // After a day it repeats nothing that is known: a gap.
  return batch;
}

// What is done when so many batches are in, before the next one comes.  Cut short it is done again, to the same end.
// damage_test relies on it that after 8 and after all no row and no record goes.
Status rest_of(int batches, Pipeline& pipeline, FeatureStore& store) {
  const ProcessingTime now = arrival_of(batches) - 1ms;
  for (auto due = pipeline.next_due(); due && *due <= now; due = pipeline.next_due()) TRY(pipeline.on_time(*due));
  if (batches == 4) TRY(store.erase("wallets", record_id(std::vector<KeyValue>{"w1"}), {}, now));
  if (batches == 12) TRY(store.erase("minutes", std::nullopt, {start_of(10), start_of(11)}, now));
  if (batches % 2 == 1 || batches == kBatches) TRY(store.flush(batches == 9 || batches == kBatches));
  if (batches == 7 || batches == 11)
    while (TRY(store.compact())) continue;
  return ok();
}

Status go_on(FeatureStore& store, int until, Life& life) {
  for (const auto& [source, cursor] : TRY(store.recover()).cursors)
    life.began = std::max(life.began, std::stoi(cursor));
  life.acknowledged = life.began;
  auto pipeline = TRY(Pipeline::open(pipeline_options(phase_of(life.began - 1)), store));
  if (life.began > 0) TRY(rest_of(life.began, *pipeline, store));
  while (life.acknowledged < until) {
    const int number = life.acknowledged;
    if (number == kHistoryBatches) pipeline = TRY(Pipeline::open(pipeline_options(Phase::kLive), store));
    TRY(pipeline->ingest(source_of(number), batch(number)));
    TRY(rest_of(++life.acknowledged, *pipeline, store));
  }
  return ok();
}

std::string text_of(const FeatureValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  return "null";
}

Result<std::string> content_of(FeatureStore& store) {
  const Recovered recovered = TRY(store.recover());
  const Books& books = recovered.books;
  std::string text =
      fmt::format("read {} stored {} duplicate {} late {} dead {} unmatched {} gaps {}\n", books.read, books.stored,
                  books.duplicate, books.late, books.dead, store.unmatched(), store.gap_count());
  for (const auto& [source, cursor] : recovered.cursors) text += fmt::format("{} at {}\n", source, cursor);
  for (const auto& [group, late] : recovered.late_by_group) text += fmt::format("{}: {} late\n", group, late);
  for (const FeatureGroup& group : store.groups()) {
    text += fmt::format("{}: {} rows\n", group.name, store.rows(group.name));
    const auto add = [&](const FeatureRow& row) {
      text += fmt::format("{} {} {} {} {} {} {}:", to_rfc3339(row.window_start), to_rfc3339(row.window_end),
                          to_rfc3339(row.write_time), key_text(group.keys, row.key), row.revision, row.deleted,
                          row.closed_by_idle);
      for (const FeatureValue& value : row.values) text += " " + text_of(value);
      text += "\n";
    };
    for (const FeatureRow& row : TRY(store.select(group.name, {.history = true}))) add(row);
    text += "online:\n";
    for (const auto& row : TRY(store.latest_of(group.name, TRY(store.keys(group.name)))))
      if (row) add(*row);
    const auto view = TRY(store.offline(group.name));
    std::uint64_t offline = view.outbox.size();
    for (const OfflineFile& file : view.files) offline += file.rows;
    text += fmt::format("{} offline\n", offline);
  }
  for (const SourceGap& gap : TRY(store.gaps({})))
    text += fmt::format("gap {} {} {} {}\n", gap.source, to_rfc3339(gap.from), to_rfc3339(gap.until),
                        to_rfc3339(gap.found_at));
  for (const ClockMark& mark : TRY(store.clock_marks()))
    text += fmt::format("mark {} {} {} {} {}\n", static_cast<int>(mark.kind), mark.name, mark.number,
                        to_rfc3339(mark.at), mark.time.ms());
  for (const DeadLetter& letter : TRY(store.dead_letters(1000)))
    text += fmt::format("dead {} {} {} {} {} {}\n", letter.number, to_rfc3339(letter.arrival), letter.source,
                        letter.position, letter.reason, letter.raw);
  for (const LateRecord& late : TRY(store.late_records(1000)))
    text += fmt::format("late {} {} {} {} {} {} {}\n", late.number, to_rfc3339(late.arrival), late.source,
                        to_rfc3339(late.time), late.counted, late.reason, late.raw);
  TRY(store.visit_archive([&](std::string_view line) { return text.append(line) += '\n', true; }));
  return text;
}

}  // namespace

Life live(const std::filesystem::path& folder, int until) {
  Life life;
  auto store = FeatureStore::open(store_options(folder));
  life.status = store.ok() ? go_on(**store, until, life) : store.status();
  return life;
}

std::string content(const std::filesystem::path& folder) {
  const auto store = FeatureStore::open(store_options(folder));
  if (!store.ok()) return fmt::format("{}: {}", name_of(store.code()), store.message());
  const auto text = content_of(**store);
  return text.ok() ? *text : fmt::format("{}: {}", name_of(text.code()), text.message());
}

std::string offline_files(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "offline", none))
    if (entry.is_regular_file()) names.push_back(std::filesystem::relative(entry.path(), folder).string() + "\n");
  std::ranges::sort(names);
  return fmt::format("{}", fmt::join(names, ""));
}

}  // namespace tidecast::crash
