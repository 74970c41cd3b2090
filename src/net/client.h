#pragma once
// A blocking client of HTTP/1.1 and HTTPS servers anywhere, for sources that ask again and again: one connection, kept
// alive from call to call.  Certificates and the host's name in them are verified, always.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/proxy.h"

namespace tidecast {

struct HttpClientOptions {
  Milliseconds connect_timeout{5'000};  // To find the host, connect, and agree on TLS; within
  Milliseconds timeout{10'000};         // that for all of one call.
  std::size_t body_max = 16 << 20;      // Bytes, packed and unpacked.
  std::filesystem::path ca_file{};      // PEM; whom to trust; empty: whom the system trusts.
  Proxy proxy{};                        // For https; none.
  std::function<bool()> stop{};         // Asked every 50 ms by the calling thread; true is a cancel().
};

struct HttpAnswer {
  int status = 0;                              // 404 and 500 are answers too; redirects are not followed.
  std::map<std::string, std::string> headers;  // Names in lower case; values of a repeated name joined by ", ".
  std::string body;                            // Unpacked.
  std::uint64_t bytes = 0;                     // Of the body as it came over the wire.
};

// One thread calls get(); any may cancel().
class HttpClient {
 public:
  // Errors: kInvalidArgument - timeouts that are not above 0, a CA file that holds no certificate;  kNotFound - there
  // is no such file.
  static Result<std::unique_ptr<HttpClient>> make(HttpClientOptions options);
  virtual ~HttpClient() = default;

  // GET, with these headers besides Host, User-Agent, Accept and Accept-Encoding (gzip).  A kept connection that the
  // server has closed meanwhile is made anew, once.
  // Errors: kInvalidArgument - `url` is none;  kCancelled;  kUnavailable - all else, and says what: no such host,
  // refused, a certificate that is not trusted, no answer in time, a body cut short or too large, no HTTP.
  virtual Result<HttpAnswer> get(const std::string& url,
                                 const std::vector<std::pair<std::string, std::string>>& headers = {}) = 0;

  // Ends the call under way, within 100 ms, and every later one at once.
  virtual void cancel() = 0;
};

}  // namespace tidecast
