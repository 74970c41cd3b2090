#include "tracking/tracking.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>

#include "base/rng.h"
#include "tracking/tracking_testing.h"

namespace tidecast {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// ---- Runs -----------------------------------------------------------------------------------------------------------

Run example_run() {
  tidecast::Run run;
  run.why = "alarm loss_production";
  run.outcome = RunOutcome::kRunning;
  run.reason = "720 observations, 10 windows";
  run.started_at = knew(1);
  run.finished_at = knew(2);
  run.data_from = happened(-720);
  run.data_until = happened(0);
  run.observations = 720;
  run.seed = 0xfedcba9876543210u;  // Beyond SQLite's signed integers.
  run.loss = 0.1 + 0.2;
  run.threshold = 0.24;
  run.model_version = 3;
  run.data_hash = "d4";
  run.artefact_hash = "a7";
  run.parameters = {{"cells", 40}, {"learning_rate", 0.004968}};
  run.metrics = {{"loss", 0.1 + 0.2}, {"gate", json::array{json::object{{"passed", true}}}}, {"none", nullptr}};
  run.seconds = 2.125;
  return run;
}

void expect_equal(const Run& a, const Run& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.why, b.why);
  EXPECT_EQ(a.outcome, b.outcome);
  EXPECT_EQ(a.reason, b.reason);
  EXPECT_EQ(a.started_at, b.started_at);
  EXPECT_EQ(a.finished_at, b.finished_at);
  EXPECT_EQ(a.data_from, b.data_from);
  EXPECT_EQ(a.data_until, b.data_until);
  EXPECT_EQ(a.observations, b.observations);
  EXPECT_EQ(a.seed, b.seed);
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_EQ(a.threshold, b.threshold);
  EXPECT_EQ(a.model_version, b.model_version);
  EXPECT_EQ(a.data_hash, b.data_hash);
  EXPECT_EQ(a.artefact_hash, b.artefact_hash);
  EXPECT_EQ(to_text(a.parameters), to_text(b.parameters));
  EXPECT_EQ(to_text(a.metrics), to_text(b.metrics));
  EXPECT_EQ(a.seconds, b.seconds);
}

TEST(Runs, ComeBackAsTheyWerePutNumberedFromOne) {
  const TemporaryFolder folder;
  tidecast::Run full = example_run(), bare;
  bare.why = "initial";
  {
    auto tracking = open(folder);
    EXPECT_TRUE(must(tracking->runs()).empty());
    full.id = must(tracking->add_run(full));
    bare.id = must(tracking->add_run(bare));
  }
  EXPECT_EQ(full.id, 1);
  EXPECT_EQ(bare.id, 2);
  const auto tracking = open(folder);
  expect_equal(must(tracking->run(1)), full);
  expect_equal(must(tracking->run(2)), bare);
  const std::vector<tidecast::Run> runs = must(tracking->runs());
  ASSERT_EQ(runs.size(), 2u);
  expect_equal(runs[0], full);
  expect_equal(runs[1], bare);
}

TEST(Runs, OfEveryOutcomeComeBack) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  for (const RunOutcome outcome : {RunOutcome::kRunning, RunOutcome::kSucceeded, RunOutcome::kRejectedByGate,
                                   RunOutcome::kSkippedInsufficientData, RunOutcome::kFailed, RunOutcome::kCancelled}) {
    tidecast::Run run;
    run.outcome = outcome;
    EXPECT_EQ(must(tracking->run(must(tracking->add_run(run)))).outcome, outcome) << name_of(outcome);
  }
}

TEST(Runs, AreChangedWhileTheyGoOnAndNeverAfter) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  tidecast::Run run = example_run();
  run.id = must(tracking->add_run(run));
  run.observations = 800;
  ASSERT_TRUE(tracking->update_run(run).ok());
  run.outcome = RunOutcome::kRejectedByGate;
  run.reason = "worse than naive";
  ASSERT_TRUE(tracking->update_run(run).ok());
  expect_equal(must(tracking->run(1)), run);

  tidecast::Run rewritten = run;
  rewritten.reason = "better than naive";
  const Status status = tracking->update_run(rewritten);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.message(), "run 1 has ended (rejected_by_gate) and is not changed any more");
  expect_equal(must(tracking->run(1)), run);
}

TEST(Runs, ThatAreNotThereAreNamed) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  tidecast::Run run = example_run();
  run.id = 9;
  EXPECT_EQ(tracking->run(9).code(), Code::kNotFound);
  EXPECT_EQ(tracking->update_run(run).code(), Code::kNotFound);
  EXPECT_EQ(tracking->update_run(run).message(), "there is no run 9");
}

// ---- Forecasts ------------------------------------------------------------------------------------------------------

TEST(Forecasts, OfAnyShapeAndAnyNumbersComeBackTheSame) {
  const std::uint64_t seed = 8;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Rng rng(seed);
  const TemporaryFolder folder;
  std::vector<std::string> put;
  {
    auto tracking = open(folder);
    for (int i = 0; i < 100; ++i) {
      Forecast forecast = forecast_at(i);
      forecast.origin = EventTime::from_ms(i - 50);  // Before 1970, too.
      const std::size_t steps = rng.below(40);
      const auto numbers = [&](std::size_t count) {
        std::vector<double> out;
        while (out.size() < count) out.push_back(rng.below(9) == 0 ? kNaN : std::bit_cast<double>(rng.next()));
        return out;
      };
      forecast.taus = numbers(rng.below(5));
      forecast.quantiles.clear();
      while (forecast.quantiles.size() < forecast.taus.size()) forecast.quantiles.push_back(numbers(steps));
      forecast.mean = numbers(steps);
      forecast.naive = numbers(steps);
      forecast.seasonal_naive = numbers(steps);
      ASSERT_TRUE(tracking->put(forecast).ok());
      put.push_back(text_of(forecast));
    }
  }
  std::vector<std::string> read;
  for (const Forecast& forecast : must(open(folder)->unscored_forecasts())) read.push_back(text_of(forecast));
  EXPECT_EQ(read, put);
}

TEST(Forecasts, OfTheSameKeyAgainChangeNothing) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  const Forecast first = forecast_at(10);
  Forecast again = first;
  again.mean = {99, 99};
  again.made_at = knew(500);
  ASSERT_TRUE(tracking->put(first).ok());
  ASSERT_TRUE(tracking->put(again).ok());
  const auto kept = must(tracking->forecasts("production", 10));
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(text_of(kept[0]), text_of(first));
  EXPECT_EQ(tracking->forecasts_made("production"), 1u);

  // Each part of the key tells forecasts apart.
  Forecast series = first;
  series.series = "tx.count";
  ASSERT_TRUE(tracking->put(series).ok());
  ASSERT_TRUE(tracking->put(forecast_at(11)).ok());
  ASSERT_TRUE(tracking->put(forecast_at(10, "production", 2)).ok());
  ASSERT_TRUE(tracking->put(forecast_at(10, "staging")).ok());
  EXPECT_EQ(tracking->forecasts_made("production"), 4u);
  EXPECT_EQ(tracking->forecasts_made("staging"), 1u);
  EXPECT_EQ(tracking->forecasts_made("shadow"), 0u);
  EXPECT_EQ(must(tracking->unscored_forecasts()).size(), 5u);
}

TEST(Forecasts, WhosePartsDifferInLengthAreRefused) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  std::vector<Forecast> wrong(5, forecast_at(1));
  wrong[0].quantiles.pop_back();
  wrong[1].quantiles[2].push_back(1);
  wrong[2].mean.pop_back();
  wrong[3].naive.clear();
  wrong[4].seasonal_naive.push_back(1);
  for (const Forecast& forecast : wrong) EXPECT_EQ(tracking->put(forecast).code(), Code::kInvalidArgument);
  EXPECT_EQ(tracking->put(wrong[3]).message(),
            "forecast of tx.fee by production 1 at 2025-05-06T12:01:00Z: "
            "2 steps of the mean but 0 of the naive forecast");
  EXPECT_EQ(tracking->forecasts_made("production"), 0u);
}

TEST(Forecasts, AreUnscoredUntilTheirScoreIsPut) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  for (const int minute : {12, 10, 11}) ASSERT_TRUE(tracking->put(forecast_at(minute)).ok());
  EXPECT_EQ(origins_of(must(tracking->unscored_forecasts())), "10 11 12");
  ASSERT_TRUE(tracking->put(score_at(11)).ok());
  ASSERT_TRUE(tracking->put(score_at(11)).ok());
  EXPECT_EQ(origins_of(must(tracking->unscored_forecasts())), "10 12");
  ASSERT_TRUE(tracking->put(forecast_at(11)).ok());  // Made up again after a restart: it is scored already.
  EXPECT_EQ(origins_of(must(tracking->unscored_forecasts())), "10 12");
  ASSERT_TRUE(tracking->put(score_at(10, "staging")).ok());  // Of another stage.
  ASSERT_TRUE(tracking->put(forecast_at(10, "staging")).ok());
  EXPECT_EQ(origins_of(must(tracking->unscored_forecasts())), "10 12");
}

TEST(Forecasts, OfOneOriginWaitInTheOrderInWhichTheyWerePut) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  for (const int minute : {10, 11})
    for (const char* stage : {"production", "shadow", "staging"})
      ASSERT_TRUE(tracking->put(forecast_at(minute, stage)).ok());
  std::string stages;
  for (const Forecast& forecast : must(tracking->unscored_forecasts())) stages += forecast.stage + " ";
  EXPECT_EQ(stages, "production shadow staging production shadow staging ");
}

TEST(Forecasts, TheNewestOfAStageAreGivenOldestFirst) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  for (const int minute : {12, 10, 13}) ASSERT_TRUE(tracking->put(forecast_at(minute)).ok());
  ASSERT_TRUE(tracking->put(forecast_at(11, "production", 2)).ok());
  ASSERT_TRUE(tracking->put(forecast_at(14, "staging")).ok());
  EXPECT_EQ(origins_of(must(tracking->forecasts("production", 3))), "11 12 13");
  EXPECT_EQ(origins_of(must(tracking->forecasts("production", 0))), "");
  EXPECT_EQ(origins_of(must(tracking->forecasts("production", SIZE_MAX))), "10 11 12 13");
  EXPECT_EQ(origins_of(must(tracking->forecasts("staging", 3))), "14");
}

TEST(Forecasts, TheLastOriginIsThatOfAStageAndVersion) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  EXPECT_EQ(must(tracking->last_origin("production", 1)), std::nullopt);
  for (const int minute : {10, 12, 11}) ASSERT_TRUE(tracking->put(forecast_at(minute)).ok());
  ASSERT_TRUE(tracking->put(forecast_at(20, "production", 2)).ok());
  ASSERT_TRUE(tracking->put(forecast_at(30, "staging")).ok());
  EXPECT_EQ(must(tracking->last_origin("production", 1)), happened(12));
  EXPECT_EQ(must(tracking->last_origin("production", 2)), happened(20));
  EXPECT_EQ(must(tracking->last_origin("production", 3)), std::nullopt);
}

// ---- Scores ---------------------------------------------------------------------------------------------------------

TEST(Scores, ComeBackAsTheyWerePutOnceByOrigin) {
  const TemporaryFolder folder;
  Score first = score_at(11), second = score_at(10, "staging", 2);
  second.naive_loss = kNaN;
  second.squared_error = std::numeric_limits<double>::infinity();
  second.quantile_losses = {kNaN};
  {
    auto tracking = open(folder);
    ASSERT_TRUE(tracking->put(first).ok());
    ASSERT_TRUE(tracking->put(second).ok());
    Score again = first;
    again.error = 99;
    ASSERT_TRUE(tracking->put(again).ok());
  }
  const auto scores = must(open(folder)->all_scores());
  ASSERT_EQ(scores.size(), 2u);
  EXPECT_EQ(text_of(scores[0]), text_of(second));
  EXPECT_EQ(text_of(scores[1]), text_of(first));
}

TEST(Scores, AreThoseThatLandedAfterTheOneMomentAndUpToTheOther) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  for (const int minute : {14, 11, 13, 12, 10}) ASSERT_TRUE(tracking->put(score_at(minute)).ok());  // Land 2 min later.
  ASSERT_TRUE(tracking->put(score_at(12, "staging")).ok());
  ASSERT_TRUE(tracking->put(score_at(12, "production", 2)).ok());
  EXPECT_EQ(origins_of(must(tracking->scores("production", 1, knew(12), knew(15)))), "11 12 13");
  const auto all = must(tracking->scores("production", 1, ProcessingTime::min(), ProcessingTime::max()));
  EXPECT_EQ(origins_of(all), "10 11 12 13 14");
  EXPECT_EQ(origins_of(must(tracking->scores("production", 1, knew(15), knew(15)))), "");
  EXPECT_EQ(origins_of(must(tracking->scores("production", 2, knew(0), knew(99)))), "12");
}

// ---- Evaluations, alarms, timeline, state ---------------------------------------------------------------------------

TEST(Evaluations, ComeBackByStageOldestFirst) {
  const TemporaryFolder folder;
  const Evaluation judged{.stage = "production",
                          .version = 2,
                          .at = knew(60),
                          .forecasts = 60,
                          .loss = 0.1 + 0.2,
                          .threshold = 0.24,
                          .breach = true,
                          .rmse = 1.5,
                          .coverage = 0.9,
                          .bias = -0.25,
                          .naive = 0.4,
                          .seasonal_naive = kNaN};
  const Evaluation empty{.stage = "production", .version = 2, .at = knew(120), .loss = std::nullopt, .threshold = 0.24};
  {
    auto tracking = open(folder);
    for (const Evaluation& evaluation : {empty, judged}) ASSERT_TRUE(tracking->put(evaluation).ok());
    ASSERT_TRUE(tracking->put(Evaluation{.stage = "staging", .version = 3, .at = knew(60), .loss = {}}).ok());
  }
  const auto list = must(open(folder)->evaluations("production"));
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].stage, "production");
  EXPECT_EQ(list[0].version, 2);
  EXPECT_EQ(list[0].at, knew(60));
  EXPECT_EQ(list[0].forecasts, 60);
  EXPECT_EQ(list[0].loss, 0.1 + 0.2);
  EXPECT_EQ(list[0].threshold, 0.24);
  EXPECT_TRUE(list[0].breach);
  EXPECT_EQ(list[0].rmse, 1.5);
  EXPECT_EQ(list[0].coverage, 0.9);
  EXPECT_EQ(list[0].bias, -0.25);
  EXPECT_EQ(list[0].naive, 0.4);
  EXPECT_TRUE(std::isnan(list[0].seasonal_naive));
  EXPECT_EQ(list[1].at, knew(120));
  EXPECT_EQ(list[1].loss, std::nullopt);
  EXPECT_FALSE(list[1].breach);
}

TEST(Evaluations, OfAnInfiniteLossStayBreaches) {
  const TemporaryFolder folder;
  const double infinity = std::numeric_limits<double>::infinity();
  const Evaluation worst{.stage = "s", .version = 1, .at = knew(1), .forecasts = 1, .loss = infinity, .breach = true};
  ASSERT_TRUE(open(folder)->put(worst).ok());
  EXPECT_EQ(must(open(folder)->evaluations("s")).at(0).loss, infinity);
}

TEST(AlarmChanges, ComeBackOldestFirst) {
  const TemporaryFolder folder;
  const AlarmChange later{"loss_production", "NO_DATA", knew(200), std::nullopt, 0.24, "nothing to judge"};
  const AlarmChange earlier{"loss_production", "ALARM", knew(180), 0.31, 0.24, "3 of 3"};
  ASSERT_TRUE(open(folder)->put(later).ok());
  ASSERT_TRUE(open(folder)->put(earlier).ok());
  const auto changes = must(open(folder)->alarm_changes());
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].name, "loss_production");
  EXPECT_EQ(changes[0].state, "ALARM");
  EXPECT_EQ(changes[0].at, knew(180));
  EXPECT_EQ(changes[0].loss, 0.31);
  EXPECT_EQ(changes[0].threshold, 0.24);
  EXPECT_EQ(changes[0].why, "3 of 3");
  EXPECT_EQ(changes[1].loss, std::nullopt);
}

TEST(Timeline, IsOneHistoryOldestFirstAndThenAsItWasPut) {
  const TemporaryFolder folder;
  ASSERT_TRUE(open(folder)->put(TimelineEvent{knew(5), "run", "run 1", "Passed."}).ok());
  ASSERT_TRUE(open(folder)->put(TimelineEvent{knew(5), "model", "model 1", "registered \xe2\x80\x93 \"ok\""}).ok());
  ASSERT_TRUE(open(folder)->put(TimelineEvent{knew(1), "started", "source", ""}).ok());
  std::string text;
  for (const TimelineEvent& e : must(open(folder)->timeline()))
    text += fmt::format("{} {}|{}|{}\n", (e.at - knew(0)).count() / 60'000, e.kind, e.subject, e.text);
  EXPECT_EQ(text, "1 started|source|\n5 run|run 1|Passed.\n5 model|model 1|registered \xe2\x80\x93 \"ok\"\n");
}

TEST(Timeline, IsReadBackwardsByTheNumbersOfItsLines) {
  const TemporaryFolder folder;
  auto tracking = open(folder);
  for (int i = 1; i <= 5; ++i)
    EXPECT_EQ(must(tracking->put(TimelineEvent{knew(10 - i), "run", fmt::format("run {}", i), ""})), i);
  const auto numbers = [](const std::vector<TimelineEvent>& events) {
    std::string text;
    for (const TimelineEvent& e : events) text += fmt::format("{}:{} ", e.number, e.subject);
    return text;
  };
  EXPECT_EQ(numbers(must(tracking->recent(2))), "5:run 5 4:run 4 ");
  EXPECT_EQ(numbers(must(tracking->recent(2, 4))), "3:run 3 2:run 2 ");
  EXPECT_EQ(numbers(must(tracking->recent(10, 2))), "1:run 1 ");
}

TEST(State, IsTheLastValueOfItsKey) {
  const TemporaryFolder folder;
  EXPECT_EQ(must(open(folder)->state("scheduler")), std::nullopt);
  const json::object state{{"next", 1'746'532'800'000}, {"alarm", json::object{{"recent", "bbg"}}}};
  ASSERT_TRUE(open(folder)->set_state("scheduler", state).ok());
  EXPECT_EQ(to_text(*must(open(folder)->state("scheduler"))), R"({"next":1746532800000,"alarm":{"recent":"bbg"}})");
  ASSERT_TRUE(open(folder)->set_state("scheduler", nullptr).ok());
  ASSERT_TRUE(open(folder)->set_state("now", 17).ok());
  EXPECT_EQ(to_text(*must(open(folder)->state("scheduler"))), "null");
  EXPECT_EQ(to_text(*must(open(folder)->state("now"))), "17");
}

}  // namespace
}  // namespace tidecast
