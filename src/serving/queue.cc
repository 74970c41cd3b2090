#include "serving/queue.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <system_error>

#include "base/result.h"

namespace tidecast {

ForecastQueue::ForecastQueue(int threads, std::int64_t load_max) : load_max_(load_max) {
  CHECK(threads >= 1);
  sigset_t all, before;  // Signals belong to the program's own threads, which know what to do about them.
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  for (int i = 0; i < threads; ++i) {
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      CHECK(i > 0);
      break;
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ForecastQueue::~ForecastQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.clear();
    some_wait_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool ForecastQueue::offer(Job job) {
  const auto entry = std::make_shared<Entry>();
  entry->unfinished = job.parts;
  entry->job = std::move(job);
  {
    const std::lock_guard lock(mutex_);
    if (load_ > 0 && load_ + entry->job.load > load_max_) return false;
    load_ += entry->job.load;
    waiting_.push_back(entry);
    some_wait_ = true;
  }
  entry->job.parts == 1 ? changed_.notify_one() : changed_.notify_all();
  return true;
}

// For as long as a forecast takes: a request that comes later has the time to wake somebody.
void ForecastQueue::look_out() {
  if (looking_out_.exchange(true)) return;
  const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(1500);
  while (!some_wait_ && std::chrono::steady_clock::now() < until) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  looking_out_ = false;
}

void ForecastQueue::work() {
  for (bool worked = false;; worked = true) {
    if (worked) look_out();
    std::shared_ptr<Entry> entry;
    int part = 0;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      entry = std::move(waiting_.front());
      waiting_.pop_front();
      part = entry->next++;
      if (entry->next < entry->job.parts) waiting_.push_back(entry);
      some_wait_ = !waiting_.empty();
    }
    entry->job.run(part);
    if (entry->unfinished.fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
    {
      const std::lock_guard lock(mutex_);
      load_ -= entry->job.load;
    }
    entry->job.done();
  }
}

}  // namespace tidecast
