#pragma once
// What the server and the client of http.h say and understand, without any I/O.  Private to this room.

#include <optional>
#include <string>
#include <string_view>

#include "net/coroutines.h"
#include "net/http.h"

namespace tidecast {

// Errors: kFailedPrecondition - not a loopback address, and why only those are allowed.
Result<asio::ip::address> loopback_address(const std::string& text);
std::string name_of(const asio::ip::address& address, std::uint16_t port);  // "[::1]:8080"

// Why a request may not come in at all, if so.  See the top of http.h.
std::optional<HttpResponse> refusal_of(const http::request<http::string_body>& request);
HttpRequest plain_request(http::request<http::string_body>&& message);

// What to answer to a message that could not be read; none when nobody is there to hear it.
std::optional<HttpResponse> answer_to(const error_code& error, const HttpServerOptions& options);

enum class Connection { kKeptAlive, kClosed };
// Status line and headers, with the empty line after them.
std::string head_of(const HttpResponse& response, unsigned version, Connection connection);

}  // namespace tidecast
