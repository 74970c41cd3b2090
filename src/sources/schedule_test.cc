#include "sources/schedule.h"

#include "sources/test_files.h"
#include "sources/unpacked_file.h"

namespace tidecast {
namespace {

TEST(Schedule, ReadsTheShippedWeek) {
  const auto minutes = parse_schedule(read_unpacked(shipped("bitcoin/schedule_7d.csv.zst")).value());
  ASSERT_TRUE(minutes.ok()) << minutes.message();
  ASSERT_EQ(minutes->size(), 7u * 24 * 60);
  EXPECT_EQ(to_rfc3339((*minutes)[2880].start), "2026-05-06T00:00:00Z");
  EXPECT_DOUBLE_EQ(minutes->front().tx_per_minute, 141.40);
  EXPECT_DOUBLE_EQ(minutes->front().fee_level, 0.5);
  double transactions = 0;
  for (std::size_t i = 2880; i < 5760; ++i) transactions += (*minutes)[i].tx_per_minute;
  EXPECT_NEAR(transactions, 657'614, 1);
}

TEST(Schedule, NamesTheLineAndWhatIsWrongInIt) {
  const std::string header = "minute_utc,tx_per_minute,fee_level\n";
  const std::string good = header + "2026-05-04T00:00:00Z,141.4,0.5\n";
  const std::pair<std::string, std::string> cases[] = {
      {"", "line 1: ''; the header 'minute_utc,tx_per_minute,fee_level' is needed"},
      {header, "line 2: no minute is given"},
      {good + "2026-05-04T00:02:00Z,1,1\n",
       "line 3: minute_utc: 2026-05-04T00:02:00Z follows 2026-05-04T00:00:00Z; minutes must follow one another"},
      {good + "2026-05-04T00:01:30Z,1,1\n", "line 3: minute_utc: '2026-05-04T00:01:30Z' is not the start of a minute"},
      {good + "2026-05-04T00:01:00Z,-1,1\n", "line 3: tx_per_minute: '-1'; a number from 0 to 1000000 is needed"},
      {good + "2026-05-04T00:01:00Z,1x,1\n", "line 3: tx_per_minute: '1x'; a number from 0 to 1000000 is needed"},
      {good + "2026-05-04T00:01:00Z,1,0\n", "line 3: fee_level: '0'; a number above 0 is needed"},
      {good + "2026-05-04T00:01:00Z,1\n", "line 3: fee_level: ''; a number above 0 is needed"},
      {good + "2026-05-04T00:01:00Z,1,1,1\n", "line 3: fee_level: '1,1'; a number above 0 is needed"},
  };
  for (const auto& [csv, message] : cases) {
    const auto minutes = parse_schedule(csv);
    EXPECT_EQ(minutes.code(), Code::kInvalidArgument) << csv;
    EXPECT_EQ(minutes.message(), message);
  }
  EXPECT_FALSE(parse_schedule(good + "yesterday,1,1\n").ok());
}

}  // namespace
}  // namespace tidecast
