#pragma once
// What waits to be forecast, of all requests: a few threads take one part of each request in turn, so that a request of
// a thousand series holds up none of one, and is spread over all threads where it is alone.
//
// A thread that has worked looks out for the next job for a moment before it sleeps: a virtual machine's core that
// sleeps between requests is lent to others, and comes back slow (docs/deepar.md).

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace tidecast {

class ForecastQueue {
 public:
  struct Job {
    int parts = 1;          // >= 1
    std::int64_t load = 0;  // How much it is of what may wait, in the caller's unit.
    // Called once for each of 0 .. parts - 1, which begin in this order; on several threads at once.  Must not throw.
    std::function<void(int)> run;
    std::function<void()> done;  // Once, by whoever has made the last part.  Must not throw.
  };

  // threads >= 1; where so many cannot be had, fewer.
  ForecastQueue(int threads, std::int64_t load_max);
  ~ForecastQueue();  // Waits for the parts that run and forgets the others.
  ForecastQueue(const ForecastQueue&) = delete;

  // Any thread.  False, and nothing is called: with it more than `load_max` would wait.  Where nothing waits, any job
  // is taken.
  [[nodiscard]] bool offer(Job job);

 private:
  struct Entry {
    Job job;
    int next = 0;                 // Guarded by mutex_.
    std::atomic<int> unfinished;  // Parts.
  };
  void work();
  void look_out();  // Returns when a job waits, or soon.

  const std::int64_t load_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Entry>> waiting_;  // Jobs of which a part has not begun.
  std::int64_t load_ = 0;                       // Of all that are not done.
  bool stopping_ = false;
  std::atomic<bool> some_wait_ = false;    // Or it is the end.  What look_out() looks at.
  std::atomic<bool> looking_out_ = false;  // By one thread at a time.
  std::vector<std::thread> threads_;
};

}  // namespace tidecast
