#pragma once
// A scalar of a record as a number, strictly: 1.5 is no integer, "1" is no number, and nothing is rounded into range.

#include <cstdint>
#include <optional>
#include <string>

#include "stream/json_scanner.h"

namespace tidecast {

// nullopt: not a number of JSON, not whole (1.0 and 1e3 are not), or beyond 64 bits.
std::optional<std::int64_t> integer_of(JsonValue value);

// nullopt: not a number of JSON, or too large or too small for a double.
std::optional<double> number_of(JsonValue value);

// Whether the characters are a number by JSON's grammar; an integer has neither fraction nor exponent.
enum class NumberForm { kNone, kInteger, kDecimal, kExponent };
NumberForm form_of(std::string_view raw);

// What stands there, for a dead letter: nothing, null, text "abc", number 1.5, an object.  Long ones are cut.
std::string describe(JsonValue value);

}  // namespace tidecast
