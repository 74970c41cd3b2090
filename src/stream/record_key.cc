#include "stream/record_key.h"

#include <cstring>

#include "base/hash.h"

namespace tidecast {
namespace {

constexpr std::uint8_t kNoDigit = 0x80;

constexpr std::array<std::uint8_t, 256> make_digits() {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::uint8_t i = 0; i < 10; ++i) digits['0' + i] = i;
  for (std::uint8_t i = 0; i < 6; ++i) digits['a' + i] = static_cast<std::uint8_t>(10 + i);
  return digits;
}
constexpr std::array<std::uint8_t, 256> kDigits = make_digits();

bool from_hex(std::string_view id, RecordKey& key) {
  std::uint8_t seen = 0;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const std::uint8_t high = kDigits[static_cast<std::uint8_t>(id[2 * i])];
    const std::uint8_t low = kDigits[static_cast<std::uint8_t>(id[2 * i + 1])];
    seen |= high | low;
    key[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return (seen & kNoDigit) == 0;
}

}  // namespace

RecordKey record_key(std::string_view id) {
  RecordKey key;
  if (id.size() == 2 * key.size() && from_hex(id, key)) return key;
  return composite_key(id);
}

RecordKey composite_key(std::string_view parts) {
  RecordKey key{};
  if (parts.size() < key.size()) {
    if (!parts.empty()) std::memcpy(key.data(), parts.data(), parts.size());
    key.back() = static_cast<std::uint8_t>(parts.size());
    return key;
  }
  std::string named = "tidecast id\n";
  named += parts;
  return sha256(named);
}

RecordKey dead_key(std::string_view raw) {
  std::string named = "tidecast dead\n";
  named += raw;
  return sha256(named);
}

RecordKey event_salt(std::string_view name) {
  std::string named = "tidecast event\n";
  named += name;
  return sha256(named);
}

RecordKey salted(RecordKey key, const RecordKey& salt) {
  for (std::size_t i = 0; i < key.size(); ++i) key[i] ^= salt[i];
  return key;
}

void append_id_part(std::string& parts, std::string_view part) {
  for (int shift = 0; shift < 32; shift += 8) parts += static_cast<char>(part.size() >> shift & 0xff);
  parts += part;
}

}  // namespace tidecast
