// The pipeline with several sources and events, with a definition that changes, and with dead letters that are tried
// again.  tests/golden/windows has the rules as scenarios.

#include <gtest/gtest.h>

#include "stream/memory_store.h"
#include "stream/pipeline.h"

namespace tidecast {
namespace {

constexpr std::int64_t kStart = 1'600'000'020'000;  // On a minute.

EventTime at(std::int64_t second) { return EventTime::from_ms(kStart + second * 1000); }
ProcessingTime arriving(std::int64_t second) { return ProcessingTime::from_ms(kStart + second * 1000); }

PipelineOptions two_sources() {
  PipelineOptions options;
  options.sources = {{"a"}, {"b", 30s}};
  options.events[0].id = {"/id"};
  options.events[0].time_pointer = "/t";
  options.events[0].fields = {{"fee", "/fee", FieldType::kInteger, true, "satoshi"}};
  options.groups = {{"minutes", 60s, 60s, {{"count", AggregateKind::kCount, {}}}}};
  return options;
}

std::string event(std::string_view id, std::int64_t second, std::string_view fee = "1") {
  return fmt::format(R"({{"id":"{}","t":{},"fee":{}}})", id, kStart / 1000 + second, fee);
}

struct Project {
  explicit Project(PipelineOptions given = two_sources())
      : options(std::move(given)), store({feature_group_of(options.groups[0], options.events[0])}) {
    restart();
  }
  void restart() {
    auto opened = Pipeline::open(options, store);
    ASSERT_TRUE(opened.ok()) << opened.message();
    pipeline = std::move(opened).value();
  }
  Ingested ingest(std::size_t source, std::int64_t second, const std::vector<std::string>& records) {
    RawBatch batch;
    for (const std::string& record : records) batch.append(record, arriving(second));
    batch.pad();
    batch.cursor = std::to_string(second);
    auto ingested = pipeline->ingest(source, batch);
    EXPECT_TRUE(ingested.ok()) << ingested.message();
    return ingested.ok() ? std::move(ingested).value() : Ingested{};
  }

  PipelineOptions options;
  MemoryStore store;
  std::unique_ptr<Pipeline> pipeline;
};

TEST(PipelineSources, EachGoesOnFromItsOwnCursorAndANewOneFromTheBeginning) {
  Project project;
  project.ingest(0, 1, {event("1", 0)});
  project.ingest(1, 2, {event("2", 0)});
  project.options.sources = {{"new"}, {"b"}};
  project.restart();
  EXPECT_EQ(project.pipeline->cursor(0), "");
  EXPECT_EQ(project.pipeline->cursor(1), "2");
  project.options.sources = {{"another"}, {"new"}};
  const auto opened = Pipeline::open(project.options, project.store);
  EXPECT_EQ(opened.code(), Code::kFailedPrecondition);
  EXPECT_EQ(opened.message(),
            "the store has read from the source 'a', 'b' so far, and 'another', 'new' is another; give it the old name "
            "back, or start with a new data folder");
}

TEST(PipelineSources, TellWhichOneAnOpenWindowWaitsFor) {
  Project project;
  EXPECT_FALSE(project.pipeline->oldest_open(0).has_value());
  EXPECT_EQ(project.pipeline->next_due(), std::nullopt);
  project.ingest(0, 0, {event("1", 0), event("2", 200)});
  const OpenWindowState waiting = project.pipeline->oldest_open(0).value();
  EXPECT_EQ(waiting.start, at(0));
  EXPECT_EQ(waiting.end, at(60));
  EXPECT_EQ(waiting.needs, at(120) - 1ms);
  EXPECT_EQ(waiting.holding, std::size_t{1});
  EXPECT_EQ(waiting.newest, std::nullopt);
  EXPECT_EQ(project.pipeline->watermark(), std::nullopt);
  EXPECT_EQ(project.pipeline->next_due(), arriving(30));
  project.restart();
  EXPECT_EQ(project.pipeline->next_due(), arriving(30));

  ASSERT_TRUE(project.pipeline->on_time(arriving(29)).ok());
  EXPECT_FALSE(project.pipeline->idle(1));
  const Ingested closed = project.pipeline->on_time(arriving(500)).value();
  EXPECT_TRUE(project.pipeline->idle(1));
  ASSERT_EQ(closed.closed.size(), 1u);
  EXPECT_EQ(closed.closed[0].row.write_time, arriving(30));  // Not when the clock happened to be asked.
  EXPECT_TRUE(closed.closed[0].row.closed_by_idle);
  EXPECT_EQ(project.store.clock_marks().value(),
            (std::vector<ClockMark>{{ClockMark::Kind::kSourceIdle, "b", 2, arriving(30), {}}}));
  EXPECT_EQ(project.pipeline->oldest_open(0)->holding, std::size_t{0});
  EXPECT_EQ(project.pipeline->newest(0), at(200));
  EXPECT_EQ(project.pipeline->newest(1), std::nullopt);
  EXPECT_EQ(project.pipeline->next_due(), std::nullopt);
}

TEST(PipelineState, GoesOnInChangesUntilTheyOutweighASnapshot) {
  Project project;
  std::size_t snapshots = 0, longest = 0;
  for (int i = 0; i < 3000; ++i) {
    project.ingest(0, i, {event(std::to_string(i), i)});
    snapshots += project.store.recovered().engine_state.size() == 1;
    longest = std::max(longest, project.store.recovered().engine_state.size());
    if (i % 700 == 699) {
      project.restart();
      project.ingest(0, i, {event("again" + std::to_string(i), i)});
      EXPECT_EQ(project.store.recovered().engine_state.size(), 1u);
    }
  }
  EXPECT_GT(snapshots, 3u);
  EXPECT_LT(snapshots, 20u);
  EXPECT_GT(longest, 100u);
}

TEST(PipelineState, AColumnThatIsNewIsNullInWindowsThatAreOpen) {
  Project project;
  project.options.sources.pop_back();
  project.restart();
  project.ingest(0, 0, {event("1", 0)});
  PipelineOptions wider = project.options;
  wider.groups[0].columns.push_back({"fees", AggregateKind::kSum, 0});
  MemoryStore store({feature_group_of(wider.groups[0], wider.events[0])});
  store.recovered() = project.store.recovered();
  auto pipeline = Pipeline::open(wider, store).value();
  RawBatch batch;
  for (const std::int64_t second : {1, 61, 300}) batch.append(event(std::to_string(second) + "x", second), arriving(1));
  batch.pad();
  const auto closed = pipeline->ingest(0, batch).value().closed;
  ASSERT_EQ(closed.size(), 2u);
  EXPECT_EQ(closed[0].row.values, (std::vector<FeatureValue>{std::int64_t{2}, std::monostate{}}));
  EXPECT_EQ(closed[1].row.values, (std::vector<FeatureValue>{std::int64_t{1}, std::int64_t{1}}));
}

TEST(PipelineReplay, TakesWhatTodaysMappingCanReadAsRecordsThatArriveNow) {
  Project project;
  project.options.events[0].max_ahead = 10s;
  project.restart();
  project.ingest(1, 0, {event("1", 0), event("2", 0, "\"7\""), "no JSON", event("ahead", 11)});
  EXPECT_EQ(project.store.books(), (Books{.read = 4, .stored = 1, .dead = 3}));
  const auto letters = project.store.dead_letters(10).value();
  const Replayed before = project.pipeline->replay(letters, arriving(5)).value();
  EXPECT_EQ(before.still_dead, 3u);
  EXPECT_EQ(project.store.commits(), 1u);

  project.options.events[0].fields[0].type = FieldType::kText;
  project.options.events[0].max_ahead = 11s;
  project.options.groups[0].where = "fee = '7' OR fee = '1'";
  project.restart();
  const Replayed replayed = project.pipeline->replay(letters, arriving(20)).value();
  EXPECT_EQ(replayed.still_dead, 1u);
  EXPECT_EQ(replayed.ingested.books, (Books{.read = 2, .stored = 2}));
  EXPECT_EQ(project.store.books(), (Books{.read = 6, .stored = 3, .dead = 3}));
  EXPECT_EQ(project.store.dead_letter(1).value()->replayed_as, 4u);
  EXPECT_EQ(project.store.dead_letter(2).value()->replayed_as, std::nullopt);
  EXPECT_EQ(project.store.archive().back(),
            (MemoryStore::Archived{5, arriving(20), "stored", event("ahead", 11), "b", ""}));
  EXPECT_EQ(project.pipeline->cursor(1), "0");

  // Those that were taken are not tried again, and one whose identifier came meanwhile is a duplicate.
  const Replayed again = project.pipeline->replay(project.store.dead_letters(10).value(), arriving(21)).value();
  EXPECT_EQ(again.ingested.books, Books{});
  EXPECT_EQ(again.still_dead, 1u);
  EXPECT_EQ(project.pipeline->replay(letters, arriving(21)).value().ingested.books, (Books{.read = 2, .duplicate = 2}));
}

TEST(PipelineReplay, TakesALetterOfASourceThatIsGoneWithoutWaitingForIt) {
  Project project;
  project.ingest(1, 0, {event("2", 500, "\"7\"")});
  const auto letters = project.store.dead_letters(10).value();
  project.options.sources = {{"a"}};
  project.options.events[0].fields[0].type = FieldType::kText;
  project.store.recovered().cursors["a"] = "";
  project.restart();
  EXPECT_EQ(project.pipeline->replay(letters, arriving(20)).value().ingested.books, (Books{.read = 1, .stored = 1}));
  EXPECT_EQ(project.store.archive().back().source, "b");
  EXPECT_EQ(project.pipeline->watermark(), std::nullopt);
}

TEST(Pipeline, GivesTheFirstFewReasonsOfABatch) {
  Project project;
  std::vector<std::string> records;
  for (int i = 0; i < 20; ++i) records.push_back(fmt::format("no {}", std::string(static_cast<std::size_t>(i), '.')));
  for (int i = 0; i < 20; ++i) records.push_back(fmt::format(R"({{"id":"{}","t":0,"fee":{}.5}})", i, i));
  const Ingested ingested = project.ingest(0, 0, records);
  EXPECT_EQ(ingested.books, (Books{.read = 40, .dead = 40}));
  ASSERT_EQ(ingested.reasons.size(), 5u);
  EXPECT_EQ(ingested.reasons[0], "not JSON: byte 0: expected an object");
  EXPECT_EQ(ingested.reasons[4], "/fee: found number 3.5, expected integer");
}

}  // namespace
}  // namespace tidecast
