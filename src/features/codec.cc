#include "features/codec.h"

#include <zstd.h>

#include "base/rng.h"

namespace tidecast {

namespace {

std::uint64_t word_at(const char* bytes, std::size_t size) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, size);
  return word;
}

// Goes on from `sum` with the words of `bytes`, the last filled up with zeros.
std::uint64_t chained(std::uint64_t sum, std::string_view bytes) {
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) sum = mix64(sum ^ word_at(bytes.data(), 8));
  return mix64(sum ^ word_at(bytes.data(), bytes.size()));
}

// Of values that an earlier version of the program wrote.
std::uint64_t checksum_before(std::string_view bytes) { return chained(mix64(bytes.size()), bytes); }

}  // namespace

// In one chain each word would wait for the one before it: four go side by side, then one over their ends and the rest.
std::uint64_t checksum(std::string_view bytes) {
  std::uint64_t a = mix64(bytes.size()), b = a + 1, c = a + 2, d = a + 3;
  for (; bytes.size() >= 32; bytes.remove_prefix(32)) {
    a = mix64(a ^ word_at(bytes.data(), 8));
    b = mix64(b ^ word_at(bytes.data() + 8, 8));
    c = mix64(c ^ word_at(bytes.data() + 16, 8));
    d = mix64(d ^ word_at(bytes.data() + 24, 8));
  }
  return chained(mix64(mix64(mix64(a) ^ b) ^ c) ^ d, bytes);
}

std::string packed(std::string_view bytes) {
  std::string frame(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size = ZSTD_compress(frame.data(), frame.size(), bytes.data(), bytes.size(), ZSTD_defaultCLevel());
  CHECK(!ZSTD_isError(size));
  frame.resize(size);
  return frame;
}

Result<std::string> unpacked(std::string_view frame, std::string_view what) {
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR) return data_loss("{}: no zstd frame", what);
  // What a damaged frame says of its size is not believed: a block has 3 bytes at least, and becomes 128 KiB at most.
  if (size / (128 << 10) > frame.size() / 3) return data_loss("{}: its zstd frame is damaged", what);
  std::string bytes(size, '\0');
  const std::size_t got = ZSTD_decompress(bytes.data(), bytes.size(), frame.data(), frame.size());
  if (ZSTD_isError(got) || got != size) return data_loss("{}: its zstd frame is damaged", what);
  return bytes;
}

Result<ByteReader> ByteReader::unseal(std::string_view value, std::uint8_t version, std::string_view what) {
  constexpr std::size_t kSeal = sizeof(std::uint64_t);
  if (value.size() < 1 + kSeal) return data_loss("{}: only {} bytes", what, value.size());
  std::uint64_t expected;
  std::memcpy(&expected, value.data() + value.size() - kSeal, kSeal);
  const std::string_view sealed = value.substr(0, value.size() - kSeal);
  if (checksum(sealed) != expected && checksum_before(sealed) != expected)
    return data_loss("{}: damaged, the checksum differs", what);
  const auto found = static_cast<std::uint8_t>(sealed[0]);
  if (found != version) return data_loss("{}: format version {}, this program knows {}", what, found, version);
  return ByteReader(sealed.substr(1));
}

Status ByteReader::finish(std::string_view what) const {
  if (failed_) return data_loss("{}: shorter than its content", what);
  if (!left_.empty()) return data_loss("{}: {} bytes too many", what, left_.size());
  return ok();
}

}  // namespace tidecast
