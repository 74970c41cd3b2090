#pragma once
// Through whom to go to get out: what the environment says, as curl reads it.

#include <optional>
#include <string>

#include "base/result.h"
#include "net/url.h"

namespace tidecast {

struct Proxy {
  std::string https{};   // "http://proxy.example:3128": a tunnel through it for https and wss; empty: none.
  std::string except{};  // "localhost, .example.com, 10.1.2.3": these and what is under them directly; "*": all.

  // Whom to connect to for `address`; nullopt: itself.  A loopback address is never given to a proxy.
  // Errors: kInvalidArgument - `https` is no http:// address.
  Result<std::optional<Url>> of(const Url& address) const;
};

// https_proxy, or HTTPS_PROXY; no_proxy, or NO_PROXY.
Proxy proxy_from_environment();

}  // namespace tidecast
