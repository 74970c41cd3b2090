#pragma once
// Small files read whole and written all or nothing, and files that grow.  Errors carry the path and the system's
// words.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace tidecast {

// Errors: kNotFound - there is no such file;  kUnavailable - the disk or the permissions said no.
Result<std::string> read_file(const std::filesystem::path& path);

// Whether a file that somebody counts on is there and has at least, or exactly, this length.
enum class Length { kExact, kAtLeast };
// Errors: kDataLoss - it has not; the message says what is expected by `of`: "in the manifest".
Status check_length(const std::filesystem::path& path, Length kind, std::uint64_t bytes, std::string_view of);

// The folder and those above it; existing ones are fine.  Errors: kUnavailable.
Status make_folders(const std::filesystem::path& folder);

// Replaces or creates `path` so that a crash at any moment leaves the old content or the new, and that after a return
// the new one survives a power cut: temporary name beside it, write, fsync, rename, fsync of the folder.  Errors:
// kUnavailable.
Status write_file_atomically(const std::filesystem::path& path, std::string_view content);

// The two halves of it, for a file that somebody else wrote under a temporary name: fsync, rename, fsync of the folder.
// Where it cannot have its name, the temporary is removed.
Status publish_file(const std::filesystem::path& temporary, const std::filesystem::path& path);

// A new file (an old one of that name is emptied) written piece by piece; publish_file puts it on the disk.
class FileWriter {
 public:
  static Result<FileWriter> create(const std::filesystem::path& path);
  FileWriter(FileWriter&& other) noexcept;
  FileWriter& operator=(FileWriter&&) = delete;
  ~FileWriter();

  Status write(std::string_view bytes);

 private:
  FileWriter(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::filesystem::path path_;
  int fd_;
};

// A file that grows at its end, of which only a length that somebody keeps elsewhere counts.
class AppendFile {
 public:
  // Opens or creates it and goes on at `length`; what lies beyond is cut off.  Errors: kUnavailable.
  static Result<AppendFile> open(const std::filesystem::path& path, std::uint64_t length);
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  ~AppendFile();

  Status append(std::string_view bytes);
  Status sync();  // After an error nothing is known of what was appended since the last success.
  Status cut(std::uint64_t length);
  std::uint64_t length() const { return length_; }

 private:
  AppendFile(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::filesystem::path path_;
  int fd_;
  std::uint64_t length_ = 0;
};

// A folder among the system's temporary ones, gone with everything in it when the object goes.  Errors: kUnavailable.
class ScratchFolder {
 public:
  // purpose: a word of its name.
  static Result<ScratchFolder> make(std::string_view purpose);
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit ScratchFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

// Flushes a folder's entries (names that appeared, went or changed) to the disk.
Status sync_folder(const std::filesystem::path& folder);

}  // namespace tidecast
