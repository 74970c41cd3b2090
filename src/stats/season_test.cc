#include "stats/season.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

TEST(SeasonOf, IsAMinuteOrAnHourWhereThatHoldsEnoughStepsAndElseTheNextLongerCycle) {
  const struct {
    Milliseconds step;
    int season;
  } table[] = {{1s, 60},    {10s, 360},  {30s, 120}, {1min, 60}, {2min, 30}, {5min, 288},
               {15min, 96}, {30min, 48}, {1h, 24},   {6h, 4},    {24h, 7},   {7 * 24h, 52}};
  for (const auto& row : table) EXPECT_EQ(season_of(row.step), row.season) << row.step.count() << " ms";
}

TEST(SeasonOf, CountsTwentyFourStepsAsEnough) {
  EXPECT_EQ(season_of(2500ms), 24) << "of a minute";
  EXPECT_EQ(season_of(150s), 24) << "of an hour";
  EXPECT_EQ(season_of(3min), 480) << "an hour holds only 20, so it is a day";
}

TEST(SeasonOf, IsOneWhereTheStepDoesNotDivideTheCycle) {
  EXPECT_EQ(season_of(7s), 1);
  EXPECT_EQ(season_of(7min), 1);
  EXPECT_EQ(season_of(48h), 1);
  EXPECT_EQ(season_of(30 * 24h), 1);
}

TEST(SeasonOf, OfBusinessDaysIsAWeekAndOfLongerStepsAYear) {
  const struct {
    const char* step;
    int season;
  } table[] = {{"B", 5},  {"5B", 1}, {"2B", 1}, {"W", 52}, {"2W", 26}, {"3W", 1}, {"M", 12},
               {"3M", 4}, {"5M", 1}, {"Q", 4},  {"2Q", 2}, {"3Q", 1},  {"Y", 1},  {"2Y", 1}};
  for (const auto& row : table) EXPECT_EQ(season_of(parse_frequency(row.step).value()), row.season) << row.step;
}

}  // namespace
}  // namespace tidecast
