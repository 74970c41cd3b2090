#include "sources/unpacked_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/hash.h"

namespace tidecast {
namespace {

constexpr std::size_t kIdentityBytes = 64 << 10;
constexpr std::size_t kPackedBytes = 128 << 10;  // Read from disk at a time.
}  // namespace

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
      packed_end_(other.packed_end_) {}

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
  unpacker_ = unpacker_of(beginning);
  if (unpacker_) packed_.resize(kPackedBytes);
  return rewind_to(0);
}

Status UnpackedFile::rewind_to(std::uint64_t raw_offset) {
  if (::lseek(descriptor_, static_cast<off_t>(raw_offset), SEEK_SET) < 0) {
    return unavailable("{}: {}", path_.string(), std::strerror(errno));
  }
  raw_position_ = position_ = raw_offset;
  packed_begin_ = packed_end_ = 0;
  if (unpacker_) unpacker_->reset();
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
  for (;;) {
    if (packed_begin_ == packed_end_) {
      packed_begin_ = 0;
      packed_end_ = TRY(read_raw(packed_.data(), packed_.size()));
      // At the end of the file the unpacker may still hold bytes that found no room before.
      if (packed_end_ == 0 && !unpacker_->inside()) return std::size_t{0};
    }
    const std::string_view packed(packed_.data() + packed_begin_, packed_end_ - packed_begin_);
    const auto step = unpacker_->step(packed, out, capacity);
    if (!step.ok()) {
      return data_loss("{}: {}: {}, near byte {} of the file", path_.string(), unpacker_->name(), step.message(),
                       raw_position_ - packed.size());
    }
    packed_begin_ += step->taken;
    position_ += step->given;
    if (step->given > 0) return step->given;
    if (packed_end_ == 0 && unpacker_->inside()) {
      return data_loss("{}: {}: cut short: the file ends inside a frame, at byte {}", path_.string(), unpacker_->name(),
                       raw_position_);
    }
  }
}

Status UnpackedFile::seek(std::uint64_t offset) {
  if (!unpacker_) {
    if (offset > size_) return failed_precondition("{}: has {} bytes, none at {}", path_.string(), size_, offset);
    return rewind_to(offset);
  }
  if (offset < position_) TRY(rewind_to(0));
  std::string skipped(128 << 10, '\0');
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

double UnpackedFile::progress(std::uint64_t position) const {
  if (is_packed()) return read_fraction();
  return static_cast<double>(position) / static_cast<double>(std::max<std::uint64_t>(size_, 1));
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
