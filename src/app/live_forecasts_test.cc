// The history that forecasts are made from, and the truths that they are scored by, where the source has gaps.

#include "app/live_forecasts.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

constexpr std::int64_t kStart = 1'600'000'020;  // In seconds, on a minute.
constexpr int kHorizon = 4;

// The source is never opened: the test plays it.
Definition definition(const std::filesystem::path& folder) {
  Definition parsed = std::move(parse_definition(fmt::format(R"(project: polled
sources: [ {{ name: poll, kind: file, path: none.ndjson }} ]
event: {{ id: /id, time: {{ from: /t, unit: s }}, fields: {{ fee: {{ from: /fee, type: integer }} }} }}
features: [ {{ group: minutes, window: 1min, lateness: 0s, columns: {{ n: count() }} }},
            {{ group: hours, window: 1h, lateness: 5min, columns: {{ n: count() }} }} ]
forecast: {{ target: minutes.n, horizon: {} }}
)",
                                                             kHorizon),
                                                 folder / "tidecast.yaml"))
                          .value();
  parsed.data = folder / "data";
  return parsed;
}

EventTime minute(std::int64_t minute) { return EventTime::from_ms((kStart + 60 * minute) * 1000); }

// The newest ten of a source with an event every ten seconds.
RawBatch reply(std::int64_t second, std::int64_t first_id = 0) {
  RawBatch batch;
  for (std::int64_t i = std::max<std::int64_t>(0, second / 10 - 9); i <= second / 10; ++i)
    batch.append(fmt::format(R"({{"id":{},"t":{},"fee":1}})", first_id + i, kStart + 10 * i),
                 ProcessingTime::from_ms((kStart + second) * 1000));
  batch.pad();
  batch.cursor = std::to_string(second);
  batch.overlapping = true;
  return batch;
}

// Everything that a process has, as far as forecasts need it.
class Loop {
 public:
  explicit Loop(const std::filesystem::path& folder) {
    project_ = std::move(Project::open(definition(folder), "test", DataFolder::kMayBeNew)).value();
    if (project_->features().books().read == 0) plan_forecasts();
    pipeline_ = std::move(Pipeline::open(project_->pipeline_options(), project_->features())).value();
    timeline_.emplace(project_->tracking(), nullptr);
    forecasts_.emplace(*project_, endpoints_, *timeline_);
    const Status restored = forecasts_->restore();
    EXPECT_TRUE(restored.ok()) << restored.message();
  }

  // If it dies, then before the forecasts hear of it.
  enum class Dies { kNo, kYes };
  void poll(std::int64_t second, Dies dies = Dies::kNo, std::int64_t first_id = 0) {
    const auto ingested = pipeline_->ingest(0, reply(second, first_id));
    ASSERT_TRUE(ingested.ok()) << ingested.message();
    if (dies == Dies::kNo) {
      ASSERT_TRUE(forecasts_->on_ingested(*ingested).ok());
    }
  }

  std::string history() const { return text_of(forecasts_->history()); }
  std::string series() const {
    return text_of(project_->target_series(EventTime::max(), ProcessingTime::max(), kForecastHistory).value());
  }
  std::uint64_t gaps() const { return project_->features().gap_count(); }
  // "5:4 6:4 ": the origin's minute and how many steps had a truth.
  std::string scores() const {
    std::string text;
    for (const Score& score : project_->tracking().all_scores().value())
      text += fmt::format("{}:{} ", (score.origin - minute(0)) / 1min, score.steps);
    return text;
  }

 private:
  // There is no model here, so what one would have forecast is there from the beginning.
  void plan_forecasts() {
    const std::vector<double> steps(kHorizon, 6.0);
    for (int i = 1; i < 200; ++i)
      ASSERT_TRUE(project_->tracking()
                      .put(Forecast{.stage = "production",
                                    .version = 1,
                                    .series = "minutes.n",
                                    .origin = minute(i),
                                    .made_at = ProcessingTime::from_ms(minute(i).ms()),
                                    .taus = {0.05, 0.5, 0.95},
                                    .quantiles = {steps, steps, steps},
                                    .mean = steps,
                                    .naive = steps,
                                    .seasonal_naive = steps})
                      .ok());
  }
  static std::string text_of(const TimeSeries& series) {
    std::string text = series.values.empty() ? "" : fmt::format("from {}: ", (series.start - minute(0)) / 1min);
    for (const double value : series.values) text += std::isnan(value) ? "- " : fmt::format("{} ", value);
    return text;
  }

  std::unique_ptr<Project> project_;
  Endpoints endpoints_{{}, [](const auto&, auto) -> Result<TimeSeries> { return not_found("none"); }};
  std::unique_ptr<Pipeline> pipeline_;
  std::optional<Timeline> timeline_;
  std::optional<LiveForecasts> forecasts_;
};

TEST(LiveForecasts, AGapMakesNullWhatItTouchesAlsoWindowsThatHadClosed) {
  const TemporaryFolder folder;
  Loop loop(folder.path());
  loop.poll(50);
  loop.poll(140);  // Up to 2:20; the windows 0 and 1 have closed.
  EXPECT_EQ(loop.history(), "from 0: 6 6 ");
  loop.poll(500);  // From 6:50 to 8:20; nothing was known of it.
  EXPECT_EQ(loop.gaps(), 1u);
  loop.poll(590);
  EXPECT_EQ(loop.history(), "from 0: 6 6 - - - - - 6 6 ");
  EXPECT_EQ(loop.scores(), "1:1 2:0 3:0 4:1 5:2 ");
}

// Where a reply's times reach back behind the newest before, windows of that stretch may have closed.
TEST(LiveForecasts, AWindowThatHadClosedIsTakenBack) {
  const TemporaryFolder folder;
  Loop loop(folder.path());
  loop.poll(50);
  loop.poll(140);
  EXPECT_EQ(loop.history(), "from 0: 6 6 ");
  loop.poll(170, Loop::Dies::kNo, 1000);  // From 1:20 on, under other identifiers.
  EXPECT_EQ(loop.history(), "from 0: 6 - ");
  EXPECT_EQ(loop.history(), loop.series());
  loop.poll(260, Loop::Dies::kNo, 1000);
  EXPECT_EQ(loop.history(), "from 0: 6 - - 6 ");
}

TEST(LiveForecasts, HistoryAndScoresAreTheSameWhereverTheProcessDied) {
  std::uint64_t gaps = 0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Rng rng(seed);
    const TemporaryFolder quiet, restless;
    Loop undisturbed(quiet.path());
    std::optional<Loop> disturbed(restless.path());
    std::int64_t second = 50;
    undisturbed.poll(second);
    disturbed->poll(second);
    for (int polls = 0; polls < 40; ++polls) {
      second += static_cast<std::int64_t>(5 + rng.below(rng.below(5) == 0 ? 400 : 60));
      undisturbed.poll(second);
      const bool crash = rng.below(2) == 0;
      disturbed->poll(second, crash ? Loop::Dies::kYes : Loop::Dies::kNo);
      if (crash || rng.below(3) == 0) {
        disturbed.reset();
        disturbed.emplace(restless.path());
      }
      ASSERT_EQ(undisturbed.history(), undisturbed.series()) << polls;
      ASSERT_EQ(disturbed->history(), undisturbed.history()) << polls;
      ASSERT_EQ(disturbed->scores(), undisturbed.scores()) << polls;
    }
    gaps += undisturbed.gaps();
  }
  EXPECT_GT(gaps, 8u);
}

}  // namespace
}  // namespace tidecast
