#include "net/client.h"

#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>
#include <optional>

#include "base/ascii.h"
#include "base/version.h"
#include "net/connection.h"
#include "net/gzip.h"
#include "net/url.h"

namespace tidecast {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;
using Parser = http::response_parser<http::string_body>;

const std::string kUserAgent = fmt::format("tidecast/{}", kVersion);
constexpr std::uint32_t kHeaderMax = 65'536;  // Bytes; proxies before a server add much to it.

class Client final : public HttpClient {
 public:
  explicit Client(HttpClientOptions options)
      : options_(std::move(options)),
        connector_({options_.connect_timeout, options_.ca_file, options_.proxy, options_.stop}) {}

  Status trust() { return connector_.trust(); }

  Result<HttpAnswer> get(const std::string& url,
                         const std::vector<std::pair<std::string, std::string>>& headers) override {
    const Url address = TRY(parse_url(url));
    try {
      return get_from(address, headers).in(address.endpoint());
    } catch (const std::exception& exception) {  // No memory, no thread, no epoll.
      connector_.drop();
      return unavailable("{}: {}", address.endpoint(), exception.what());
    }
  }

  void cancel() override { connector_.cancel(); }

 private:
  Result<HttpAnswer> get_from(const Url& address, const std::vector<std::pair<std::string, std::string>>& headers) {
    const Limit limit = Limit::of(options_.timeout);
    std::string request = fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nAccept: application/json, */*;q=0.5\r\n"
        "Accept-Encoding: gzip\r\n",
        address.target, address.authority(), kUserAgent);
    for (const auto& [name, value] : headers) request += fmt::format("{}: {}\r\n", name, value);
    request += "\r\n";

    const Connection* const before = connector_.connection();
    const bool kept =
        before != nullptr && before->url.endpoint() == address.endpoint() && before->url.tls == address.tls;
    if (!kept) TRY(connector_.connect(address, limit));
    bool closed_before_answer = false;
    Result<HttpAnswer> answer = exchange(request, limit, closed_before_answer);
    if (kept && closed_before_answer) {
      TRY(connector_.connect(address, limit));
      answer = exchange(request, limit, closed_before_answer);
    }
    if (!answer.ok()) connector_.drop();
    return answer;
  }

  // One request and its answer.
  Result<HttpAnswer> exchange(const std::string& request, const Limit& limit, bool& closed_before_answer) {
    closed_before_answer = false;
    Connection& connection = *connector_.connection();
    error_code error = connector_.perform(limit.deadline, [&](auto handler) {
      connection.on_wire([&](auto& wire) { asio::async_write(wire, asio::buffer(request), std::move(handler)); });
    });
    // A server that refuses early may stop reading and still answer, so other errors of writing do not count.
    if (error == asio::error::timed_out || connector_.cancelled())
      return connector_.failure(error, "cannot send", "nothing sent", limit);

    std::optional<Parser> parser;
    do {  // Past "100 Continue" and its like.
      parser.emplace();
      parser->header_limit(kHeaderMax);
      parser->body_limit(options_.body_max);
      error = connector_.perform(limit.deadline, [&](auto handler) {
        connection.on_wire(
            [&](auto& wire) { http::async_read_header(wire, connection.buffer, *parser, std::move(handler)); });
      });
    } while (!error && parser->get().result_int() / 100 == 1);
    if (error && !parser->is_header_done()) {
      closed_before_answer = !parser->got_some() && error != asio::error::timed_out && !connector_.cancelled();
      return no_answer(error, limit);
    }
    if (!error && !parser->is_done())
      error = connector_.perform(limit.deadline, [&](auto handler) {
        connection.on_wire([&](auto& wire) { http::async_read(wire, connection.buffer, *parser, std::move(handler)); });
      });
    if (error) return no_body(error, *parser, limit);
    const bool keep = parser->keep_alive() && connection.buffer.size() == 0;
    if (!keep) connector_.drop();
    return unpacked(*parser);
  }

  Status no_answer(const error_code& error, const Limit& limit) const {
    if (error == http::error::end_of_stream || error == http::error::partial_message ||
        error == asio::error::connection_reset || error == ssl::error::stream_truncated)
      return connector_.cancelled() ? cancelled("cancelled")
                                    : unavailable("the connection was closed before an answer came");
    if (error == http::error::header_limit) return unavailable("the header is larger than {} bytes", kHeaderMax);
    return connector_.failure(error, "no HTTP answer", "no answer", limit);
  }

  Status no_body(const error_code& error, Parser& parser, const Limit& limit) const {
    const std::size_t got = parser.get().body().size();
    const boost::optional<std::uint64_t> length = parser.content_length();
    const std::string progress = length ? fmt::format("{} of {} bytes", got, *length) : fmt::format("{} bytes", got);
    if (error == http::error::body_limit)
      return length ? unavailable("the body has {} bytes; allowed: {}", *length, options_.body_max)
                    : unavailable("the body is larger than {} bytes", options_.body_max);
    if (error == http::error::partial_message || error == asio::error::connection_reset ||
        error == ssl::error::stream_truncated)
      return connector_.cancelled() ? cancelled("cancelled") : unavailable("the body was cut after {}", progress);
    return connector_.failure(error, fmt::format("after {} of the body", progress),
                              fmt::format("only {} of the body", progress), limit);
  }

  Result<HttpAnswer> unpacked(Parser& parser) const {
    HttpAnswer answer;
    answer.status = static_cast<int>(parser.get().result_int());
    for (const auto& field : parser.get()) {
      std::string& value = answer.headers[lower({field.name_string().data(), field.name_string().size()})];
      if (!value.empty()) value += ", ";
      value.append(field.value().data(), field.value().size());
    }
    answer.body = std::move(parser.get().body());
    answer.bytes = answer.body.size();
    if (const auto coding = answer.headers.find("content-encoding"); coding != answer.headers.end()) {
      const std::string name = lower(coding->second);
      if ((name == "gzip" || name == "x-gzip") && !answer.body.empty()) {
        auto text = gunzip(answer.body, options_.body_max);
        if (!text.ok()) return unavailable("{}", text.message());
        answer.body = std::move(text).value();
      } else if (!name.empty() && name != "identity" && !answer.body.empty()) {
        return unavailable("the body is packed as {}, which was not asked for", name);
      }
    }
    return answer;
  }

  HttpClientOptions options_;
  Connector connector_;  // Keeps the connection, if there is one to keep.
};

}  // namespace

Result<std::unique_ptr<HttpClient>> HttpClient::make(HttpClientOptions options) {
  for (const auto& [name, value] :
       {std::pair("connect_timeout", options.connect_timeout), {"timeout", options.timeout}})
    if (value <= 0ms) return invalid_argument("{} is {} ms; allowed: above 0", name, value.count());
  try {
    auto client = std::make_unique<Client>(std::move(options));
    TRY(client->trust());
    return std::unique_ptr<HttpClient>(std::move(client));
  } catch (const std::exception& exception) {
    return unavailable("cannot make an HTTP client: {}", exception.what());
  }
}

}  // namespace tidecast
