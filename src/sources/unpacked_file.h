#pragma once
// The bytes of a file as a stream: as they are, or unpacked where its first bytes say that it is zstd or gzip.  Memory
// is bounded by the file's zstd window, 128 MB at most.  Not thread-safe.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "sources/unpacker.h"

namespace tidecast {

class UnpackedFile {
 public:
  // Errors: kNotFound - no such file; kUnavailable - it cannot be read; kInvalidArgument - it is a folder.
  static Result<UnpackedFile> open(std::filesystem::path path);
  UnpackedFile(UnpackedFile&& other) noexcept;
  UnpackedFile& operator=(UnpackedFile&&) = delete;
  ~UnpackedFile();

  // Up to `capacity` (> 0) of the next unpacked bytes to `out`, as many as come easily; 0 only at the end.
  // Errors: kDataLoss - damaged or cut short; kUnavailable - the disk said no.
  Result<std::size_t> read(char* out, std::size_t capacity);

  // Goes to this byte of the unpacked stream; a packed file is read up to there.
  // Errors: as read(); kFailedPrecondition - the file ends before.
  Status seek(std::uint64_t offset);

  std::uint64_t size() const { return size_; }  // On disk, when it was opened.
  bool is_packed() const { return unpacker_ != nullptr; }
  double read_fraction() const;  // Of its bytes on disk, 0 to 1.
  // How far byte `position` of the unpacked stream is, 0 to 1; of a packed file, how far was read: a little further.
  double progress(std::uint64_t position) const;
  // Size and a hash of the first 64 kB, both as on disk: "1234-89abcdef01234567".
  const std::string& identity() const { return identity_; }

 private:
  UnpackedFile(std::filesystem::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  Status look_at_beginning();
  Result<std::size_t> read_raw(char* out, std::size_t capacity);
  Status rewind_to(std::uint64_t raw_offset);

  std::filesystem::path path_;
  int descriptor_;
  std::uint64_t size_ = 0;
  std::string identity_;
  std::uint64_t raw_position_ = 0;  // Bytes read from disk.
  std::uint64_t position_ = 0;      // Bytes given out, in the unpacked stream.

  // Only of a packed file:
  std::unique_ptr<Unpacker> unpacker_;
  std::string packed_;  // Read from disk; packed_[packed_begin_, packed_end_) is not unpacked yet.
  std::size_t packed_begin_ = 0, packed_end_ = 0;
};

// All of a small file: configuration-sized data.  Errors: as open() and read(); kInvalidArgument - larger than `most`
// bytes.
Result<std::string> read_unpacked(const std::filesystem::path& path, std::size_t most = std::size_t{1} << 30);

}  // namespace tidecast
