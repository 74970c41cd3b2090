#pragma once
// Bytes of the values in the feature store's RocksDB.  Every value is sealed: one byte of version, the payload, and
// eight bytes of checksum over both, so a damaged value is an error and never a wrong number.  Numbers are
// little-endian in values; keys are in keyspace.h.

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidecast {

static_assert(std::endian::native == std::endian::little, "the codecs copy numbers as they lie in memory");

// Detects every change within one of the words of eight bytes, and any other with probability 1 - 2^-63: each word
// passes through the bijection mix64, keyed by the words before it.  Values sealed by the sum of earlier versions, one
// chain of all words, are read too.
std::uint64_t checksum(std::string_view bytes);

class ByteWriter {
 public:
  explicit ByteWriter(std::uint8_t version) { number(version); }

  template <typename T>
  requires std::is_arithmetic_v<T> ByteWriter& number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  ByteWriter& raw(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
  }
  ByteWriter& text(std::string_view text) { return number(static_cast<std::uint32_t>(text.size())).raw(text); }
  void reserve(std::size_t size) { bytes_.reserve(size); }

  std::string seal() {
    number(checksum(bytes_));
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

// A zstd frame that tells how long its content is, and the content of one.  Errors: kDataLoss - `what` is damaged.
std::string packed(std::string_view bytes);
Result<std::string> unpacked(std::string_view frame, std::string_view what);

// Reads what a ByteWriter wrote.  A read beyond the end gives zeros and is remembered; `finish` tells.
class ByteReader {
 public:
  // Errors: kDataLoss - `what` is damaged, or of a version that this program does not know.
  static Result<ByteReader> unseal(std::string_view value, std::uint8_t version, std::string_view what);

  template <typename T>
  requires std::is_arithmetic_v<T> T number() {
    T value{};
    const std::string_view bytes = raw(sizeof value);
    if (!failed_) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::string_view raw(std::size_t size) {
    if (failed_ || size > left_.size()) {
      failed_ = true;
      return {};
    }
    const std::string_view bytes = left_.substr(0, size);
    left_.remove_prefix(size);
    return bytes;
  }
  std::string_view text() { return raw(number<std::uint32_t>()); }
  std::string_view rest() { return raw(left_.size()); }
  // How many things follow, each of at least so many bytes; 0 if there cannot be so many.
  std::uint32_t count(std::size_t bytes_each) {
    const auto count = number<std::uint32_t>();
    if (count > left_.size() / bytes_each) failed_ = true;
    return failed_ ? 0 : count;
  }
  std::size_t left() const { return left_.size(); }

  bool failed() const { return failed_; }  // Something was to be read that is not there.

  // kDataLoss unless everything was there and everything was read.
  Status finish(std::string_view what) const;

 private:
  explicit ByteReader(std::string_view payload) : left_(payload) {}
  std::string_view left_;
  bool failed_ = false;
};

}  // namespace tidecast
