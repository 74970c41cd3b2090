#pragma once
// Bytes of window state: numbers of seven bits a byte, lowest first, the top bit saying that another follows; signed
// ones zigzag, so that small ones are short; doubles as they lie in memory.

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/time.h"

namespace tidecast {

static_assert(std::endian::native == std::endian::little, "doubles are written in the machine's order");

inline void put_number(std::string& bytes, unsigned __int128 value) {
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  bytes += static_cast<char>(value);
}
inline void put_signed(std::string& bytes, __int128 value) {
  put_number(bytes, static_cast<unsigned __int128>(value) << 1 ^ static_cast<unsigned __int128>(value >> 127));
}
inline void put_double(std::string& bytes, double value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}
inline void put_text(std::string& bytes, std::string_view text) {
  put_number(bytes, text.size());
  bytes += text;
}

// Takes values from the front.  What is not there, or is no such value, makes fail() true for good; then all it gives
// is 0, so loops that ask ok() end.
class PieceReader {
 public:
  explicit PieceReader(std::string_view bytes) : rest_(bytes) {}

  unsigned __int128 wide() {
    unsigned __int128 value = 0;
    for (int shift = 0; shift < 128; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      if (shift == 126 && byte > 3) break;
      value |= static_cast<unsigned __int128>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return fail();
  }
  // At most `most`.
  std::uint64_t number(std::uint64_t most = UINT64_MAX) {
    const unsigned __int128 value = wide();
    return value <= most ? static_cast<std::uint64_t>(value) : fail();
  }
  __int128 wide_signed() {
    const unsigned __int128 value = wide();
    return static_cast<__int128>(value >> 1) ^ -static_cast<__int128>(value & 1);
  }
  // Within 64 bits.
  std::int64_t integer() {
    const __int128 value = wide_signed();
    return value >= INT64_MIN && value <= INT64_MAX ? static_cast<std::int64_t>(value)
                                                    : static_cast<std::int64_t>(fail());
  }
  double real() {
    double value = 0;
    const std::string_view bytes = raw(sizeof value);
    if (ok_) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  // Far outside of all that the decoder lets in, yet no sum with a window's width overflows.
  EventTime time() {
    const std::int64_t ms = integer();
    if (ms < -kFarthest || ms > kFarthest) fail();
    return EventTime::from_ms(ok_ ? ms : 0);
  }
  std::string_view text() { return raw(number()); }

  std::uint64_t fail() {
    ok_ = false;
    rest_ = {};
    return 0;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }

  static constexpr std::int64_t kFarthest = std::int64_t{1} << 60;

 private:
  std::string_view raw(std::size_t size) {
    if (size > rest_.size()) fail();
    if (!ok_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace tidecast
