#include "net/websocket_client.h"

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include "base/version.h"
#include "net/connection.h"

namespace tidecast {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;

// Why the server closed, as it says; its words are whatever came.
std::string text_of(const websocket::close_reason& reason) {
  std::string text = fmt::format("closed by the server, code {}", reason.code);
  if (reason.reason.empty()) return text;
  std::string words(reason.reason.data(), reason.reason.size());
  for (char& c : words)
    if (c < ' ' || c > '~') c = '.';
  return text + ": " + words;
}

class Client final : public WebSocketClient {
 public:
  explicit Client(WebSocketClientOptions options)
      : options_(std::move(options)), connector_({options_.connect_timeout, options_.ca_file, options_.proxy, {}}) {}
  ~Client() override { drop(); }

  Status trust() { return connector_.trust(); }

  Status connect(const std::string& url, const std::vector<std::pair<std::string, std::string>>& headers) override {
    drop();
    const Url address = TRY(parse_websocket_url(url));
    return guarded([&] { return connect_to(address, headers).in(address.endpoint()); });
  }

  bool connected() const override { return open_; }

  Status send(std::string_view text) override {
    return step("cannot send", "nothing sent", [&](auto& socket, auto handler) {
      socket.text(true);
      socket.async_write(asio::buffer(text.data(), text.size()), std::move(handler));
    });
  }

  Status ping() override {
    return step("cannot send a ping", "no ping sent",
                [&](auto& socket, auto handler) { socket.async_ping({}, std::move(handler)); });
  }

  Result<std::optional<std::string>> receive(std::chrono::nanoseconds patience) override {
    std::optional<std::string> message;
    const Status status = guarded([&] { return receive(SteadyClock::now() + patience, message); });
    if (!status.ok()) return status;
    return message;
  }

  void close() override {
    if (open_ && !connector_.cancelled())
      (void)guarded([&] {
        (void)connector_.perform(SteadyClock::now() + std::chrono::milliseconds(200), [&](auto handler) {
          on_socket([&](auto& socket) { socket.async_close(websocket::close_code::normal, std::move(handler)); });
        });
        return ok();
      });
    drop();
  }

  void cancel() override { connector_.cancel(); }

 private:
  template <typename Act>
  Status guarded(Act&& act) {
    try {
      Status status = act();
      if (!status.ok()) drop();
      return status;
    } catch (const std::exception& exception) {  // No memory, no thread, no epoll.
      drop();
      return unavailable("{}", exception.what());
    }
  }

  // Whatever is under way ends with its connection.
  void drop() {
    open_ = false;
    if (connector_.connection() != nullptr) connector_.connection()->close();
    if (reading_) connector_.drain(read_);
    reading_ = false;
    read_.reset();
    plain_.reset();
    tls_.reset();
    arrived_.clear();
    connector_.drop();
  }

  Status connect_to(const Url& address, const std::vector<std::pair<std::string, std::string>>& headers) {
    const Limit limit = Limit::of(options_.timeout);
    TRY(connector_.connect(address, limit));
    if (address.tls)
      tls_.emplace(connector_.connection()->stream);
    else
      plain_.emplace(connector_.connection()->socket());
    websocket::response_type answer;
    const error_code error = connector_.perform(limit.deadline, [&](auto handler) {
      on_socket([&](auto& socket) {
        socket.auto_fragment(false);  // A message is a frame: not every server puts pieces together.
        socket.read_message_max(options_.message_max);
        socket.set_option(websocket::stream_base::decorator([&](websocket::request_type& request) {
          request.set(http::field::user_agent, fmt::format("tidecast/{}", kVersion));
          for (const auto& [name, value] : headers) request.set(name, value);
        }));
        socket.async_handshake(answer, address.authority(), address.target, std::move(handler));
      });
    });
    if (error == websocket::error::upgrade_declined)
      return unavailable("no WebSocket there: HTTP {}", answer.result_int());
    if (error) return failure(error, "no WebSocket there", "no answer", limit);
    open_ = true;
    return ok();
  }

  template <typename Start>
  Status step(std::string_view what, std::string_view slow, Start&& start) {
    if (!open_) return unavailable("not connected");
    return guarded([&] {
      const Limit limit = Limit::of(options_.timeout);
      const error_code error = connector_.perform(
          limit.deadline, [&](auto handler) { on_socket([&](auto& socket) { start(socket, std::move(handler)); }); });
      return error ? failure(error, what, slow, limit) : ok();
    });
  }

  // A message that is not there in time goes on coming: the next call finds it.
  Status receive(SteadyClock::time_point deadline, std::optional<std::string>& message) {
    if (!open_) return unavailable("not connected");
    if (!reading_) {
      reading_ = true;
      on_socket(
          [&](auto& socket) { socket.async_read(arrived_, [this](error_code error, std::size_t) { read_ = error; }); });
    }
    if (!connector_.run_until(deadline, read_)) return connector_.cancelled() ? cancelled("cancelled") : ok();
    reading_ = false;
    const error_code error = *std::exchange(read_, std::nullopt);
    if (error) return failure(error, "the connection is lost", "", {});
    message = boost::beast::buffers_to_string(arrived_.data());
    arrived_.clear();
    return ok();
  }

  Status failure(const error_code& error, std::string_view what, std::string_view slow, const Limit& limit) {
    if (connector_.cancelled()) return cancelled("cancelled");
    // What the server said counts for more than how its going was noticed.
    std::string why;
    on_socket([&](auto& socket) { why = socket.reason() ? text_of(socket.reason()) : ""; });
    if (!why.empty()) return unavailable("{}", why);
    if (error == websocket::error::message_too_big || error == websocket::error::buffer_overflow)
      return unavailable("a message is larger than {} bytes", options_.message_max);
    if (error == asio::error::eof || error == asio::error::connection_reset ||
        error == asio::ssl::error::stream_truncated || error == http::error::end_of_stream)
      return unavailable("the server closed the connection without a word");
    return connector_.failure(error, what, slow, limit);
  }

  template <typename Act>
  void on_socket(Act&& act) {
    if (tls_)
      act(*tls_);
    else
      act(*plain_);
  }

  const WebSocketClientOptions options_;
  Connector connector_;
  bool open_ = false;
  std::optional<websocket::stream<Connection::Tcp&>> plain_;  // One of the two, where connected.
  std::optional<websocket::stream<asio::ssl::stream<Connection::Tcp>&>> tls_;
  boost::beast::flat_buffer arrived_;  // Of the message that is being read.
  bool reading_ = false;
  std::optional<error_code> read_;  // How that ended.
};

}  // namespace

Result<std::unique_ptr<WebSocketClient>> WebSocketClient::make(WebSocketClientOptions options) {
  for (const auto& [name, value] :
       {std::pair("connect_timeout", options.connect_timeout), {"timeout", options.timeout}})
    if (value <= 0ms) return invalid_argument("{} is {} ms; allowed: above 0", name, value.count());
  try {
    auto client = std::make_unique<Client>(std::move(options));
    TRY(client->trust());
    return std::unique_ptr<WebSocketClient>(std::move(client));
  } catch (const std::exception& exception) {
    return unavailable("cannot make a WebSocket client: {}", exception.what());
  }
}

}  // namespace tidecast
