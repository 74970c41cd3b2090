// The pipeline on the store that it has in life; pipeline_test.cc has it on one in memory.

#include <gtest/gtest.h>

#include "storage/temporary_folder.h"
#include "stream/pipeline.h"

namespace tidecast {
namespace {

PipelineOptions options_of(std::vector<WindowGroup> groups) {
  PipelineOptions options;
  options.sources = {{"test"}};
  options.events[0].time_pointer = "/t";
  options.events[0].time.unit = TimeUnit::kRfc3339;
  options.groups = std::move(groups);
  return options;
}

WindowGroup counting(std::string name, Milliseconds window) {
  return {std::move(name), window, 0ms, {{"n", AggregateKind::kCount, {}}}};
}

// A store of these groups and the pipeline that fills it.
struct Project {
  Project(const TemporaryFolder& folder, const PipelineOptions& options) {
    FeatureStore::Options kept;
    kept.directory = folder.path();
    for (const WindowGroup& group : options.groups) kept.groups.push_back(feature_group_of(group, options.events[0]));
    kept.sync = false;
    store = std::move(FeatureStore::open(kept)).value();
    auto opened = Pipeline::open(options, *store);
    refusal = opened.ok() ? ok() : opened.status();
    if (opened.ok()) pipeline = std::move(opened).value();
  }

  Status ingest(std::string cursor, std::initializer_list<std::string_view> times) {
    RawBatch batch;
    for (const std::string_view time : times)
      batch.append(fmt::format(R"({{"t":"{}"}})", time), ProcessingTime::from_ms(0));
    batch.pad();
    batch.cursor = std::move(cursor);
    return pipeline->ingest(0, batch).status();
  }

  std::unique_ptr<FeatureStore> store;
  Status refusal;
  std::unique_ptr<Pipeline> pipeline;
};

TEST(PipelineOnTheStore, TakesTheFirstAndTheLastTimeOfTheCalendarAndBuriesWhatLiesBeyond) {
  const TemporaryFolder folder;
  Project project(folder, options_of({counting("weeks", kWidestWindow), counting("seconds", 1s)}));
  const Status status =
      project.ingest("1", {"0001-01-01T00:00:00Z", "0001-01-07T23:59:59.999Z", "0001-01-08T00:00:00Z",
                           "9999-12-24T23:59:59.999Z", "9999-12-25T00:00:00Z", "9999-12-31T23:59:59.999Z"});
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(project.store->books(), (Books{.read = 6, .stored = 2, .dead = 4}));
  EXPECT_EQ(project.store->rows("weeks"), 1u);
  EXPECT_EQ(project.store->rows("seconds"), 2u);
  EXPECT_EQ(
      project.store->dead_letters(10).value()[0].reason,
      "/t: found text \"0001-01-01T00:00:00Z\", expected an RFC 3339 time as text, from 0001-01-08 to 9999-12-24");
  EXPECT_TRUE(project.store->flush(true).ok());
}

TEST(PipelineOnTheStore, AGroupThatIsAddedCountsWhatComesFromThenOn) {
  const TemporaryFolder folder;
  const PipelineOptions before = options_of({counting("minutes", 1min)});
  ASSERT_TRUE(Project(folder, before).ingest("1", {"2026-05-06T00:00:10Z", "2026-05-06T00:01:10Z"}).ok());

  const PipelineOptions after = options_of({counting("seconds", 10s), counting("minutes", 1min)});
  {
    Project project(folder, after);
    ASSERT_TRUE(project.refusal.ok()) << project.refusal.message();
    EXPECT_EQ(project.pipeline->cursor(0), "1");
    EXPECT_EQ(project.store->rows("seconds"), 0u);
    EXPECT_EQ(project.store->latest("seconds").value(), std::nullopt);
    // The new group's watermark is that of the event: what is late for the old one is late for it.
    ASSERT_TRUE(project.ingest("2", {"2026-05-06T00:00:20Z", "2026-05-06T00:01:20Z", "2026-05-06T00:02:20Z"}).ok());
    ASSERT_TRUE(project.store->flush(true).ok());
  }
  Project project(folder, after);
  ASSERT_TRUE(project.refusal.ok()) << project.refusal.message();
  EXPECT_EQ(project.store->books(), (Books{.read = 5, .stored = 4, .late = 1}));
  EXPECT_EQ(project.store->recover()->late_by_group,
            (std::map<std::string, std::uint64_t>{{"minutes", 1}, {"seconds", 1}}));
  EXPECT_EQ(project.store->rows("minutes"), 2u);
  EXPECT_EQ(project.store->rows("seconds"), 1u);
  EXPECT_EQ(project.store->latest("minutes").value()->values, std::vector<FeatureValue>{std::int64_t{2}});
  EXPECT_EQ(project.store->series("seconds", "n", {})->values.size(), 1u);
}

TEST(PipelineOnTheStore, AGroupThatIsGoneKeepsItsRowsAndGoesOnWithNewWindows) {
  const TemporaryFolder folder;
  const PipelineOptions both = options_of({counting("minutes", 1min), counting("seconds", 10s)});
  ASSERT_TRUE(Project(folder, both).ingest("1", {"2026-05-06T00:00:10Z", "2026-05-06T00:00:25Z"}).ok());
  {
    Project without(folder, options_of({counting("minutes", 1min)}));
    ASSERT_TRUE(without.refusal.ok()) << without.refusal.message();
    EXPECT_EQ(without.store->latest("seconds").code(), Code::kNotFound);
    ASSERT_TRUE(without.ingest("2", {"2026-05-06T00:01:10Z"}).ok());
  }
  Project again(folder, both);
  ASSERT_TRUE(again.refusal.ok()) << again.refusal.message();
  EXPECT_EQ(again.store->rows("seconds"), 1u);
  EXPECT_EQ(again.pipeline->open_windows(1), 0u) << "those that were open are gone";
  ASSERT_TRUE(again.ingest("3", {"2026-05-06T00:01:15Z", "2026-05-06T00:01:25Z"}).ok());
  EXPECT_EQ(again.store->rows("seconds"), 2u);
  EXPECT_EQ(again.store->latest("seconds").value()->values, std::vector<FeatureValue>{std::int64_t{1}});
}

TEST(PipelineOnTheStore, ASourceUnderAnotherNameIsNotReadFromTheBeginningAgain) {
  const TemporaryFolder folder;
  PipelineOptions options = options_of({counting("minutes", 1min)});
  ASSERT_TRUE(Project(folder, options).ingest("1", {"2026-05-06T00:00:10Z"}).ok());
  options.sources = {{"renamed"}};
  const Project project(folder, options);
  EXPECT_EQ(project.refusal.code(), Code::kFailedPrecondition);
  EXPECT_EQ(project.refusal.message(),
            "the store has read from the source 'test' so far, and 'renamed' is another; give it the old name back, or "
            "start with a new data folder");
}

}  // namespace
}  // namespace tidecast
