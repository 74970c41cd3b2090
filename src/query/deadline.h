#pragma once
// The end of a query's time.  Private to this room.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "query/query.h"
#include "storage/duck.h"

namespace tidecast {

// Interrupts the session when the time is up, unless it is destroyed before.
class Deadline {
 public:
  Deadline(duck::Session& session, const QueryLimits& limits)
      : time_(limits.time), due_(std::chrono::steady_clock::now() + limits.time), watcher_([this, &session, &limits] {
          std::unique_lock lock(mutex_);
          while (!passed()) {
            const auto slice = std::min(due_, std::chrono::steady_clock::now() + 100ms);
            if (ended_.wait_until(lock, slice, [this] { return over_; })) return;
            stopped_ = limits.stop && limits.stop();
          }
          // Again and again: an interrupt between two of the query's steps would be lost.
          do session.interrupt();
          while (!ended_.wait_for(lock, 10ms, [this] { return over_; }));
        }) {}
  ~Deadline() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    ended_.notify_all();
    watcher_.join();
  }

  bool passed() const { return stopped_ || std::chrono::steady_clock::now() >= due_; }
  // kCancelled once it has passed: for what is done outside of DuckDB, where no interrupt reaches.
  Status check() const {
    if (stopped_) return cancelled("the query was stopped: the program ends");
    return passed() ? cancelled("the query took longer than {}", to_text(time_)) : ok();
  }

 private:
  const Milliseconds time_;
  const std::chrono::steady_clock::time_point due_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  std::atomic<bool> stopped_ = false;
  std::thread watcher_;
};

}  // namespace tidecast
