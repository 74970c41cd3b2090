#include "sources/unpacked_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/hash.h"

namespace tidecast {
namespace {

constexpr std::size_t kIdentityBytes = 64 << 10;

// The first four bytes of a zstd frame, or of a skippable one, little-endian (RFC 8878, 3.1).
bool is_zstd(std::string_view bytes) {
  if (bytes.size() < 4) return false;
  std::uint32_t magic = 0;
  for (int i = 3; i >= 0; --i) magic = magic << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  return magic == ZSTD_MAGICNUMBER || (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

}  // namespace

void UnpackedFile::FreeUnpacker::operator()(ZSTD_DCtx_s* unpacker) const { ZSTD_freeDCtx(unpacker); }

UnpackedFile::UnpackedFile(UnpackedFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_),
      identity_(std::move(other.identity_)),
      raw_position_(other.raw_position_),
      position_(other.position_),
      unpacker_(std::move(other.unpacker_)),
      packed_(std::move(other.packed_)),
      packed_begin_(other.packed_begin_),
      packed_end_(other.packed_end_),
      inside_frame_(other.inside_frame_) {}

UnpackedFile::~UnpackedFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<UnpackedFile> UnpackedFile::open(std::filesystem::path path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    const int why = errno;
    if (why == ENOENT || why == ENOTDIR) return not_found("{}: no such file", path.string());
    return unavailable("{}: {}", path.string(), std::strerror(why));
  }
  UnpackedFile file(std::move(path), descriptor);
  TRY(file.look_at_beginning());
  return file;
}

Status UnpackedFile::look_at_beginning() {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) return unavailable("{}: {}", path_.string(), std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return invalid_argument("{}: a folder; a file is needed", path_.string());
  size_ = static_cast<std::uint64_t>(status.st_size);

  std::string beginning(kIdentityBytes, '\0');
  std::size_t filled = 0;
  while (filled < beginning.size()) {
    const std::size_t got = TRY(read_raw(beginning.data() + filled, beginning.size() - filled));
    if (got == 0) break;
    filled += got;
  }
  beginning.resize(filled);
  identity_ = fmt::format("{}-{}", size_, sha256_hex(beginning).substr(0, 16));
  if (is_zstd(beginning)) {
    unpacker_.reset(ZSTD_createDCtx());
    CHECK(unpacker_ != nullptr);
    packed_.resize(ZSTD_DStreamInSize());
  }
  return rewind_to(0);
}

Status UnpackedFile::rewind_to(std::uint64_t raw_offset) {
  if (::lseek(descriptor_, static_cast<off_t>(raw_offset), SEEK_SET) < 0) {
    return unavailable("{}: {}", path_.string(), std::strerror(errno));
  }
  raw_position_ = position_ = raw_offset;
  packed_begin_ = packed_end_ = 0;
  inside_frame_ = false;
  if (unpacker_) ZSTD_DCtx_reset(unpacker_.get(), ZSTD_reset_session_only);
  return ok();
}

Result<std::size_t> UnpackedFile::read_raw(char* out, std::size_t capacity) {
  for (;;) {
    const ssize_t got = ::read(descriptor_, out, capacity);
    if (got >= 0) {
      raw_position_ += static_cast<std::uint64_t>(got);
      return static_cast<std::size_t>(got);
    }
    if (errno != EINTR) return unavailable("{}: {}", path_.string(), std::strerror(errno));
  }
}

Result<std::size_t> UnpackedFile::read(char* out, std::size_t capacity) {
  if (!unpacker_) {
    const std::size_t got = TRY(read_raw(out, capacity));
    position_ += got;
    return got;
  }
  ZSTD_outBuffer unpacked{out, capacity, 0};
  while (unpacked.pos == 0) {
    if (packed_begin_ == packed_end_) {
      packed_begin_ = 0;
      packed_end_ = TRY(read_raw(packed_.data(), packed_.size()));
      // At the end of the file the unpacker may still hold bytes that found no room before.
      if (packed_end_ == 0 && !inside_frame_) return std::size_t{0};
    }
    ZSTD_inBuffer packed{packed_.data(), packed_end_, packed_begin_};
    const std::size_t hint = ZSTD_decompressStream(unpacker_.get(), &unpacked, &packed);
    if (ZSTD_isError(hint)) {
      return data_loss("{}: zstd: {}, near byte {} of the file", path_.string(), ZSTD_getErrorName(hint),
                       raw_position_ - (packed_end_ - packed_begin_));
    }
    packed_begin_ = packed.pos;
    inside_frame_ = hint != 0;
    if (inside_frame_ && packed_end_ == 0 && unpacked.pos == 0) {
      return data_loss("{}: zstd: cut short: the file ends inside a frame, at byte {}", path_.string(), raw_position_);
    }
  }
  position_ += unpacked.pos;
  return unpacked.pos;
}

Status UnpackedFile::seek(std::uint64_t offset) {
  if (!unpacker_) {
    if (offset > size_) return failed_precondition("{}: has {} bytes, none at {}", path_.string(), size_, offset);
    return rewind_to(offset);
  }
  if (offset < position_) TRY(rewind_to(0));
  std::string skipped(ZSTD_DStreamOutSize(), '\0');
  while (position_ < offset) {
    const std::uint64_t left = offset - position_;
    const std::size_t got = TRY(read(skipped.data(), std::min<std::uint64_t>(left, skipped.size())));
    if (got == 0) {
      return failed_precondition("{}: has {} bytes unpacked, none at {}", path_.string(), position_, offset);
    }
  }
  return ok();
}

double UnpackedFile::read_fraction() const {
  if (size_ == 0) return 1;
  const std::uint64_t unused = packed_end_ - packed_begin_;
  return std::min(1.0, static_cast<double>(raw_position_ - unused) / static_cast<double>(size_));
}

Result<std::string> read_unpacked(const std::filesystem::path& path, std::size_t most) {
  UnpackedFile file = TRY(UnpackedFile::open(path));
  std::string text;
  std::size_t filled = 0;
  for (;;) {
    if (text.size() - filled < (64 << 10)) text.resize(std::max<std::size_t>(text.size() * 2, 256 << 10));
    const std::size_t got = TRY(file.read(text.data() + filled, text.size() - filled));
    if (got == 0) break;
    filled += got;
    if (filled > most) return invalid_argument("{}: larger than {} bytes", path.string(), most);
  }
  text.resize(filled);
  return text;
}

}  // namespace tidecast
