#include "net/client.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>

#include "base/version.h"
#include "net/gzip.h"
#include "net/lookup.h"
#include "net/url.h"

namespace tidecast {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;
using Parser = http::response_parser<http::string_body>;

const std::string kUserAgent = fmt::format("tidecast/{}", kVersion);
constexpr std::uint32_t kHeaderMax = 65'536;  // Bytes; proxies before a server add much to it.

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// How long something may take, and how that is said.
struct Limit {
  SteadyClock::time_point deadline;
  Milliseconds allowed;
};

// A socket and, of https, TLS over it.
struct Connection {
  Connection(asio::io_context& io, ssl::context& context, Url address) : url(std::move(address)), stream(io, context) {}

  tcp::socket& socket() { return stream.next_layer(); }
  void close() {
    error_code ignored;
    socket().close(ignored);
  }

  Url url;
  ssl::stream<tcp::socket> stream;
  boost::beast::flat_buffer buffer;
};

class Client final : public HttpClient {
 public:
  explicit Client(HttpClientOptions options) : options_(std::move(options)) {}

  Status trust() {
    error_code error;
    context_.set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                             ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1,
                         error);
    context_.set_verify_mode(ssl::verify_peer, error);
    if (options_.ca_file.empty()) return ok();
    std::error_code ignored;
    if (!std::filesystem::exists(options_.ca_file, ignored))
      return not_found("{}: there is no such file", options_.ca_file.string());
    context_.load_verify_file(options_.ca_file.string(), error);
    if (error) return invalid_argument("{}: no certificates in PEM: {}", options_.ca_file.string(), error.message());
    return ok();
  }

  Result<HttpAnswer> get(const std::string& url,
                         const std::vector<std::pair<std::string, std::string>>& headers) override {
    const Url address = TRY(parse_url(url));
    try {
      return get_from(address, headers).in(address.endpoint());
    } catch (const std::exception& exception) {  // No memory, no thread, no epoll.
      connection_.reset();
      return unavailable("{}: {}", address.endpoint(), exception.what());
    }
  }

  void cancel() override {
    cancelled_ = true;
    lookup_.cancel();
    io_.stop();
  }

 private:
  Result<HttpAnswer> get_from(const Url& address, const std::vector<std::pair<std::string, std::string>>& headers) {
    const Limit limit{SteadyClock::now() + options_.timeout, options_.timeout};
    std::string request = fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nAccept: application/json, */*;q=0.5\r\n"
        "Accept-Encoding: gzip\r\n",
        address.target, address.authority(), kUserAgent);
    for (const auto& [name, value] : headers) request += fmt::format("{}: {}\r\n", name, value);
    request += "\r\n";

    const bool kept =
        connection_ && connection_->url.endpoint() == address.endpoint() && connection_->url.tls == address.tls;
    if (address.tls) TRY(trust_the_system());
    if (!kept) TRY(connect_anew(address, limit));
    bool closed_before_answer = false;
    Result<HttpAnswer> answer = exchange(request, limit, closed_before_answer);
    if (kept && closed_before_answer) {
      TRY(connect_anew(address, limit));
      answer = exchange(request, limit, closed_before_answer);
    }
    if (!answer.ok()) connection_.reset();
    return answer;
  }

  // A connection that was not wholly made must never be taken for a kept one.
  Status connect_anew(const Url& address, const Limit& limit) {
    Status status = connect(address, limit);
    if (!status.ok()) connection_.reset();
    return status;
  }

  // Runs what `start` begins, which ends by calling the handler it is given.  Past the deadline, or when cancelled, it
  // is broken off, and the connection is no longer good for anything.
  template <typename Start>
  error_code perform(SteadyClock::time_point deadline, Start&& start) {
    std::optional<error_code> outcome;
    start([&outcome](error_code error, auto&&...) { outcome = error; });
    io_.restart();
    if (!cancelled_) io_.run_until(deadline);  // A cancel() from here on stops it, even before it runs.
    if (outcome) return *outcome;
    connection_->close();
    while (!outcome) {
      io_.restart();
      io_.run();
    }
    return cancelled_ ? asio::error::operation_aborted : asio::error::timed_out;
  }

  // What went wrong, in words; `slow` for when it took too long.
  Status failure(const error_code& error, std::string_view what, std::string_view slow, const Limit& limit) const {
    if (cancelled_) return cancelled("cancelled");
    if (error == asio::error::timed_out) return unavailable("{} within {} ms", slow, limit.allowed.count());
    return unavailable("{}: {}", what, error.message());
  }

  Status connect(const Url& address, const Limit& whole) {
    Limit limit{SteadyClock::now() + options_.connect_timeout, options_.connect_timeout};
    if (whole.deadline < limit.deadline) limit = whole;
    const std::vector<tcp::endpoint> endpoints =
        TRY(lookup_.find(address.host, address.port, limit.deadline).in("cannot find " + address.host));
    error_code error;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
      connection_ = std::make_unique<Connection>(io_, context_, address);
      // An address that swallows everything leaves time for those after it.
      const auto now = SteadyClock::now();
      const auto share = (limit.deadline - now) / static_cast<int>(endpoints.size() - i);
      error = perform(now + share,
                      [&](auto handler) { connection_->socket().async_connect(endpoints[i], std::move(handler)); });
      if (!error || cancelled_) break;
    }
    if (error) return failure(error, "cannot connect", "no connection", limit);
    connection_->socket().set_option(tcp::no_delay(true), error);
    return address.tls ? agree_on_tls(address, limit) : ok();
  }

  // Reading all of the system's certificates takes a while, and not everybody needs them.
  Status trust_the_system() {
    if (trusts_ || !options_.ca_file.empty()) return ok();
    error_code error;
    context_.set_default_verify_paths(error);
    if (error) return unavailable("the system's certificates cannot be read: {}", error.message());
    trusts_ = true;
    return ok();
  }

  Status agree_on_tls(const Url& address, const Limit& limit) {
    SSL* const tls = connection_->stream.native_handle();
    error_code no_number;
    asio::ip::make_address(address.host, no_number);
    bool set = true;
    if (no_number) {
      ::SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      set =
          ::SSL_set1_host(tls, address.host.c_str()) == 1 && ::SSL_set_tlsext_host_name(tls, address.host.c_str()) == 1;
    } else {
      set = ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(tls), address.host.c_str()) == 1;
    }
    if (!set) return unavailable("'{}' cannot be the name in a certificate", address.host);
    const error_code error = perform(limit.deadline, [&](auto handler) {
      connection_->stream.async_handshake(ssl::stream_base::client, std::move(handler));
    });
    if (!error) return ok();
    if (const long verdict = ::SSL_get_verify_result(tls); verdict != X509_V_OK && !cancelled_)
      return unavailable("certificate of {}: {}", address.host, ::X509_verify_cert_error_string(verdict));
    return failure(error, "no TLS", "no TLS", limit);
  }

  // `act` on whatever carries the bytes.
  template <typename Act>
  void on_wire(Act&& act) {
    if (connection_->url.tls)
      act(connection_->stream);
    else
      act(connection_->socket());
  }

  // One request and its answer.
  Result<HttpAnswer> exchange(const std::string& request, const Limit& limit, bool& closed_before_answer) {
    closed_before_answer = false;
    error_code error = perform(limit.deadline, [&](auto handler) {
      on_wire([&](auto& wire) { asio::async_write(wire, asio::buffer(request), std::move(handler)); });
    });
    // A server that refuses early may stop reading and still answer, so other errors of writing do not count.
    if (error == asio::error::timed_out || cancelled_) return failure(error, "cannot send", "nothing sent", limit);

    std::optional<Parser> parser;
    do {  // Past "100 Continue" and its like.
      parser.emplace();
      parser->header_limit(kHeaderMax);
      parser->body_limit(options_.body_max);
      error = perform(limit.deadline, [&](auto handler) {
        on_wire([&](auto& wire) { http::async_read_header(wire, connection_->buffer, *parser, std::move(handler)); });
      });
    } while (!error && parser->get().result_int() / 100 == 1);
    if (error && !parser->is_header_done()) {
      closed_before_answer = !parser->got_some() && error != asio::error::timed_out && !cancelled_;
      return no_answer(error, limit);
    }
    if (!error && !parser->is_done())
      error = perform(limit.deadline, [&](auto handler) {
        on_wire([&](auto& wire) { http::async_read(wire, connection_->buffer, *parser, std::move(handler)); });
      });
    if (error) return no_body(error, *parser, limit);
    const bool keep = parser->keep_alive() && connection_->buffer.size() == 0;
    if (!keep) connection_.reset();
    return unpacked(*parser);
  }

  Status no_answer(const error_code& error, const Limit& limit) const {
    if (error == http::error::end_of_stream || error == http::error::partial_message ||
        error == asio::error::connection_reset || error == ssl::error::stream_truncated)
      return cancelled_ ? cancelled("cancelled") : unavailable("the connection was closed before an answer came");
    if (error == http::error::header_limit) return unavailable("the header is larger than {} bytes", kHeaderMax);
    return failure(error, "no HTTP answer", "no answer", limit);
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
      return cancelled_ ? cancelled("cancelled") : unavailable("the body was cut after {}", progress);
    return failure(error, fmt::format("after {} of the body", progress), fmt::format("only {} of the body", progress),
                   limit);
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
      if ((name == "gzip" || name == "x-gzip") && !answer.body.empty())
        answer.body = TRY(gunzip(answer.body, options_.body_max));
      else if (!name.empty() && name != "identity" && !answer.body.empty())
        return unavailable("the body is packed as {}, which was not asked for", name);
    }
    return answer;
  }

  HttpClientOptions options_;
  std::atomic<bool> cancelled_ = false;
  Lookup lookup_;
  asio::io_context io_{1};
  ssl::context context_{ssl::context::tls_client};
  bool trusts_ = false;                     // The system's certificates are read.
  std::unique_ptr<Connection> connection_;  // The one that is kept, if there is one.
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
