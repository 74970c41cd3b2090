#pragma once
// Answers that are made on other threads than the server's, or long after the handler has returned.  Private to this
// room.

#include <memory>
#include <mutex>
#include <optional>

#include "net/coroutines.h"
#include "net/http.h"

namespace tidecast {

// What a session and whoever answers it elsewhere share: the answer, and what the session waits by.
struct LateAnswer {
  explicit LateAnswer(asio::io_context& io) : done(io, SteadyClock::time_point::max()) {}
  Timer done;
  std::optional<HttpResponse> response;
};

// The way to the server's thread for answers that may come when there is no server any more.
class WayBack {
 public:
  explicit WayBack(asio::io_context& io) : io_(&io) {}
  void close();  // Before `io` ends.  What comes later is forgotten.

  // Brings a response, or what its `later` will give, to the session that waits for it.  Any thread.
  static void give(const std::shared_ptr<WayBack>& way, const std::shared_ptr<LateAnswer>& to, HttpResponse response);

 private:
  void take(std::weak_ptr<LateAnswer> to, HttpResponse response);

  std::mutex mutex_;
  asio::io_context* io_;  // Null once closed.
};

}  // namespace tidecast
