#include "app/mailbox.h"

#include <utility>

namespace tidecast {
namespace {

Status ended() { return unavailable("the loop has ended; the server is about to"); }

}  // namespace

Result<json::object> Mailbox::ask(Task task) {
  std::future<Result<json::object>> answer;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return ended();
    letters_.push_back({std::move(task), {}});
    answer = letters_.back().answer.get_future();
  }
  changed_.notify_all();
  return answer.get();
}

void Mailbox::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

std::deque<Mailbox::Letter> Mailbox::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(letters_, {});
}

bool Mailbox::serve() {
  std::deque<Letter> letters = take();
  for (Letter& letter : letters) letter.answer.set_value(letter.task());
  return !letters.empty();
}

void Mailbox::wait(std::chrono::nanoseconds at_most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, at_most, [this] { return woken_ || !letters_.empty(); });
  woken_ = false;
}

void Mailbox::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  for (Letter& letter : take()) letter.answer.set_value(ended());
}

}  // namespace tidecast
