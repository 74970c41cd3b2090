#include "net/url.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"

namespace tidecast {
namespace {

std::string bracketed(const std::string& host) { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }

bool is_name_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

// The two schemes of an address, the one with TLS first.
struct Schemes {
  std::string_view tls, plain;
};

Result<Url> parse(std::string_view text, const Schemes& schemes) {
  const std::string_view whole = text;
  const auto wrong = [whole, schemes](std::string_view why) {
    return invalid_argument("'{}' is no address: {}; allowed: {}://host[:port]/path?query, {}:// too", whole, why,
                            schemes.tls, schemes.plain);
  };
  for (const char c : text)
    if (c <= ' ' || c > '~') return wrong("it has a space or a letter that is not ASCII (write it as %xx)");

  Url url;
  const std::size_t colon = text.find("://");
  std::string scheme(text.substr(0, std::min(colon, text.size())));
  scheme = lower(scheme);
  if (colon == text.npos) return wrong(fmt::format("it has no {}://", schemes.tls));
  if (scheme != schemes.tls && scheme != schemes.plain) return wrong(fmt::format("its scheme is {}", scheme));
  url.tls = scheme == schemes.tls;
  text.remove_prefix(colon + 3);

  const std::size_t end = std::min(text.find_first_of("/?#"), text.size());
  std::string_view authority = text.substr(0, end);
  const std::string_view rest = text.substr(end);
  if (rest.find('#') != rest.npos) return wrong("what follows a # is never sent");
  if (authority.find('@') != authority.npos) return wrong("a user and a password in it are not in this version");
  if (rest.find_first_of("<>\"\\^`{|}") != rest.npos) return wrong("one of <>\"\\^`{|} is in it (write it as %xx)");
  url.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);

  std::string_view host, port;
  bool has_port = false;
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    if (bracket == authority.npos) return wrong("a bracket is open");
    host = authority.substr(1, bracket - 1);
    if (host.find(':') == host.npos || host.find_first_not_of("0123456789abcdefABCDEF:.") != host.npos)
      return wrong(fmt::format("'{}' is no IPv6 address", host));
    authority.remove_prefix(bracket + 1);
    if (!authority.empty() && authority[0] != ':') return wrong("something stands between ] and the port");
    has_port = !authority.empty();
    if (has_port) port = authority.substr(1);
  } else {
    const std::size_t at = authority.find(':');
    host = authority.substr(0, at);
    has_port = at != authority.npos;
    if (has_port) port = authority.substr(at + 1);
    if (!std::all_of(host.begin(), host.end(), is_name_letter)) return wrong(fmt::format("'{}' is no host", host));
  }
  if (host.empty()) return wrong("the host is missing");
  if (host.size() > 253) return wrong("the host is too long");
  url.host = host;
  url.host = lower(url.host);

  url.port = url.tls ? 443 : 80;
  if (has_port) {
    const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc() || stop != port.data() + port.size() || url.port == 0)
      return wrong(fmt::format("'{}' is no port", port));
  }
  return url;
}

}  // namespace

std::string Url::authority() const {
  return port == (tls ? 443 : 80) ? bracketed(host) : fmt::format("{}:{}", bracketed(host), port);
}

std::string Url::endpoint() const { return fmt::format("{}:{}", bracketed(host), port); }

Result<Url> parse_url(std::string_view text) { return parse(text, {"https", "http"}); }
Result<Url> parse_websocket_url(std::string_view text) { return parse(text, {"wss", "ws"}); }

Result<std::string> redirected_url(const std::string& from, std::string_view location) {
  const Url old = TRY(parse_url(from));
  const std::string_view scheme = old.tls ? "https" : "http";
  std::string to(location.substr(0, location.find('#')));
  if (to.starts_with("//"))
    to = fmt::format("{}:{}", scheme, to);
  else if (to.starts_with('/'))
    to = fmt::format("{}://{}{}", scheme, old.authority(), to);
  else if (to.find("://") == std::string::npos)
    to = fmt::format("{}://{}{}{}", scheme, old.authority(),
                     old.target.substr(0, old.target.substr(0, old.target.find('?')).rfind('/') + 1), to);
  const Url now = TRY(parse_url(to));
  if (!now.tls && (old.tls || now.host != old.host))
    return invalid_argument("'{}' is neither https nor on the same host", to);
  return to;
}

}  // namespace tidecast
