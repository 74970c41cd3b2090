#pragma once
// A blocking client of WebSocket servers anywhere (RFC 6455), ws and wss, for sources that are told what happens.
// Certificates and the host's name in them are verified, always.

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/proxy.h"

namespace tidecast {

struct WebSocketClientOptions {
  Milliseconds connect_timeout{5'000};  // To find the host, connect, and agree on TLS; within
  Milliseconds timeout{10'000};         // that for all of connect(); and for a send() or a ping().
  std::size_t message_max = 8 << 20;    // Bytes of one message.
  std::filesystem::path ca_file{};      // PEM; whom to trust; empty: whom the system trusts.
  Proxy proxy{};                        // For wss; none.
};

// One thread uses it; any may cancel().  After an error of anything but connect() the connection is gone.
// Errors: kCancelled;  kUnavailable - all else, and says what: no such host, refused, a certificate that is not
// trusted, an answer that is no 101, closed by the server and why, a message too large, not in time, not connected.
class WebSocketClient {
 public:
  // Errors: kInvalidArgument - timeouts that are not above 0, a CA file that holds no certificate;  kNotFound - there
  // is no such file.
  static Result<std::unique_ptr<WebSocketClient>> make(WebSocketClientOptions options);
  virtual ~WebSocketClient() = default;  // Without a word to the server; close() says one.

  // Connects, anew if it was connected, with these headers besides those of the handshake and User-Agent.
  // Errors: as above;  kInvalidArgument - `url` is none.
  virtual Status connect(const std::string& url,
                         const std::vector<std::pair<std::string, std::string>>& headers = {}) = 0;
  virtual bool connected() const = 0;

  virtual Status send(std::string_view text) = 0;
  virtual Status ping() = 0;  // The pong is not waited for, and is no message.
  // The next message, text or binary, or nullopt: none came so long.  Pings are answered meanwhile.
  virtual Result<std::optional<std::string>> receive(std::chrono::nanoseconds patience) = 0;
  // Says so and goes, within 200 ms.
  virtual void close() = 0;

  // Ends what is under way, within 100 ms, and everything later at once.
  virtual void cancel() = 0;
};

}  // namespace tidecast
