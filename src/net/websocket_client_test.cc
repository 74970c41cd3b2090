#include "net/websocket_client.h"

#include <gtest/gtest.h>

#include <fstream>
#include <future>

#include "net/client.h"
#include "net/url.h"
#include "net/websocket_testing.h"
#include "storage/temporary_folder.h"

namespace tidecast {
namespace {

using Steady = std::chrono::steady_clock;

// A server that takes every WebSocket and then does as it is told.
class Server {
 public:
  using Talk = std::function<void(RawConnection&)>;
  explicit Server(Talk talk, const TestCertificates* certificates = nullptr)
      : talk_(std::move(talk)), server_(0, certificates, [this](RawConnection& connection) {
          if (const auto head = connection.request()) {
            {
              const std::lock_guard lock(mutex_);
              head_ = *head;
            }
            if (connection.send(websocket_accepted(*head))) talk_(connection);
          }
        }) {}

  std::string url(std::string_view scheme = "ws", std::string_view host = "127.0.0.1") const {
    return fmt::format("{}://{}:{}/inv", scheme, host, server_.port());
  }
  std::string head() {
    const std::lock_guard lock(mutex_);
    return head_;
  }

 private:
  Talk talk_;
  std::mutex mutex_;
  std::string head_;
  RawServer server_;
};

// Sends these bytes, then reads until the client is gone.
Server::Talk say(std::string bytes) {
  return [bytes = std::move(bytes)](RawConnection& connection) {
    connection.send(bytes);
    while (read_frame(connection)) continue;
  };
}

std::unique_ptr<WebSocketClient> client(WebSocketClientOptions options = {}) {
  return WebSocketClient::make(std::move(options)).value();
}

TEST(WebSocketClient, SendsAndReceivesMessages) {
  Server server([](RawConnection& connection) {
    while (const auto frame = read_frame(connection))
      if (frame->kind == FrameKind::kText) connection.send(frame_bytes(FrameKind::kText, "heard " + frame->payload));
  });
  const auto socket = client();
  ASSERT_TRUE(socket->connect(server.url(), {{"X-Token", "secret"}}).ok());
  EXPECT_TRUE(server.head().starts_with("GET /inv HTTP/1.1\r\n")) << server.head();
  EXPECT_EQ(request_header(server.head(), "X-Token"), "secret");
  EXPECT_TRUE(request_header(server.head(), "User-Agent").starts_with("tidecast/"));
  for (const std::string& text : {std::string("one"), std::string(100'000, 'x')}) {
    ASSERT_TRUE(socket->send(text).ok());
    EXPECT_EQ(socket->receive(5s).value(), "heard " + text);
  }
  socket->close();
  EXPECT_FALSE(socket->connected());
  EXPECT_EQ(socket->send("two").message(), "not connected");
}

TEST(WebSocketClient, KeepsAMessageThatComesInPiecesOverSeveralWaits) {
  std::promise<void> waited_once;
  Server server([&](RawConnection& connection) {
    const std::string bytes = frame_bytes(FrameKind::kText, "in two pieces");
    connection.send(bytes.substr(0, 7));
    waited_once.get_future().wait();
    connection.send(bytes.substr(7));
    while (read_frame(connection)) continue;
  });
  const auto socket = client();
  ASSERT_TRUE(socket->connect(server.url()).ok());
  EXPECT_EQ(socket->receive(20ms).value(), std::nullopt);
  EXPECT_TRUE(socket->ping().ok());  // While a message is under way.
  EXPECT_EQ(socket->receive(0ms).value(), std::nullopt);
  waited_once.set_value();
  EXPECT_EQ(socket->receive(5s).value(), "in two pieces");
}

TEST(WebSocketClient, AnswersPingsAndSendsThem) {
  std::promise<std::string> ponged, pinged;
  Server server([&](RawConnection& connection) {
    connection.send(frame_bytes(FrameKind::kPing, "are you there"));
    while (const auto frame = read_frame(connection)) {
      if (frame->kind == FrameKind::kPong) ponged.set_value(frame->payload);
      if (frame->kind != FrameKind::kPing) continue;
      pinged.set_value(frame->payload);
      connection.send(frame_bytes(FrameKind::kPong, frame->payload) + frame_bytes(FrameKind::kText, "after the pong"));
    }
  });
  const auto socket = client();
  ASSERT_TRUE(socket->connect(server.url()).ok());
  ASSERT_TRUE(socket->ping().ok());
  EXPECT_EQ(socket->receive(5s).value(), "after the pong");
  EXPECT_EQ(ponged.get_future().get(), "are you there");
  EXPECT_EQ(pinged.get_future().get(), "");
}

TEST(WebSocketClient, SaysWhatEndedTheConnection) {
  struct Case {
    std::string bytes;
    bool reset;
    std::string text;
  };
  for (const Case& c :
       {Case{frame_bytes(FrameKind::kClose, close_payload(1001, "going away")), false,
             "closed by the server, code 1001: going away"},
        Case{"", false, "the server closed the connection without a word"},
        Case{"", true, "the server closed the connection without a word"},
        Case{frame_bytes(FrameKind::kText, std::string(2001, 'x')), false, "a message is larger than 2000 bytes"},
        Case{std::string(16, '\xff'), false, "the connection is lost: "}}) {
    Server server([&c](RawConnection& connection) {
      connection.send(c.bytes);
      if (c.bytes.empty() && c.reset) connection.reset();
      if (!c.bytes.empty()) read_frame(connection);
    });
    const auto socket = client({.message_max = 2000});
    ASSERT_TRUE(socket->connect(server.url()).ok());
    const auto message = socket->receive(5s);
    EXPECT_EQ(message.code(), Code::kUnavailable);
    EXPECT_EQ(message.message().substr(0, c.text.size()), c.text);
    EXPECT_FALSE(socket->connected());
    EXPECT_TRUE(socket->connect(server.url()).ok());  // And it can be made anew.
  }
}

TEST(WebSocketClient, SaysWhyThereIsNoConnection) {
  const RawServer page(0, nullptr, [](RawConnection& connection) {
    if (connection.request()) connection.send(http_answer(503, "busy"));
  });
  const RawServer mute(0, nullptr, [](RawConnection& connection) { connection.stall(); });
  const auto socket = client({.timeout = 200ms});
  const auto text = [&](std::string url) { return socket->connect(url).message(); };
  EXPECT_EQ(text(fmt::format("ws://127.0.0.1:{}/", page.port())),
            fmt::format("127.0.0.1:{}: no WebSocket there: HTTP 503", page.port()));
  EXPECT_EQ(text(fmt::format("ws://127.0.0.1:{}/", mute.port())),
            fmt::format("127.0.0.1:{}: no answer within 200 ms", mute.port()));
  EXPECT_EQ(socket->connect("https://127.0.0.1").code(), Code::kInvalidArgument);
  EXPECT_NE(text("https://127.0.0.1").find("allowed: wss://host[:port]/path?query, ws:// too"), std::string::npos);
}

TEST(WebSocketClient, TrustsWhomItIsToldToAndNobodyElse) {
  const TestCertificates ours("DNS:localhost"), others("DNS:localhost");
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "ours.pem") << ours.ca_pem();
  std::ofstream(folder.path() / "others.pem") << others.ca_pem();
  Server server(say(frame_bytes(FrameKind::kText, "over TLS")), &ours);
  const auto socket = client({.ca_file = folder.path() / "ours.pem"});
  ASSERT_TRUE(socket->connect(server.url("wss", "localhost")).ok());
  EXPECT_EQ(socket->receive(5s).value(), "over TLS");
  const std::string by_number = socket->connect(server.url("wss")).message();
  EXPECT_NE(by_number.find("certificate of 127.0.0.1: IP address mismatch"), std::string::npos) << by_number;
  const std::string distrust =
      client({.ca_file = folder.path() / "others.pem"})->connect(server.url("wss", "localhost")).message();
  EXPECT_NE(distrust.find("certificate of localhost: "), std::string::npos) << distrust;
}

TEST(WebSocketClient, IsCancelledAtOnce) {
  Server server(say(""));
  const auto socket = client();
  ASSERT_TRUE(socket->connect(server.url()).ok());
  auto received = std::async(std::launch::async, [&] { return socket->receive(20s).code(); });
  ASSERT_EQ(received.wait_for(20ms), std::future_status::timeout);
  const auto began = Steady::now();
  socket->cancel();
  EXPECT_EQ(received.get(), Code::kCancelled);
  EXPECT_LT(Steady::now() - began, 2s);
  EXPECT_EQ(socket->connect(server.url()).code(), Code::kCancelled);
}

// ---- proxies and redirects of both clients --------------------------------------------------------------------------

TEST(Proxy, IsForTlsAndNotForThoseThatAreExcepted) {
  const Proxy proxy{"http://proxy.example:3128", "localhost, .inner.example,10.1.2.3"};
  const auto through = [&](std::string url) {
    const auto next = proxy.of(parse_url(url).value()).value();
    return next ? next->endpoint() : "itself";
  };
  EXPECT_EQ(through("https://blockchain.info/x"), "proxy.example:3128");
  EXPECT_EQ(through("https://notinner.example/x"), "proxy.example:3128");
  EXPECT_EQ(through("http://blockchain.info/x"), "itself");
  for (const char* host : {"inner.example", "a.inner.example", "10.1.2.3", "localhost", "127.0.0.1", "[::1]"})
    EXPECT_EQ(through(fmt::format("https://{}/x", host)), "itself") << host;
  EXPECT_EQ((Proxy{"p:1", "*"}.of(parse_url("https://x/").value())).value(), std::nullopt);
  EXPECT_EQ((Proxy{"p:1", ""}.of(parse_url("https://x/").value())).value()->endpoint(), "p:1");
  EXPECT_EQ((Proxy{"https://p:1", ""}.of(parse_url("https://x/").value())).code(), Code::kInvalidArgument);
}

TEST(Proxy, IsAskedForATunnelAndItsRefusalIsToldOf) {
  std::promise<std::string> asked;
  const RawServer proxy(0, nullptr, [&](RawConnection& connection) {
    asked.set_value(connection.request().value_or(""));
    connection.send(http_answer(403, ""));
  });
  const auto http = HttpClient::make({.proxy = {fmt::format("127.0.0.1:{}", proxy.port()), ""}}).value();
  const std::string text = http->get("https://far.example/x").message();
  EXPECT_EQ(text,
            fmt::format("far.example:443: proxy 127.0.0.1:{}: no tunnel to far.example:443: HTTP 403", proxy.port()));
  EXPECT_EQ(asked.get_future().get(), "CONNECT far.example:443 HTTP/1.1\r\nHost: far.example:443\r\n\r\n");
}

TEST(Url, FollowsRedirectsOnlyToWhereItIsSafe) {
  const auto to = [](const char* from, const char* location) {
    const auto url = redirected_url(from, location);
    return url.ok() ? *url : std::string(name_of(url.code()));
  };
  EXPECT_EQ(to("https://a.x/p/q?r", "/s"), "https://a.x/s");
  EXPECT_EQ(to("https://a.x/p/q?r=/", "s?t"), "https://a.x/p/s?t");
  EXPECT_EQ(to("http://a.x:81/p", "//b.x/q#part"), "invalid argument");
  EXPECT_EQ(to("http://a.x:81/p", "http://a.x/q"), "http://a.x/q");
  EXPECT_EQ(to("http://a.x/p", "https://b.x/q"), "https://b.x/q");
  EXPECT_EQ(to("https://a.x/p", "http://a.x/q"), "invalid argument");
  EXPECT_EQ(to("https://a.x/p", "ftp://a.x/q"), "invalid argument");
}

}  // namespace
}  // namespace tidecast
