#include "net/late_answer.h"

#include <boost/asio/post.hpp>
#include <future>

namespace tidecast {

void WayBack::close() {
  const std::lock_guard lock(mutex_);
  io_ = nullptr;
}

void WayBack::give(const std::shared_ptr<WayBack>& way, const std::shared_ptr<LateAnswer>& to, HttpResponse response) {
  if (!response.later) return way->take(to, std::move(response));
  response.later([way, to = std::weak_ptr(to)](HttpResponse answer) { way->take(to, std::move(answer)); });
}

// The session ends with `io`, so nobody else may be the last to hold what it waits by.
void WayBack::take(std::weak_ptr<LateAnswer> to, HttpResponse response) {
  const std::lock_guard lock(mutex_);
  if (io_ == nullptr) return;
  asio::post(*io_, [to = std::move(to), answer = std::move(response)]() mutable {
    const std::shared_ptr<LateAnswer> waiting = to.lock();
    if (waiting == nullptr) return;
    waiting->response = std::move(answer);
    waiting->done.cancel();
  });
}

HttpResponse wait_for(HttpResponse response) {
  if (!response.later) return response;
  const auto promise = std::make_shared<std::promise<HttpResponse>>();
  response.later([promise](HttpResponse answer) { promise->set_value(std::move(answer)); });
  return promise->get_future().get();
}

}  // namespace tidecast
