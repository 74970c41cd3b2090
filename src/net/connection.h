#pragma once
// A connection to a server anywhere, plain or TLS, as the clients of HTTP and of WebSocket need it: found, connected
// and agreed within a time, broken off at any moment.  Certificates and the host's name in them are verified, always.
// Private to this room.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "base/result.h"
#include "base/time.h"
#include "net/lookup.h"
#include "net/proxy.h"
#include "net/url.h"

namespace tidecast {

// How long something may take, and how that is said.
struct Limit {
  static Limit of(Milliseconds allowed) { return {std::chrono::steady_clock::now() + allowed, allowed}; }
  std::chrono::steady_clock::time_point deadline;
  Milliseconds allowed;
};

// A socket and, of https and wss, TLS over it.
struct Connection {
  using Tcp = boost::asio::ip::tcp::socket;
  Connection(boost::asio::io_context& io, boost::asio::ssl::context& context, Url address)
      : url(std::move(address)), stream(io, context) {}

  Tcp& socket() { return stream.next_layer(); }
  void close() {
    boost::system::error_code ignored;
    socket().close(ignored);
  }
  // `act` on whatever carries the bytes.
  template <typename Act>
  void on_wire(Act&& act) {
    if (url.tls)
      act(stream);
    else
      act(socket());
  }

  Url url;
  boost::asio::ssl::stream<Tcp> stream;
  boost::beast::flat_buffer buffer;  // What came and is not read yet.
};

// Makes connections, one at a time.  One thread uses it; any may cancel().
class Connector {
 public:
  using error_code = boost::system::error_code;
  struct Options {
    Milliseconds connect_timeout;
    std::filesystem::path ca_file;  // PEM; whom to trust; empty: whom the system trusts.
    Proxy proxy;
    std::function<bool()> stop;  // Asked every 50 ms; true is a cancel().  Empty: never.
  };
  explicit Connector(Options options) : options_(std::move(options)) {}

  // Reads the CA file.  Errors: kNotFound, kInvalidArgument.
  Status trust();
  // The connection that was there before is closed.  On an error there is none.
  Status connect(const Url& address, const Limit& whole);
  Connection* connection() { return connection_.get(); }
  void drop() { connection_.reset(); }  // Nothing may be under way.

  void cancel();  // What is under way, and every later one.
  bool cancelled() const { return cancelled_; }

  // Runs what `start` begins, which ends by calling the handler it is given.  Past the deadline, or when cancelled, it
  // is broken off, and the connection is no longer good for anything.
  template <typename Start>
  error_code perform(std::chrono::steady_clock::time_point deadline, Start&& start) {
    std::optional<error_code> outcome;
    start([&outcome](error_code error, auto&&...) { outcome = error; });
    if (run_until(deadline, outcome)) return *outcome;
    connection_->close();
    drain(outcome);
    return cancelled_ ? error_code(boost::asio::error::operation_aborted) : error_code(boost::asio::error::timed_out);
  }
  // Until there is an outcome.  False: the deadline came first, or a cancel(); what was begun goes on.
  bool run_until(std::chrono::steady_clock::time_point deadline, const std::optional<error_code>& outcome);
  // Of what was broken off, by closing its connection.
  void drain(const std::optional<error_code>& outcome);

  // What went wrong, in words; `slow` for when it took too long.
  Status failure(const error_code& error, std::string_view what, std::string_view slow, const Limit& limit) const;

 private:
  Status connect_to(const Url& address, const Limit& whole);
  Status trust_the_system();
  Status through_proxy(const Url& address, const Limit& limit);
  Status agree_on_tls(const Url& address, const Limit& limit);

  const Options options_;
  std::atomic<bool> cancelled_ = false;
  Lookup lookup_;
  boost::asio::io_context io_{1};
  boost::asio::ssl::context context_{boost::asio::ssl::context::tls_client};
  bool trusts_ = false;  // The system's certificates are read.
  std::unique_ptr<Connection> connection_;
};

}  // namespace tidecast
