// The pipeline where a source repeats itself: replies that hold the newest records, of which most were in the reply
// before.

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/rng.h"
#include "storage/temporary_folder.h"
#include "stream/memory_store.h"
#include "stream/pipeline.h"

namespace tidecast {
namespace {

constexpr std::int64_t kStart = 1'600'000'020'000;  // On a minute.

EventTime at(std::int64_t second) { return EventTime::from_ms(kStart + second * 1000); }
ProcessingTime arriving(std::int64_t second) { return ProcessingTime::from_ms(kStart + second * 1000); }

PipelineOptions polling() {
  PipelineOptions options;
  options.sources = {{"poll"}};
  options.events[0].id = {"/id"};
  options.events[0].time_pointer = "/t";
  options.groups = {{"minutes", 60s, 60s, {{"count", AggregateKind::kCount, {}}}}};
  return options;
}

std::vector<FeatureGroup> groups_of(const PipelineOptions& options) {
  std::vector<FeatureGroup> groups;
  for (const WindowGroup& group : options.groups) groups.push_back(feature_group_of(group, options.events[0]));
  return groups;
}

std::string event(std::string_view id, std::int64_t second) {
  return fmt::format(R"({{"id":"{}","t":{}}})", id, kStart / 1000 + second);
}

// What one poll at `second` brings.
RawBatch reply(std::int64_t second, const std::vector<std::string>& records) {
  RawBatch batch;
  for (const std::string& record : records) batch.append(record, arriving(second));
  batch.pad();
  batch.cursor = std::to_string(second);
  batch.overlapping = true;
  return batch;
}

// A pipeline on a store of its own, which a restart keeps.
struct Polled {
  explicit Polled(PipelineOptions given = polling()) : options(std::move(given)), store(groups_of(options)) {
    restart();
  }
  void restart() {
    auto opened = Pipeline::open(options, store);
    ASSERT_TRUE(opened.ok()) << opened.message();
    pipeline = std::move(opened).value();
  }
  Ingested ingest(const RawBatch& batch) {
    auto ingested = pipeline->ingest(0, batch);
    EXPECT_TRUE(ingested.ok()) << ingested.message();
    return ingested.ok() ? std::move(ingested).value() : Ingested{};
  }
  Ingested poll(std::int64_t second, const std::vector<std::string>& records) { return ingest(reply(second, records)); }

  PipelineOptions options;
  MemoryStore store;
  std::unique_ptr<Pipeline> pipeline;
};

// ---- gaps ---------------------------------------------------------------------------------------------------------

TEST(PipelineGaps, AReplyThatRepeatsNothingShowsOneBetweenTheNewestBeforeAndItsOldest) {
  Polled polled;
  EXPECT_EQ(polled.poll(60, {event("a", 0), event("b", 58)}).gap, std::nullopt);  // Nothing was read before.
  const Ingested whole = polled.poll(65, {event("b", 58), event("c", 62)});
  EXPECT_EQ(whole.known, 1u);
  EXPECT_EQ(whole.gap, std::nullopt);
  polled.restart();
  const Ingested jumped = polled.poll(300, {event("d", 290), event("e", 295)});
  EXPECT_EQ(jumped.known, 0u);
  ASSERT_TRUE(jumped.gap.has_value());
  EXPECT_EQ(*jumped.gap, (SourceGap{"poll", at(62), at(290), arriving(300)}));
  EXPECT_EQ(polled.store.gaps({}).value(), std::vector<SourceGap>{*jumped.gap});
  EXPECT_EQ(polled.store.gap_count(), 1u);
  EXPECT_EQ(polled.store.books(), (Books{.read = 6, .stored = 5, .duplicate = 1}));
}

TEST(PipelineGaps, AWindowThatTouchesOneIsNullAndItsRowStays) {
  Polled polled;
  polled.poll(60, {event("a", 0), event("b", 61)});
  polled.poll(300, {event("c", 290), event("d", 310)});  // From 0:61 to 0:290.
  polled.poll(500, {event("d", 310), event("e", 500)});
  const TimeSeries series = polled.store.series("minutes", "count", {}, ProcessingTime::max()).value();
  std::string text;
  for (const double value : series.values) text += std::isnan(value) ? "null " : fmt::format("{} ", value);
  EXPECT_EQ(text, "1 null null null null 1 ");
  EXPECT_EQ(polled.store.get("minutes", at(120)).value()->values[0], FeatureValue(std::int64_t{1}));
}

TEST(PipelineGaps, ThereIsNoneWhereNothingNeedRepeat) {
  Polled polled;
  polled.poll(60, {event("a", 0), event("b", 58)});
  RawBatch file = reply(300, {event("c", 290)});
  file.overlapping = false;
  EXPECT_EQ(polled.ingest(file).gap, std::nullopt);
  EXPECT_EQ(polled.poll(600, {}).gap, std::nullopt);  // An empty reply says nothing.
  EXPECT_TRUE(polled.poll(605, {event("d", 600)}).gap.has_value());

  PipelineOptions anonymous = polling();
  anonymous.events[0].id = {};
  Polled unknown(anonymous);
  unknown.poll(60, {event("a", 0)});
  const Ingested jumped = unknown.poll(300, {event("b", 290)});
  EXPECT_EQ(jumped.gap, std::nullopt);
  EXPECT_EQ(jumped.known, 0u);
  EXPECT_EQ(polled.store.gap_count(), 1u);
}

TEST(PipelineGaps, ARecordTwiceInOneReplyWasNotKnownBeforeIt) {
  Polled polled;
  polled.poll(60, {event("a", 0)});
  const Ingested jumped = polled.poll(300, {event("b", 290), event("b", 290), "no JSON", "no JSON"});
  EXPECT_EQ(jumped.known, 0u);
  EXPECT_TRUE(jumped.gap.has_value());
  EXPECT_EQ(polled.store.books(), (Books{.read = 5, .stored = 2, .duplicate = 2, .dead = 1}));
}

TEST(PipelineGaps, WhereTheTimesOverlapThatStretchIsInDoubt) {
  Polled polled;
  polled.poll(60, {event("a", 0), event("b", 58)});
  EXPECT_EQ(polled.poll(65, {event("c", 50), event("d", 60)}).gap, (SourceGap{"poll", at(50), at(58), arriving(65)}));
}

TEST(PipelineGaps, ARecordFurtherBehindThanTheLatenessMakesNoHoleOfThePast) {
  Polled polled;
  polled.poll(1000, {event("a", 0), event("b", 998)});
  EXPECT_EQ(polled.poll(1100, {event("old", -900'000), event("late", 937), event("c", 1090)}).gap,
            (SourceGap{"poll", at(998), at(1090), arriving(1100)}));
  EXPECT_EQ(polled.poll(1200, {event("older", 5)}).gap, std::nullopt);  // A stale reply: the next one will tell.
  EXPECT_EQ(polled.poll(1300, {event("c", 1090), event("d", 1299)}).gap, std::nullopt);
}

TEST(PipelineGaps, WithoutATimeToGoByOneReachesToTheArrival) {
  Polled polled;
  EXPECT_EQ(polled.poll(30, {"no JSON"}).gap, std::nullopt);
  EXPECT_EQ(polled.poll(40, {"none either"}).gap, std::nullopt);  // No event yet: there is nothing to have a hole.
  EXPECT_EQ(polled.poll(60, {event("a", 0), event("b", 58)}).gap, std::nullopt);
  EXPECT_EQ(polled.poll(300, {"new format"}).gap, (SourceGap{"poll", at(58), at(300), arriving(300)}));
  EXPECT_EQ(polled.poll(310, {"new format", event("c", 305)}).gap, std::nullopt);  // Known by its bytes.
}

TEST(PipelineGaps, TheNewestTimeOutlivesARestartWithAnotherLateness) {
  Polled polled;
  polled.poll(100, {event("a", 0), event("b", 98)});
  polled.options.groups[0].lateness = 5min;
  polled.restart();
  EXPECT_EQ(polled.poll(300, {event("c", 290)}).gap, (SourceGap{"poll", at(98), at(290), arriving(300)}));
}

TEST(PipelineGaps, AGapThatCouldNotBeCommittedIsFoundAgain) {
  Polled polled;
  polled.poll(60, {event("a", 0)});
  polled.store.fail_next_commit();
  EXPECT_EQ(polled.pipeline->ingest(0, reply(300, {event("b", 290)})).code(), Code::kUnavailable);
  EXPECT_EQ(polled.store.gap_count(), 0u);
  polled.restart();
  EXPECT_TRUE(polled.poll(300, {event("b", 290)}).gap.has_value());
  EXPECT_EQ(polled.poll(301, {event("b", 290)}).gap, std::nullopt);
  EXPECT_EQ(polled.store.gap_count(), 1u);
}

// ---- what cannot be decoded, again --------------------------------------------------------------------------------

TEST(PipelineRepeats, WhatCannotBeDecodedIsADeadLetterOnce) {
  Polled polled;
  const std::string broken = R"({"id":"x","t":"soon"})";
  polled.poll(60, {event("a", 0), broken, "no JSON"});
  EXPECT_EQ(polled.poll(65, {broken, "no JSON"}).known, 2u);
  polled.restart();
  polled.poll(70, {broken, broken + " ", "no JSON"});  // With a space it is another record.
  EXPECT_EQ(polled.store.books(), (Books{.read = 8, .stored = 1, .duplicate = 4, .dead = 3}));
  std::vector<std::string> dead;
  for (const DeadLetter& letter : polled.store.dead_letters(10).value()) dead.push_back(letter.raw);
  EXPECT_EQ(dead, (std::vector<std::string>{broken, "no JSON", broken + " "}));
}

TEST(PipelineRepeats, BytesAreForgottenLikeIdentifiers) {
  PipelineOptions forgetful = polling();
  forgetful.events[0].deduplicate_for = 100s;
  Polled polled(forgetful);
  polled.poll(0, {"no JSON"});
  polled.poll(99, {"no JSON"});
  EXPECT_EQ(polled.store.books(), (Books{.read = 2, .duplicate = 1, .dead = 1}));
  EXPECT_EQ(polled.poll(100, {"no JSON"}).known, 0u);
  EXPECT_EQ(polled.store.books(), (Books{.read = 3, .duplicate = 1, .dead = 2}));
}

TEST(PipelineRepeats, WithoutIdentifiersEveryRecordStandsForItself) {
  PipelineOptions anonymous = polling();
  anonymous.events[0].id = {};
  Polled polled(anonymous);
  polled.poll(0, {"no JSON", "no JSON"});
  EXPECT_EQ(polled.store.books(), (Books{.read = 2, .dead = 2}));
}

TEST(PipelineRepeats, ARecordAheadOfItsTimeIsTakenOnceItsTimeHasCome) {
  PipelineOptions guarded = polling();
  guarded.events[0].max_ahead = 10s;
  Polled polled(guarded);
  polled.poll(0, {event("a", 0), event("early", 15)});
  EXPECT_EQ(polled.poll(4, {event("early", 15)}).known, 1u);
  EXPECT_EQ(polled.store.books(), (Books{.read = 3, .stored = 1, .duplicate = 1, .dead = 1}));
  polled.poll(5, {event("early", 15)});
  EXPECT_EQ(polled.store.books(), (Books{.read = 4, .stored = 2, .duplicate = 1, .dead = 1}));
}

// A quiet source repeats records until they are older than a new one might be.
TEST(PipelineRepeats, ARecordThatWasTakenIsNotDeadForHavingGrownOld) {
  PipelineOptions guarded = polling();
  guarded.events[0].max_behind = 60s;
  Polled polled(guarded);
  polled.poll(0, {event("a", 0), R"({"id":"b","t":"soon"})"});
  const Ingested old = polled.poll(100, {event("a", 0), event("new", 10)});
  EXPECT_EQ(old.known, 1u);
  EXPECT_EQ(old.gap, std::nullopt);
  EXPECT_EQ(polled.store.books(), (Books{.read = 4, .stored = 1, .duplicate = 1, .dead = 2}));
}

TEST(PipelineRepeats, AnIdentifierMadeOfADeadRecordIsAnother) {
  Polled polled;
  polled.poll(0,
              {"no JSON", R"({"id":"no JSON","t":1600000020})", R"({"id":"tidecast dead\nno JSON","t":1600000020})"});
  EXPECT_EQ(polled.store.books(), (Books{.read = 3, .stored = 2, .dead = 1}));
}

// ---- a source that is polled too slowly now and then --------------------------------------------------------------

// A source of events in the order of their times, of which a poll sees the newest few.  A window that is not null holds
// all its events, and all that is null has a reason; what a series said at a moment, it says of that moment for ever.
TEST(PipelineGapsProperty, EveryWindowThatIsNotNullIsWhole) {
  std::uint64_t gaps = 0, incomplete = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Rng rng(seed);
    PipelineOptions given = polling();
    given.groups[0].window = Milliseconds(rng.below(2) > 0 ? 60'000 : 7'000);
    given.groups[0].lateness = Milliseconds(rng.below(3) * 30'000);
    const std::int64_t width = given.groups[0].window.count();
    const auto window_of = [&](std::int64_t second) { return (kStart + second * 1000) / width; };
    Polled polled(given);

    std::vector<std::int64_t> events;  // Their seconds; the id is the place.
    std::set<std::size_t> read;
    std::set<std::int64_t> doubtful;  // Windows.
    std::map<std::int64_t, std::vector<double>> said;
    std::int64_t now = 0, newest = -1;
    const std::size_t most = 5 + rng.below(20);
    for (int polls = 0; polls < 60; ++polls) {
      const std::int64_t pause = rng.below(10) == 0 ? static_cast<std::int64_t>(rng.below(400)) : 5;
      for (const std::int64_t end = now + 1 + pause; now < end; ++now)
        for (std::uint64_t n = rng.below(5); n > 2; --n) events.push_back(now);
      if (events.empty()) continue;
      const std::size_t first = events.size() - std::min(events.size(), most);
      std::vector<std::string> records;
      bool repeats = false;
      for (std::size_t i = first; i < events.size(); ++i) {
        repeats |= read.contains(i);
        records.push_back(event(std::to_string(i), events[i]));
        read.insert(i);
      }
      if (!repeats && newest >= 0)
        for (std::int64_t t = newest; t <= events[first]; ++t) doubtful.insert(window_of(t));
      const bool expected = !repeats && newest >= 0;
      newest = events.back();
      if (rng.below(4) == 0) polled.restart();
      ASSERT_EQ(polled.poll(now, records).gap.has_value(), expected);
      said[now] = polled.store.series("minutes", "count", {}, ProcessingTime::max()).value().values;
    }
    gaps += polled.store.gap_count();

    const TimeSeries series = polled.store.series("minutes", "count", {}, ProcessingTime::max()).value();
    const std::int64_t first_window = series.start.ms() / width;
    for (std::size_t i = 1; i < series.values.size(); ++i) {  // Of the first one the beginning was not there.
      const std::int64_t window = first_window + static_cast<std::int64_t>(i);
      std::uint64_t all = 0, seen = 0;
      for (std::size_t e = 0; e < events.size(); ++e) {
        all += window_of(events[e]) == window;
        seen += window_of(events[e]) == window && read.contains(e);
      }
      incomplete += seen < all;
      if (doubtful.contains(window))
        ASSERT_TRUE(std::isnan(series.values[i])) << i;
      else
        ASSERT_EQ(series.values[i], static_cast<double>(all)) << i;
    }
    for (const auto& [second, values] : said) {
      const auto again = polled.store.series("minutes", "count", {}, arriving(second)).value().values;
      ASSERT_EQ(again.size(), values.size());
      for (std::size_t i = 0; i < values.size(); ++i)
        ASSERT_TRUE(again[i] == values[i] || (std::isnan(again[i]) && std::isnan(values[i]))) << second << " " << i;
    }
  }
  EXPECT_GT(gaps, 200u);  // The polls do miss what they are made to miss.
  EXPECT_GT(incomplete, 500u);
}

}  // namespace
}  // namespace tidecast
