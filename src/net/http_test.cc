#include "net/http.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>

#include "base/json.h"
#include "base/log.h"
#include "base/rng.h"
#include "net/raw_client_testing.h"

namespace tidecast {
namespace {

HttpResponse echo(const HttpRequest& request) {
  std::string text = request.method + " " + request.path + " ?" + request.query + " " + request.body;
  if (const auto note = request.headers.find("x-note"); note != request.headers.end()) text += " note=" + note->second;
  return {.status = 200, .content_type = "text/plain", .body = std::move(text), .headers = {{"X-Answered-By", "echo"}}};
}

std::unique_ptr<HttpServer> serve(HttpHandler handler = echo, HttpServerOptions options = {}) {
  options.port = 0;
  auto server = HttpServer::start(std::move(options), std::move(handler));
  EXPECT_TRUE(server.ok()) << server.message();
  return std::move(server).value();
}

HttpResponse get(const HttpServer& server, const std::string& path) {
  auto response = http_call("127.0.0.1", server.port(), {.method = "GET", .path = path}, 10'000);
  EXPECT_TRUE(response.ok()) << response.message();
  return std::move(response).value();
}

TEST(HttpServer, HandsTheHandlerMethodPathQueryHeadersAndBody) {
  const auto server = serve();
  const auto response = http_call("localhost", server->port(),
                                  {.method = "POST",
                                   .path = "/models/3",
                                   .query = "why=it+works",
                                   .headers = {{"X-Note", "by hand"}},
                                   .body = "{}"},
                                  10'000);
  ASSERT_TRUE(response.ok()) << response.message();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->content_type, "text/plain");
  EXPECT_EQ(response->body, "POST /models/3 ?why=it+works {} note=by hand");
  const std::pair<std::string, std::string> mark{"x-answered-by", "echo"};
  EXPECT_NE(std::find(response->headers.begin(), response->headers.end(), mark), response->headers.end());
}

TEST(HttpServer, JoinsRepeatedHeadersAndReadsChunkedBodies) {
  const auto server = serve();
  RawClient client(server->port());
  client.send("POST /c HTTP/1.1\r\nHost: localhost\r\nx-note: one\r\nX-NOTE: two\r\n");
  client.send("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
  EXPECT_EQ(body_of(client.response()), "POST /c ? abcdefg note=one, two");
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  const auto server = serve();
  RawClient client(server->port());
  std::string all;
  for (int i = 0; i < 50; ++i)
    all += fmt::format("POST /{} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n{:03}", i, i);
  client.send(all);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(body_of(client.response()), fmt::format("POST /{} ? {:03}", i, i));
}

TEST(HttpServer, KeepsAConnectionOpenUntilTheClientIsDone) {
  const auto server = serve();
  RawClient client(server->port());
  for (int i = 0; i < 3; ++i) {
    client.send(kGet);
    const std::string response = client.response();
    EXPECT_EQ(status_line(response), "HTTP/1.1 200 OK");
    EXPECT_NE(response.find("Connection: keep-alive\r\n"), response.npos);
  }
  client.send("GET /last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(body_of(client.until_closed()), "GET /last ? ");
}

TEST(HttpServer, ClosesAfterAnHttp10Request) {
  const auto server = serve();
  RawClient client(server->port());
  client.send("GET /old HTTP/1.0\r\n\r\n");
  const std::string response = client.until_closed();
  EXPECT_EQ(status_line(response), "HTTP/1.0 200 OK");
  EXPECT_EQ(body_of(response), "GET /old ? ");
}

TEST(HttpServer, AnswersHeadLikeGetWithoutTheBody) {
  const auto server = serve();
  RawClient client(server->port());
  client.send("HEAD /a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string response = client.until_closed();
  EXPECT_EQ(status_line(response), "HTTP/1.1 200 OK");
  EXPECT_NE(response.find("Content-Length: 9\r\n"), response.npos) << "of 'GET /a ? '";
  EXPECT_EQ(body_of(response), "");
}

TEST(HttpServer, TakesTheAbsoluteFormOfATarget) {
  const auto server = serve();
  RawClient client(server->port());
  client.send("GET http://localhost/a/b?c HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(body_of(client.response()), "GET /a/b ?c ");
}

TEST(HttpServer, TellsAWaitingClientToContinueBeforeItSendsTheBody) {
  const auto server = serve();
  RawClient client(server->port());
  client.send("POST /a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(client.response(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  EXPECT_EQ(body_of(client.response()), "POST /a ? body");
}

TEST(HttpServer, RefusesAnUnknownExpectation) {
  const auto server = serve();
  RawClient client(server->port());
  client.send("POST /a HTTP/1.1\r\nHost: localhost\r\nExpect: a-miracle\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(status_line(client.until_closed()), "HTTP/1.1 417 Expectation Failed");
}

TEST(HttpServer, RefusesABodyThatIsTooLargeBeforeItIsSent) {
  const auto server = serve(echo, {.body_max = 1000});
  RawClient client(server->port());
  client.send("POST /a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n");
  const std::string response = client.until_closed();
  EXPECT_EQ(status_line(response), "HTTP/1.1 413 Content Too Large");
  EXPECT_NE(response.find("Content-Type: application/problem+json\r\n"), response.npos);
  const auto problem = parse_json(body_of(response));
  ASSERT_TRUE(problem.ok()) << problem.message();
  EXPECT_EQ(problem->at("status").to_number<int>(), 413);
  EXPECT_EQ(problem->at("detail").as_string(), "the body is too large; allowed: 1000 bytes");
}

TEST(HttpServer, TellsAClientThatSendsTooMuchWhyItStopsReading) {
  const auto server = serve(echo, {.body_max = 1000});
  RawClient client(server->port());
  client.send("POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n" + std::string(3'000'000, 'x'));
  client.end_sending();
  EXPECT_EQ(status_line(client.until_closed()), "HTTP/1.1 413 Content Too Large");

  RawClient chunked(server->port());
  chunked.send("POST /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  chunked.send("800\r\n" + std::string(0x800, 'x'));
  EXPECT_EQ(status_line(chunked.response()), "HTTP/1.1 413 Content Too Large") << "without a length too";
}

TEST(HttpServer, TakesABodyOfExactlyTheLimit) {
  const auto count = [](const HttpRequest& request) {
    return HttpResponse{.body = std::to_string(request.body.size())};
  };
  const auto server = serve(count, {.body_max = 100'000});
  const auto response = http_call("127.0.0.1", server->port(),
                                  {.method = "POST", .path = "/", .body = std::string(100'000, 'x')}, 10'000);
  ASSERT_TRUE(response.ok()) << response.message();
  EXPECT_EQ(response->body, "100000");
}

TEST(HttpServer, RefusesHeadersThatAreTooLarge) {
  const auto server = serve(echo, {.header_max = 500});
  RawClient client(server->port());
  client.send("GET /a HTTP/1.1\r\nHost: localhost\r\nX-Long: " + std::string(600, 'x') + "\r\n\r\n");
  EXPECT_EQ(status_line(client.until_closed()), "HTTP/1.1 431 Request Header Fields Too Large");
}

TEST(HttpServer, AnswersMalformedRequestsWith400AndCloses) {
  const auto server = serve();
  const std::string_view wrong[] = {
      "what?\r\n\r\n",
      "GET /a HTTP/9.9\r\n\r\n",
      "GET  /a HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "GET /a HTTP/1.1\r\nHost localhost\r\n\r\n",
      "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n",
      "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  // The start of a TLS handshake.
  };
  for (const std::string_view text : wrong) {
    RawClient client(server->port());
    client.send(text);
    EXPECT_EQ(status_line(client.until_closed()), "HTTP/1.1 400 Bad Request") << text;
  }
  RawClient hostless(server->port());
  hostless.send("GET /a HTTP/1.1\r\n\r\n");
  EXPECT_EQ(status_line(hostless.response()), "HTTP/1.1 400 Bad Request");
}

TEST(HttpServer, OutlivesBinaryGarbage) {
  const auto server = serve();
  const std::uint64_t seed = 20;
  SCOPED_TRACE(seed);
  Rng rng(seed);
  for (int i = 0; i < 200; ++i) {
    std::string garbage = i % 2 ? "" : std::string(kGet.substr(0, rng.below(kGet.size())));
    for (std::uint64_t n = 1 + rng.below(300); n > 0; --n) garbage += static_cast<char>(rng.below(256));
    RawClient client(server->port());
    client.send(garbage);
    client.end_sending();
    const std::string response = client.until_closed();
    EXPECT_TRUE(response.empty() || response.starts_with("HTTP/1.")) << response;
  }
  EXPECT_EQ(get(*server, "/still").body, "GET /still ? ");
}

TEST(HttpServer, EndsAHeaderThatArrivesTooSlowly) {
  const auto server = serve(echo, {.timeout_ms = 40});
  RawClient client(server->port());
  client.send("GET /a HTTP/1.1\r\nHost: local");
  EXPECT_EQ(status_line(client.until_closed()), "HTTP/1.1 408 Request Timeout");
}

TEST(HttpServer, EndsABodyThatArrivesTooSlowly) {
  const auto server = serve(echo, {.timeout_ms = 40});
  RawClient client(server->port());
  client.send("POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345");
  EXPECT_EQ(status_line(client.until_closed()), "HTTP/1.1 408 Request Timeout");
}

TEST(HttpServer, ClosesAnIdleConnectionWithoutAWord) {
  const auto server = serve(echo, {.timeout_ms = 40});
  RawClient client(server->port());
  client.send(kGet);
  EXPECT_EQ(status_line(client.response()), "HTTP/1.1 200 OK");
  EXPECT_EQ(client.until_closed(), "");
}

TEST(HttpServer, EndsAClientThatDoesNotTakeItsAnswer) {
  const std::string large(64 << 20, 'x');  // More than the sockets' buffers hold.
  std::atomic<int> answered = 0;
  const auto handler = [&](const HttpRequest&) {
    ++answered;
    return HttpResponse{.body = large};
  };
  const auto server = serve(handler, {.connections_max = 1, .timeout_ms = 40});
  RawClient lazy(server->port());
  lazy.send(kGet);
  std::string second;  // Turned away until the lazy one is gone.
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!second.starts_with("HTTP/1.0 200") && std::chrono::steady_clock::now() < patience) {
    RawClient client(server->port());
    client.send("GET /b HTTP/1.0\r\n\r\n");
    second = client.until_closed();
  }
  EXPECT_EQ(answered, 2);
}

TEST(HttpServer, TurnsAwayOneConnectionTooManyWhereAllAreBusy) {
  const auto server = serve(echo, {.connections_max = 3});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->port()));
    clients.back()->send(kGet);
    EXPECT_EQ(status_line(clients.back()->response()), "HTTP/1.1 200 OK");
    clients.back()->send(kGet.substr(0, 9));
  }
  RawClient extra(server->port());
  extra.send(kGet);
  const std::string response = extra.until_closed();
  EXPECT_EQ(status_line(response), "HTTP/1.1 503 Service Unavailable");
  EXPECT_NE(response.find("Retry-After: "), response.npos) << response;
  EXPECT_NE(response.find("3 connections are open"), response.npos) << response;
  clients.front()->send(kGet.substr(9));
  EXPECT_EQ(status_line(clients.front()->response()), "HTTP/1.1 200 OK") << "those inside are not disturbed";
}

TEST(HttpServer, ClosesTheLongestIdleConnectionForANewOne) {
  const auto server = serve(echo, {.connections_max = 3});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->port()));
    clients.back()->send(kGet);
    EXPECT_EQ(status_line(clients.back()->response()), "HTTP/1.1 200 OK");
  }
  clients[0]->send(kGet.substr(0, 9));  // No longer idle; the second has waited longest now.
  RawClient extra(server->port());
  extra.send(kGet);
  EXPECT_EQ(status_line(extra.response()), "HTTP/1.1 200 OK");
  EXPECT_EQ(clients[1]->until_closed(), "");
  clients[0]->send(kGet.substr(9));
  clients[2]->send(kGet);
  for (const int i : {0, 2}) EXPECT_EQ(status_line(clients[i]->response()), "HTTP/1.1 200 OK");
}

TEST(HttpServer, ServesManyConnectionsAtOnce) {
  const auto server = serve();
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      std::vector<std::unique_ptr<RawClient>> clients;
      for (int c = 0; c < 20; ++c) clients.push_back(std::make_unique<RawClient>(server->port()));
      for (int round = 0; round < 5; ++round) {
        const auto path = [&](int c) { return fmt::format("/{}/{}/{}", t, c, round); };
        for (int c = 0; c < 20; ++c) clients[c]->send("GET " + path(c) + " HTTP/1.1\r\nHost: [::1]:80\r\n\r\n");
        for (int c = 0; c < 20; ++c) right += body_of(clients[c]->response()) == "GET " + path(c) + " ? ";
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 8 * 20 * 5);
}

TEST(HttpServer, TurnsAHandlersExceptionIntoA500AndServesOn) {
  set_log_level(LogLevel::kOff);
  const auto server = serve([](const HttpRequest& request) -> HttpResponse {
    if (request.path == "/bad") throw std::runtime_error("a secret of the inside");
    if (request.path == "/odd") throw 7;
    return {.body = "{}"};
  });
  for (const char* path : {"/bad", "/odd"}) {
    const HttpResponse response = get(*server, path);
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.content_type, "application/problem+json");
    EXPECT_EQ(response.body.find("secret"), response.body.npos);
  }
  EXPECT_EQ(get(*server, "/good").status, 200);
  set_log_level(LogLevel::kWarning);
}

TEST(HttpServer, StopsAtOnceDespiteIdleAndHalfSentRequests) {
  auto server = serve();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->port()));
    clients.back()->send(kGet);
    EXPECT_EQ(status_line(clients.back()->response()), "HTTP/1.1 200 OK");
    if (i % 2) clients.back()->send("GET /half HTT");
  }
  server.reset();  // Would wait a minute for them, if it did.
  for (const auto& client : clients) EXPECT_EQ(client->until_closed(), "");
}

TEST(HttpServer, FinishesARunningRequestBeforeItStops) {
  std::promise<void> entered, leave;
  auto server = serve([&, left = leave.get_future().share()](const HttpRequest&) {
    entered.set_value();
    left.wait();
    return HttpResponse{.body = "done"};
  });
  const std::uint16_t port = server->port();
  RawClient client(port);
  client.send(kGet);
  entered.get_future().wait();
  std::thread stopping([&] { server.reset(); });
  leave.set_value();
  const std::string response = client.until_closed();
  stopping.join();
  EXPECT_EQ(status_line(response), "HTTP/1.1 200 OK");
  EXPECT_EQ(body_of(response), "done");
  EXPECT_FALSE(RawClient(port).connected()) << "nobody listens any more";
}

TEST(HttpServer, StopsDespiteAClientThatDoesNotTakeItsAnswer) {
  std::promise<void> entered;
  auto server = serve([&](const HttpRequest&) {
    entered.set_value();
    return HttpResponse{.body = std::string(64 << 20, 'x')};
  });
  RawClient lazy(server->port());
  lazy.send(kGet);
  entered.get_future().wait();
  const auto before = std::chrono::steady_clock::now();
  server.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(30)) << "not the minute of the timeout";
}

TEST(HttpServer, NamesTheAddressOfATakenPort) {
  const auto server = serve();
  const auto second = HttpServer::start({.port = server->port()}, echo);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.code(), Code::kUnavailable);
  EXPECT_EQ(second.message(), fmt::format("cannot listen on 127.0.0.1:{}: Address already in use", server->port()));
}

TEST(HttpServer, ListensOnLoopbackOnly) {
  for (const char* address : {"0.0.0.0", "192.168.1.4", "::", "example.org", ""}) {
    const auto server = HttpServer::start({.address = address, .port = 0}, echo);
    ASSERT_FALSE(server.ok()) << address;
    EXPECT_EQ(server.code(), Code::kFailedPrecondition);
    EXPECT_NE(server.message().find("no TLS and no tokens"), std::string::npos) << server.message();
  }
  for (const char* address : {"127.0.0.1", "127.3.4.5", "localhost"})
    EXPECT_TRUE(HttpServer::start({.address = address, .port = 0}, echo).ok()) << address;
}

TEST(HttpServer, RefusesWhatAPageElsewhereMadeABrowserSend) {
  const auto server = serve();
  const auto status_with = [&](const std::string& headers, const std::string& method = "POST") {
    RawClient client(server->port());
    client.send(method + " /approve HTTP/1.1\r\nContent-Length: 0\r\n" + headers + "\r\n");
    return status_line(client.response()).substr(9, 3);
  };
  EXPECT_EQ(status_with("Host: evil.example:8080\r\n"), "421") << "a name bound to 127.0.0.1 after the page was loaded";
  EXPECT_EQ(status_with("Host: localhost.evil.example\r\n"), "421");
  EXPECT_EQ(status_with("Host: localhost\r\nOrigin: https://evil.example\r\n"), "403");
  EXPECT_EQ(status_with("Host: localhost\r\nOrigin: null\r\n"), "403");
  EXPECT_EQ(status_with("Host: LOCALHOST:8080\r\nOrigin: http://127.0.0.1:3000\r\nSec-Fetch-Site: cross-site\r\n"),
            "200");
  EXPECT_EQ(status_with("Host: [::1]:8080\r\nOrigin: http://[::1]:8080\r\n"), "200");
  EXPECT_EQ(status_with("Host: localhost\r\nSec-Fetch-Site: cross-site\r\n"), "403") << "an image of another page";
  EXPECT_EQ(status_with("Host: localhost\r\nSec-Fetch-Site: same-site\r\n"), "403") << "a page of another port";
  const std::string link = "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n";
  EXPECT_EQ(status_with(link + "Sec-Fetch-Dest: document\r\n", "GET"), "200") << "a link that somebody followed";
  EXPECT_EQ(status_with(link + "Sec-Fetch-Dest: document\r\n", "POST"), "403") << "a form that was sent off";
  EXPECT_EQ(status_with(link + "Sec-Fetch-Dest: iframe\r\n", "GET"), "403") << "a frame within another page";
  EXPECT_EQ(status_with("Host: localhost\r\nSec-Fetch-Site: same-origin\r\n"), "200");
  EXPECT_EQ(status_with("Host: localhost\r\nSec-Fetch-Site: none\r\n"), "200") << "typed into the browser";
}

TEST(HttpCall, SaysWhenNobodyListens) {
  const std::uint16_t port = serve()->port();  // Free again.
  const auto response = http_call("127.0.0.1", port, {.method = "GET", .path = "/"}, 10'000);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.code(), Code::kUnavailable);
  EXPECT_EQ(response.message(), fmt::format("127.0.0.1:{}: Connection refused", port));
}

TEST(HttpCall, GivesUpWhenNoAnswerComesInTime) {
  std::promise<void> leave;
  const auto server = serve([left = leave.get_future().share()](const HttpRequest&) {
    left.wait();
    return HttpResponse{};
  });
  const auto response = http_call("127.0.0.1", server->port(), {.method = "GET", .path = "/"}, 30);
  leave.set_value();
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.message(), fmt::format("127.0.0.1:{}: no answer within 30 ms", server->port()));
}

TEST(HttpCall, CallsLoopbackOnly) {
  const auto response = http_call("192.0.2.1", 80, {.method = "GET", .path = "/"}, 100);
  EXPECT_EQ(response.code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace tidecast
