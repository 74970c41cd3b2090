#pragma once
// An HTTP/1.1 server on one thread of its own: plain functions as handlers, coroutines and Beast only inside.
//
// What it guards, because it has neither TLS nor tokens: it listens on loopback only, and it refuses requests that a
// web page elsewhere made a browser send.  A Host that is no loopback name, as DNS rebinding needs, is a 421; an Origin
// that is none, a 403; and so, without an Origin, is a Sec-Fetch-Site of cross-site or same-site, unless somebody
// followed a link.  Every other limit is an answer too, as problem JSON (net/problem.h): 400 malformed, 408 too slow,
// 413 body, 417 an expectation other than 100-continue, 431 header, 503 too many connections, 500 a handler's
// exception.

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

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};  // Besides Content-Type and the server's own.
};

// Runs on the server's thread, so it must be quick; an exception that leaves it is a 500.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

struct HttpServerOptions {
  std::string address = "127.0.0.1";  // Loopback only; another address is refused (kFailedPrecondition).
  std::uint16_t port = 8080;          // 0: any free one.
  std::size_t header_max = 16'384;    // Bytes of request line and headers.
  std::size_t body_max = 6'291'456;   // Bytes; SageMaker's limit of InvokeEndpoint.  More is a 413.
  std::size_t connections_max = 256;  // One more is answered 503 and closed.
  // For each of: a request to begin and its header to end, its body, the answer to be taken.  After it an idle
  // connection is closed, and a request that came too slowly is answered 408.
  int timeout_ms = 60'000;
};

class HttpServer {
 public:
  // Listens and serves until destroyed.  Errors: kUnavailable - the port is taken (it says by which address and port);
  // kFailedPrecondition - an address that is not loopback, or a port that this user may not take.
  static Result<std::unique_ptr<HttpServer>> start(HttpServerOptions options, HttpHandler handler);
  // Stops: no new connections, idle ones are closed, a running handler ends and its answer is sent (half a second for
  // that).
  virtual ~HttpServer() = default;
  virtual std::uint16_t port() const = 0;
};

// A small blocking client for loopback: tests, smoke requests, commands that talk to a running server.  `timeout_ms` is
// for all of it.  Header names of the answer are in lower case, Content-Type is in content_type.  A status like 404 is
// an answer. Errors: kFailedPrecondition - a host that is not loopback;  kUnavailable - nobody listens, no answer in
// time, or no HTTP.
Result<HttpResponse> http_call(const std::string& host, std::uint16_t port, const HttpRequest& request, int timeout_ms);

}  // namespace tidecast
