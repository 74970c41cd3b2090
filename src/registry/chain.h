#pragma once
// The log's hash chain.  Private to this room.  Format: docs/registry.md.

#include <string>
#include <string_view>

#include "registry/registry.h"

namespace tidecast {

// The hash of a row: SHA-256, in hexadecimal, of the hash of the row before ("" before the first) and the row's own
// text,
//   {"number":1,"at":1746532800000,"actor":"auto","what":"approve","version":1,"stage":"","why":"","details":{}}
// `details` is the text as it is stored, for JSON that is read and written anew need not be the same text.
std::string chained_hash(std::string_view previous, const Transition& row, std::string_view details);

}  // namespace tidecast
