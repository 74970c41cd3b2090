#pragma once
// SHA-256 for content hashes: artefacts, snapshots, the hash-chained log, long record identifiers.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidecast {

std::array<std::uint8_t, 32> sha256(std::string_view bytes);
std::string to_hex(std::string_view bytes);  // Lower case, two digits a byte.
std::string sha256_hex(std::string_view bytes);

}  // namespace tidecast
