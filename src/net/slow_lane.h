#pragma once
// A few threads for the requests whose answers take their time, so that the server's own stays free for the quick ones.
// Private to this room.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tidecast {

class SlowLane {
 public:
  enum class Turn { kRun, kTooLate };  // kTooLate: stop() came before the job's turn.
  using Job = std::function<void(Turn)>;

  SlowLane(int threads, std::size_t queue_max);
  ~SlowLane();  // Stops, and waits for the jobs that run.
  SlowLane(const SlowLane&) = delete;

  // Any thread.  Every job that is taken is called, once.  False: `queue_max` wait already, or it has been stopped.
  [[nodiscard]] bool offer(Job job);
  // Any thread.  Jobs that wait are called with kTooLate.
  void stop();

 private:
  void work();

  const std::size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tidecast
