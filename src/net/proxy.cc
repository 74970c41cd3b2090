#include "net/proxy.h"

#include <cstdlib>

namespace tidecast {
namespace {

std::string environment(const char* lower, const char* upper) {
  for (const char* name : {lower, upper})
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  return "";
}

bool is_loopback(std::string_view host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

bool is_under(std::string_view host, std::string_view name) {
  if (name.starts_with('.')) name.remove_prefix(1);
  return host == name ||
         (host.size() > name.size() && host.ends_with(name) && host[host.size() - name.size() - 1] == '.');
}

}  // namespace

Result<std::optional<Url>> Proxy::of(const Url& address) const {
  if (https.empty() || !address.tls || is_loopback(address.host)) return std::optional<Url>();
  for (std::size_t at = 0; at < except.size();) {
    const std::size_t end = std::min(except.find_first_of(", ", at), except.size());
    const std::string_view name = std::string_view(except).substr(at, end - at);
    if (name == "*" || (!name.empty() && is_under(address.host, name))) return std::optional<Url>();
    at = end + 1;
  }
  const Url proxy =
      TRY(parse_url(https.find("://") == std::string::npos ? "http://" + https : https).in("https_proxy"));
  if (proxy.tls) return invalid_argument("https_proxy: '{}' is reached by TLS; allowed: http://host:port", https);
  return std::optional(proxy);
}

Proxy proxy_from_environment() {
  return {environment("https_proxy", "HTTPS_PROXY"), environment("no_proxy", "NO_PROXY")};
}

}  // namespace tidecast
