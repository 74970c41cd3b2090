#pragma once
// JSON for what is read and written now and then: requests, reports, artefact headers.  Events go through simdjson
// instead.

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidecast {

namespace json = boost::json;

// Numbers are read exactly; of two equal keys the last counts; nesting deeper than 32 is an error.
// Errors: kInvalidArgument - "byte 17: syntax error".
Result<json::value> parse_json(std::string_view text);

// One line, no spaces.  Doubles are printed with the fewest digits that read back as the same number.
std::string to_text(const json::value& value);
// Two-space indentation, for people.
std::string to_pretty_text(const json::value& value);

// The text of bytes that should be UTF-8 (RFC 3629): each byte that is none is U+FFFD.
std::string as_utf8(std::string_view bytes);

// The shortest text that reads back as the same double; NaN and infinities are "null".
std::string shortest(double value);

}  // namespace tidecast
