#include "sources/timetable.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace tidecast {
namespace {

std::vector<ScheduleMinute> schedule(std::size_t minutes, double rate) {
  std::vector<ScheduleMinute> all;
  for (std::size_t i = 0; i < minutes; ++i) {
    all.push_back({EventTime::epoch() + 60s * static_cast<std::int64_t>(i), rate, 1});
  }
  return all;
}

std::vector<TimetableEntry> entries_of(const Timetable& timetable) {
  std::vector<TimetableEntry> entries;
  for (std::size_t minute = 0; minute < timetable.minutes(); ++minute) timetable.append_minute(minute, entries);
  return entries;
}

// As many standard deviations as never happen by chance.
void expect_count(double found, double expected) { EXPECT_NEAR(found, expected, 5 * std::sqrt(expected)); }

TEST(Timetable, CountsSecondsDelaysAndDamageAreDrawnAsStated) {
  const auto minutes = schedule(5000, 200);
  const Timetable timetable({.seed = 3, .first_minute = 0, .minutes = 5000}, minutes);
  const auto entries = entries_of(timetable);
  const double n = static_cast<double>(entries.size());
  expect_count(n, 1e6);

  std::map<std::int64_t, double> per_second;
  double waited_s = 0, very_late = 0, middling = 0, damaged = 0;
  std::map<Damage, int> kinds;
  for (const TimetableEntry& entry : entries) {
    ++per_second[entry.time_s % 60];
    ASSERT_EQ(entry.time_s / 60, entry.minute);
    const double wait_s = static_cast<double>(entry.reply + 1) * 5 - static_cast<double>(entry.time_s);
    ASSERT_GT(wait_s, 0);
    ASSERT_LE(wait_s, 605);
    if (wait_s >= 150)
      ++very_late;
    else if (wait_s > 80)
      ++middling;  // exp(-75 / 3) of them: none.
    else
      waited_s += wait_s;
    if (entry.damage != Damage::kNone) ++damaged, ++kinds[entry.damage];
  }
  EXPECT_EQ(per_second.size(), 60u);
  for (const auto& [second, count] : per_second) expect_count(count, n / 60);
  EXPECT_EQ(middling, 0);
  expect_count(very_late, n / 20'000);
  expect_count(damaged, n / 50'000);
  EXPECT_EQ(kinds.size(), 3u);
  // The mean of 5 (floor((s + d) / 5) + 1) - s over the seconds s = 0 ... 4 since a reply and an exponential delay d
  // of mean 3: 3 + sum_s exp(s / 3) / (exp(5 / 3) - 1).
  EXPECT_NEAR(waited_s / n, 5.528, 0.03);
}

TEST(Timetable, APartHasTheTransactionsThatTheWholeHasThere) {
  const auto minutes = schedule(100, 50);
  const Timetable whole({.seed = 3, .first_minute = 0, .minutes = 100}, minutes);
  const Timetable part({.seed = 3, .first_minute = 40, .minutes = 20}, minutes);
  for (std::size_t minute = 0; minute < 20; ++minute) {
    std::vector<TimetableEntry> of_whole, of_part;
    whole.append_minute(40 + minute, of_whole);
    part.append_minute(minute, of_part);
    ASSERT_EQ(of_whole.size(), of_part.size());
    for (std::size_t i = 0; i < of_whole.size(); ++i) {
      EXPECT_EQ(of_whole[i].number, of_part[i].number);
      EXPECT_EQ(of_whole[i].time_s, of_part[i].time_s + 40 * 60);
      EXPECT_EQ(of_whole[i].minute, of_part[i].minute);
      EXPECT_EQ(of_whole[i].damage, of_part[i].damage);
    }
  }
}

TEST(TimetableWalk, BringsEveryTransactionOnceAndRepeatsTheNewestOfTheReplyBefore) {
  const auto minutes = schedule(300, 150);
  const Timetable timetable({.seed = 4, .first_minute = 0, .minutes = 300}, minutes);
  TimetableWalk walk(timetable);
  std::map<std::uint64_t, TimetableEntry> expected;
  for (const TimetableEntry& entry : entries_of(timetable)) expected.emplace(entry.number, entry);

  std::vector<TimetableEntry> fresh_before;
  std::map<std::size_t, int> repeats;
  std::size_t seen = 0;
  for (std::size_t reply = 0; reply < timetable.replies(); ++reply) {
    ASSERT_EQ(timetable.records_before(reply), seen);
    std::vector<TimetableEntry> fresh, repeated;
    std::int64_t time_s = INT64_MAX;
    for (const TimetableEntry& entry : walk.next()) {
      ASSERT_LE(entry.time_s, time_s) << "newest first";
      time_s = entry.time_s;
      ++seen;
      (entry.reply == reply ? fresh : repeated).push_back(entry);
    }
    ASSERT_EQ(repeated.size(), timetable.repeats(reply));
    for (std::size_t i = 0; i < repeated.size(); ++i) ASSERT_EQ(repeated[i].number, fresh_before[i].number);
    for (const TimetableEntry& entry : fresh) {
      ASSERT_EQ(expected.at(entry.number).reply, reply);
      expected.erase(entry.number);
    }
    ++repeats[repeated.size()];
    fresh_before = fresh;
  }
  EXPECT_TRUE(expected.empty());
  EXPECT_EQ(timetable.records_before(timetable.replies()), seen);
  ASSERT_EQ(repeats.size(), 3u);
  for (const auto& [count, replies] : repeats) expect_count(replies, static_cast<double>(timetable.replies()) / 3);
}

TEST(TimetableWalk, GoesOnFromAnyReplyAsIfItHadComeThere) {
  // 30 an hour: most replies are empty, and the delays of minutes matter.
  for (const double rate : {0.5, 40.0}) {
    for (const Milliseconds every : {700ms, 5'000ms, 90'000ms}) {
      const auto minutes = schedule(60, rate);
      const Timetable timetable({.seed = 8, .first_minute = 5, .minutes = 50, .every = every}, minutes);
      std::vector<std::vector<std::uint64_t>> through;
      TimetableWalk walk(timetable);
      while (walk.reply() < timetable.replies()) {
        through.emplace_back();
        for (const TimetableEntry& entry : walk.next()) through.back().push_back(entry.number);
      }
      for (std::size_t from = 0; from <= timetable.replies(); from += 1 + timetable.replies() / 40) {
        TimetableWalk other(timetable);
        other.seek(from);
        for (std::size_t reply = from; reply < std::min(from + 20, timetable.replies()); ++reply) {
          std::vector<std::uint64_t> numbers;
          for (const TimetableEntry& entry : other.next()) numbers.push_back(entry.number);
          ASSERT_EQ(numbers, through[reply]) << "rate " << rate << ", from " << from << ", reply " << reply;
        }
      }
    }
  }
}

TEST(TimetableWalk, ALongDelayCrossesMinutesAndASeekBetweenFindsIt) {
  const auto minutes = schedule(400, 200);
  const Timetable timetable({.seed = 3, .first_minute = 0, .minutes = 400}, minutes);
  std::size_t tried = 0;
  for (const TimetableEntry& late : entries_of(timetable)) {
    const auto own = static_cast<std::size_t>(late.time_s / 5);
    if (late.reply < own + 30) continue;  // At least 150 s.
    ++tried;
    TimetableWalk walk(timetable);
    walk.seek(late.reply);
    const auto content = walk.next();
    EXPECT_TRUE(std::any_of(content.begin(), content.end(), [&](auto& entry) { return entry.number == late.number; }));
  }
  EXPECT_GE(tried, 1u);
}

TEST(Timetable, WithoutTransactionsThereAreNoReplies) {
  const auto minutes = schedule(10, 0);
  const Timetable timetable({.seed = 3, .first_minute = 0, .minutes = 10}, minutes);
  EXPECT_EQ(timetable.replies(), 0u);
  EXPECT_EQ(timetable.records_before(0), 0u);
}

}  // namespace
}  // namespace tidecast
