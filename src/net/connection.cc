#include "net/connection.h"

#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>

namespace tidecast {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using SteadyClock = std::chrono::steady_clock;

Status Connector::trust() {
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

void Connector::cancel() {
  cancelled_ = true;
  lookup_.cancel();
  io_.stop();
}

bool Connector::run_until(SteadyClock::time_point deadline, const std::optional<error_code>& outcome) {
  io_.restart();
  while (!outcome && !cancelled_) {  // A cancel() from here on stops it, even before it runs.
    const auto now = SteadyClock::now();
    if (now >= deadline) {
      io_.poll();  // What has come already has come in time.
      break;
    }
    if (options_.stop && options_.stop()) {
      cancel();
      break;
    }
    io_.run_one_until(options_.stop ? std::min(deadline, now + std::chrono::milliseconds(50)) : deadline);
  }
  return outcome.has_value();
}

void Connector::drain(const std::optional<error_code>& outcome) {
  while (!outcome) {
    io_.restart();
    io_.run_one();
  }
}

Status Connector::failure(const error_code& error, std::string_view what, std::string_view slow,
                          const Limit& limit) const {
  if (cancelled_) return tidecast::cancelled("cancelled");
  if (error == asio::error::timed_out) return unavailable("{} within {} ms", slow, limit.allowed.count());
  return unavailable("{}: {}", what, error.message());
}

// A connection that was not wholly made must never be taken for a kept one.
Status Connector::connect(const Url& address, const Limit& whole) {
  Status status = connect_to(address, whole);
  if (!status.ok()) connection_.reset();
  return status;
}

Status Connector::connect_to(const Url& address, const Limit& whole) {
  if (address.tls) TRY(trust_the_system());
  Limit limit = Limit::of(options_.connect_timeout);
  if (whole.deadline < limit.deadline) limit = whole;
  const std::optional<Url> proxy = TRY(options_.proxy.of(address));
  const Url& next = proxy ? *proxy : address;
  const std::vector<tcp::endpoint> endpoints =
      TRY(lookup_.find(next.host, next.port, limit.deadline).in("cannot find " + next.host));
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
  if (error) return failure(error, proxy ? "cannot connect to the proxy" : "cannot connect", "no connection", limit);
  connection_->socket().set_option(tcp::no_delay(true), error);
  if (proxy) TRY(through_proxy(address, limit).in("proxy " + proxy->endpoint()));
  return address.tls ? agree_on_tls(address, limit) : ok();
}

// Reading all of the system's certificates takes a while, and not everybody needs them.
Status Connector::trust_the_system() {
  if (trusts_ || !options_.ca_file.empty()) return ok();
  error_code error;
  context_.set_default_verify_paths(error);
  if (error) return unavailable("the system's certificates cannot be read: {}", error.message());
  trusts_ = true;
  return ok();
}

// A tunnel (RFC 9110, 9.3.6): the proxy sees the host's name and the port, and no more.
Status Connector::through_proxy(const Url& address, const Limit& limit) {
  const std::string request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n", address.endpoint());
  error_code error = perform(limit.deadline, [&](auto handler) {
    asio::async_write(connection_->socket(), asio::buffer(request), std::move(handler));
  });
  http::response_parser<http::empty_body> parser;
  parser.skip(true);
  if (!error)
    error = perform(limit.deadline, [&](auto handler) {
      http::async_read_header(connection_->socket(), connection_->buffer, parser, std::move(handler));
    });
  if (error) return failure(error, "no tunnel", "no tunnel", limit);
  if (const unsigned status = parser.get().result_int(); status / 100 != 2)
    return unavailable("no tunnel to {}: HTTP {}", address.endpoint(), status);
  return ok();
}

Status Connector::agree_on_tls(const Url& address, const Limit& limit) {
  SSL* const tls = connection_->stream.native_handle();
  error_code no_number;
  asio::ip::make_address(address.host, no_number);
  bool set = true;
  if (no_number) {
    ::SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    set = ::SSL_set1_host(tls, address.host.c_str()) == 1 && ::SSL_set_tlsext_host_name(tls, address.host.c_str()) == 1;
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

}  // namespace tidecast
