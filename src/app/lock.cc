#include "app/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tidecast {

Result<FolderLock> FolderLock::take(const std::filesystem::path& folder, const std::string& who) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return unavailable("{}: cannot create the data folder: {}", folder.string(), error.message());
  const std::filesystem::path path = folder / "lock";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return unavailable("{}: {}", path.string(), std::strerror(errno));
  FolderLock lock(file);
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    char holder[200] = {};
    if (::pread(file, holder, sizeof holder - 1, 0) <= 0) std::strcpy(holder, "another process");
    return unavailable("{} is in use by {}; end that one first (one process at a time)", folder.string(), holder);
  }
  const std::string text = fmt::format("process {} ({})", ::getpid(), who);
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, text.data(), text.size(), 0) < 0)
    return unavailable("{}: {}", path.string(), std::strerror(errno));
  return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

FolderLock::~FolderLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace tidecast
