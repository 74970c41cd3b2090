#pragma once
// What other threads want of the loop's thread, which alone changes anything; and how the loop waits.

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>

#include "base/json.h"
#include "base/result.h"

namespace tidecast {

class Mailbox {
 public:
  using Task = std::function<Result<json::object>()>;

  // Any thread but the loop's: has the loop run `task` between two of its steps, and waits for the answer.
  // Errors: those of the task;  kUnavailable - the loop has ended.
  Result<json::object> ask(Task task);
  void wake();  // Any thread: ends a wait().

  // The loop's thread.  serve() runs what was asked and says whether there was anything; close() refuses what is
  // waiting and all that is asked from then on.
  bool serve();
  void wait(std::chrono::nanoseconds at_most);  // Until somebody asks or wakes.
  void close();

 private:
  struct Letter {
    Task task;
    std::promise<Result<json::object>> answer;
  };
  std::deque<Letter> take();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Letter> letters_;
  bool woken_ = false, closed_ = false;
};

}  // namespace tidecast
