#include "faulty_disk.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace tidecast::crash {
namespace {

namespace fs = std::filesystem;

// The C library's own function behind ours.
template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}
#define REAL(function)                                                   \
  (*[] {                                                                 \
    static auto* const real_one = real<decltype(::function)>(#function); \
    return real_one;                                                     \
  }())

// A file's content as a power cut leaves it: its first `synced` bytes, with `before` put back over what was changed of
// them, the last one first.
struct File {
  struct Piece {
    off_t at;
    std::string bytes;
  };
  int fd;  // Our own, so that it can be taken back when nobody has it open any more.
  off_t synced;
  std::vector<Piece> before;

  ~File() { REAL(close)(fd); }
};

// A change to a folder's entries.
struct Change {
  enum class Kind { kCame, kWent, kRenamed, kFolderCame, kFolderWent } kind;
  std::string path, to;  // `to`: of kRenamed.
  std::string grave{};   // Where a file lies whose name went, or was taken over.
};

struct Disk {
  std::recursive_mutex mutex;  // The standard library's own calls come by here too.
  std::string folder;          // "": nothing is watched.
  Plan plan;
  bool struck = false;
  std::array<std::uint64_t, kCalls> calls{};
  std::uint64_t all_calls = 0;
  std::int64_t used = 0, most_used = 0;
  std::string graves;
  int next_grave = 0;
  std::map<ino_t, std::shared_ptr<File>> files;
  std::map<int, std::shared_ptr<File>> open;  // By descriptor.
  std::map<int, std::string> open_folders;
  std::vector<Change> changes;  // Not yet synced, oldest first.
};

// Never destroyed: other threads may write until the process is gone.
Disk& disk() {
  static Disk* const only = new Disk;
  return *only;
}

std::string absolute(const char* path) {
  return (path[0] == '/' ? fs::path(path) : fs::current_path() / path).lexically_normal().string();
}
bool below(const Disk& on, const std::string& path) {
  return !on.folder.empty() && path.starts_with(on.folder) &&
         (path.size() == on.folder.size() || path[on.folder.size()] == '/');
}
std::string parent(const std::string& path) { return path.substr(0, path.rfind('/')); }

// Counts a call and tells whether it may go on; errno says why not.
bool allowed(Disk& on, Call call) {
  const std::uint64_t nth = ++on.calls[static_cast<int>(call)], nth_of_all = ++on.all_calls;
  if (on.struck && on.plan.power_loss) return errno = EIO, false;
  const bool meant = on.plan.call ? *on.plan.call == call && nth == on.plan.nth : nth_of_all == on.plan.nth;
  if (on.struck || !meant) return true;
  on.struck = true;
  errno = on.plan.error;
  return false;
}

// How many more bytes fit.
std::int64_t room_left(const Disk& on) {
  return on.plan.room ? std::max<std::int64_t>(0, static_cast<std::int64_t>(*on.plan.room) - on.used) : INT64_MAX;
}
void use(Disk& on, std::int64_t bytes) { on.most_used = std::max(on.most_used, on.used += bytes); }

off_t size_of(int fd) {
  struct stat info {};
  CHECK(::fstat(fd, &info) == 0);
  return info.st_size;
}

std::shared_ptr<File> file_of(Disk& on, int fd, bool created) {
  struct stat info {};
  CHECK(::fstat(fd, &info) == 0);
  auto& file = on.files[info.st_ino];
  if (!file) {
    const int own = REAL(open)(fmt::format("/proc/self/fd/{}", fd).c_str(), O_RDWR | O_CLOEXEC);
    CHECK(own >= 0);
    file = std::make_shared<File>(own, created ? 0 : info.st_size);
  }
  return file;
}

// Puts aside what is to be overwritten or cut off of the synced bytes from `at` on.
void keep(File& file, off_t at, off_t count) {
  if (at >= file.synced) return;
  std::string bytes(static_cast<std::size_t>(std::min(count, file.synced - at)), '\0');
  const ssize_t got = ::pread(file.fd, bytes.data(), bytes.size(), at);
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (!bytes.empty()) file.before.push_back({at, std::move(bytes)});
}

std::string bury(Disk& on, const std::string& path) {
  std::string grave = fmt::format("{}/{}", on.graves, on.next_grave++);
  CHECK(REAL(link)(path.c_str(), grave.c_str()) == 0);
  return grave;
}

std::int64_t bytes_of(const std::string& path) {
  std::error_code none;
  const auto bytes = fs::file_size(path, none);
  return none ? 0 : static_cast<std::int64_t>(bytes);
}

int open_as(const char* path, int flags, mode_t mode) {
  Disk& on = disk();
  const std::string name = absolute(path);
  const std::unique_lock lock(on.mutex);
  const auto open_really = [&](int how) {
    const int fd = REAL(open)(path, how, mode);
    on.open.erase(fd);  // fclose() and its like close without coming by here.
    on.open_folders.erase(fd);
    return fd;
  };
  if (!below(on, name)) return open_really(flags);
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (writes && !allowed(on, Call::kOpen)) return -1;
  std::error_code none;
  const bool existed = fs::exists(name, none);
  const int fd = open_really(flags & ~O_TRUNC);
  if (fd < 0) return fd;
  if (fs::is_directory(name, none)) {
    on.open_folders[fd] = name;
  } else if (writes || on.files.contains([&] {
               struct stat s {};
               ::fstat(fd, &s);
               return s.st_ino;
             }())) {
    const auto file = on.open[fd] = file_of(on, fd, !existed);
    if (!existed) on.changes.push_back({Change::Kind::kCame, name, ""});
    if (flags & O_TRUNC) {
      keep(*file, 0, file->synced);
      use(on, -size_of(fd));
      CHECK(REAL(ftruncate)(fd, 0) == 0);
    }
  }
  return fd;
}

// pwrite() at `at`, or write() where the descriptor stands.
ssize_t write_at(int fd, const void* bytes, std::size_t count, std::optional<off_t> at) {
  Disk& on = disk();
  const std::unique_lock lock(on.mutex);
  const auto found = on.open.find(fd);
  if (found != on.open.end()) {
    if (!allowed(on, Call::kWrite)) return -1;
    File& file = *found->second;
    const off_t size = size_of(fd);
    const bool appends = (::fcntl(fd, F_GETFL) & O_APPEND) != 0;
    const off_t from = at ? *at : appends ? size : ::lseek(fd, 0, SEEK_CUR);
    const std::int64_t grows = std::max<std::int64_t>(0, from + static_cast<off_t>(count) - size);
    if (const std::int64_t short_of = grows - room_left(on); short_of > 0) {  // A part may still fit.
      if (short_of >= static_cast<std::int64_t>(count)) return errno = ENOSPC, -1;
      count -= static_cast<std::size_t>(short_of);
    }
    keep(file, from, static_cast<off_t>(count));
    use(on, std::max<std::int64_t>(0, from + static_cast<off_t>(count) - size));
  }
  return at ? REAL(pwrite)(fd, bytes, count, *at) : REAL(write)(fd, bytes, count);
}

int truncate_to(int fd, off_t size) {
  Disk& on = disk();
  const std::unique_lock lock(on.mutex);
  if (const auto found = on.open.find(fd); found != on.open.end()) {
    if (!allowed(on, Call::kWrite)) return -1;
    keep(*found->second, size, found->second->synced);
    use(on, size - size_of(fd));
  }
  return REAL(ftruncate)(fd, size);
}

int sync_now(int fd, int (&elsewhere)(int)) {
  Disk& on = disk();
  const std::unique_lock lock(on.mutex);
  if (const auto found = on.open.find(fd); found != on.open.end()) {
    if (!allowed(on, Call::kSync)) return -1;
    found->second->synced = size_of(fd);
    found->second->before.clear();
    return 0;
  }
  if (const auto found = on.open_folders.find(fd); found != on.open_folders.end()) {
    if (!allowed(on, Call::kSync)) return -1;
    std::erase_if(on.changes, [&](const Change& change) { return parent(change.path) == found->second; });
    return 0;
  }
  return elsewhere(fd);
}

int close_of(int fd) {
  Disk& on = disk();
  const std::unique_lock lock(on.mutex);
  on.open.erase(fd);
  on.open_folders.erase(fd);
  return REAL(close)(fd);
}

int rename_to(const char* from, const char* to) {
  Disk& on = disk();
  const std::string old_name = absolute(from), new_name = absolute(to);
  const std::unique_lock lock(on.mutex);
  if (below(on, old_name)) {
    CHECK(parent(old_name) == parent(new_name));  // Nobody here moves a file to another folder.
    if (!allowed(on, Call::kRename)) return -1;
    Change change{Change::Kind::kRenamed, old_name, new_name};
    if (fs::exists(new_name)) {
      use(on, -bytes_of(new_name));
      change.grave = bury(on, new_name);
    }
    on.changes.push_back(std::move(change));
  }
  return REAL(rename)(from, to);
}

int remove_of(const char* path, int (&function)(const char*)) {
  Disk& on = disk();
  const std::string name = absolute(path);
  const std::unique_lock lock(on.mutex);
  std::error_code none;
  if (below(on, name) && fs::exists(name, none)) {
    if (!allowed(on, Call::kRemove)) return -1;
    const bool folder = fs::is_directory(name, none);
    Change change{folder ? Change::Kind::kFolderWent : Change::Kind::kWent, name, ""};
    if (!folder) {
      use(on, -bytes_of(name));
      change.grave = bury(on, name);
    }
    const int result = function(path);
    if (result == 0) on.changes.push_back(std::move(change));
    return result;
  }
  return function(path);
}

int make_folder(const char* path, mode_t mode) {
  Disk& on = disk();
  const std::string name = absolute(path);
  const std::unique_lock lock(on.mutex);
  const bool ours = below(on, name);
  if (ours && !allowed(on, Call::kRename)) return -1;
  const int result = REAL(mkdir)(path, mode);
  if (ours && result == 0) on.changes.push_back({Change::Kind::kFolderCame, name, ""});
  return result;
}

void undo(const Change& change) {
  std::error_code none;  // A folder that is taken back takes what is in it along.
  switch (change.kind) {
    case Change::Kind::kCame: REAL(unlink)(change.path.c_str()); break;
    case Change::Kind::kWent: REAL(rename)(change.grave.c_str(), change.path.c_str()); break;
    case Change::Kind::kFolderCame: fs::remove_all(change.path, none); break;
    case Change::Kind::kFolderWent: REAL(mkdir)(change.path.c_str(), 0755); break;
    case Change::Kind::kRenamed:
      REAL(rename)(change.to.c_str(), change.path.c_str());
      if (!change.grave.empty()) REAL(rename)(change.grave.c_str(), change.to.c_str());
  }
}

// Of the bytes after the synced ones some may have come to the disk.
void take_back(File& file, Rng* torn) {
  for (auto piece = file.before.rbegin(); piece != file.before.rend(); ++piece)
    CHECK(REAL(pwrite)(file.fd, piece->bytes.data(), piece->bytes.size(), piece->at) ==
          static_cast<ssize_t>(piece->bytes.size()));
  const off_t size = size_of(file.fd);
  off_t stays = file.synced;
  if (torn && size > stays) stays += static_cast<off_t>(torn->below(static_cast<std::uint64_t>(size - stays) + 1));
  CHECK(REAL(ftruncate)(file.fd, stays) == 0);
}

}  // namespace

std::string_view name_of(Call call) {
  constexpr std::string_view kNames[kCalls] = {"open", "write", "sync", "rename", "remove"};
  return kNames[static_cast<int>(call)];
}

void watch(const fs::path& folder, const Plan& plan) {
  Disk& on = disk();
  CHECK(on.folder.empty());
  std::string graves = fs::absolute(folder).string() + "-graves-XXXXXX";
  CHECK(::mkdtemp(graves.data()) != nullptr);
  const std::unique_lock lock(on.mutex);
  on.graves = graves;
  on.plan = plan;
  on.folder = fs::absolute(folder).lexically_normal().string();
}

bool struck() { return disk().struck; }
std::uint64_t calls(Call call) { return disk().calls[static_cast<int>(call)]; }
std::uint64_t calls() { return disk().all_calls; }
std::uint64_t bytes_used() { return static_cast<std::uint64_t>(disk().most_used); }

void unwatch() {
  Disk& on = disk();
  const std::unique_lock lock(on.mutex);
  const std::string graves = on.graves;
  on.folder.clear();
  on.files.clear();
  on.open.clear();
  on.open_folders.clear();
  on.changes.clear();
  on.calls = {};
  on.all_calls = 0;
  on.used = on.most_used = 0;
  on.struck = false;
  on.plan = {};
  std::error_code none;
  if (!graves.empty()) fs::remove_all(graves, none);
}

void lose_power(Rng* torn) {
  Disk& on = disk();
  {
    const std::unique_lock lock(on.mutex);
    on.folder.clear();                          // What we do now is not the program's.
    std::map<std::string, std::uint64_t> stay;  // So many of a folder's changes, the first ones.
    if (torn) {
      for (const Change& change : on.changes) ++stay[parent(change.path)];
      for (auto& [folder, count] : stay) count = torn->below(count + 1);
    }
    std::vector<const Change*> lost;
    for (const Change& change : on.changes) {
      auto& left = stay[parent(change.path)];
      if (left > 0)
        --left;
      else
        lost.push_back(&change);
    }
    for (const auto& [node, file] : on.files) take_back(*file, torn);
    std::for_each(lost.rbegin(), lost.rend(), [](const Change* change) { undo(*change); });
  }
  unwatch();
}

}  // namespace tidecast::crash

// ---- before those of the C library --------------------------------------------------------------------------------

using namespace tidecast::crash;

extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_as(path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_as(path, flags, mode);
}
int close(int fd) { return close_of(fd); }
ssize_t write(int fd, const void* bytes, size_t count) { return write_at(fd, bytes, count, std::nullopt); }
ssize_t pwrite(int fd, const void* bytes, size_t count, off_t at) { return write_at(fd, bytes, count, at); }
ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t at) { return write_at(fd, bytes, count, at); }
int ftruncate(int fd, off_t size) noexcept { return truncate_to(fd, size); }
int ftruncate64(int fd, off64_t size) noexcept { return truncate_to(fd, size); }
int fsync(int fd) { return sync_now(fd, REAL(fsync)); }
int fdatasync(int fd) { return sync_now(fd, REAL(fdatasync)); }
// Neither promises that anything stays.
int sync_file_range(int, off64_t, off64_t, unsigned) { return 0; }
int fallocate(int, int, off_t, off_t) { return 0; }
int rename(const char* from, const char* to) noexcept { return rename_to(from, to); }
int unlink(const char* path) noexcept { return remove_of(path, REAL(unlink)); }
int remove(const char* path) noexcept { return remove_of(path, REAL(remove)); }
int rmdir(const char* path) noexcept { return remove_of(path, REAL(rmdir)); }
int mkdir(const char* path, mode_t mode) noexcept { return make_folder(path, mode); }

int statvfs(const char* path, struct statvfs* result) noexcept {
  const int code = REAL(statvfs)(path, result);
  Disk& on = disk();
  const std::unique_lock lock(on.mutex);
  if (code == 0 && below(on, absolute(path)) && on.plan.room) {
    result->f_bavail = static_cast<fsblkcnt_t>(room_left(on)) / result->f_frsize;
    result->f_bfree = result->f_bavail;
  }
  return code;
}
}
