// A state of the engine that is whole by its seal and nonsense otherwise: the pipeline opens on it, or says what is
// wrong.

#include "base/hash.h"
#include "fuzz.h"
#include "stream/memory_store.h"
#include "stream/pipeline.h"

namespace tidecast::fuzz {
namespace {

PipelineOptions options() {
  PipelineOptions options;
  options.sources = {{"feed"}, {"push", 1min}};
  options.events[0].id = {"/id"};
  options.events[0].time_pointer = "/t";
  options.events[0].time.unit = TimeUnit::kMilliseconds;
  options.events[0].fields = {{"fee", "/fee", FieldType::kInteger, true, ""}};
  options.events[0].fields.push_back({"wallet", "/wallet", FieldType::kText, true, ""});
  using K = AggregateKind;
  WindowGroup minutes{"minutes", 1min, 60s, {{"n", K::kCount, {}}, {"sum", K::kSum, 0}, {"mean", K::kAvg, 0}}};
  minutes.allowed_lateness = 2min;
  WindowGroup hops{
      "hops", 2min, 0ms, {{"median", K::kQuantile, 0}, {"spread", K::kStddev, 0}, {"wallets", K::kCountDistinct, 1}}};
  hops.kind = WindowKind::kHopping;
  hops.every = 1min;
  WindowGroup sessions{"sessions", 30s, 0ms, {{"first", K::kFirst, 0}, {"last", K::kLast, 0}, {"most", K::kMax, 0}}};
  sessions.kind = WindowKind::kSession;
  sessions.key = {1};
  options.groups = {minutes, hops, sessions, {"hours", 1h, 0ms, {{"least", K::kMin, 0}}}};
  return options;
}

MemoryStore store_of(const PipelineOptions& pipeline) {
  std::vector<FeatureGroup> groups;
  for (const WindowGroup& group : pipeline.groups) groups.push_back(feature_group_of(group, pipeline.events[0]));
  return MemoryStore(std::move(groups));
}

Status ingest(Pipeline& pipeline, int from, int until) {
  RawBatch batch;
  for (int i = from; i < until; ++i)
    batch.append(
        fmt::format(R"({{"id":{},"t":{},"fee":{},"wallet":"w{}"}})", i, 1'778'000'400'000 + i * 20'000, i, i % 3),
        ProcessingTime::from_ms(1'778'000'400'000));
  batch.pad();
  batch.cursor = std::to_string(until);
  return pipeline.ingest(0, batch).status();
}

// Pieces of state as an engine wrote them, without their seals.
std::vector<std::string> pieces() {
  MemoryStore store = store_of(options());
  const auto pipeline = Pipeline::open(options(), store).value();
  std::vector<std::string> all;
  for (int i = 0; i < 12; i += 4) {
    CHECK(ingest(*pipeline, i, i + 4).ok());
    for (const std::string& piece : store.recovered().engine_state) all.push_back(piece.substr(0, piece.size() - 8));
  }
  return all;
}

void open(std::string_view bytes) {
  MemoryStore store = store_of(options());
  store.recovered().cursors["feed"] = "12";
  std::string state(bytes);
  const auto seal = sha256(state);
  state.append(reinterpret_cast<const char*>(seal.data()), 8);
  store.recovered().engine_state = {state};
  const auto pipeline = Pipeline::open(options(), store);
  if (!pipeline.ok()) {
    CHECK(pipeline.code() == Code::kDataLoss || pipeline.code() == Code::kFailedPrecondition);
    return;
  }
  static_cast<void>(ingest(**pipeline, 12, 20));  // Rows of nonsense may be refused; that is an error and no crash.
}

const Target target{"engine", open, pieces()};

}  // namespace
}  // namespace tidecast::fuzz
