#include "monitoring/alarm.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/rng.h"

namespace tidecast {
namespace {

Evaluation evaluation(char kind, int number) {
  Evaluation e{.stage = "production", .at = ProcessingTime::from_ms(number), .loss = {}, .threshold = 0.2};
  if (kind == 'n') return e;
  e.forecasts = 60;
  e.loss = kind == 'b' ? 0.3 : 0.1;
  e.breach = kind == 'b';
  return e;
}

// b, g, n: the next evaluation breaches, is good, has nothing to judge; r: a new version is deployed; s: the process
// starts anew. Says the state after each: O, A or N, with a + where a change was reported.
std::string states(AlarmRule rule, const std::string& events) {
  Alarm alarm("loss_production", rule);
  std::istringstream words(events);
  std::string out;
  int number = 0;
  for (char event; words >> event;) {
    ++number;
    const AlarmState before = alarm.state();
    std::optional<AlarmChange> change;
    if (event == 'r') {
      alarm.reset();
    } else if (event == 's') {
      Alarm anew("loss_production", rule);
      const Status restored = anew.restore(std::move(parse_json(to_text(alarm.save()))).value().as_object());
      EXPECT_TRUE(restored.ok()) << restored.message();
      alarm = anew;
    } else {
      change = alarm.on_evaluation(evaluation(event, number));
    }
    EXPECT_EQ(change.has_value(), alarm.state() != before) << events << " at " << number;
    if (change) {
      EXPECT_EQ(change->name, "loss_production");
      EXPECT_EQ(change->state, name_of(alarm.state()));
      EXPECT_EQ(change->at, ProcessingTime::from_ms(number));
      EXPECT_EQ(change->loss, evaluation(event, number).loss);
      EXPECT_EQ(change->threshold, 0.2);
      EXPECT_FALSE(change->why.empty());
    }
    out += std::string(out.empty() ? "" : " ") + name_of(alarm.state()).front() + (change ? "+" : "");
  }
  return out;
}

std::string text_of(const AlarmRule& rule) {
  return fmt::format("{} of {}, clear after {}", rule.breaches, rule.of, rule.clear_after);
}

struct Scenario {
  AlarmRule rule;
  std::string events, expected;
};

void expect_all(const std::vector<Scenario>& scenarios) {
  for (const auto& [rule, events, expected] : scenarios)
    EXPECT_EQ(states(rule, events), expected) << text_of(rule) << ": " << events;
}

TEST(Alarm, IsRaisedByMBreachesAmongTheLastNEvaluationsAndNoSooner) {
  expect_all({{{3, 3, 2}, "b b b", "O O A+"},
              {{3, 3, 2}, "b b g b b b", "O O O O O A+"},
              {{2, 3, 2}, "b g b", "O O A+"},
              {{2, 3, 2}, "b g g b", "O O O O"},  // The first has left the window.
              {{1, 1, 1}, "b", "A+"},
              {{1, 5, 2}, "g b", "O A+"},
              {{3, 5, 2}, "b g b g b", "O O O O A+"}});
}

TEST(Alarm, IsClearedByGoodEvaluationsInARow) {
  expect_all({{{3, 3, 2}, "b b b g g", "O O A+ A O+"},
              {{3, 3, 2}, "b b b g b g g", "O O A+ A A A O+"},
              {{3, 3, 1}, "b b b g", "O O A+ O+"},
              {{3, 3, 2}, "b b b b b b", "O O A+ A A A"}});
}

TEST(Alarm, ThatWasClearedIsNotRaisedAgainByTheOldBreaches) {
  expect_all({{{2, 5, 2}, "b b g g g", "O A+ A O+ O"},
              {{2, 5, 2}, "b b g g b", "O A+ A O+ O"},
              {{2, 5, 2}, "b b g g b b", "O A+ A O+ O A+"}});
}

TEST(Alarm, AnEvaluationWithoutALossIsNeitherABreachNorGood) {
  expect_all({{{3, 3, 2}, "b b n b", "O O O O"},  // It takes a place among the last three.
              {{3, 4, 2}, "b b n b", "O O O A+"},
              {{3, 3, 2}, "b b b g n g", "O O A+ A A A"},
              {{3, 3, 2}, "b b b g n g g", "O O A+ A A A O+"}});
}

TEST(Alarm, ThreeEvaluationsWithoutALossInARowAreNoData) {
  expect_all({{{3, 3, 2}, "n n n n", "O O N+ N"},
              {{3, 3, 2}, "n n g n n", "O O O O O"},
              {{3, 3, 2}, "n n n g", "O O N+ O+"},
              {{3, 3, 2}, "n n n b", "O O N+ O+"},
              {{1, 1, 1}, "n n n b", "O O N+ A+"},
              {{3, 3, 2}, "n n n r n n n", "O O N+ N N N N"}});
}

TEST(Alarm, NoDataHidesAnAlarmButDoesNotClearIt) {
  expect_all({{{3, 3, 2}, "b b b n n n g g", "O O A+ A A N+ A+ O+"},
              {{3, 3, 2}, "b b b n n n b", "O O A+ A A N+ A+"},
              {{3, 3, 2}, "b b b n n n s g", "O O A+ A A N+ N A+"},
              {{3, 3, 1}, "b b b n n n g", "O O A+ A A N+ O+"}});
}

TEST(Alarm, ANewVersionStartsTheCountAnewAndAnAlarmStaysUntilItIsCleared) {
  expect_all({{{3, 3, 2}, "b b r b b", "O O O O O"},
              {{3, 3, 2}, "b b r b b b", "O O O O O A+"},
              {{3, 3, 2}, "b b b r g g", "O O A+ A A O+"},
              {{3, 3, 2}, "b b b g r g", "O O A+ A A A"},
              {{3, 3, 2}, "n n r n", "O O O O"}});
}

TEST(Alarm, GoesOnAfterARestartAsIfNothingHadHappened) {
  expect_all(
      {{{3, 3, 2}, "b s b s b s g s g", "O O O O A+ A A A O+"}, {{3, 3, 2}, "n s n s n s g", "O O O O N+ N O+"}});
}

// The rule once more, in its plainest form: everything is looked up in the whole history.
std::string plain_states(const AlarmRule& rule, const std::string& kinds) {
  std::string out;
  bool stands = false;
  std::size_t from = 0;  // Evaluations before it are forgotten.
  char state = 'O';
  for (std::size_t now = 0; now < kinds.size(); ++now) {
    const auto last_are = [&](char kind, int count) {
      const auto last = static_cast<std::size_t>(count);
      return now + 1 >= from + last && kinds.substr(now + 1 - last, last) == std::string(last, kind);
    };
    int breaches = 0;
    for (std::size_t i = std::max(from, now + 1 - std::min(now + 1, static_cast<std::size_t>(rule.of))); i <= now; ++i)
      breaches += kinds[i] == 'b';
    if (kinds[now] == 'b' && breaches >= rule.breaches) stands = true;
    if (stands && last_are('g', rule.clear_after)) {
      stands = false;
      from = now + 1;
    }
    if (kinds[now] != 'n')
      state = stands ? 'A' : 'O';
    else if (now >= 2 && kinds[now - 1] == 'n' && kinds[now - 2] == 'n')
      state = 'N';
    out += state;
  }
  return out;
}

TEST(Alarm, FollowsThePlainRuleOnRandomHistories) {
  const std::uint64_t seed = 17;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Rng rng(seed);
  for (int trial = 0; trial < 500; ++trial) {
    AlarmRule rule;
    rule.of = 1 + static_cast<int>(rng.below(5));
    rule.breaches = 1 + static_cast<int>(rng.below(static_cast<std::uint64_t>(rule.of)));
    rule.clear_after = 1 + static_cast<int>(rng.below(4));
    std::string kinds;
    for (int i = 0; i < 60; ++i) kinds += "bbbggggnn"[rng.below(9)];
    std::string ours;
    for (const char c : states(rule, kinds))
      if (c != ' ' && c != '+') ours += c;
    ASSERT_EQ(ours, plain_states(rule, kinds)) << text_of(rule) << ": " << kinds;
  }
}

TEST(Alarm, SaysWhyItChanged) {
  Alarm alarm("loss_production", {.breaches = 2, .of = 3, .clear_after = 2});
  std::vector<std::string> reasons;
  int number = 0;
  for (const char kind : std::string("bgbggnnng"))
    if (const auto change = alarm.on_evaluation(evaluation(kind, ++number)))
      reasons.push_back(change->state + ": " + change->why);
  EXPECT_EQ(reasons, (std::vector<std::string>{
                         "ALARM: 2 of 3 evaluations breached.", "OK: 2 good evaluations in a row.",
                         "NO_DATA: 3 evaluations in a row without anything to judge.", "OK: Data again."}));
}

TEST(Alarm, CountsTheBreachesAmongTheLastN) {
  Alarm alarm("a", {.breaches = 3, .of = 3, .clear_after = 2});
  std::string counts;
  for (const char kind : std::string("bbgbbb")) {
    alarm.on_evaluation(evaluation(kind, 1));
    counts += std::to_string(alarm.breaches());
  }
  EXPECT_EQ(counts, "122223");
}

TEST(Alarm, ARuleThatBecameShorterKeepsTheNewestEvaluations) {
  Alarm wide("a", {.breaches = 5, .of = 5, .clear_after = 2});
  for (const char kind : std::string("bbbgb")) wide.on_evaluation(evaluation(kind, 1));
  Alarm narrow("a", {.breaches = 2, .of = 2, .clear_after = 2});
  ASSERT_TRUE(narrow.restore(wide.save()).ok());
  EXPECT_EQ(narrow.breaches(), 1);
}

TEST(Alarm, ADamagedStateIsRefusedByNameAndChangesNothing) {
  Alarm alarm("a", {});
  const json::object good = alarm.save();
  for (const auto& [key, value] : std::vector<std::pair<std::string, json::value>>{{"state", "FINE"},
                                                                                   {"state", 3},
                                                                                   {"stands", "yes"},
                                                                                   {"recent", "bgx"},
                                                                                   {"good_in_a_row", 1.5},
                                                                                   {"none_in_a_row", nullptr}}) {
    json::object damaged = good;
    damaged[key] = value;
    const Status status = alarm.restore(damaged);
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_NE(status.message().find(key), std::string::npos) << status.message();
    damaged.erase(key);
    EXPECT_EQ(alarm.restore(damaged).code(), Code::kInvalidArgument);
  }
  EXPECT_EQ(to_text(alarm.save()), to_text(good));
}

}  // namespace
}  // namespace tidecast
