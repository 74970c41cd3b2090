#include "api/events.h"

#include <algorithm>
#include <deque>
#include <mutex>

namespace tidecast {
namespace {

constexpr std::size_t kItemsAtOnce = 64;  // In one chunk, so that a reader who resumes does not take much at once.

struct Item {
  std::int64_t number;
  std::string json_line;
};

}  // namespace

struct EventHub::State {
  std::function<Time()> now;
  mutable std::mutex mutex;  // Guards all below.
  Wake wake;
  std::shared_ptr<const std::string> status, next_status;  // What readers get, and what they get once 250 ms are over.
  std::int64_t status_number = 0;                          // Of `status`; 0: there is none.
  Time status_at{};                                        // When `status` was put there.
  std::deque<Item> items;
  std::int64_t newest = 0;   // Number of the newest item.
  std::int64_t dropped = 0;  // Items up to this number are not kept.

  // Puts the next status in its place if its time has come.  Returns how long it has to wait, if it must.
  std::optional<std::chrono::milliseconds> publish() {
    if (!next_status) return std::nullopt;
    const Time time = now();
    if (status && time - status_at < kStatusEvery)
      return std::chrono::ceil<std::chrono::milliseconds>(kStatusEvery - (time - status_at));
    status = std::move(next_status);
    next_status = nullptr;
    status_at = time;
    ++status_number;
    return std::chrono::milliseconds(0);
  }
};

class EventHub::Stream final : public HttpStream {
 public:
  Stream(std::shared_ptr<State> state, std::int64_t cursor) : state_(std::move(state)), cursor_(cursor) {}

  std::string next(bool idle) override {
    std::string text;
    const std::lock_guard lock(state_->mutex);
    state_->publish();
    if (state_->status_number != status_seen_) {
      status_seen_ = state_->status_number;
      text += fmt::format("event: status\ndata: {}\n\n", *state_->status);
    }
    if (cursor_ < state_->dropped || cursor_ > state_->newest) {
      cursor_ = state_->newest;
      text += fmt::format("id: {}\nevent: reset\ndata: {{}}\n\n", cursor_);
    }
    const auto after = [](std::int64_t number, const Item& item) { return number < item.number; };
    auto item = std::upper_bound(state_->items.begin(), state_->items.end(), cursor_, after);
    for (std::size_t n = 0; n < kItemsAtOnce && item != state_->items.end(); ++n, ++item) {
      text += fmt::format("id: {}\nevent: timeline\ndata: {}\n\n", item->number, item->json_line);
      cursor_ = item->number;
    }
    if (text.empty() && idle) text = ":\n\n";  // A comment, which keeps the connection alive.
    return text;
  }

 private:
  const std::shared_ptr<State> state_;
  std::int64_t cursor_;           // The last item that was sent.
  std::int64_t status_seen_ = 0;  // The last status that was sent.
};

EventHub::EventHub(std::function<Time()> now) : state_(std::make_shared<State>()) { state_->now = std::move(now); }

void EventHub::on_news(Wake wake) {
  const std::lock_guard lock(state_->mutex);
  state_->wake = std::move(wake);
}

void EventHub::set_status(std::shared_ptr<const std::string> json_line) {
  CHECK(json_line != nullptr && json_line->find_first_of("\r\n") == std::string::npos);
  const std::lock_guard lock(state_->mutex);
  const std::shared_ptr<const std::string>& last = state_->next_status ? state_->next_status : state_->status;
  if (last && *last == *json_line) return;
  state_->next_status = std::move(json_line);
  const auto delay = state_->publish();
  if (state_->wake && delay) state_->wake(*delay);
}

void EventHub::add(std::int64_t number, std::string json_line) {
  CHECK(json_line.find_first_of("\r\n") == std::string::npos);
  const std::lock_guard lock(state_->mutex);
  if (number <= state_->newest) return;
  if (state_->items.empty()) state_->dropped = number - 1;
  state_->items.push_back({number, std::move(json_line)});
  state_->newest = number;
  if (state_->items.size() > kItemsKept) {
    state_->dropped = state_->items.front().number;
    state_->items.pop_front();
  }
  if (state_->wake) state_->wake(std::chrono::milliseconds(0));
}

std::shared_ptr<HttpStream> EventHub::stream(std::optional<std::int64_t> last_id) const {
  const std::lock_guard lock(state_->mutex);
  return std::make_shared<Stream>(state_, last_id.value_or(state_->newest));
}

}  // namespace tidecast
