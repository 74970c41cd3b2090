#include "nn/workers.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace tidecast::nn {
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

TEST(Workers, EndWithoutEverHavingWorked) { Workers workers(3); }

}  // namespace
}  // namespace tidecast::nn
