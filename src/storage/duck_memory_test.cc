#include "storage/duck_memory.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "storage/duck.h"

namespace tidecast {
namespace {

constexpr std::size_t kMiB = 1 << 20;

// Of this process, since it was last set back.
std::size_t peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == "VmHWM:") {
      std::size_t kb = 0;
      status >> kb;
      return kb * 1024;
    }
  return 0;
}
void reset_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

Result<duck::Table> bounded(const std::string& sql, std::size_t bytes) {
  const duck::MemoryBound bound(bytes);
  duck::Session session = TRY(duck::Session::open({.threads = 1, .memory_limit_mb = 64}));
  return session.query(sql);
}

TEST(DuckMemory, WhatFitsIsAnswered) {
  EXPECT_EQ(bounded("SELECT list_sum(range(1000000))", 256 * kMiB)->rows[0][0].as_int64(), 499'999'500'000);
}

TEST(DuckMemory, ASingleHugeValueIsRefusedBeforeItIsMade) {
  for (const char* sql :
       {"SELECT list_sum(range(100000000))", "SELECT length(repeat('x', 1000000000))",
        "SELECT list_transform(range(16384), lambda x: range(16384))",
        "SELECT sum(list_sum(range(range, range + 1000000))) FROM range(2048)", "SELECT list_resize([1], 100000000)",
        "SELECT length(printf('%1000000000d', 1))", "SELECT replace(repeat('a', 1000000), 'a', repeat('b', 1000))",
        "WITH RECURSIVE r AS (SELECT 'x' AS s UNION ALL SELECT s || s FROM r) SELECT max(length(s)) FROM r"}) {
    reset_peak();
    const std::size_t before = peak_bytes();
    const auto result = bounded(sql, 128 * kMiB);
    EXPECT_EQ(result.code(), Code::kUnavailable) << sql << ": " << result.message();
#ifndef __SANITIZE_ADDRESS__  // Whose allocator takes the place of ours.
    EXPECT_LT(peak_bytes(), before + 300 * kMiB) << sql << ": " << result.message();
#else
    (void)before;
#endif
  }
}

TEST(DuckMemory, WhatWasTakenIsGivenBackForTheNext) {
  for (int i = 0; i < 30; ++i) {
    EXPECT_FALSE(bounded("SELECT list_sum(range(100000000))", 128 * kMiB).ok());
    ASSERT_TRUE(bounded("SELECT list_sum(range(3000000))", 128 * kMiB).ok()) << "round " << i;
  }
}

TEST(DuckMemory, OtherThreadsAreNotBounded) {
  const duck::MemoryBound bound(64 * kMiB);
  std::thread([] {
    duck::Session session = std::move(duck::Session::open()).value();
    EXPECT_TRUE(session.query("SELECT list_sum(range(20000000))").ok());
  }).join();
}

TEST(DuckMemory, ManyAtOnceHaveEachTheirOwn) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      for (int round = 0; round < 5; ++round) {
        EXPECT_TRUE(bounded("SELECT list_sum(range(3000000))", 128 * kMiB).ok());
        EXPECT_FALSE(bounded("SELECT list_sum(range(50000000))", 128 * kMiB).ok());
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace tidecast
