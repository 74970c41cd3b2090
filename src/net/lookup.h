#pragma once
// The addresses of a host, without hanging on a name server that does not answer: getaddrinfo() cannot be interrupted,
// so it runs on a thread that nobody waits for longer than they like.

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"

namespace tidecast {

// Any number of threads may look up and cancel.
class Lookup {
 public:
  // At least one endpoint.  Errors: kUnavailable - no such host, or no answer by `deadline`;  kCancelled.
  Result<std::vector<boost::asio::ip::tcp::endpoint>> find(const std::string& host, std::uint16_t port,
                                                           std::chrono::steady_clock::time_point deadline);
  void cancel();  // What is under way, and every later one.

 private:
  struct Shared {  // With the threads that outlive us.
    std::mutex mutex;
    std::condition_variable changed;
    bool cancelled = false;
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace tidecast
