#include "api/console.h"

#include "net/problem.h"

namespace tidecast {
namespace {

constexpr std::string_view kPolicy =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

std::string_view header(const HttpRequest& request, const char* name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? std::string_view() : found->second;
}

// "gzip", "gzip;q=0.5", "*", but not "gzip;q=0".
bool accepts_gzip(std::string_view accepted) {
  while (!accepted.empty()) {
    std::string_view coding = accepted.substr(0, accepted.find(','));
    accepted.remove_prefix(std::min(coding.size() + 1, accepted.size()));
    while (coding.starts_with(' ')) coding.remove_prefix(1);
    const std::string_view name = coding.substr(0, coding.find_first_of("; "));
    if (name != "gzip" && name != "*") continue;
    const std::size_t weight = coding.find("q=");
    return weight == coding.npos || coding.find_first_of("123456789", weight) != coding.npos;
  }
  return false;
}

}  // namespace

std::optional<HttpResponse> console_answer(std::span<const ConsoleFile> files, const HttpRequest& request) {
  const std::string_view path = request.path == "/" ? std::string_view("/index.html") : request.path;
  for (const ConsoleFile& file : files) {
    if (file.path != path) continue;
    if (request.method != "GET") {
      HttpResponse response = problem(405, "allowed: GET, HEAD");
      response.headers.emplace_back("Allow", "GET, HEAD");
      return response;
    }
    const bool gzip = !file.gzip.empty() && accepts_gzip(header(request, "accept-encoding"));
    const std::string tag = fmt::format("\"{}{}\"", file.hash, gzip ? "-gzip" : "");
    HttpResponse response{.content_type = std::string(file.content_type)};
    response.headers = {
        {"ETag", tag},
        {"Cache-Control", path.starts_with("/assets/") ? "public, max-age=31536000, immutable" : "no-cache"},
        {"Content-Security-Policy", std::string(kPolicy)},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"X-Frame-Options", "DENY"}};
    if (!file.gzip.empty()) response.headers.emplace_back("Vary", "Accept-Encoding");
    if (header(request, "if-none-match").find(tag) != std::string_view::npos) {
      response.status = 304;
      return response;
    }
    if (gzip) response.headers.emplace_back("Content-Encoding", "gzip");
    response.body = std::string(gzip ? file.gzip : file.bytes);
    return response;
  }
  return std::nullopt;
}

}  // namespace tidecast
