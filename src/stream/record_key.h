#pragma once
// A record's identifier as 32 bytes (RecordKey of features/store.h), in one of three forms:
//
//   64 lower-case hexadecimal digits   the 32 bytes they write; upper case is another id
//   up to 31 bytes                     the bytes, zeros, and their number in the last byte
//   anything else                      SHA-256 of "tidecast id\n" and the bytes
//
// Within a form two ids are equal only if they are the same (of the last: unless SHA-256 collides).  Between forms only
// an id made for it collides: 64 digits that spell another id's key.  Random digits do so no more often than SHA-256.
//
// A dead record's key is the SHA-256 of "tidecast dead\n" and its bytes, and stands among the ids' in one set: it
// equals one of them no more often than SHA-256 collides.
//
// Where several mappings share a stream, the key of a mapping with a name is XORed with its salt, the SHA-256 of
// "tidecast event\n" and the name: ids of two mappings are never the same, again but for one made for it.
//
// An id of several values is each value's length (4 bytes, lowest first) and its bytes, one after another; it is never
// taken for hexadecimal digits.

#include <string>
#include <string_view>

#include "features/store.h"

namespace tidecast {

RecordKey record_key(std::string_view id);

RecordKey dead_key(std::string_view raw);

RecordKey event_salt(std::string_view name);
RecordKey salted(RecordKey key, const RecordKey& salt);

// Of the bytes that append_id_part() has put together.
RecordKey composite_key(std::string_view parts);
void append_id_part(std::string& parts, std::string_view part);

}  // namespace tidecast
