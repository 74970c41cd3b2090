#include "net/slow_lane.h"

#include <pthread.h>
#include <signal.h>

namespace tidecast {

SlowLane::SlowLane(int threads, std::size_t queue_max) : queue_max_(queue_max) {
  sigset_t all, before;  // Signals belong to the program's own threads, which know what to do about them.
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

SlowLane::~SlowLane() {
  stop();
  for (std::thread& thread : threads_) thread.join();
}

bool SlowLane::offer(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(job));
  }
  changed_.notify_one();
  return true;
}

void SlowLane::stop() {
  std::deque<Job> too_late;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    too_late.swap(queue_);
  }
  changed_.notify_all();
  for (const Job& job : too_late) job(Turn::kTooLate);
}

void SlowLane::work() {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = std::move(queue_.front());
      queue_.pop_front();
    }
    job(Turn::kRun);
  }
}

}  // namespace tidecast
