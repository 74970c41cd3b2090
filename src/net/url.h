#pragma once
// An address of the web in its parts.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidecast {

struct Url {
  bool tls = false;        // https
  std::string host;        // "blockchain.info", "127.0.0.1", "::1" (no brackets); lower case.
  std::uint16_t port = 0;  // 443 and 80 where none is given.
  std::string target;      // "/unconfirmed-transactions?format=json"; at least "/".

  // As it stands in a Host header: the port only where it is not the usual one.
  std::string authority() const;
  // "blockchain.info:443", for messages.
  std::string endpoint() const;
};

// http://HOST[:PORT][/PATH][?QUERY] or https://; HOST a name, an IPv4 address or [an IPv6 address].
// Errors: kInvalidArgument - anything else: another scheme, a user, a fragment, spaces, letters that are no ASCII.
Result<Url> parse_url(std::string_view text);
// The same with ws:// and wss://.
Result<Url> parse_websocket_url(std::string_view text);

// Where a redirect of `from` leads; `location` may be relative (RFC 9110, 10.2.2).  Only to https, or from http to the
// same host, so that nobody is led from a place that was verified to one that is not.
// Errors: kInvalidArgument - elsewhere, or no address at all.
Result<std::string> redirected_url(const std::string& from, std::string_view location);

}  // namespace tidecast
