#pragma once
// One process at a time uses a data folder.

#include <filesystem>
#include <string>

#include "base/result.h"

namespace tidecast {

class FolderLock {
 public:
  // Creates `folder` if absent and takes its lock (flock on folder/lock, which also says who holds it).
  // Errors: kUnavailable - another process holds it, and which.
  static Result<FolderLock> take(const std::filesystem::path& folder, const std::string& who);
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();  // Releases it; the kernel does too when the process dies.

 private:
  explicit FolderLock(int file) : file_(file) {}
  int file_ = -1;
};

}  // namespace tidecast
