#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "base/ascii.h"
#include "net/http_message.h"

namespace tidecast {
namespace {

constexpr std::size_t kReplyMax = 256 << 20;  // Bytes of an answer that http_call takes.

// Leaves `outcome` as it is until all is over.
Task<> call(Socket& socket, asio::ip::tcp::endpoint endpoint, const std::string& text,
            http::response_parser<http::string_body>& parser, error_code& outcome) {
  auto [error] = co_await socket.async_connect(endpoint, kAwait);
  if (!error) {
    // A server that refuses early may stop reading and still answer, so whether all was written does not count.
    co_await asio::async_write(socket, asio::buffer(text), kAwait);
    boost::beast::flat_buffer buffer;
    auto [read_error, count] = co_await http::async_read(socket, buffer, parser, kAwait);
    error = read_error;
  }
  outcome = error;
}

std::string text_of(const HttpRequest& request, const std::string& host) {
  std::string text = fmt::format("{} {}{}{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", request.method,
                                 request.path, request.query.empty() ? "" : "?", request.query, host);
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT")
    text += fmt::format("Content-Length: {}\r\n", request.body.size());
  for (const auto& [name, value] : request.headers) text += fmt::format("{}: {}\r\n", name, value);
  return text + "\r\n" + request.body;
}

}  // namespace

Result<HttpResponse> http_call(const std::string& host, std::uint16_t port, const HttpRequest& request,
                               int timeout_ms) {
  const asio::ip::address address = TRY(loopback_address(host));
  const std::string where = name_of(address, port);
  try {
    http::response_parser<http::string_body> parser;
    parser.body_limit(kReplyMax);
    parser.skip(request.method == "HEAD");
    error_code error = asio::error::timed_out;
    const std::string text = text_of(request, where);
    asio::io_context io(1);
    Socket socket(io);
    asio::co_spawn(io, call(socket, {address, port}, text, parser, error), asio::detached);
    io.run_for(std::chrono::milliseconds(timeout_ms));
    if (error == asio::error::timed_out) return unavailable("{}: no answer within {} ms", where, timeout_ms);
    if (error) return unavailable("{}: {}", where, error.message());

    HttpResponse response;
    response.status = static_cast<int>(parser.get().result_int());
    response.content_type.clear();
    for (const auto& field : parser.get()) {
      const std::string_view name(field.name_string().data(), field.name_string().size());
      std::string value(field.value().data(), field.value().size());
      if (field.name() == http::field::content_type)
        response.content_type = std::move(value);
      else
        response.headers.emplace_back(lower(name), std::move(value));
    }
    response.body = std::move(parser.get().body());
    return response;
  } catch (const std::exception& exception) {
    return unavailable("{}: {}", where, exception.what());
  }
}

}  // namespace tidecast
