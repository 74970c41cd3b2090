#pragma once
// A folder as one run of bytes and back: tar (POSIX.1-1988 "ustar"), packed by gzip, as SageMaker packs a model's
// folder (model.tar.gz).  Regular files alone, in the order of their names, without owners and times, so that the same
// files give the same bytes.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidecast {

struct ArchivedFile {
  std::string bytes;
  bool executable = false;
};
using Files = std::map<std::string, ArchivedFile>;  // By relative path with '/'.

inline constexpr std::uint64_t kArchiveMax = std::uint64_t{256} << 20;  // Bytes, unpacked.

// Every file below `folder`.  Errors: kInvalidArgument - something that is neither file nor folder, more than
// kArchiveMax bytes;  kUnavailable - the disk said no.
Result<Files> read_folder(const std::filesystem::path& folder);
// Errors: kInvalidArgument - a path that tar cannot hold (100 bytes, or 155 more before a '/').
Result<std::string> pack(const Files& files);

// Whether these bytes begin as pack() writes them.
bool is_packed(std::string_view bytes);
// Errors: kInvalidArgument - damaged, more than kArchiveMax bytes, an entry that is no file or folder, a path that
// leaves the folder.
Result<Files> unpack(std::string_view bytes);
// Errors: kUnavailable.
Status write_folder(const Files& files, const std::filesystem::path& folder);

}  // namespace tidecast
