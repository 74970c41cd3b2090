#pragma once
// Record identifiers: the values of a group's keys in one string, by which rows are found and told apart.
//
//   per key:  'n'                     null
//             'i' and 8 bytes         an integer, highest byte first, top bit flipped
//             'f' or 't'              false, true
//             's', the bytes, 0 0x01  a text; a zero byte inside is 0 0xff
//
// Equal identifiers are equal values; they sort by the values, nulls first, within one group.  No keys: "".

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "features/schema.h"

namespace tidecast {

using KeyValue = std::variant<std::monostate, std::int64_t, bool, std::string>;

void append_key_null(std::string& id);
void append_key_integer(std::string& id, std::int64_t value);
void append_key_boolean(std::string& id, bool value);
void append_key_text(std::string& id, std::string_view value);

std::string record_id(std::span<const KeyValue> values);
// Errors: kDataLoss - it is none of these keys.
Result<std::vector<KeyValue>> key_values(std::span<const FeatureKey> keys, std::string_view id);

// As people write and read it: "JC014", "JC014,weekday"; commas and backslashes inside a text have a backslash before
// them, a null is \\N.  Errors: kInvalidArgument - not so many keys, or not of their types, with what is allowed.
std::string key_text(std::span<const FeatureKey> keys, std::string_view id);
Result<std::string> parse_key(std::span<const FeatureKey> keys, std::string_view text);

}  // namespace tidecast
