#include "stream/pipeline.h"

#include <gtest/gtest.h>

#include "stream/memory_store.h"

namespace tidecast {
namespace {

constexpr std::int64_t kStart = 1'600'000'020'000;  // On a minute.

PipelineOptions options() {
  PipelineOptions options;
  options.sources = {{"test"}};
  options.events[0].id = {"/id"};
  options.events[0].time_pointer = "/t";
  options.events[0].fields = {{"fee", "/fee", FieldType::kInteger, true, "satoshi"}};
  using K = AggregateKind;
  options.groups = {{"minutes", 60s, 60s, {{"count", K::kCount, {}}, {"fee_sum", K::kSum, 0}, {"fee_avg", K::kAvg, 0}}},
                    {"seconds", 10s, 0s, {{"count", K::kCount, {}}}}};
  return options;
}

MemoryStore store_for(const PipelineOptions& options) {
  std::vector<FeatureGroup> groups;
  for (const WindowGroup& group : options.groups) groups.push_back(feature_group_of(group, options.events[0]));
  return MemoryStore(groups);
}

std::string event(std::string_view id, std::int64_t second, std::int64_t fee = 1) {
  return fmt::format(R"({{"id":"{}","t":{},"fee":{}}})", id, kStart / 1000 + second, fee);
}

RawBatch batch(std::string cursor, std::initializer_list<std::string> records, std::int64_t arrival_ms = kStart) {
  RawBatch batch;
  for (const std::string& record : records) batch.append(record, ProcessingTime::from_ms(arrival_ms++));
  batch.pad();
  batch.cursor = std::move(cursor);
  return batch;
}

TEST(FeatureGroupOf, TypesUnitsAndEmptyWindowsFollowTheAggregate) {
  EventMapping event;
  event.fields = {{"fee", "/fee", FieldType::kInteger, false, "satoshi"},
                  {"temp", "/temp", FieldType::kNumber, true, "celsius"}};
  using K = AggregateKind;
  const WindowGroup group{"g",
                          5min,
                          0ms,
                          {{"n", K::kCount, {}},
                           {"fees", K::kCount, 0},
                           {"fee_sum", K::kSum, 0},
                           {"fee_avg", K::kAvg, 0},
                           {"temp_sum", K::kSum, 1},
                           {"temp_max", K::kMax, 1},
                           {"fee_min", K::kMin, 0}}};
  const FeatureGroup features = feature_group_of(group, event);
  EXPECT_EQ(features.name, "g");
  EXPECT_EQ(features.window, 5min);
  std::string text;
  for (const FeatureColumn& column : features.columns)
    text += fmt::format("{} {} '{}' {}\n", column.name, name_of(column.type), column.unit,
                        column.empty == EmptyWindow::kZero ? "zero" : "null");
  EXPECT_EQ(text,
            "n integer '' zero\n"
            "fees integer '' zero\n"
            "fee_sum integer 'satoshi' zero\n"
            "fee_avg number 'satoshi' null\n"
            "temp_sum number 'celsius' zero\n"
            "temp_max number 'celsius' null\n"
            "fee_min integer 'satoshi' null\n");
}

TEST(Pipeline, EndsEachRecordExactlyOnce) {
  MemoryStore store = store_for(options());
  auto pipeline = Pipeline::open(options(), store).value();
  EXPECT_EQ(pipeline->watermark(), std::nullopt);
  const auto ingested = pipeline->ingest(
      0, batch("7", {event("a", 0), event("b", 200), event("a", 0), "garbage", event("c", 1), event("d", 205)}));
  ASSERT_TRUE(ingested.ok()) << ingested.message();

  const Recovered& stored = store.recovered();
  EXPECT_EQ(stored.books, (Books{.read = 6, .stored = 3, .duplicate = 1, .late = 1, .dead = 1}));
  EXPECT_EQ(stored.late_by_group.at("minutes"), 1u);
  EXPECT_EQ(stored.late_by_group.at("seconds"), 1u);
  EXPECT_EQ(stored.cursors.at("test"), "7");
  EXPECT_EQ(stored.arrival.ms(), kStart + 5);
  EXPECT_EQ(pipeline->cursor(0), "7");
  EXPECT_EQ(pipeline->watermark(), EventTime::from_ms(kStart + 145'000));
  EXPECT_EQ(pipeline->open_windows(0), 1u);

  using Archived = MemoryStore::Archived;
  const auto at = [](int i) { return ProcessingTime::from_ms(kStart + i); };
  EXPECT_EQ(store.archive(), (std::vector<Archived>{{0, at(0), "stored", event("a", 0), "test"},
                                                    {1, at(1), "stored", event("b", 200), "test"},
                                                    {4, at(4), "late", event("c", 1), "test"},
                                                    {5, at(5), "stored", event("d", 205), "test"}}));
  const auto dead = store.dead_letters(10).value();
  ASSERT_EQ(dead.size(), 1u);
  EXPECT_EQ(dead[0].number, 3u);
  EXPECT_EQ(dead[0].arrival, at(3));
  EXPECT_EQ(dead[0].raw, "garbage");
  EXPECT_EQ(dead[0].reason, "not JSON: byte 0: expected an object");
  EXPECT_EQ(dead[0].source, "test");
  EXPECT_EQ(dead[0].position, "7, record 4 of 6");
  const auto late = store.late_records(10).value();
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].number, 4u);
  EXPECT_EQ(late[0].raw, event("c", 1));
  EXPECT_EQ(late[0].reason,
            "minutes: [2020-09-13T12:27:00Z, 2020-09-13T12:28:00Z) closed at watermark 2020-09-13T12:29:20Z; seconds: "
            "[2020-09-13T12:27:00Z, 2020-09-13T12:27:10Z) closed at watermark 2020-09-13T12:30:20Z");
  EXPECT_FALSE(late[0].counted);
  EXPECT_EQ(ingested->books, (Books{.read = 6, .stored = 3, .duplicate = 1, .late = 1, .dead = 1}));
  EXPECT_EQ(ingested->reasons, std::vector<std::string>{"not JSON: byte 0: expected an object"});
}

TEST(Pipeline, CountsARecordAsLateOnlyIfNoGroupTookIt) {
  MemoryStore store = store_for(options());
  auto pipeline = Pipeline::open(options(), store).value();
  ASSERT_TRUE(pipeline->ingest(0, batch("1", {event("a", 30), event("b", 5)})).ok());
  EXPECT_EQ(store.recovered().books, (Books{.read = 2, .stored = 2}));
  EXPECT_EQ(store.recovered().late_by_group, (std::map<std::string, std::uint64_t>{{"minutes", 0}, {"seconds", 1}}));
}

TEST(Pipeline, RemembersALateKeyButNotADeadOne) {
  MemoryStore store = store_for(options());
  auto pipeline = Pipeline::open(options(), store).value();
  const std::string dead = R"({"id":"x","t":1600000020,"fee":"much"})";
  const auto records = batch("1", {event("a", 300), event("late", 0), event("late", 301), dead, event("x", 301)});
  ASSERT_TRUE(pipeline->ingest(0, records).ok());
  EXPECT_EQ(store.recovered().books, (Books{.read = 5, .stored = 2, .duplicate = 1, .late = 1, .dead = 1}));
}

TEST(Pipeline, DoesNotLetADuplicateMoveTheWatermark) {
  MemoryStore store = store_for(options());
  auto pipeline = Pipeline::open(options(), store).value();
  ASSERT_TRUE(pipeline->ingest(0, batch("1", {event("a", 100), event("a", 500)})).ok());
  EXPECT_EQ(pipeline->watermark(), EventTime::from_ms(kStart + 40'000));
}

TEST(Pipeline, ReturnsClosedWindowsInTheOrderOfTheirClosing) {
  MemoryStore store = store_for(options());
  auto pipeline = Pipeline::open(options(), store).value();
  const auto closed =
      pipeline->ingest(0, batch("1", {event("a", 0, 10), event("b", 15, 30), event("c", 125, 1)}, kStart + 1000))
          .value()
          .closed;
  std::string text;
  for (const ClosedWindow& window : closed)
    text += fmt::format("{} {} @{}\n", window.group, (window.row.window_start.ms() - kStart) / 1000,
                        window.row.write_time.ms() - kStart);
  EXPECT_EQ(text, "1 0 @1001\n0 0 @1002\n1 10 @1002\n");
  EXPECT_EQ(closed[1].row.values, (std::vector<FeatureValue>{std::int64_t{2}, std::int64_t{40}, 20.0}));
  EXPECT_EQ(store.latest("minutes").value()->values, closed[1].row.values);
}

TEST(Pipeline, GoesOnWhereItStopped) {
  MemoryStore store = store_for(options());
  const auto before = batch("1", {event("a", 0, 10), event("b", 59, 32)});
  ASSERT_TRUE(Pipeline::open(options(), store).value()->ingest(0, before).ok());
  auto pipeline = Pipeline::open(options(), store).value();
  EXPECT_EQ(pipeline->cursor(0), "1");
  EXPECT_EQ(pipeline->watermark(), EventTime::from_ms(kStart - 1'000));
  const auto closed = pipeline->ingest(0, batch("2", {event("a", 0, 10), event("c", 120)}, kStart + 10)).value().closed;
  EXPECT_EQ(store.recovered().books, (Books{.read = 4, .stored = 3, .duplicate = 1}));
  ASSERT_EQ(closed.size(), 2u);
  EXPECT_EQ(closed[0].row.values[1], FeatureValue(std::int64_t{42}));
}

TEST(Pipeline, CommitsOnceABatchAndNotForNothing) {
  MemoryStore store = store_for(options());
  auto pipeline = Pipeline::open(options(), store).value();
  ASSERT_TRUE(pipeline->ingest(0, batch("", {})).ok());
  EXPECT_EQ(store.commits(), 0u);
  ASSERT_TRUE(pipeline->ingest(0, batch("1", {event("a", 0), event("b", 500)})).ok());
  EXPECT_EQ(store.commits(), 1u);
  ASSERT_TRUE(pipeline->ingest(0, batch("1", {})).ok());
  EXPECT_EQ(store.commits(), 1u);
  ASSERT_TRUE(pipeline->ingest(0, batch("2", {})).ok());  // The source went on over nothing of interest.
  EXPECT_EQ(store.commits(), 2u);
  EXPECT_EQ(store.recovered().cursors.at("test"), "2");
  EXPECT_EQ(store.recovered().arrival.ms(), kStart + 1);
}

TEST(Pipeline, MustBeOpenedAgainAfterAFailedCommit) {
  MemoryStore store = store_for(options());
  auto pipeline = Pipeline::open(options(), store).value();
  const RawBatch records = batch("1", {event("a", 0), event("b", 500)});
  store.fail_next_commit();
  EXPECT_EQ(pipeline->ingest(0, records).code(), Code::kUnavailable);
  EXPECT_EQ(pipeline->ingest(0, records).code(), Code::kFailedPrecondition);
  pipeline = Pipeline::open(options(), store).value();
  EXPECT_EQ(pipeline->cursor(0), "");
  ASSERT_TRUE(pipeline->ingest(0, records).ok());
  EXPECT_EQ(store.recovered().books, (Books{.read = 2, .stored = 2}));
}

TEST(Pipeline, TakesEverythingWithoutIds) {
  PipelineOptions anonymous = options();
  anonymous.events[0].id = {};
  MemoryStore store = store_for(anonymous);
  auto pipeline = Pipeline::open(anonymous, store).value();
  ASSERT_TRUE(pipeline->ingest(0, batch("1", {event("a", 0), event("a", 0)})).ok());
  EXPECT_EQ(store.recovered().books, (Books{.read = 2, .stored = 2}));
}

TEST(Pipeline, RefusesAStoreOfOtherGroups) {
  PipelineOptions renamed = options();
  renamed.groups[0].name = "hours";
  MemoryStore store = store_for(options());
  const auto pipeline = Pipeline::open(renamed, store);
  EXPECT_EQ(pipeline.code(), Code::kFailedPrecondition);
  EXPECT_EQ(pipeline.message(),
            "group 0 is minutes (1min, 3 columns) in the store, but hours (1min, 3 columns) in the pipeline");
}

TEST(Pipeline, RefusesWindowsOfAnotherDefinition) {
  MemoryStore store = store_for(options());
  ASSERT_TRUE(Pipeline::open(options(), store).value()->ingest(0, batch("1", {event("a", 0)})).ok());
  PipelineOptions changed = options();
  changed.groups[0].kind = WindowKind::kSession;
  const auto pipeline = Pipeline::open(changed, store);
  EXPECT_EQ(pipeline.code(), Code::kFailedPrecondition);
  EXPECT_NE(pipeline.message().find("'minutes' was tumbling 1min and is session 1min now"), std::string::npos)
      << pipeline.message();
  changed = options();
  changed.groups[0].lateness = 5min;  // That may change, and so may columns.
  changed.groups[0].columns[2].kind = AggregateKind::kMax;
  EXPECT_TRUE(Pipeline::open(changed, store).ok());
}

TEST(Pipeline, RefusesADamagedState) {
  MemoryStore store = store_for(options());
  ASSERT_TRUE(Pipeline::open(options(), store).value()->ingest(0, batch("1", {event("a", 0)})).ok());
  store.recovered().engine_state.back()[20] ^= 1;
  EXPECT_EQ(Pipeline::open(options(), store).code(), Code::kDataLoss);
  store.recovered().engine_state.clear();
  EXPECT_EQ(Pipeline::open(options(), store).code(), Code::kDataLoss);
}

TEST(Pipeline, RefusesDefinitionsThatMakeNoSense) {
  const auto message = [](const auto& change) {
    PipelineOptions wrong = options();
    wrong.events[0].fields.push_back({"label", "/label", FieldType::kText, true, ""});
    change(wrong);
    MemoryStore store = store_for(options());
    const auto pipeline = Pipeline::open(wrong, store);
    EXPECT_EQ(pipeline.code(), Code::kInvalidArgument);
    return pipeline.ok() ? std::string("it makes sense") : pipeline.message();
  };
  EXPECT_EQ(message([](auto& o) { o.groups[1].window = 0ms; }), "seconds: window is 0 ms; allowed: above 0, up to 7d");
  EXPECT_EQ(message([](auto& o) { o.groups[1].lateness = -1ms; }), "seconds: lateness is -1 ms; allowed: 0 or above");
  EXPECT_EQ(message([](auto& o) { o.groups[0].columns[1].field = 1; }),
            "minutes: fee_sum: sum of 'label', which is text; allowed: integer, number");
  EXPECT_EQ(message([](auto& o) { o.groups[0].columns[1].field = 9; }), "minutes: fee_sum: field 9 of 2 fields");
  EXPECT_EQ(message([](auto& o) { o.groups[0].columns[1].field = std::nullopt; }),
            "minutes: fee_sum: sum of no field; only count may have none");
  const auto group = [&](const auto& change) { return message([&](auto& o) { change(o.groups[0]); }); };
  EXPECT_EQ(group([](auto& g) { g.kind = WindowKind::kHopping, g.every = 7s; }),
            "minutes: every is 7000 ms; allowed: what divides the window, 1min");
  EXPECT_EQ(group([](auto& g) { g.offset = 60s; }), "minutes: offset is 60000 ms; allowed: 0 up to 1min");
  EXPECT_EQ(group([](auto& g) { g.kind = WindowKind::kSession, g.offset = 1ms; }),
            "minutes: offset is 1 ms; allowed: 0, for sessions are on no grid");
  EXPECT_EQ(group([](auto& g) { g.kind = WindowKind::kSession, g.allowed_lateness = 1s; }),
            "minutes: allowed lateness is 1000 ms; allowed: 0, for sessions are not corrected");
  EXPECT_EQ(group([](auto& g) { g.close_when_idle = 0ms; }), "minutes: close_when_idle is 0 ms; allowed: above 0");
  EXPECT_EQ(group([](auto& g) { g.event = 1; }), "minutes: event 1 of 1 events");
  EXPECT_EQ(group([](auto& g) { g.key = {1, 1}; }), "minutes: key 'label' twice");
  EXPECT_EQ(group([](auto& g) { g.key = {2}; }), "minutes: key: field 2 of 2 fields");
  EXPECT_EQ(group([](auto& g) { g.where = "fees > 0"; }),
            "minutes: where: 'fees' is no field of event.fields; allowed: fee, label");
  EXPECT_EQ(group([](auto& g) { g.columns[1].kind = AggregateKind::kQuantile, g.columns[1].quantile = 1.5; }),
            "minutes: fee_sum: quantile 1.5; allowed: 0 to 1");
  EXPECT_EQ(message([](auto& o) { o.events[0].fields[0].type = FieldType::kNumber, o.groups[0].key = {0}; }),
            "minutes: key 'fee' is number; allowed: integer, text, boolean");
  EXPECT_EQ(message([](auto& o) { o.groups[1].name = "minutes"; }), "two groups called 'minutes'");
  EXPECT_EQ(message([](auto& o) { o.sources.push_back({"test"}); }), "two sources called 'test'");
  EXPECT_EQ(message([](auto& o) { o.sources[0].idle_after = 0ms; }), "test: idle_after is 0 ms; allowed: above 0");
  EXPECT_EQ(message([](auto& o) { o.events.push_back(o.events[0]); }), "two events called ''");
  EXPECT_EQ(message([](auto& o) {
              o.events.push_back(o.events[0]), o.events[1].name = "b", o.events[1].deduplicate_for = 1h;
            }),
            "events '' and 'b' have another deduplicate_for; allowed: the same");
  EXPECT_EQ(message([](auto& o) { o.events[0].sources = {1}; }), "event '': source 1 of 1 sources");
  EXPECT_NE(message([](auto& o) { o.events[0].id = {"id"}; }).find("'id' is no JSON Pointer"), std::string::npos);
}

}  // namespace
}  // namespace tidecast
