#include "base/clock.h"

#include <gtest/gtest.h>

namespace tidecast {
namespace {

constexpr ProcessingTime kStart = ProcessingTime::from_ms(1'500'000'000'123);

ProcessingTime wall() { return SystemClock().now(); }

TEST(Clock, ThatIsSimulatedNeverAsksForPatience) {
  SimulatedClock clock(kStart);
  EXPECT_EQ(clock.wall_until(kStart + 1h), 0ns);
  clock.wait_until(kStart + 1h);
  EXPECT_EQ(clock.now(), kStart + 1h);
}

TEST(Clock, OfTheSystemSaysHowLongToWait) {
  const SystemClock clock;
  EXPECT_EQ(clock.wall_until(clock.now()), 0ns);
  EXPECT_EQ(clock.wall_until(clock.now() - 1h), 0ns);
  const auto hour = clock.wall_until(clock.now() + 1h);
  EXPECT_LE(hour, 1h);
  EXPECT_GT(hour, 59min);
  EXPECT_EQ(clock.wall_until(ProcessingTime::max()), 24h);  // And then ask again.
  EXPECT_EQ(clock.wall_until(ProcessingTime::min()), 0ns);
}

TEST(Clock, ThatIsScaledIsTheSameForAllWhoAreGivenTheSameNumbers) {
  const ProcessingTime anchor = wall() - 10min;
  const ScaledClock clock(kStart, anchor, 60), restarted(kStart, anchor, 60);
  EXPECT_GE(clock.now(), kStart + 10h);
  EXPECT_LE(clock.now(), restarted.now());
  EXPECT_LE(restarted.now(), ScaledClock(kStart, anchor - 1ms, 60).now());
}

TEST(Clock, ThatIsScaledShowsTheTimeOnceItsWaitIsOver) {
  for (const double speed : {0.37, 1.0, 7.0, 60.0, 1001.0}) {
    const ProcessingTime anchor = wall();
    const ScaledClock clock(kStart, anchor, speed);
    const auto due = kStart + Milliseconds(static_cast<std::int64_t>(20 * speed) + 1);  // 20 ms of the wall's.
    while (clock.wall_until(due) > 0ns) continue;
    EXPECT_GE(clock.now(), due) << speed;
    EXPECT_GE(wall(), anchor + 20ms) << speed;
    const auto hour = clock.wall_until(clock.now() + 1h) / 1e9;
    EXPECT_NEAR(hour.count(), 3600 / speed, 0.1 + 1 / speed) << speed;
  }
}

}  // namespace
}  // namespace tidecast
