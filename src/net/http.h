#pragma once
// An HTTP/1.1 server on one thread of its own: plain functions as handlers, coroutines and Beast only inside.  Requests
// that may take long run on threads beside it (HttpServerOptions::lane), and an answer may go on without end
// (HttpStream).
//
// What it guards, because it has neither TLS nor tokens: it listens on loopback only, and it refuses requests that a
// web page elsewhere made a browser send.  A Host that is no loopback name, as DNS rebinding needs, is a 421; an Origin
// that is none, a 403; and so, without an Origin, is a Sec-Fetch-Site of cross-site or same-site, unless somebody
// followed a link.  Every other limit is an answer too, as problem JSON (net/problem.h): 400 malformed, 408 too slow,
// 413 body, 417 an expectation other than 100-continue, 431 header, 503 too many connections, streams or slow
// requests, 500 a handler's exception.  Where connections are full, the one that has been idle longest makes room.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tidecast {

struct HttpRequest {
  std::string method;                            // "GET".  A HEAD arrives as a GET; its answer goes without the body.
  std::string path;                              // "/endpoints/staging/invocations": percent-encoded, no query.
  std::string query{};                           // After '?', as it came.
  std::map<std::string, std::string> headers{};  // Names in lower case; values of a repeated name joined by ", ".
  std::string body{};
};

// A body without end, as server-sent events are.  Asked on the server's thread, so it must be quick: for the first
// bytes once its head is sent, again when what it gave is sent, after HttpServer::wake_streams(), and after 15 seconds
// without a byte (`idle`).  Whatever it gives is wholly in the client's hands, or the kernel's, before it is asked
// again: for a client that reads slowly nothing queues up here, and it should be given what is newest then.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  // "": nothing now.
  virtual std::string next(bool idle) = 0;
};

struct HttpResponse;
// Takes an answer that was not there at once.  Any thread, once; nothing happens where the server has ended meanwhile.
using TakeAnswer = std::function<void(HttpResponse)>;

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};  // Besides Content-Type and the server's own.
  // Instead of the body: chunked, or up to the connection's close in HTTP/1.0.  Only with status 200.
  std::shared_ptr<HttpStream> stream{};
  // Instead of all above: called once, where the handler ran, with what takes the answer whenever it is there.  So what
  // waits, for others' work say, keeps no thread.  Must not throw.
  std::function<void(TakeAnswer)> later{};
};
// The answer itself, for callers without a server: waits for it.
HttpResponse wait_for(HttpResponse response);

// Runs on the server's thread, where it must be quick, and, for requests that HttpServerOptions::lane picks, on the
// threads of the lanes: so on several at once.  An exception that leaves it is a 500.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

inline constexpr int kLanes = 4;

struct HttpServerOptions {
  std::string address = "127.0.0.1";  // Loopback only; another address is refused (kFailedPrecondition).
  std::uint16_t port = 8080;          // 0: any free one.
  std::size_t header_max = 16'384;    // Bytes of request line and headers.
  std::size_t body_max = 6'291'456;   // Bytes; SageMaker's limit of InvokeEndpoint.  More is a 413.
  // One more takes the place of the one that has been idle longest (no byte of a request has come, none is being
  // answered); if there is none, it is answered 503 and closed.
  std::size_t connections_max = 1024;
  std::size_t streams_max = 512;  // Connections with an HttpStream, besides those above.  One more is answered 503.
  // For each of: a request to begin and its header to end, its body, the answer to be taken.  After it an idle
  // connection is closed, and a request that came too slowly is answered 408.
  // A stream has no limit of time, but a client that takes nothing of one for so long is dropped.
  int timeout_ms = 60'000;
  int stream_idle_ms = 15'000;  // A stream that had nothing to say for so long is asked again.
  // Where a request is handled; asked on the server's thread.  0: there, so it must be quick;  1 to kLanes: a lane of
  // two threads of its own, so that what takes long in one lane holds up nothing in another.  64 requests may wait in
  // each; the next is answered 503.  Empty: all 0.
  std::function<int(const HttpRequest&)> lane{};
};

class HttpServer {
 public:
  // Listens and serves until destroyed.  Errors: kUnavailable - the port is taken (it says by which address and port);
  // kFailedPrecondition - an address that is not loopback, or a port that this user may not take.
  // It raises the process's soft limit of open files as far as its connections need (256 are left for everybody else),
  // and takes fewer connections, with a warning, where the hard limit does not allow that.
  static Result<std::unique_ptr<HttpServer>> start(HttpServerOptions options, HttpHandler handler);
  // Stops: no new connections, idle ones are closed, streams end.  Running handlers end, however long they take; an
  // answer that is there within half a second is sent.
  virtual ~HttpServer() = default;
  virtual std::uint16_t port() const = 0;
  // Asks every stream for more, `delay` from now, on the server's thread.  Any thread; returns at once; calls before
  // the streams were asked count as one, the earliest.
  virtual void wake_streams(std::chrono::milliseconds delay = {}) = 0;
};

// A small blocking client for loopback: tests, smoke requests, commands that talk to a running server.  `timeout_ms` is
// for all of it.  Header names of the answer are in lower case, Content-Type is in content_type.  A status like 404 is
// an answer. Errors: kFailedPrecondition - a host that is not loopback;  kUnavailable - nobody listens, no answer in
// time, or no HTTP.
Result<HttpResponse> http_call(const std::string& host, std::uint16_t port, const HttpRequest& request, int timeout_ms);

}  // namespace tidecast
