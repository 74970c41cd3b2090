#include "base/workers.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

namespace tidecast {
namespace {

TEST(Workers, DoEveryTaskOnceAndReturnWhenAllAreDone) {
  for (const int threads : {1, 2, 5}) {
    Workers workers(threads);
    for (int round = 0; round < 200; ++round) {
      std::vector<int> done(static_cast<std::size_t>(round % 9));
      workers.run(static_cast<int>(done.size()), [&](int i) { ++done[static_cast<std::size_t>(i)]; });
      ASSERT_EQ(std::accumulate(done.begin(), done.end(), 0), round % 9) << threads << " threads, round " << round;
    }
  }
}

TEST(Workers, DoNotLetTheCallerWaitForAHelperThatNeverComes) {
  Workers workers(2);
  std::atomic<int> done = 0;
  // The helper may take the first task it sees and not come back before the caller has done all others.
  workers.run(4, [&, caller = std::this_thread::get_id()](int) {
    if (std::this_thread::get_id() != caller)
      while (done < 3) std::this_thread::yield();
    ++done;
  });
  EXPECT_EQ(done, 4);
}

TEST(UsableProcessors, AreThoseOfTheMask) {
  cpu_set_t before, one;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(usable_processors(), CPU_COUNT(&before));
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i)
    if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_processors(), 1);
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

TEST(Workers, EndWithoutEverHavingWorked) { Workers workers(3); }

}  // namespace
}  // namespace tidecast
