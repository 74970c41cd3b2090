// What Tidecast says of itself, in every state that it can be in: one table, read from top to bottom.

#include "app/answer.h"

#include <gtest/gtest.h>

#include "app/stages.h"
#include "app/words.h"

namespace tidecast {
namespace {

ProcessingTime at(std::string_view time) {
  return ProcessingTime::from_ms(parse_rfc3339("2026-11-23T" + std::string(time) + "Z").value());
}

// A live project whose model 13 serves and is within its threshold, at 03:12.
Situation healthy() {
  Situation s;
  s.project = "bitcoin-fees";
  s.source = "blockchain";
  s.target = "tx_metrics.avg_fee_1min";
  s.live = true;
  s.simulated = false;
  s.loop.now = at("03:12:41");
  s.loop.running = true;
  s.loop.next_evaluation = at("04:00:00");
  s.loop.source = SourceHealth{.state = SourceHealth::State::kOk,
                               .since = at("00:00:00"),
                               .last_reply_at = at("03:12:35"),
                               .last_new_at = at("03:12:35"),
                               .next_poll_at = at("03:12:40"),
                               .interval = 5s};
  s.books = {.read = 1000, .stored = 900, .duplicate = 97, .late = 2, .dead = 1};
  s.events_per_s = 3.8;
  s.forecasts = true;
  s.windows = 5000;
  s.windows_needed = 450;
  s.horizon = 30;
  s.production = 13;
  s.threshold = 0.127;
  s.evaluation = Evaluation{.stage = "production",
                            .version = 13,
                            .at = at("03:00:00"),
                            .forecasts = 60,
                            .loss = 0.096,
                            .threshold = 0.127,
                            .naive = 0.21};
  s.runs = 46;
  return s;
}

Situation breached() {
  Situation s = healthy();
  s.evaluation->loss = 0.132;
  s.evaluation->breach = true;
  s.breached_since = at("03:00:00");
  s.loop.breaches = 1;
  return s;
}

Situation in_alarm() {
  Situation s = breached();
  s.breached_since = ProcessingTime::from_ms(at("00:00:00").ms() - 2 * 3'600'000);
  s.loop.breaches = 3;
  s.loop.alarm = AlarmState::kAlarm;
  s.alarm = AlarmChange{.name = "loss_production", .state = "ALARM", .at = at("01:00:00")};
  s.bias_share = -0.25;
  return s;
}

Waiting waiting_14() {
  return {.version = 14,
          .stage = "staging",
          .since = at("01:05:32"),
          .loss = 0.096,
          .windows = 10,
          .checks = 4,
          .passed = 4};
}

Situation new_here() {
  Situation s = healthy();
  s.production.reset();
  s.evaluation.reset();
  s.runs = 0;
  s.windows = 120;
  return s;
}

TEST(Answer, SaysAsTheFirstThingWhatMattersMost) {
  const auto sentence = [](const Situation& s) {
    const Answer answer = answer_of(s);
    EXPECT_TRUE(answer.emphasis.empty() || answer.sentence.find(answer.emphasis) != std::string::npos)
        << answer.sentence;
    return answer.state + ": " + answer.sentence;
  };
  Situation s = healthy();
  EXPECT_EQ(sentence(s), "healthy: Healthy: production model 13 is within its threshold, loss 0.096 against 0.127.");

  s.evaluation.reset();
  EXPECT_EQ(sentence(s), "healthy: Serving with production model 13; its first evaluation is at 04:00.");

  s = healthy();
  s.loop.mute = {13, "/usr/bin/python3: it ended with exit code 1"};
  EXPECT_EQ(sentence(s), "cannot_forecast: Model 13 in production cannot forecast.");
  EXPECT_TRUE(answer_of(s).detail.starts_with("/usr/bin/python3: it ended with exit code 1. ")) << answer_of(s).detail;
  s.loop.mute->reason.clear();  // Of a folder that an earlier program wrote.
  EXPECT_FALSE(answer_of(s).detail.starts_with(".")) << answer_of(s).detail;
  s.loop.mute->version = 12;
  EXPECT_EQ(answer_of(s).state, "healthy") << "that was the model before it";

  s = breached();
  EXPECT_EQ(sentence(s),
            "breach: Serving, but production model 13 missed its threshold in the last evaluation: 1 of 3 that raise "
            "the alarm.");

  s = in_alarm();
  s.loop.retrain = RetrainState::kQueued;
  EXPECT_EQ(sentence(s),
            "alarm: Serving, but production model 13 has missed its threshold for 5 hours. A retrain is queued.");
  s.loop.retrain = RetrainState::kTraining;
  s.loop.run = tidecast::Run{.id = 47, .why = "alarm loss_production"};
  EXPECT_EQ(sentence(s),
            "alarm: Serving, but production model 13 has missed its threshold for 5 hours. Run 47 is training its "
            "replacement.");
  s.loop.run.reset();
  s.waiting = waiting_14();
  EXPECT_EQ(sentence(s),
            "alarm: Serving, but production model 13 has missed its threshold for 5 hours. Its replacement, model 14, "
            "is ready "
            "and waits for your approval.");
  s.waiting.reset();
  s.loop.retrain = RetrainState::kCoolingDown;
  s.loop.retrain_due = at("05:05:00");
  EXPECT_EQ(sentence(s),
            "alarm: Serving, but production model 13 has missed its threshold for 5 hours. The next retrain may start "
            "at 05:05.");
  s.loop.retrain = RetrainState::kGaveUp;
  EXPECT_EQ(sentence(s),
            "gave_up: Serving, but production model 13 misses its threshold, and 3 retrains gave nothing better. It "
            "needs you.");

  s = in_alarm();
  s.breached_since.reset();
  s.evaluation->loss = 0.101;
  s.evaluation->breach = false;
  EXPECT_EQ(sentence(s),
            "alarm: Serving; production model 13 is below its threshold again, and the alarm clears after 2 good "
            "evaluations in a row.");

  s = healthy();
  s.loop.alarm = AlarmState::kNoData;
  EXPECT_EQ(sentence(s),
            "no_data: Serving, but the accuracy of production model 13 is unknown: the last evaluations had nothing to "
            "judge.");

  s = healthy();
  s.waiting = waiting_14();
  EXPECT_EQ(sentence(s),
            "waiting_for_approval: Serving. Model 14 waits for your approval to follow production model 13.");
}

TEST(Answer, TellsTheFirstHoursAfterInstallation) {
  const auto sentence = [](const Situation& s) { return answer_of(s).state + ": " + answer_of(s).sentence; };
  Situation s = new_here();
  s.books = {};
  EXPECT_EQ(sentence(s), "starting: Waiting for the first record from blockchain.");
  s = new_here();
  EXPECT_EQ(sentence(s), "collecting: Collecting: 120 of the 450 windows that a first model needs.");
  s.loop.first_run = at("08:45:00");
  EXPECT_NE(answer_of(s).detail.find("The first run starts at about 08:45."), std::string::npos) << answer_of(s).detail;
  s.windows = 470;
  s.runs = 1;
  s.loop.run = tidecast::Run{.id = 1, .why = "initial", .started_at = at("03:12:00"), .observations = 470};
  EXPECT_EQ(sentence(s), "training: Training the first model: run 1 began at 03:12.");
  s.loop.run.reset();
  s.last_run = tidecast::Run{
      .id = 1, .why = "initial", .outcome = RunOutcome::kRejectedByGate, .reason = "loss 0.3 > 0.24. Rejected."};
  s.loop.first_run = at("04:12:00");
  EXPECT_EQ(sentence(s), "no_model: No model yet: run 1 ended as rejected_by_gate.");
  EXPECT_EQ(answer_of(s).detail.substr(0, 66), "loss 0.3 > 0.24. Rejected. The next run starts at 04:12. Ingestion");
  s.waiting = waiting_14();
  EXPECT_EQ(sentence(s), "waiting_for_approval: The first model is ready: model 14 waits for your approval.");
  s.waiting->stage = "production";
  EXPECT_EQ(sentence(s), "waiting_for_approval: Model 14 forecasts in staging and waits for your yes for production.");
}

TEST(Answer, ASourceThatIsDownComesBeforeTheModel) {
  Situation s = in_alarm();
  s.loop.source->state = SourceHealth::State::kRetrying;
  s.loop.source->text = "HTTP 429, Retry-After 6 min 30 s";
  s.loop.source->since = at("03:12:20");
  EXPECT_EQ(answer_of(s).state, "alarm") << "a hiccup of some seconds is no outage";
  s.loop.source->since = at("03:00:40");
  s.loop.source->last_reply_at = at("03:00:41");
  s.loop.source->next_poll_at = at("03:19:10");
  const Answer answer = answer_of(s);
  EXPECT_EQ(answer.state + ": " + answer.sentence,
            "source_down: The source blockchain has not answered for 12 minutes.");
  EXPECT_EQ(answer.detail.substr(0, 60), "HTTP 429, Retry-After 6 min 30 s. Next try at 03:19. Model 1");
  s.loop.source->state = SourceHealth::State::kSilent;
  s.loop.source->last_new_at = at("03:04:41");
  EXPECT_EQ(answer_of(s).sentence, "The source blockchain answers, but has brought nothing new for 8 minutes.");
  s.books.read += 1;
  EXPECT_EQ(answer_of(s).state, "books_broken") << "nothing is worse than that";
}

TEST(Answer, ALiveStreamWhoseProcessIsGoneIsSaidToBeStopped) {
  Situation s = healthy();
  s.loop.live_source = true;
  EXPECT_EQ(answer_of(s).state, "healthy");
  s.loop.running = false;
  s.loop.source.reset();
  s.newest = FeatureRow{.write_time = at("03:00:41")};
  EXPECT_EQ(answer_of(s).sentence, "Tidecast is not running: the newest window closed 12 minutes ago.");
  EXPECT_EQ(stages_of(s)[0].value, "not asked");
}

TEST(Answer, OfAPushedSourceThatIsQuietSinceARestartTheNewestEventIsSaid) {
  Situation s = healthy();
  s.pushed = true;
  s.loop.source->last_reply_at.reset();
  s.loop.sources = {{.name = "another"}, {.name = s.source}};
  EXPECT_EQ(stages_of(s)[0].note, "nothing yet");
  s.loop.sources[1].newest = EventTime::from_ms(at("01:00:00").ms());
  EXPECT_EQ(stages_of(s)[0].note, "nothing since the start; newest event");
  EXPECT_EQ(stages_of(s)[0].note_at, at("01:00:00"));
}

TEST(Answer, RecordsThatCannotBeUsedAreNoHealthyIngestion) {
  Situation s = healthy();
  s.dead_share = 0.5;
  EXPECT_EQ(answer_of(s).state, "healthy") << "half of them is the most that may be";
  s.dead_share = 0.98;
  s.dead_reason = "/fee: not there, expected integer";
  EXPECT_EQ(answer_of(s).sentence, "Most new records cannot be used: 98 % of the newest are dead letters.");
  EXPECT_NE(answer_of(s).detail.find("/fee: not there"), std::string::npos);
}

TEST(Answer, AModelThatAPersonRejectedIsNoFailure) {
  Situation s = new_here();
  s.last_run = tidecast::Run{.id = 2, .outcome = RunOutcome::kSucceeded, .model_version = 2};
  EXPECT_EQ(answer_of(s).sentence, "No model serves: model 2 of run 2 was rejected.");
}

TEST(Answer, WithoutAForecastItIsAboutTheFeatures) {
  Situation s = healthy();
  s.forecasts = false;
  s.production.reset();
  EXPECT_EQ(answer_of(s).sentence, "Healthy: 5,000 windows closed; nothing is forecast.");
}

std::string text_of(const std::vector<Stage>& stages) {
  std::string text;
  for (const Stage& stage : stages)
    text += fmt::format("{}|{}|{}|{}\n", stage.name, stage.state, stage.value, stage.note);
  return text;
}

TEST(Stages, ShowTheLoopInTheOrderOfTheData) {
  Situation s = in_alarm();
  s.waiting = waiting_14();
  s.last_run = tidecast::Run{.id = 47, .outcome = RunOutcome::kSucceeded};
  s.newest = FeatureRow{.window_start = EventTime::from_ms(at("03:10:00").ms()),
                        .window_end = EventTime::from_ms(at("03:11:00").ms()),
                        .write_time = at("03:12:00")};
  s.loop.open_windows = 2;
  s.production_since = at("00:00:00");
  s.forecast_made_at = at("03:12:00");
  s.forecast_until = EventTime::from_ms(at("03:41:00").ms());
  EXPECT_EQ(text_of(stages_of(s)),
            "Source|ok|3.8 events/s|polled\n"
            "Window|ok|03:10 closed|2 open\n"
            "Feature row|ok|5,000 rows|newest\n"
            "Forecast|ok|to 03:41|model 13,\n"
            "Score|alarm|0.132 > 0.127|02:00 to 03:00\n"
            "Alarm|alarm|ALARM|since 01:00\n"
            "Retrain|ok|run 47 done|gate passed\n"
            "Approve|waiting|model 14 waits|since 01:05\n"
            "Deploy|ok|model 13 serves|since 00:00\n");
}

TEST(Needs, AreOnlyWhatAPersonCanDoSomethingAbout) {
  EXPECT_TRUE(needs_of(healthy()).empty());
  EXPECT_TRUE(needs_of(in_alarm()).empty()) << "the retrain is the loop's affair";
  Situation s = in_alarm();
  s.waiting = waiting_14();
  const std::vector<Need> needs = needs_of(s);
  ASSERT_EQ(needs.size(), 1u);
  EXPECT_EQ(needs[0].title, "Approve or reject model 14");
  EXPECT_EQ(
      needs[0].text,
      "Loss 0.096 in 10 back-test windows; 4 of 4 gate checks passed. Production's model 13 has 0.132 on live truth.");
  EXPECT_EQ(needs[0].commands[0], "tidecast approve 14");
  s.waiting->stage = "production";
  EXPECT_EQ(needs_of(s)[0].commands[0], "tidecast approve 14 --for production");
  s.waiting.reset();
  s.retrain_rule.on_alarm = false;
  EXPECT_EQ(needs_of(s).at(0).kind, "alarm");
  s.loop.retrain = RetrainState::kGaveUp;
  EXPECT_EQ(needs_of(s).at(0).kind, "gave_up");
}

TEST(Next, ComesSoonestFirstAndSaysWhy) {
  Situation s = in_alarm();
  s.loop.retrain = RetrainState::kCoolingDown;
  s.loop.retrain_due = at("03:40:00");
  std::string text;
  for (const Next& next : next_of(s)) text += next.what + " " + next.why + "\n";
  EXPECT_EQ(text,
            "A retrain starts. The cool-down is over then, and the alarm stands.\n"
            "Evaluation of 03:00 to 04:00. Every 1 h: all forecasts whose last truth has come by then.\n");
}

TEST(Next, IsNothingWhereTheClockStands) {
  Situation s = healthy();
  s.loop.running = false;
  ASSERT_EQ(next_of(s).size(), 1u);
  EXPECT_EQ(next_of(s)[0].what, "Nothing by itself: the clock stands.");
  s.evaluation.reset();
  EXPECT_EQ(answer_of(s).sentence, "Serving with production model 13.");
}

TEST(Words, DurationsAreSaidInTheUnitsThatMatter) {
  EXPECT_EQ(spoken(0s), "0 s");
  EXPECT_EQ(spoken(59s), "59 s");
  EXPECT_EQ(spoken(390s), "6 min 30 s");
  EXPECT_EQ(spoken(2h + 7min), "2 h 7 min");
  EXPECT_EQ(spoken(24h), "1 day");
  EXPECT_EQ(spoken(76h), "3 days 4 h");
  EXPECT_EQ(spoken_long(89s), "89 seconds");
  EXPECT_EQ(spoken_long(5h + 12min), "5 hours");
  EXPECT_EQ(spoken_long(1min + 40s), "2 minutes");
  EXPECT_EQ(clock_text(at("00:05:00"), at("03:12:00")), "00:05");
  EXPECT_EQ(clock_text(ProcessingTime::from_ms(at("00:05:00").ms() - 3'600'000), at("03:12:00")), "22 Nov 23:05");
}

}  // namespace
}  // namespace tidecast
