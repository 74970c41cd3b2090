#pragma once
// The content coding of HTTP that everybody speaks (RFC 1952).

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidecast {

// What was packed, of one or several members.  Errors: kUnavailable - it is damaged or cut short;  kFailedPrecondition
// - it would be larger than `most` bytes (a small body can unpack to gigabytes).
Result<std::string> gunzip(std::string_view packed, std::size_t most);

// One member; the same bytes give the same.
std::string gzip(std::string_view bytes);

}  // namespace tidecast
