#pragma once
// A disk that fails when it is told to.  A program that links faulty_disk.cc has its own open(), write(), fsync(),
// rename() and so on before those of the C library, so all that writes in it (RocksDB, DuckDB, our own files)
// comes by here, without a line of it in the product.  Below the watched folder
//
//   - every call is counted, and the one of the plan fails, alone or with all after it (the power is off);
//   - what was not yet synced is remembered: bytes until fsync() of their file, names that came, went or changed until
//     fsync() of their folder.  lose_power() takes it back, as the strictest disk that POSIX allows would, or leaves a
//     part of it: a torn end of what was appended, the first of a folder's changes, as other disks do;
//   - the folder holds so many bytes and no more, if the plan says so; statvfs() tells how many are left.
//
// fsync() itself touches no real disk, which is most of a test's time.  There is one such disk in a process; threads
// may use it, one of them watches it.

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/rng.h"

namespace tidecast::crash {

enum class Call { kOpen, kWrite, kSync, kRename, kRemove };  // kOpen: those that may write; kRename: and new folders.
inline constexpr int kCalls = 5;
std::string_view name_of(Call call);

struct Plan {
  std::optional<Call> call{};  // The kind of call that fails; nullopt: any.
  std::uint64_t nth = 0;       // Which one of that kind, from 1 on; 0: none.
  int error = EIO;
  bool power_loss = false;              // All later calls fail too.
  std::optional<std::uint64_t> room{};  // Bytes that fit beside those that are there.
};

// From now on the folder, which must exist, is on this disk; what is in it counts as synced.
void watch(const std::filesystem::path& folder, const Plan& plan);
bool struck();                   // The planned call came.
std::uint64_t calls(Call call);  // So far.
std::uint64_t calls();           // Of all kinds.
std::uint64_t bytes_used();      // More than when the watch began, at the most so far.

// The power is off: drops what was not synced.  `torn` leaves random parts of it; without, nothing.
void lose_power(Rng* torn);
// Ends the watch, leaving all as it is.
void unwatch();

}  // namespace tidecast::crash
