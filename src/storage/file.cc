#include "storage/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "base/crash_point.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;

// The error of the last system call on `path`.
Status errno_status(const fs::path& path, std::string_view doing) {
  const int error = errno;
  const Code code = error == ENOENT ? Code::kNotFound : Code::kUnavailable;
  return {code, fmt::format("{}: cannot {}: {}", path.string(), doing, std::strerror(error))};
}

// Where a missing file or folder is no answer but an obstacle.
Status write_error(const fs::path& path, std::string_view doing) {
  return {Code::kUnavailable, errno_status(path, doing).message()};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

Status sync_path(const fs::path& path, int flags) {
  const Descriptor file(::open(path.c_str(), flags | O_CLOEXEC));
  if (!file.ok()) return write_error(path, "open");
  if (::fsync(file.get()) != 0) return write_error(path, "flush");
  return ok();
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

}  // namespace

Result<std::string> read_file(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return errno_status(path, "open");
  std::string content;
  std::error_code unknown_size;
  const auto size = fs::file_size(path, unknown_size);
  if (!unknown_size) content.reserve(size + 1);
  for (char buffer[1 << 16];;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got == 0) return content;
    if (got > 0)
      content.append(buffer, static_cast<std::size_t>(got));
    else if (errno != EINTR)
      return Status(Code::kUnavailable, errno_status(path, "read").message());
  }
}

Status check_length(const fs::path& path, Length kind, std::uint64_t bytes, std::string_view of) {
  std::error_code error;
  const auto found = fs::file_size(path, error);
  if (error) return data_loss("{}: {}, but {}", path.string(), of, error.message());
  if (found < bytes || (found > bytes && kind == Length::kExact))
    return data_loss("{}: {} bytes, {} {}", path.string(), found, bytes, of);
  return ok();
}

Status make_folders(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> missing;
  for (fs::path path = folder; !path.empty() && !fs::exists(path, error); path = path.parent_path())
    missing.push_back(path);
  fs::create_directories(folder, error);
  if (error) return unavailable("{}: cannot create the folder: {}", folder.string(), error.message());
  for (const fs::path& made : missing)
    TRY(sync_folder(folder_of(made)));  // Else a file in it could go with its folder.
  return ok();
}

Status sync_folder(const fs::path& folder) { return sync_path(folder, O_RDONLY | O_DIRECTORY); }

Status publish_file(const fs::path& temporary, const fs::path& path) {
  Status renamed = sync_path(temporary, O_RDONLY);
  if (renamed.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) renamed = write_error(path, "rename to");
  if (!renamed.ok()) ::unlink(temporary.c_str());
  TRY(std::move(renamed));
  TRY(sync_folder(folder_of(path)));
  crash_point("publish");
  return ok();
}

Result<FileWriter> FileWriter::create(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return write_error(path, "create");
  return FileWriter(path, fd);
}

FileWriter::FileWriter(FileWriter&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
FileWriter::~FileWriter() {
  if (fd_ >= 0) ::close(fd_);
}

Status FileWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd_, bytes.data(), bytes.size());
    if (put >= 0)
      bytes.remove_prefix(static_cast<std::size_t>(put));
    else if (errno != EINTR)
      return write_error(path_, "write");
  }
  return ok();
}

Result<AppendFile> AppendFile::open(const fs::path& path, std::uint64_t length) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return write_error(path, "open");
  AppendFile file(path, fd);
  TRY(file.cut(length));
  return file;
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), length_(other.length_) {}
AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  path_.swap(other.path_);
  std::swap(fd_, other.fd_);
  std::swap(length_, other.length_);
  return *this;
}
AppendFile::~AppendFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status AppendFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(length_));
    if (put >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(put));
      length_ += static_cast<std::uint64_t>(put);
    } else if (errno != EINTR) {
      return write_error(path_, "write");
    }
  }
  return ok();
}

Status AppendFile::sync() {
  if (::fdatasync(fd_) != 0) return write_error(path_, "flush");
  return ok();
}

Status AppendFile::cut(std::uint64_t length) {
  if (::ftruncate(fd_, static_cast<off_t>(length)) != 0) return write_error(path_, "cut");
  length_ = length;
  return ok();
}

Result<ScratchFolder> ScratchFolder::make(std::string_view purpose) {
  std::error_code error;
  std::string pattern = (fs::temp_directory_path(error) / fmt::format("tidecast-{}-XXXXXX", purpose)).string();
  if (error || ::mkdtemp(pattern.data()) == nullptr)
    return unavailable("{}: cannot make a temporary folder", error ? std::string("TMPDIR") : pattern);
  return ScratchFolder(pattern);
}
ScratchFolder::~ScratchFolder() {
  std::error_code ignored;  // One that stays behind harms nobody.
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Status write_file_atomically(const fs::path& path, std::string_view content) {
  fs::path temporary = path;
  temporary += ".tmp";
  auto file = TRY(FileWriter::create(temporary));
  Status written = file.write(content);
  if (!written.ok()) ::unlink(temporary.c_str());
  TRY(std::move(written));
  return publish_file(temporary, path);
}

}  // namespace tidecast
