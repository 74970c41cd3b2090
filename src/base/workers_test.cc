#include "base/workers.h"

#include <gtest/gtest.h>

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

TEST(Workers, EndWithoutEverHavingWorked) { Workers workers(3); }

}  // namespace
}  // namespace tidecast
