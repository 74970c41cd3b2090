#pragma once
// DuckDB sessions that readers of Parquet files hand on to one another: opening and closing one takes as long as
// reading tens of thousands of rows.  Any thread.

#include <mutex>
#include <utility>
#include <vector>

#include "storage/duck.h"

namespace tidecast {

class ReaderSessions {
 public:
  // One that is idle, else a new one.
  Result<duck::Session> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        duck::Session session = std::move(idle_.back());
        idle_.pop_back();
        return session;
      }
    }
    auto session = TRY(duck::Session::open());
    TRY(session.exec("SET enable_external_file_cache = false"));  // A session that is idle shall hold no file's bytes.
    return session;
  }

  // For the next reader; a session whose query failed had better be dropped.
  void give_back(duck::Session session) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kMostIdle) idle_.push_back(std::move(session));
  }

 private:
  static constexpr std::size_t kMostIdle = 2;
  std::mutex mutex_;
  std::vector<duck::Session> idle_;
};

}  // namespace tidecast
