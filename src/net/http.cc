#include "net/http.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <ctime>
#include <thread>
#include <unordered_set>

#include "base/log.h"
#include "net/problem.h"

namespace tidecast {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;
using Executor = asio::io_context::executor_type;  // Named, because the default one is type-erased and slower.
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using Timer = asio::basic_waitable_timer<SteadyClock, asio::wait_traits<SteadyClock>, Executor>;
template <typename T = void>
using Task = asio::awaitable<T, Executor>;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable_t<Executor>{});

constexpr std::chrono::milliseconds kGrace{500};        // For answers under way when the server stops.
constexpr std::chrono::milliseconds kLinger{1000};      // For a client to read our last words.
constexpr std::chrono::milliseconds kAcceptPause{100};  // After a failed accept: out of descriptors, most likely.
constexpr std::size_t kReplyMax = 256 << 20;            // Bytes of an answer that http_call takes.

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

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

// Of "localhost:8080", "127.0.0.1", "[::1]:80".
bool is_loopback_authority(std::string_view authority) {
  const bool bracket = authority.starts_with('[');
  const std::size_t end = bracket ? authority.find(']') : authority.find(':');
  return loopback_address(lower(authority.substr(bracket, end == authority.npos ? end : end - bracket))).ok();
}

// Why a request may not come in at all, if so: status and detail.  See the top of http.h.
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

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc)};  // No locale but "C" is ever set.
}

std::string head_of(const HttpResponse& response, unsigned version, bool keep_alive) {
  std::string head =
      fmt::format("HTTP/1.{} {} {}\r\nServer: tidecast\r\nDate: {}\r\nConnection: {}\r\n", version % 10,
                  response.status, http_reason(response.status), http_date(), keep_alive ? "keep-alive" : "close");
  if (response.status != 204 && response.status != 304) {
    if (!response.body.empty()) head += fmt::format("Content-Type: {}\r\n", response.content_type);
    head += fmt::format("Content-Length: {}\r\n", response.body.size());
  }
  for (const auto& [name, value] : response.headers) head += fmt::format("{}: {}\r\n", name, value);
  return head + "\r\n";
}

// What to answer to a message that could not be read; none when nobody is there to hear it.
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

class Server final : public HttpServer {
 public:
  Server(HttpServerOptions options, HttpHandler handler) : options_(std::move(options)), handler_(std::move(handler)) {}

  ~Server() override {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] { stop(); });
    thread_.join();
    draining_ = false;  // Sessions that die with io_ have nobody to tell.
  }

  Status listen(const asio::ip::address& address) {
    error_code error;
    const asio::ip::tcp::endpoint endpoint(address, options_.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      const std::string text = fmt::format("cannot listen on {}: {}", name_of(address, options_.port), error.message());
      return {error == asio::error::access_denied ? Code::kFailedPrecondition : Code::kUnavailable, text};
    }
    options_.port = acceptor_.local_endpoint().port();
    asio::co_spawn(io_, accept(), asio::detached);
    asio::co_spawn(io_, watch(), asio::detached);
    sigset_t all, before;  // Signals belong to the threads of the program's own, which know what to do about them.
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { io_.run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return ok();
  }

  std::uint16_t port() const override { return options_.port; }

 private:
  enum class Phase { kReading, kWriting };
  enum class Admission { kWelcome, kTurnedAway };

  // One connection.  Lives in its coroutine's frame; the server knows of it to end what takes too long.
  struct Session {
    Session(Server& its_server, Socket its_socket, Admission admission)
        : server(its_server), socket(std::move(its_socket)), welcome(admission == Admission::kWelcome) {
      error_code ignored;
      socket.set_option(asio::ip::tcp::no_delay(true), ignored);
      server.sessions_.insert(this);
      server.welcome_ += welcome;
    }
    ~Session() {
      server.sessions_.erase(this);
      server.welcome_ -= welcome;
      if (server.draining_ && server.sessions_.empty()) server.grace_.cancel();
    }
    Session(const Session&) = delete;

    void begin(Phase next, std::chrono::milliseconds allowed) {
      phase = next;
      deadline = SteadyClock::now() + allowed;
      overdue = false;
    }
    void cancel() {
      error_code ignored;
      socket.cancel(ignored);
    }

    Server& server;
    Socket socket;
    const bool welcome;
    Phase phase = Phase::kReading;
    SteadyClock::time_point deadline;
    bool overdue = false;
  };

  std::chrono::milliseconds timeout() const { return std::chrono::milliseconds(options_.timeout_ms); }

  void stop() {
    stopping_ = draining_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    timer_.cancel();
    for (Session* session : sessions_)
      if (session->phase == Phase::kReading) session->cancel();
    if (sessions_.empty()) return;
    grace_.expires_after(kGrace);
    grace_.async_wait([this](error_code cancelled) {
      if (!cancelled) io_.stop();
    });
  }

  Task<> accept() {
    while (!stopping_) {
      auto [error, socket] = co_await acceptor_.async_accept(kAwait);
      if (stopping_) break;
      if (error) {
        log_warning("net", "port {}: cannot accept a connection: {}", options_.port, error.message());
        Timer pause(io_, kAcceptPause);
        co_await pause.async_wait(kAwait);
      } else if (welcome_ < options_.connections_max) {
        asio::co_spawn(io_, converse(std::move(socket)), asio::detached);
      } else if (sessions_.size() < 2 * options_.connections_max) {
        asio::co_spawn(io_, turn_away(std::move(socket)), asio::detached);
      }
    }
  }

  // Ends what takes too long.  One timer for all connections: a timer each costs a quarter of the throughput.
  Task<> watch() {
    const std::chrono::milliseconds interval(std::clamp(options_.timeout_ms / 8, 5, 1000));
    while (!stopping_) {
      timer_.expires_after(interval);
      co_await timer_.async_wait(kAwait);
      const SteadyClock::time_point now = SteadyClock::now();
      for (Session* session : sessions_) {
        if (now < session->deadline) continue;
        session->overdue = true;
        session->cancel();
      }
    }
  }

  Task<> converse(Socket socket) {
    Session session(*this, std::move(socket), Admission::kWelcome);
    boost::beast::flat_buffer buffer;
    bool keep_alive = true;
    while (keep_alive && !stopping_) keep_alive = co_await exchange(session, buffer);
    if (!stopping_ && session.socket.is_open()) co_await linger(session);
  }

  // One request and its answer.  Returns whether the connection stays open for another.
  Task<bool> exchange(Session& session, boost::beast::flat_buffer& buffer) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(options_.header_max));
    parser.body_limit(options_.body_max);
    session.begin(Phase::kReading, timeout());
    auto [error, count] = co_await http::async_read_header(session.socket, buffer, parser, kAwait);
    if (!error && !parser.is_done()) {
      session.begin(Phase::kReading, timeout());
      const auto expect = parser.get()[http::field::expect];
      if (!expect.empty()) {
        if (!boost::beast::iequals(expect, "100-continue"))
          co_return co_await send(session, problem(417, "allowed in Expect: 100-continue"), 11, false, false);
        static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        auto [write_error, written] = co_await asio::async_write(session.socket, asio::buffer(kContinue), kAwait);
        error = write_error;
      }
      if (!error) {
        auto [body_error, more] = co_await http::async_read(session.socket, buffer, parser, kAwait);
        error = body_error;
      }
    }
    if (error) {
      std::optional<HttpResponse> last_words = answer_to(error, options_);
      if (session.overdue && (parser.got_some() || buffer.size() > 0))
        last_words = problem(408, fmt::format("the request came too slowly; allowed: {} ms", options_.timeout_ms));
      if (last_words)
        co_await send(session, *last_words, 11, false, false);
      else
        session.socket.close(error);
      co_return false;
    }
    const unsigned version = parser.get().version();
    const bool keep_alive = parser.get().keep_alive();
    const bool head_only = parser.get().method() == http::verb::head;
    const HttpResponse response = answer(parser.release());
    co_return co_await send(session, response, version, keep_alive && !stopping_, head_only);
  }

  HttpResponse answer(http::request<http::string_body>&& message) {
    if (std::optional<HttpResponse> refusal = refusal_of(message)) return *std::move(refusal);
    const HttpRequest request = plain_request(std::move(message));
    try {
      return handler_(request);
    } catch (const std::exception& exception) {
      log_error("net", "{} {}: the handler threw: {}", request.method, request.path, exception.what());
    } catch (...) {
      log_error("net", "{} {}: the handler threw something unknown", request.method, request.path);
    }
    return problem(500, "the server failed at this request; its log says why");
  }

  // Returns keep_alive, or false when the client is gone.
  Task<bool> send(Session& session, const HttpResponse& response, unsigned version, bool keep_alive, bool head_only) {
    session.begin(Phase::kWriting, timeout());
    const std::string head = head_of(response, version, keep_alive);
    const bool bodiless = head_only || response.status == 204 || response.status == 304;
    const std::array<asio::const_buffer, 2> parts{asio::buffer(head),
                                                  bodiless ? asio::const_buffer() : asio::buffer(response.body)};
    auto [error, count] = co_await asio::async_write(session.socket, parts, kAwait);
    if (error) session.socket.close(error);
    co_return keep_alive&& session.socket.is_open();
  }

  // Closing a socket with unread bytes resets the connection, and the client may lose the answer; so read them first.
  Task<> linger(Session& session) {
    error_code error;
    session.socket.shutdown(asio::socket_base::shutdown_send, error);
    session.begin(Phase::kReading, std::min(timeout(), kLinger));
    std::array<char, 4096> scrap;
    while (!error && !stopping_ && SteadyClock::now() < session.deadline) {
      auto [read_error, count] = co_await session.socket.async_read_some(asio::buffer(scrap), kAwait);
      error = read_error;
    }
  }

  Task<> turn_away(Socket socket) {
    Session session(*this, std::move(socket), Admission::kTurnedAway);
    const HttpResponse response = problem(
        503, fmt::format("{} connections are open, more are not allowed; try again later", options_.connections_max));
    co_await send(session, response, 11, false, false);
    if (session.socket.is_open()) co_await linger(session);
  }

  HttpServerOptions options_;
  HttpHandler handler_;
  std::unordered_set<Session*> sessions_;  // Outlives io_, whose coroutines hold them.
  std::size_t welcome_ = 0;                // Sessions that were not turned away.
  bool stopping_ = false;
  bool draining_ = false;  // stop() has begun and some sessions are not over.
  asio::io_context io_{1};
  Acceptor acceptor_{io_};
  Timer timer_{io_}, grace_{io_};
  std::thread thread_;  // The only one that touches the above while it runs.
};

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

Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpServerOptions options, HttpHandler handler) {
  CHECK(handler != nullptr);
  if (options.timeout_ms <= 0) return invalid_argument("timeout_ms is {}; allowed: above 0", options.timeout_ms);
  const asio::ip::address address = TRY(loopback_address(options.address));
  try {
    auto server = std::make_unique<Server>(std::move(options), std::move(handler));
    TRY(server->listen(address));
    return std::unique_ptr<HttpServer>(std::move(server));
  } catch (const std::exception& exception) {  // No memory, no thread, no epoll.
    return unavailable("cannot start the HTTP server: {}", exception.what());
  }
}

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
