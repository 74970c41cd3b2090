#pragma once
// JSON Pointers (RFC 6901), taken apart.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidecast {

// "/data/a~1b" to {"data", "a/b"}; "" is the document itself and has no token.
// Errors: kInvalidArgument - it does not begin with '/', or has a '~' that is neither ~0 nor ~1.
Result<std::vector<std::string>> split_pointer(std::string_view pointer);

// A token as a position in an array: digits without a leading zero.
std::optional<std::uint64_t> array_index(std::string_view token);

}  // namespace tidecast
