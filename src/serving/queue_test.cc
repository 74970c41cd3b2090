#include "serving/queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <string>

namespace tidecast {
namespace {

// Notes what runs; the very first part waits until it is let go, so that what is offered meanwhile waits.
class Notes {
 public:
  ForecastQueue::Job job(const std::string& name, int parts, std::int64_t load = 1) {
    return {.parts = parts,
            .load = load,
            .run =
                [this, name](int part) {
                  if (first_.exchange(false)) {
                    began_.set_value();
                    go_.get_future().wait();
                  }
                  note(name + std::to_string(part) + " ");
                },
            .done = [this, name] { note(name + "! "); }};
  }
  void until_the_first_runs() { began_.get_future().wait(); }
  void let_go() { go_.set_value(); }
  std::string text_once_done(int jobs) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return std::ranges::count(text_, '!') >= jobs; });
    return text_;
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  void note(const std::string& what) {
    const std::lock_guard lock(mutex_);
    text_ += what;
    changed_.notify_all();
  }
  std::promise<void> began_, go_;
  std::atomic<bool> first_ = true;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
};

TEST(ForecastQueue, TakesOnePartOfEachJobInTurn) {
  Notes notes;
  ForecastQueue queue(1, 100);
  ASSERT_TRUE(queue.offer(notes.job("big", 4)));
  notes.until_the_first_runs();
  ASSERT_TRUE(queue.offer(notes.job("a", 1)));
  ASSERT_TRUE(queue.offer(notes.job("b", 2)));
  notes.let_go();
  EXPECT_EQ(notes.text_once_done(3), "big0 big1 a0 a! b0 big2 b1 b! big3 big! ");
}

TEST(ForecastQueue, SpreadsOneJobOverAllThreads) {
  ForecastQueue queue(3, 100);
  std::mutex mutex;
  std::condition_variable changed;
  int running = 0;
  std::promise<void> done;
  const auto meet = [&](int) {  // Only three at once come past here.
    std::unique_lock lock(mutex);
    ++running;
    changed.notify_all();
    changed.wait(lock, [&] { return running >= 3; });
  };
  ASSERT_TRUE(queue.offer({.parts = 3, .load = 1, .run = meet, .done = [&] { done.set_value(); }}));
  done.get_future().wait();
}

TEST(ForecastQueue, RefusesWhatIsTooMuchUntilThereIsRoomAgain) {
  Notes notes;
  ForecastQueue queue(1, 10);
  ASSERT_TRUE(queue.offer(notes.job("whole", 1, 1000))) << "alone anything goes";
  notes.until_the_first_runs();
  EXPECT_FALSE(queue.offer(notes.job("more", 1, 1)));
  notes.let_go();
  notes.text_once_done(1);
  ASSERT_TRUE(queue.offer(notes.job("then", 1, 6)));
  EXPECT_EQ(notes.text_once_done(2), "whole0 whole! then0 then! ");
}

TEST(ForecastQueue, ForgetsWhatHasNotBegunWhenItEnds) {
  Notes notes;
  std::future<void> let_go;
  {
    ForecastQueue queue(1, 100);
    ASSERT_TRUE(queue.offer(notes.job("one", 2)));
    notes.until_the_first_runs();
    ASSERT_TRUE(queue.offer(notes.job("two", 1)));
    let_go = std::async(std::launch::async, [&] {
      std::this_thread::yield();
      notes.let_go();
    });
  }
  EXPECT_TRUE(notes.text().starts_with("one0 "));
}

}  // namespace
}  // namespace tidecast
