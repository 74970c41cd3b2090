#include "net/http_message.h"

#include <ctime>

#include "base/ascii.h"
#include "net/problem.h"

namespace tidecast {

Result<asio::ip::address> loopback_address(const std::string& text) {
  if (text == "localhost") return asio::ip::address(asio::ip::address_v4::loopback());
  error_code error;
  const asio::ip::address address = asio::ip::make_address(text, error);
  if (error || !address.is_loopback())
    return failed_precondition(
        "address '{}': only loopback is allowed (127.0.0.0/8, ::1, localhost): this version has no TLS and no tokens, "
        "so whoever reaches the port could do everything",
        text);
  return address;
}

std::string name_of(const asio::ip::address& address, std::uint16_t port) {
  return fmt::format(fmt::runtime(address.is_v6() ? "[{}]:{}" : "{}:{}"), address.to_string(), port);
}

namespace {

// Of "localhost:8080", "127.0.0.1", "[::1]:80".
bool is_loopback_authority(std::string_view authority) {
  const bool bracket = authority.starts_with('[');
  const std::size_t end = bracket ? authority.find(']') : authority.find(':');
  return loopback_address(lower(authority.substr(bracket, end == authority.npos ? end : end - bracket))).ok();
}

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc)};  // No locale but "C" is ever set.
}

}  // namespace

std::optional<HttpResponse> refusal_of(const http::request<http::string_body>& request) {
  const auto host = request.find(http::field::host);
  if (host == request.end()) {
    if (request.version() >= 11) return problem(400, "the Host header is missing; HTTP/1.1 requires it");
  } else if (!is_loopback_authority({host->value().data(), host->value().size()})) {
    return problem(421, "the Host header names another host; allowed: localhost, 127.0.0.0/8 and [::1]");
  }
  if (const auto origin = request.find(http::field::origin); origin != request.end()) {
    const std::string_view text(origin->value().data(), origin->value().size());
    const std::size_t scheme = text.find("://");
    if (scheme == text.npos || !is_loopback_authority(text.substr(scheme + 3)))
      return problem(403, "a page of another origin sent this; allowed: pages of localhost, 127.0.0.0/8 and [::1]");
    return std::nullopt;
  }
  // Images and forms of other pages come without an Origin; browsers say this of all of them.  A link that somebody
  // followed is welcome: the other page does not see what it leads to.
  const auto site = request.find("Sec-Fetch-Site");
  const bool elsewhere = site != request.end() && (site->value() == "cross-site" || site->value() == "same-site");
  const bool followed_link = request.method() == http::verb::get && request["Sec-Fetch-Mode"] == "navigate" &&
                             request["Sec-Fetch-Dest"] == "document";
  if (elsewhere && !followed_link)
    return problem(403,
                   "a page of another site sent this; allowed: pages of this server, links, and its address typed in");
  return std::nullopt;
}

HttpRequest plain_request(http::request<http::string_body>&& message) {
  HttpRequest request;
  request.method = message.method() == http::verb::head ? "GET" : std::string(message.method_string());
  std::string_view target(message.target().data(), message.target().size());
  if (const std::size_t scheme = target.find("://"); !target.starts_with('/') && scheme != target.npos) {
    const std::size_t path = target.find('/', scheme + 3);  // The absolute form, as to a proxy.
    target = path == target.npos ? "/" : target.substr(path);
  }
  const std::size_t mark = target.find('?');
  request.path = target.substr(0, mark);
  if (mark != target.npos) request.query = target.substr(mark + 1);
  for (const auto& field : message) {
    std::string& value = request.headers[lower({field.name_string().data(), field.name_string().size()})];
    if (!value.empty()) value += ", ";
    value.append(field.value().data(), field.value().size());
  }
  request.body = std::move(message.body());
  return request;
}

std::optional<HttpResponse> answer_to(const error_code& error, const HttpServerOptions& options) {
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error == http::error::body_limit)
    return problem(413, fmt::format("the body is too large; allowed: {} bytes", options.body_max));
  if (error == http::error::header_limit || error == http::error::buffer_overflow)
    return problem(431, fmt::format("request line and headers are too large; allowed: {} bytes", options.header_max));
  if (error.category() == make_error_code(http::error::bad_method).category())
    return problem(400, fmt::format("not an HTTP/1.1 request: {}", error.message()));
  return std::nullopt;
}

std::string head_of(const HttpResponse& response, unsigned version, Connection connection) {
  std::string head = fmt::format("HTTP/1.{} {} {}\r\nServer: tidecast\r\nDate: {}\r\nConnection: {}\r\n", version % 10,
                                 response.status, http_reason(response.status), http_date(),
                                 connection == Connection::kKeptAlive ? "keep-alive" : "close");
  if (response.stream) {
    head += fmt::format("Content-Type: {}\r\n", response.content_type);
    if (version >= 11) head += "Transfer-Encoding: chunked\r\n";  // Before HTTP/1.1 the end is where it closes.
  } else if (response.status != 204 && response.status != 304) {
    if (!response.body.empty()) head += fmt::format("Content-Type: {}\r\n", response.content_type);
    head += fmt::format("Content-Length: {}\r\n", response.body.size());
  }
  for (const auto& [name, value] : response.headers) head += fmt::format("{}: {}\r\n", name, value);
  return head + "\r\n";
}

}  // namespace tidecast
