// Records of any bytes between two good ones, through the whole pipeline: those two are always taken, and the books
// balance.

#include "base/log.h"
#include "fuzz.h"
#include "stream/memory_store.h"
#include "stream/pipeline.h"

namespace tidecast::fuzz {
namespace {

constexpr bool kTexts = true;  // Until the decoder takes texts, and groups have keys.

constexpr TimeUnit kUnits[] = {TimeUnit::kSeconds, TimeUnit::kMilliseconds, TimeUnit::kNanoseconds, TimeUnit::kRfc3339};
constexpr const char* kTimes[] = {"1778000400", "1778000400000", "1778000400000000000", "\"2026-05-05T17:00:00Z\""};

PipelineOptions options(std::size_t unit) {
  PipelineOptions options;
  options.sources = {{"feed"}};
  EventMapping& event = options.events[0];
  event.id = {"/id"};
  if (unit == 1) event.id.push_back("/deep/1/id");
  event.time_pointer = "/t";
  event.time.unit = kUnits[unit];
  event.fields = {{"n", "/n", FieldType::kInteger, true, ""}, {"x", "/x", FieldType::kNumber, true, ""}};
  event.max_ahead = 24h;
  using K = AggregateKind;
  options.groups = {{"minutes", 1min, 60s, {{"all", K::kCount, {}}, {"sum", K::kSum, 0}, {"mean", K::kAvg, 1}}}};
  if (kTexts) {
    event.fields.push_back({"s", "/s", FieldType::kText, true, ""});
    event.fields.push_back({"b", "/b", FieldType::kBoolean, true, ""});
    WindowGroup series{"series", 5min, 0ms, {{"all", K::kCount, {}}, {"least", K::kMin, 1}}};
    series.key = {2, 3};
    options.groups.push_back(series);
  }
  return options;
}

std::string good(std::size_t unit, std::string_view id) {
  return fmt::format(R"({{"id":"{}","t":{},"n":1,"x":0.5,"s":"a\"b","b":true,"deep":[0,{{"id":7}}]}})", id,
                     kTimes[unit]);
}

// The first byte says how times are written; records are on lines.
void ingest(std::string_view bytes) {
  const std::size_t unit = bytes.empty() ? 0 : static_cast<unsigned char>(bytes[0]) % 4;
  if (!bytes.empty()) bytes.remove_prefix(1);
  const PipelineOptions pipeline_options = options(unit);
  std::vector<FeatureGroup> groups;
  for (const WindowGroup& group : pipeline_options.groups)
    groups.push_back(feature_group_of(group, pipeline_options.events[0]));
  MemoryStore store(std::move(groups));
  const auto pipeline = Pipeline::open(pipeline_options, store).value();
  RawBatch batch;
  const ProcessingTime arrival = ProcessingTime::from_ms(1'778'000'400'000);
  batch.append(good(unit, "first"), arrival);
  for (std::size_t at = 0; at <= bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', at), bytes.size());
    batch.append(bytes.substr(at, end - at), arrival);
    at = end + 1;
  }
  batch.append(good(unit, "last"), arrival);
  batch.pad();
  batch.cursor = "1";
  const auto ingested = pipeline->ingest(0, batch);
  CHECK(ingested.ok());
  const Books books = store.books();
  CHECK(books.read == batch.records.size() && books.balanced());
  // The last may be late, after a good one of the bytes, or known, if they hold it; it is never dead.
  CHECK(books.dead <= batch.records.size() - 2);
  for (const DeadLetter& letter : store.dead_letters(1'000'000).value())
    CHECK(letter.number > 0 && letter.number < batch.records.size() - 1 && !letter.reason.empty());
}

const Target target{
    "records",
    ingest,
    {std::string(1, '\0') + good(0, "other"),
     "\x01{\"id\":\"a\",\"t\":1778000400123,\"n\":-5,\"deep\":[1,{\"id\":null}]}\n" + good(1, "other"),
     "\x02{\"t\":1778000400123000000,\"id\":\"\\u00e9\\n\",\"s\":\"\\ud83d\\ude00\"}\n{}\n[1,2]\n{\"t\":1,\"t\":2}",
     "\x03{\"t\":\"2026-05-06T00:00:00.123+02:00\",\"id\":\"x\",\"x\":1e-7,\"n\":1.0,\"s\":5,\"b\":false}"}};

}  // namespace
}  // namespace tidecast::fuzz
