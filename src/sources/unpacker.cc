#include "sources/unpacker.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>

namespace tidecast {
namespace {

class Zstd final : public Unpacker {
 public:
  Zstd() : context_(ZSTD_createDCtx()) { CHECK(context_ != nullptr); }
  ~Zstd() override { ZSTD_freeDCtx(context_); }

  std::string_view name() const override { return "zstd"; }
  void reset() override {
    ZSTD_DCtx_reset(context_, ZSTD_reset_session_only);
    inside_ = false;
  }
  Result<Step> step(std::string_view packed, char* out, std::size_t capacity) override {
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    ZSTD_outBuffer unpacked{out, capacity, 0};
    const std::size_t hint = ZSTD_decompressStream(context_, &unpacked, &in);
    if (ZSTD_isError(hint)) return data_loss("{}", ZSTD_getErrorName(hint));
    inside_ = hint != 0;
    return Step{in.pos, unpacked.pos};
  }
  bool inside() const override { return inside_; }

 private:
  ZSTD_DCtx* context_;
  bool inside_ = false;
};

class Gzip final : public Unpacker {
 public:
  Gzip() { CHECK(::inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK); }
  ~Gzip() override { ::inflateEnd(&stream_); }

  std::string_view name() const override { return "gzip"; }
  void reset() override {
    ::inflateReset(&stream_);
    inside_ = false;
  }
  Result<Step> step(std::string_view packed, char* out, std::size_t capacity) override {
    if (packed.empty() && !inside_) return Step{};
    const auto offered = static_cast<uInt>(std::min<std::size_t>(packed.size(), UINT32_MAX));
    const auto room = static_cast<uInt>(std::min<std::size_t>(capacity, UINT32_MAX));
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream_.avail_in = offered;
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = room;
    const int outcome = ::inflate(&stream_, Z_NO_FLUSH);
    inside_ = outcome != Z_STREAM_END;
    if (outcome == Z_STREAM_END)
      ::inflateReset(&stream_);                          // Another member, perhaps.
    else if (outcome != Z_OK && outcome != Z_BUF_ERROR)  // The latter: no progress was possible, which is no damage.
      return data_loss("{}", stream_.msg == nullptr ? "damaged" : stream_.msg);
    return Step{offered - stream_.avail_in, room - stream_.avail_out};
  }
  bool inside() const override { return inside_; }

 private:
  z_stream stream_{};
  bool inside_ = false;
};

// The first four bytes of a zstd frame, or of a skippable one, little-endian (RFC 8878, 3.1).
bool is_zstd(std::string_view bytes) {
  if (bytes.size() < 4) return false;
  std::uint32_t magic = 0;
  for (int i = 3; i >= 0; --i) magic = magic << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  return magic == ZSTD_MAGICNUMBER || (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

}  // namespace

std::unique_ptr<Unpacker> unpacker_of(std::string_view beginning) {
  if (is_zstd(beginning)) return std::make_unique<Zstd>();
  if (beginning.starts_with("\x1f\x8b\x08")) return std::make_unique<Gzip>();  // Deflate, the only method there is.
  return nullptr;
}

}  // namespace tidecast
