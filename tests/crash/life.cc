#include "life.h"

#include "base/log.h"
#include "stream/pipeline.h"

namespace tidecast::crash {
namespace {

PipelineOptions pipeline_options() {
  PipelineOptions options;
  options.sources = {{"feed"}};
  EventMapping& event = options.events[0];
  event.id = {"/id"};
  event.time_pointer = "/t";
  event.time.unit = TimeUnit::kMilliseconds;
  event.fields = {{"fee", "/fee", FieldType::kInteger, true, "satoshi"},
                  {"wallet", "/wallet", FieldType::kText, true, ""}};
  event.deduplicate_for = 1h;
  using K = AggregateKind;
  options.groups = {{"minutes", 1min, 60s, {{"n", K::kCount, {}}, {"sum", K::kSum, 0}, {"mean", K::kAvg, 0}}},
                    {"hours", 1h, 0ms, {{"n", K::kCount, {}}, {"least", K::kMin, 0}}}};
  WindowGroup wallets{"wallets", 5min, 60s, {{"n", K::kCount, {}}, {"sum", K::kSum, 0}}};
  wallets.key = {1};
  options.groups.push_back(wallets);
  return options;
}

FeatureStore::Options store_options(const std::filesystem::path& folder) {
  const PipelineOptions options = pipeline_options();
  FeatureStore::Options kept;
  kept.directory = folder;
  for (const WindowGroup& group : options.groups) kept.groups.push_back(feature_group_of(group, options.events[0]));
  kept.groups[0].keep_online = 30min;
  kept.keep_keys = 1h;
  return kept;
}

// Ten minutes of records each.  All of it follows from `number`.
RawBatch batch(int number) {
  constexpr std::int64_t kBegin = 1'778'000'400'000;
  RawBatch batch;
  const ProcessingTime arrival = ProcessingTime::from_ms(kBegin + (number + 1) * 600'000);
  for (int i = 0; i < 24; ++i) {
    const int id = i % 6 == 5 ? number * 24 - i : number * 24 + i;  // Some of the batch before.
    const std::int64_t late = i % 8 == 7 ? 3'000'000 : 0;
    const std::string fee = i == 13 ? "\"none\"" : std::to_string(id * 37 % 1000);
    batch.append(fmt::format(R"({{"id":"{}","t":{},"fee":{},"wallet":"w{}"}})", id,
                             kBegin + number * 600'000 + i * 25'000 - late, fee, id % 5),
                 arrival);
  }
  batch.pad();
  batch.cursor = std::to_string(number + 1);
  return batch;
}

ProcessingTime time_after(int batches) {
  return batches == 0 ? ProcessingTime() : batch(batches - 1).records.back().arrival;
}

Status go_on(FeatureStore& store, int until, Life& life) {
  const auto pipeline = TRY(Pipeline::open(pipeline_options(), store));
  const std::string& cursor = pipeline->cursor(0);
  life.began = life.acknowledged = cursor.empty() ? 0 : std::stoi(cursor);
  TRY(store.flush(time_after(life.began)));  // The last one may have been cut short.
  while (life.acknowledged < until) {
    TRY(pipeline->ingest(0, batch(life.acknowledged)));
    ++life.acknowledged;
    if (life.acknowledged % 3 == 0) TRY(store.flush(time_after(life.acknowledged), life.acknowledged == 9));
  }
  return until == kBatches ? store.flush(time_after(kBatches), true) : ok();
}

std::string text_of(const FeatureValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *integer);
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  return "null";
}

Result<std::string> content_of(FeatureStore& store) {
  const Recovered recovered = TRY(store.recover());
  const Books& books = recovered.books;
  std::string text = fmt::format("read {} stored {} duplicate {} late {} dead {}\n", books.read, books.stored,
                                 books.duplicate, books.late, books.dead);
  for (const auto& [source, cursor] : recovered.cursors) text += fmt::format("{} at {}\n", source, cursor);
  for (const auto& [group, late] : recovered.late_by_group) text += fmt::format("{}: {} late\n", group, late);
  for (const FeatureGroup& group : store.groups()) {
    text += fmt::format("{}: {} rows\n", group.name, store.rows(group.name));
    for (const FeatureRow& row : TRY(store.select(group.name, {.history = true}))) {
      text += fmt::format("{} {} {} {} {} {} {}:", to_rfc3339(row.window_start), to_rfc3339(row.window_end),
                          to_rfc3339(row.write_time), row.key, row.revision, row.deleted, row.closed_by_idle);
      for (const FeatureValue& value : row.values) text += " " + text_of(value);
      text += "\n";
    }
    const auto view = TRY(store.offline(group.name));
    std::uint64_t offline = view.outbox.size();
    for (const OfflineFile& file : view.files) offline += file.rows;
    text += fmt::format("{} offline\n", offline);
  }
  for (const DeadLetter& letter : TRY(store.dead_letters(1000)))
    text += fmt::format("dead {} {} {}\n", letter.number, letter.reason, letter.raw);
  for (const LateRecord& late : TRY(store.late_records(1000)))
    text += fmt::format("late {} {} {}\n", late.number, late.reason, late.raw);
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

}  // namespace tidecast::crash
