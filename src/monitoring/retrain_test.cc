#include "monitoring/retrain.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/rng.h"

namespace tidecast {
namespace {

ProcessingTime minute(int number) { return ProcessingTime::from_ms(number * 60'000); }

void restart(RetrainPolicy& policy, const RetrainRule& rule) {
  RetrainPolicy anew(rule);
  const Status restored = anew.restore(std::move(parse_json(to_text(policy.save()))).value().as_object());
  EXPECT_TRUE(restored.ok()) << restored.message();
  EXPECT_EQ(anew.state(), policy.state());
  EXPECT_EQ(anew.why(), policy.why());
  EXPECT_EQ(anew.next_due(), policy.next_due());
  policy = anew;
}

bool apply(RetrainPolicy& policy, const std::string& event, ProcessingTime at) {
  if (event == "alarm") return policy.on_alarm(at, "loss_production");
  if (event == "cleared") return policy.on_alarm_cleared(at);
  if (event == "start") return policy.on_run_started(at);
  if (event == "good") return policy.on_run_ended(at, RunOutcome::kSucceeded, false);
  if (event == "pending") return policy.on_run_ended(at, RunOutcome::kSucceeded, true);
  if (event == "gate") return policy.on_run_ended(at, RunOutcome::kRejectedByGate, false);
  if (event == "skipped") return policy.on_run_ended(at, RunOutcome::kSkippedInsufficientData, false);
  if (event == "failed") return policy.on_run_ended(at, RunOutcome::kFailed, false);
  if (event == "cancelled") return policy.on_run_ended(at, RunOutcome::kCancelled, false);
  if (event == "decided") return policy.on_deployed_or_rejected(at);
  if (event == "tick") return policy.on_tick(at);
  ADD_FAILURE() << "no such event: " << event;
  return false;
}

// Events as "MINUTE:event"; says the state after each.  `restarts`: the process starts anew after every event.
std::string states(const RetrainRule& rule, const std::string& events, bool restarts = true) {
  RetrainPolicy policy(rule);
  std::istringstream words(events);
  std::string out;
  for (std::string word; words >> word;) {
    const auto colon = word.find(':');
    const RetrainState before = policy.state();
    const bool changed = apply(policy, word.substr(colon + 1), minute(std::stoi(word)));
    EXPECT_EQ(changed, policy.state() != before) << events << " at " << word;
    EXPECT_EQ(policy.next_due().has_value(), policy.state() == RetrainState::kCoolingDown);
    const bool busy = policy.state() == RetrainState::kQueued || policy.state() == RetrainState::kTraining;
    EXPECT_EQ(policy.why(), busy ? "alarm loss_production" : "");
    if (restarts) restart(policy, rule);
    out += (out.empty() ? "" : " ") + std::string(name_of(policy.state()));
  }
  return out;
}

constexpr RetrainRule kRule{.on_alarm = true, .cool_down = 120min, .attempts = 3};

TEST(RetrainPolicy, AnAlarmRetrainsAndThenItCoolsDown) {
  EXPECT_EQ(states(kRule, "0:alarm 0:start 1:good 60:cleared 120:tick 121:tick"),
            "queued training cooling_down cooling_down cooling_down idle");
}

TEST(RetrainPolicy, AnAlarmWhileBusyIsNotASecondRun) {
  EXPECT_EQ(states(kRule, "0:alarm 0:alarm 0:start 1:alarm 2:good 3:alarm"),
            "queued queued training training cooling_down cooling_down");
}

TEST(RetrainPolicy, AnAlarmThatStillStandsAfterTheCoolDownAsksAgain) {
  EXPECT_EQ(states(kRule, "0:alarm 0:start 1:good 121:tick 121:start 122:good"),
            "queued training cooling_down queued training cooling_down");
}

TEST(RetrainPolicy, AnAlarmDuringTheCoolDownWaitsForItsEnd) {
  EXPECT_EQ(states(kRule, "0:alarm 0:start 1:good 10:cleared 50:alarm 120:tick 121:tick"),
            "queued training cooling_down cooling_down cooling_down cooling_down queued");
  EXPECT_EQ(states(kRule, "0:alarm 0:start 1:good 10:cleared 50:alarm 60:cleared 121:tick"),
            "queued training cooling_down cooling_down cooling_down cooling_down idle");
}

TEST(RetrainPolicy, AnAlarmThatClearsBeforeTheRunStartsCallsItOff) {
  EXPECT_EQ(states(kRule, "0:alarm 1:cleared 2:start"), "queued idle idle");
}

TEST(RetrainPolicy, AnAlarmThatClearsDuringTheRunLetsItEnd) {
  EXPECT_EQ(states(kRule, "0:alarm 0:start 1:cleared 2:failed 122:tick"), "queued training training cooling_down idle");
}

TEST(RetrainPolicy, WaitsForAPersonAndCoolsDownFromTheDecisionOn) {
  EXPECT_EQ(states(kRule, "0:alarm 0:start 1:pending 500:tick 600:decided 719:tick 720:tick"),
            "queued training waiting_for_approval waiting_for_approval cooling_down cooling_down queued");
}

TEST(RetrainPolicy, GivesUpAfterThreeFailuresInARowUntilTheAlarmClears) {
  EXPECT_EQ(states(kRule,
                   "0:alarm 0:start 1:gate 121:tick 121:start 122:failed 242:tick 242:start 243:skipped "
                   "900:tick 901:alarm 902:cleared 903:alarm"),
            "queued training cooling_down queued training cooling_down queued training gave_up "
            "gave_up gave_up idle queued");
}

TEST(RetrainPolicy, ASuccessOrAClearedAlarmStartsTheCountOfFailuresAnew) {
  const RetrainRule twice{.on_alarm = true, .cool_down = 10min, .attempts = 2};
  EXPECT_EQ(states(twice, "0:alarm 0:start 1:failed 11:tick 11:start 12:good 22:tick 22:start 23:failed"),
            "queued training cooling_down queued training cooling_down queued training cooling_down");
  EXPECT_EQ(states(twice, "0:alarm 0:start 1:failed 5:cleared 6:alarm 11:tick 11:start 12:cancelled"),
            "queued training cooling_down cooling_down cooling_down queued training cooling_down");
  EXPECT_EQ(states(twice, "0:alarm 0:start 1:failed 11:tick 11:start 12:cancelled"),
            "queued training cooling_down queued training gave_up");
}

TEST(RetrainPolicy, ThatCannotBeWokenByAClearedAlarmDoesNotGiveUp) {
  const RetrainRule once{.on_alarm = true, .cool_down = 10min, .attempts = 1};
  EXPECT_EQ(states(once, "0:alarm 0:start 1:cleared 2:failed 12:tick 13:alarm"),
            "queued training training cooling_down idle queued");
}

TEST(RetrainPolicy, WithoutACoolDownAStandingAlarmAsksAtTheNextTick) {
  const RetrainRule eager{.on_alarm = true, .cool_down = 0min, .attempts = 3};
  EXPECT_EQ(states(eager, "0:alarm 0:start 1:good 1:tick"), "queued training cooling_down queued");
}

TEST(RetrainPolicy, ThatIsSwitchedOffIgnoresAlarms) {
  const RetrainRule off{.on_alarm = false, .cool_down = 120min, .attempts = 3};
  EXPECT_EQ(states(off, "0:alarm 1:cleared 2:tick"), "idle idle idle");
}

TEST(RetrainPolicy, IgnoresWhatDoesNotConcernItsState) {
  EXPECT_EQ(states(kRule, "0:start 1:good 2:pending 3:failed 4:decided 5:tick 6:cleared"),
            "idle idle idle idle idle idle idle");
  EXPECT_EQ(states(kRule, "0:alarm 1:good 2:decided 3:tick"), "queued queued queued queued");
  EXPECT_EQ(states(kRule, "0:alarm 0:start 1:start 2:decided 3:tick"), "queued training training training training");
}

TEST(RetrainPolicy, SaysWhenItsCoolDownEnds) {
  RetrainPolicy policy(kRule);
  policy.on_alarm(minute(0), "loss_production");
  policy.on_run_started(minute(0));
  EXPECT_EQ(policy.next_due(), std::nullopt);
  policy.on_run_ended(minute(1), RunOutcome::kSucceeded, false);
  EXPECT_EQ(policy.next_due(), minute(121));
}

// Whatever happens in whatever order: a restart in between changes nothing, and it never trains twice within a
// cool-down.
TEST(RetrainPolicy, ARestartAtAnyMomentChangesNothing) {
  const std::uint64_t seed = 5;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Rng rng(seed);
  const char* kEvents[] = {"alarm",   "alarm", "cleared", "start",   "start", "good",
                           "pending", "gate",  "failed",  "decided", "tick",  "tick"};
  for (int trial = 0; trial < 200; ++trial) {
    std::string events;
    int now = 0;
    for (int i = 0; i < 40; ++i) {
      now += static_cast<int>(rng.below(90));
      events += fmt::format("{}:{} ", now, kEvents[rng.below(std::size(kEvents))]);
    }
    const std::string whole = states(kRule, events, false);
    ASSERT_EQ(states(kRule, events, true), whole) << events;
  }
}

TEST(RetrainPolicy, NeverStartsAgainWithinACoolDown) {
  const std::uint64_t seed = 6;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Rng rng(seed);
  for (int trial = 0; trial < 200; ++trial) {
    RetrainPolicy policy(kRule);
    int ended = -1000;
    for (int now = 0; now < 2000; now += 5) {
      if (rng.uniform() < 0.2) policy.on_alarm(minute(now), "loss_production");
      if (rng.uniform() < 0.02) policy.on_alarm_cleared(minute(now));
      policy.on_tick(minute(now));
      if (policy.on_run_started(minute(now))) {
        ASSERT_GE(now - ended, 120);
      }
      if (rng.uniform() < 0.5 && policy.on_run_ended(minute(now), RunOutcome::kSucceeded, false)) ended = now;
    }
  }
}

TEST(RetrainPolicy, ADamagedStateIsRefusedByNameAndChangesNothing) {
  RetrainPolicy policy(kRule);
  policy.on_alarm(minute(0), "loss_production");
  const json::object good = policy.save();
  for (const auto& [key, value] : std::vector<std::pair<std::string, json::value>>{{"state", "resting"},
                                                                                   {"why", 1},
                                                                                   {"standing_alarm", nullptr},
                                                                                   {"cool_until_ms", "soon"},
                                                                                   {"failures", true}}) {
    json::object damaged = good;
    damaged[key] = value;
    const Status status = policy.restore(damaged);
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_NE(status.message().find(key), std::string::npos) << status.message();
  }
  EXPECT_EQ(to_text(policy.save()), to_text(good));
}

}  // namespace
}  // namespace tidecast
