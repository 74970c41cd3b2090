#include "net/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>

namespace tidecast {

Result<std::string> gunzip(std::string_view packed, std::size_t most) {
  z_stream stream{};
  if (::inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return unavailable("gzip: no memory");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, ::inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());

  std::string out;
  std::array<char, 65'536> part;
  for (;;) {
    stream.next_out = reinterpret_cast<Bytef*>(part.data());
    stream.avail_out = static_cast<uInt>(part.size());
    const int outcome = ::inflate(&stream, Z_NO_FLUSH);
    const std::size_t got = part.size() - stream.avail_out;
    if (got > most - out.size()) return failed_precondition("the gzip body unpacks to more than {} bytes", most);
    out.append(part.data(), got);
    if (outcome == Z_STREAM_END) {
      if (stream.avail_in == 0) return out;
      ::inflateReset(&stream);  // Another member.
    } else if (outcome == Z_BUF_ERROR || (outcome == Z_OK && stream.avail_in == 0 && stream.avail_out > 0)) {
      return unavailable("the gzip body is cut short");
    } else if (outcome != Z_OK) {
      return unavailable("the gzip body is damaged: {}", stream.msg == nullptr ? "unknown" : stream.msg);
    }
  }
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  CHECK(::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, ::deflateEnd);
  std::string out;
  std::array<char, 65'536> part;
  for (int outcome = Z_OK; outcome != Z_STREAM_END;) {
    const auto taken = std::min<std::size_t>(bytes.size(), UINT32_MAX);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(taken);
    stream.next_out = reinterpret_cast<Bytef*>(part.data());
    stream.avail_out = static_cast<uInt>(part.size());
    outcome = ::deflate(&stream, taken == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
    CHECK(outcome == Z_OK || outcome == Z_STREAM_END);
    bytes.remove_prefix(taken - stream.avail_in);
    out.append(part.data(), part.size() - stream.avail_out);
  }
  return out;
}

}  // namespace tidecast
