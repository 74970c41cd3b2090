#include "net/lookup.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>

#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <cstring>
#include <thread>

namespace tidecast {
namespace {

namespace ip = boost::asio::ip;

struct Question {
  std::string host, port;
  bool answered = false;
  std::string error;  // Empty: `found`.
  std::vector<ip::tcp::endpoint> found;
};

void ask(const std::string& host, const std::string& port, std::string& error, std::vector<ip::tcp::endpoint>& found) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list); code != 0) {
    error = code == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(code);
    return;
  }
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    ip::tcp::endpoint endpoint;
    if (at->ai_addrlen > endpoint.capacity()) continue;
    endpoint.resize(at->ai_addrlen);
    std::memcpy(endpoint.data(), at->ai_addr, at->ai_addrlen);
    found.push_back(endpoint);
  }
  ::freeaddrinfo(list);
  if (found.empty()) error = "it has no address";
}

}  // namespace

Result<std::vector<ip::tcp::endpoint>> Lookup::find(const std::string& host, std::uint16_t port,
                                                    std::chrono::steady_clock::time_point deadline) {
  boost::system::error_code no_number;
  if (const ip::address address = ip::make_address(host, no_number); !no_number)
    return std::vector{ip::tcp::endpoint(address, port)};

  const auto question = std::make_shared<Question>();
  question->host = host;
  question->port = std::to_string(port);
  sigset_t all, before;  // Signals belong to the threads of the program's own.
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([question, shared = shared_] {
    std::string error;
    std::vector<ip::tcp::endpoint> found;
    ask(question->host, question->port, error, found);
    const std::lock_guard lock(shared->mutex);
    question->error = std::move(error);
    question->found = std::move(found);
    question->answered = true;
    shared->changed.notify_all();
  }).detach();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);

  std::unique_lock lock(shared_->mutex);
  const bool in_time =
      shared_->changed.wait_until(lock, deadline, [&] { return question->answered || shared_->cancelled; });
  if (shared_->cancelled) return cancelled("cancelled");
  if (!in_time) return unavailable("the name server does not answer");
  if (!question->error.empty()) return unavailable("no such host: {}", question->error);
  return std::move(question->found);
}

void Lookup::cancel() {
  const std::lock_guard lock(shared_->mutex);
  shared_->cancelled = true;
  shared_->changed.notify_all();
}

}  // namespace tidecast
