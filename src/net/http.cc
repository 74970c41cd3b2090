#include "net/http.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "base/log.h"
#include "net/descriptors.h"
#include "net/http_message.h"
#include "net/late_answer.h"
#include "net/problem.h"
#include "net/slow_lane.h"

namespace tidecast {
namespace {

constexpr std::chrono::milliseconds kGrace{500};        // For answers under way when the server stops.
constexpr std::chrono::milliseconds kLinger{1000};      // For a client to read our last words.
constexpr std::chrono::milliseconds kAcceptPause{100};  // After a failed accept: out of descriptors, most likely.
constexpr int kSlowThreads = 2;
constexpr std::size_t kSlowQueueMax = 64;
constexpr std::size_t kTurnedAwayMax = 64;  // At once; beyond them a connection is closed without a word.
constexpr int kStreamBuffer = 64 << 10;     // Bytes that the kernel keeps for a stream's slow reader.
constexpr auto kForever = SteadyClock::time_point::max();

class Server final : public HttpServer {
 public:
  Server(HttpServerOptions options, HttpHandler handler) : options_(std::move(options)), handler_(std::move(handler)) {
    if (options_.lane)
      for (int lane = 0; lane < kLanes; ++lane)
        lanes_.push_back(std::make_unique<SlowLane>(kSlowThreads, kSlowQueueMax));
  }

  ~Server() override {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] { stop(); });
    thread_.join();
    way_back_->close();
    draining_ = false;   // Sessions that die with io_ have nobody to tell.
    error_code ignored;  // Those whose handlers run on need not wait for them.
    for (Session* session : sessions_) session->socket.close(ignored);
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

  void wake_streams(std::chrono::milliseconds delay) override {
    const SteadyClock::time_point at = SteadyClock::now() + delay;
    {
      const std::lock_guard lock(wake_mutex_);
      if (wake_at_ && *wake_at_ <= at) return;
      wake_at_ = at;
    }
    asio::post(io_, [this] { wait_to_wake(); });
  }

 private:
  enum class Phase { kIdle, kReading, kHandling, kWriting, kStreaming };
  enum class Place { kWelcome, kStream, kTurnedAway, kNone };  // What it counts as.

  // One connection.  Lives in its coroutine's frame; the server knows of it to end what takes too long.
  struct Session {
    Session(Server& its_server, Socket its_socket, Place its_place)
        : server(its_server), socket(std::move(its_socket)), place(its_place) {
      error_code ignored;
      socket.set_option(asio::ip::tcp::no_delay(true), ignored);
      server.sessions_.insert(this);
      ++server.count(place);
    }
    ~Session() {
      server.sessions_.erase(this);
      --server.count(place);
      if (server.draining_ && server.sessions_.empty()) server.grace_.cancel();
    }
    Session(const Session&) = delete;

    void move_to(Place next) {
      --server.count(place);
      ++server.count(next);
      place = next;
    }
    void begin(Phase next, std::chrono::milliseconds allowed) {
      phase = next;
      deadline = SteadyClock::now() + allowed;
      overdue = false;
    }
    void begin_endless(Phase next) {
      phase = next;
      deadline = kForever;
      overdue = false;
    }
    void cancel() {
      error_code ignored;
      socket.cancel(ignored);
    }

    Server& server;
    Socket socket;
    Place place;
    Phase phase = Phase::kReading;
    SteadyClock::time_point deadline;
    bool overdue = false;
    Timer* wake = nullptr;   // Of a stream: what it waits by.
    bool listening = false;  // Of a stream: somebody waits for the client to go.
    bool gone = false;       // Of a stream: the client has gone.
  };

  std::chrono::milliseconds timeout() const { return std::chrono::milliseconds(options_.timeout_ms); }
  std::size_t& count(Place place) { return counts_[static_cast<std::size_t>(place)]; }

  void stop() {
    stopping_ = draining_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    timer_.cancel();
    wake_timer_.cancel();
    for (const auto& lane : lanes_) lane->stop();
    for (Session* session : sessions_) {
      if (session->phase == Phase::kIdle || session->phase == Phase::kReading) session->cancel();
      if (session->wake) session->wake->cancel();
    }
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
        make_room();
        Timer pause(io_, kAcceptPause);
        co_await pause.async_wait(kAwait);
      } else if (count(Place::kWelcome) < options_.connections_max || make_room()) {
        asio::co_spawn(io_, converse(std::move(socket)), asio::detached);
      } else if (count(Place::kTurnedAway) < kTurnedAwayMax) {
        asio::co_spawn(io_, turn_away(std::move(socket)), asio::detached);
      }
    }
  }

  // Ends the connection that has been idle longest.  False: none is.
  bool make_room() {
    Session* longest = nullptr;  // All have the same time to begin a request, so the first due has waited longest.
    for (Session* session : sessions_) {
      error_code error;
      if (session->phase != Phase::kIdle || session->place != Place::kWelcome) continue;
      if (longest && session->deadline >= longest->deadline) continue;
      if (session->socket.available(error) == 0) longest = session;
    }
    if (!longest) return false;
    longest->move_to(Place::kNone);
    longest->cancel();
    return true;
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
    Session session(*this, std::move(socket), Place::kWelcome);
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
    session.begin(Phase::kIdle, timeout());
    error_code error;
    if (buffer.size() == 0) {  // Only waits, so that make_room() can see what has come, and an idle one has no buffer.
      auto [idle_error] = co_await session.socket.async_wait(asio::socket_base::wait_read, kAwait);
      error = idle_error;
    }
    session.phase = Phase::kReading;
    if (!error) {
      auto [header_error, count] = co_await http::async_read_header(session.socket, buffer, parser, kAwait);
      error = header_error;
    }
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
    HttpResponse response = co_await answer(session, parser.release());
    if (response.stream && count(Place::kStream) < options_.streams_max) {
      co_await stream(session, response, version, head_only);
      co_return false;
    }
    if (response.stream)
      response = busy(fmt::format("{} streams are open, more are not allowed", options_.streams_max));
    co_return co_await send(session, response, version, keep_alive && !stopping_, head_only);
  }

  static HttpResponse busy(const std::string& why) {
    HttpResponse response = problem(503, why + "; try again later");
    response.headers.emplace_back("Retry-After", "1");
    return response;
  }

  Task<HttpResponse> answer(Session& session, http::request<http::string_body> message) {
    if (std::optional<HttpResponse> refusal = refusal_of(message)) co_return *std::move(refusal);
    const auto request = std::make_shared<const HttpRequest>(plain_request(std::move(message)));
    const auto call = std::make_shared<LateAnswer>(io_);
    if (SlowLane* const lane = lane_of(*request)) {
      const bool taken = lane->offer([this, call, request](SlowLane::Turn turn) {
        WayBack::give(way_back_, call, turn == SlowLane::Turn::kRun ? handle(*request) : busy("the server stops"));
      });
      if (!taken) co_return busy(fmt::format("{} slow requests wait already", kSlowQueueMax));
    } else {
      HttpResponse response = handle(*request);
      if (!response.later) co_return response;
      WayBack::give(way_back_, call, std::move(response));
    }
    session.begin_endless(Phase::kHandling);
    while (!call->response) co_await call->done.async_wait(kAwait);
    co_return *std::move(call->response);
  }

  SlowLane* lane_of(const HttpRequest& request) {
    try {
      const int lane = lanes_.empty() ? 0 : options_.lane(request);
      return lane == 0 ? nullptr : lanes_.at(static_cast<std::size_t>(lane) - 1).get();
    } catch (...) {
      return nullptr;  // The handler will say what is wrong with it.
    }
  }

  HttpResponse handle(const HttpRequest& request) {
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
    const std::string head = head_of(response, version, keep_alive ? Connection::kKeptAlive : Connection::kClosed);
    const bool bodiless = head_only || response.status == 204 || response.status == 304;
    const std::array<asio::const_buffer, 2> parts{asio::buffer(head),
                                                  bodiless ? asio::const_buffer() : asio::buffer(response.body)};
    auto [error, count] = co_await asio::async_write(session.socket, parts, kAwait);
    if (error) session.socket.close(error);
    co_return keep_alive&& session.socket.is_open();
  }

  // Sends what the stream gives until the client goes or the server stops.
  Task<> stream(Session& session, const HttpResponse& response, unsigned version, bool head_only) {
    session.move_to(Place::kStream);
    error_code ignored;
    session.socket.set_option(asio::socket_base::send_buffer_size(kStreamBuffer), ignored);
    const std::string head = head_of(response, version, Connection::kClosed);
    if (!co_await push(session, head) || head_only) co_return;
    const bool chunked = version >= 11;
    const std::chrono::milliseconds patience(options_.stream_idle_ms);
    Timer wake(io_);
    session.wake = &wake;
    session.listening = true;
    asio::co_spawn(io_, listen_for_end(session), asio::detached);
    SteadyClock::time_point idle_at = SteadyClock::now() + patience;
    bool idle = false;
    while (!stopping_ && !session.gone) {
      const std::string bytes = ask(*response.stream, idle);
      idle = false;
      if (!bytes.empty()) {
        const std::string chunk = chunked ? fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes) : bytes;
        if (!co_await push(session, chunk)) break;
        idle_at = SteadyClock::now() + patience;
        continue;
      }
      session.begin_endless(Phase::kStreaming);
      wake.expires_at(idle_at);
      auto [woken] = co_await wake.async_wait(kAwait);
      if (woken) continue;
      idle = true;
      idle_at = SteadyClock::now() + patience;
    }
    if (chunked && session.socket.is_open() && !session.gone) {
      const std::string last = "0\r\n\r\n";
      co_await push(session, last);
    }
    session.socket.shutdown(asio::socket_base::shutdown_send, ignored);
    session.socket.close(ignored);  // Which ends the listening, even one that has not begun.
    wake.expires_at(kForever);
    while (session.listening) co_await wake.async_wait(kAwait);
    session.wake = nullptr;
  }

  std::string ask(HttpStream& stream, bool idle) {
    try {
      return stream.next(idle);
    } catch (const std::exception& exception) {
      log_error("net", "a stream threw: {}", exception.what());
    }
    return "";
  }

  // Writes all of `bytes`.  False: the client has gone, or took none of them for too long.
  Task<bool> push(Session& session, const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      session.begin(Phase::kWriting, timeout());
      auto [error, count] =
          co_await session.socket.async_write_some(asio::buffer(bytes.data() + sent, bytes.size() - sent), kAwait);
      sent += count;
      if (!error) continue;
      session.gone = true;
      co_return false;
    }
    co_return true;
  }

  // The client of a stream has nothing more to say; that it goes is noticed here, long before a write would fail.
  Task<> listen_for_end(Session& session) {
    std::array<char, 512> scrap;
    error_code error;
    while (!error) {
      auto [read_error, count] = co_await session.socket.async_read_some(asio::buffer(scrap), kAwait);
      error = read_error;
    }
    if (error != asio::error::operation_aborted) session.gone = true;
    session.listening = false;
    session.wake->cancel();
  }

  void wait_to_wake() {
    {
      const std::lock_guard lock(wake_mutex_);
      if (stopping_ || !wake_at_) return;
      wake_timer_.expires_at(*wake_at_);
    }
    wake_timer_.async_wait([this](error_code cancelled) {
      if (cancelled) return;
      {
        const std::lock_guard lock(wake_mutex_);
        wake_at_.reset();
      }
      for (Session* session : sessions_)
        if (session->wake) session->wake->cancel();
    });
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
    Session session(*this, std::move(socket), Place::kTurnedAway);
    const HttpResponse response = busy(fmt::format(
        "{} connections are open and none of them is idle; more are not allowed", options_.connections_max));
    co_await send(session, response, 11, false, false);
    if (session.socket.is_open()) co_await linger(session);
  }

  HttpServerOptions options_;
  HttpHandler handler_;
  std::unordered_set<Session*> sessions_;  // Outlives io_, whose coroutines hold them.
  std::array<std::size_t, 4> counts_{};    // Sessions by their place.
  bool stopping_ = false;
  bool draining_ = false;  // stop() has begun and some sessions are not over.
  asio::io_context io_{1};
  const std::shared_ptr<WayBack> way_back_ = std::make_shared<WayBack>(io_);
  Acceptor acceptor_{io_};
  Timer timer_{io_}, grace_{io_}, wake_timer_{io_};
  std::mutex wake_mutex_;
  std::optional<SteadyClock::time_point> wake_at_;  // Guarded by wake_mutex_; the next time that streams are asked.
  std::vector<std::unique_ptr<SlowLane>> lanes_;    // They end before io_, which their jobs post to.
  std::thread thread_;  // The only one that touches the above, but what has its own mutex, while it runs.
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpServerOptions options, HttpHandler handler) {
  CHECK(handler != nullptr);
  if (options.timeout_ms <= 0) return invalid_argument("timeout_ms is {}; allowed: above 0", options.timeout_ms);
  if (options.stream_idle_ms <= 0)
    return invalid_argument("stream_idle_ms is {}; allowed: above 0", options.stream_idle_ms);
  const asio::ip::address address = TRY(loopback_address(options.address));
  fit_descriptors(options.connections_max, options.streams_max, kTurnedAwayMax);
  try {
    auto server = std::make_unique<Server>(std::move(options), std::move(handler));
    TRY(server->listen(address));
    return std::unique_ptr<HttpServer>(std::move(server));
  } catch (const std::exception& exception) {  // No memory, no thread, no epoll.
    return unavailable("cannot start the HTTP server: {}", exception.what());
  }
}

}  // namespace tidecast
