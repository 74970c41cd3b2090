// Answers that take long, and answers without end.
#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "base/log.h"
#include "net/http.h"
#include "net/raw_client_testing.h"

namespace tidecast {
namespace {

std::unique_ptr<HttpServer> serve(HttpHandler handler, HttpServerOptions options = {}) {
  options.port = 0;
  auto server = HttpServer::start(std::move(options), std::move(handler));
  EXPECT_TRUE(server.ok()) << server.message();
  return std::move(server).value();
}

std::string get_text(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n"; }
// "/slow" in lane 1, "/slow2" in lane 2.
int lane_of(const HttpRequest& request) {
  return request.path.starts_with("/slow2") ? 2 : request.path.starts_with("/slow") ? 1 : 0;
}

// Lets handlers wait until it is opened.
class Gate {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void until_waiting(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ >= count; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

TEST(HttpServerSlow, AnswersQuickRequestsWhileSlowOnesRun) {
  Gate gate;
  const auto server = serve(
      [&](const HttpRequest& request) {
        if (request.path == "/slow") gate.wait();
        return HttpResponse{.body = request.path};
      },
      {.lane = lane_of});
  RawClient first(server->port()), second(server->port()), quick(server->port());
  first.send(get_text("/slow") + get_text("/after"));
  second.send(get_text("/slow"));
  gate.until_waiting(2);
  quick.send(get_text("/quick"));
  EXPECT_EQ(body_of(quick.response()), "/quick");
  gate.open();
  EXPECT_EQ(body_of(first.response()), "/slow");
  EXPECT_EQ(body_of(first.response()), "/after") << "in the order of the requests";
  EXPECT_EQ(body_of(second.response()), "/slow");
}

TEST(HttpServerSlow, AFullLaneHoldsUpNoOther) {
  Gate gate;
  const auto server = serve(
      [&](const HttpRequest& request) {
        if (request.path == "/slow") gate.wait();
        return HttpResponse{.body = request.path};
      },
      {.lane = lane_of});
  RawClient first(server->port()), second(server->port()), other(server->port());
  first.send(get_text("/slow"));
  second.send(get_text("/slow"));
  gate.until_waiting(2);  // Both threads of lane 1.
  other.send(get_text("/slow2"));
  EXPECT_EQ(body_of(other.response()), "/slow2");
  gate.open();
}

TEST(HttpServerSlow, AnswersBusyWhereTooManyWait) {
  Gate gate;
  const auto server = serve(
      [&](const HttpRequest&) {
        gate.wait();
        return HttpResponse{.body = "{}"};
      },
      {.lane = lane_of});
  std::vector<std::unique_ptr<RawClient>> clients;
  const auto ask = [&] {
    clients.push_back(std::make_unique<RawClient>(server->port()));
    clients.back()->send(get_text("/slow"));
  };
  ask(), ask();
  gate.until_waiting(2);
  for (int i = 0; i < 70; ++i) ask();  // 64 may wait.
  int busy = 0;
  RawClient last(server->port());
  last.send(get_text("/slow/last"));  // Arrives after all of them.
  const std::string response = last.response();
  EXPECT_EQ(status_line(response), "HTTP/1.1 503 Service Unavailable");
  EXPECT_NE(response.find("Retry-After: 1\r\n"), response.npos);
  gate.open();
  for (const auto& client : clients) busy += status_line(client->response()) == "HTTP/1.1 503 Service Unavailable";
  EXPECT_EQ(busy, 6);
}

TEST(HttpServerLate, SendsWhatComesLaterFromAnotherThreadAndKeepsNoThreadMeanwhile) {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<TakeAnswer> waiting;
  const auto server = serve(
      [&](const HttpRequest& request) {
        if (request.path == "/quick") return HttpResponse{.body = "quick"};
        HttpResponse response;
        response.later = [&](TakeAnswer give) {
          const std::lock_guard lock(mutex);
          waiting.push_back(std::move(give));
          changed.notify_all();
        };
        return response;
      },
      {.lane = lane_of});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 6; ++i) {  // In a lane, which has two threads, and on the server's thread.
    clients.push_back(std::make_unique<RawClient>(server->port()));
    clients.back()->send(get_text(i % 2 == 0 ? "/slow" : "/here"));
  }
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waiting.size() == 6; });
  }
  RawClient quick(server->port());
  quick.send(get_text("/quick"));
  EXPECT_EQ(body_of(quick.response()), "quick");
  for (const TakeAnswer& give : waiting) give({.status = 201, .body = "late"});
  for (const auto& client : clients) {
    const std::string response = client->response();
    EXPECT_EQ(status_line(response), "HTTP/1.1 201 Created");
    EXPECT_EQ(body_of(response), "late");
  }
}

TEST(HttpServerLate, ForgetsAnAnswerThatComesAfterItsEnd) {
  std::promise<TakeAnswer> asked;
  auto server = serve([&](const HttpRequest&) {
    HttpResponse response;
    response.later = [&](TakeAnswer give) { asked.set_value(std::move(give)); };
    return response;
  });
  RawClient client(server->port());
  client.send(get_text("/"));
  const TakeAnswer give = asked.get_future().get();
  server.reset();
  give({.body = "too late"});
}

TEST(HttpServerSlow, TurnsAnExceptionIntoA500) {
  set_log_level(LogLevel::kOff);
  const auto server =
      serve([](const HttpRequest&) -> HttpResponse { throw std::runtime_error("inside"); }, {.lane = lane_of});
  RawClient client(server->port());
  client.send(get_text("/slow"));
  EXPECT_EQ(status_line(client.response()), "HTTP/1.1 500 Internal Server Error");
  set_log_level(LogLevel::kWarning);
}

TEST(HttpServerSlow, SendsAnAnswerThatIsReadySoonAfterTheServerStops) {
  Gate gate;
  auto server = serve(
      [&](const HttpRequest&) {
        gate.wait();
        return HttpResponse{.body = "done"};
      },
      {.lane = lane_of});
  RawClient running(server->port()), second(server->port()), queued(server->port());
  running.send(get_text("/slow"));
  second.send(get_text("/slow"));
  gate.until_waiting(2);
  queued.send(get_text("/slow"));
  RawClient quick(server->port());  // Once this is answered the queued one has arrived.
  quick.send(get_text("/slow/"));
  const std::uint16_t port = server->port();
  std::thread stopping([&] { server.reset(); });
  while (RawClient(port).connected()) std::this_thread::yield();
  gate.open();
  EXPECT_EQ(body_of(running.until_closed()), "done");
  stopping.join();
}

TEST(HttpServerSlow, StopsOnceAHandlerEndsHoweverLate) {
  Gate gate;
  std::atomic<bool> ended = false;
  auto server = serve(
      [&](const HttpRequest&) {
        gate.wait();
        ended = true;
        return HttpResponse{};
      },
      {.lane = lane_of});
  RawClient client(server->port());
  client.send(get_text("/slow"));
  gate.until_waiting(1);
  std::thread opener([&] {
    EXPECT_EQ(client.until_closed(), "") << "the grace is over before the answer";
    EXPECT_FALSE(ended);
    gate.open();
  });
  server.reset();
  EXPECT_TRUE(ended);
  opener.join();
}

// Gives what a test puts into it.
class Feed {
 public:
  void put(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
    ++number_;
  }
  std::shared_ptr<HttpStream> stream() {
    ++open_;
    return std::make_shared<Reader>(*this);
  }
  int open() const { return open_; }
  int asked() const { return asked_; }

 private:
  struct Reader final : HttpStream {
    explicit Reader(Feed& its_feed) : feed(its_feed) {}
    ~Reader() override { --feed.open_; }
    std::string next(bool idle) override {
      ++feed.asked_;
      if (idle) return ":\n";
      const std::lock_guard lock(feed.mutex_);
      if (seen == feed.number_) return "";
      seen = feed.number_;
      return feed.text_;
    }
    Feed& feed;
    int seen = 0;
  };
  std::mutex mutex_;
  std::string text_;
  int number_ = 0;
  std::atomic<int> open_ = 0, asked_ = 0;
};

HttpHandler events_of(Feed& feed) {
  return [&feed](const HttpRequest& request) {
    if (request.path != "/events") return HttpResponse{.body = "{}"};
    return HttpResponse{.content_type = "text/event-stream", .stream = feed.stream()};
  };
}

TEST(HttpServerStreams, SendsWhatThereIsAndThenWhatComesUntilTheServerStops) {
  Feed feed;
  feed.put("first\n");
  auto server = serve(events_of(feed));
  RawClient client(server->port());
  client.send(get_text("/events"));
  const std::string head = client.until("\r\n\r\n");
  EXPECT_EQ(status_line(head), "HTTP/1.1 200 OK");
  EXPECT_NE(head.find("Content-Type: text/event-stream\r\n"), head.npos);
  EXPECT_NE(head.find("Transfer-Encoding: chunked\r\n"), head.npos);
  EXPECT_EQ(client.until("\n\r\n"), "6\r\nfirst\n\r\n");
  feed.put("the second one\n");
  server->wake_streams();
  EXPECT_EQ(client.until("\n\r\n"), "f\r\nthe second one\n\r\n");
  feed.put("third\n");
  server->wake_streams(std::chrono::milliseconds(5));
  EXPECT_EQ(client.until("\n\r\n"), "6\r\nthird\n\r\n");
  server.reset();
  EXPECT_EQ(client.until_closed(), "0\r\n\r\n") << "a whole answer";
  EXPECT_EQ(feed.open(), 0);
}

TEST(HttpServerStreams, SaysSomethingAfterSilence) {
  Feed feed;
  const auto server = serve(events_of(feed), {.stream_idle_ms = 10});
  RawClient client(server->port());
  client.send(get_text("/events"));
  client.until("\r\n\r\n");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.until(":\n\r\n"), "2\r\n:\n\r\n");
}

TEST(HttpServerStreams, SendsAnOldClientPlainBytesAndHeadNone) {
  Feed feed;
  feed.put("first\n");
  auto server = serve(events_of(feed));
  RawClient old(server->port()), head(server->port());
  old.send("GET /events HTTP/1.0\r\n\r\n");
  const std::string answer = old.until("\r\n\r\n");
  EXPECT_EQ(answer.find("chunked"), answer.npos);
  EXPECT_EQ(old.until("\n"), "first\n");
  head.send("HEAD /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(head.until_closed().ends_with("\r\n\r\n"));
}

TEST(HttpServerStreams, AreEndedWhenTheirClientGoes) {
  Feed feed;
  const auto server = serve(events_of(feed));
  {
    RawClient client(server->port());
    client.send(get_text("/events"));
    client.until("\r\n\r\n");
    EXPECT_EQ(feed.open(), 1);
  }
  while (feed.open() > 0) std::this_thread::yield();
}

TEST(HttpServerStreams, HaveABoundOfTheirOwn) {
  Feed feed;
  const auto server = serve(events_of(feed), {.connections_max = 2, .streams_max = 3});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->port()));
    clients.back()->send(get_text("/events"));
    EXPECT_EQ(status_line(clients.back()->until("\r\n\r\n")), "HTTP/1.1 200 OK");
  }
  RawClient extra(server->port()), other(server->port());
  extra.send(get_text("/events"));
  const std::string response = extra.response();
  EXPECT_EQ(status_line(response), "HTTP/1.1 503 Service Unavailable");
  EXPECT_NE(response.find("Retry-After: 1\r\n"), response.npos);
  other.send(get_text("/a"));
  EXPECT_EQ(status_line(other.response()), "HTTP/1.1 200 OK") << "streams take no place of the others";
  extra.send(get_text("/a"));
  EXPECT_EQ(status_line(extra.response()), "HTTP/1.1 200 OK") << "and the connection stays";
}

TEST(HttpServerStreams, DropAClientThatTakesNothing) {
  Feed feed;
  feed.put(std::string(8 << 20, 'x'));  // More than the sockets' buffers hold.
  const auto server = serve(events_of(feed), {.timeout_ms = 40});
  RawClient lazy(server->port());
  lazy.send(get_text("/events"));
  lazy.until("\r\n\r\n");
  while (feed.open() > 0) std::this_thread::yield();
}

TEST(HttpServerStreams, StayOpenBeyondTheTimeoutOfARequest) {
  Feed feed;
  const auto server = serve(events_of(feed), {.timeout_ms = 20});
  RawClient client(server->port());
  client.send(get_text("/events"));
  client.until("\r\n\r\n");
  RawClient idle(server->port());
  idle.send(kGet);
  idle.response();
  EXPECT_EQ(idle.until_closed(), "") << "the timeout is over";
  feed.put("still here\n");
  server->wake_streams();
  EXPECT_EQ(client.until("\n\r\n"), "b\r\nstill here\n\r\n");
}

TEST(HttpServerStreams, GiveASlowReaderTheNewestOnly) {
  Feed feed;
  feed.put(std::string(8 << 20, '0') + "\n");
  const auto server = serve(events_of(feed));
  RawClient slow(server->port());
  slow.send(get_text("/events"));
  slow.until("\r\n\r\n");
  while (feed.asked() == 0) std::this_thread::yield();  // The first is under way, and does not fit into the buffers.
  for (int i = 1; i <= 100; ++i) {
    feed.put(fmt::format("text {}\n", i));
    server->wake_streams();
  }
  EXPECT_EQ(slow.until("\n\r\n").size(), (8u << 20) + 11) << "hexadecimal length, text, three line ends";
  EXPECT_EQ(slow.until("\n\r\n"), "9\r\ntext 100\n\r\n");
}

TEST(HttpServerStreams, ManyAreServedByOneWake) {
  Feed feed;
  const auto server = serve(events_of(feed));
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->port()));
    clients.back()->send(get_text("/events"));
    EXPECT_EQ(status_line(clients.back()->until("\r\n\r\n")), "HTTP/1.1 200 OK");
  }
  const int before = feed.asked();
  feed.put("hello\n");
  server->wake_streams();
  for (const auto& client : clients) EXPECT_EQ(client->until("\n\r\n"), "6\r\nhello\n\r\n");
  EXPECT_LE(feed.asked() - before, 600) << "once for what there is and once to know that there is no more, each";
}

}  // namespace
}  // namespace tidecast
