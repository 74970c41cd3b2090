#pragma once
// `tidecast init`: looks at the first records of a file, or at one reply of a URL, and writes a first definition file.

#include <filesystem>
#include <string>

#include "app/sniff.h"
#include "net/client.h"

namespace tidecast {

inline constexpr std::size_t kRecordsToGuessFrom = 1'000;

// What stands at the path: the format and, of CSV, delimiter and header by its content where the name does not say;
// `place` becomes the path as seen from the folder `seen_from`.
// Errors: as guess_definition(); kNotFound - no such file;  kUnavailable - it cannot be read.
Result<std::string> init_from_file(const std::filesystem::path& path, const std::filesystem::path& seen_from);

// One GET.  Errors: as guess_definition(), for a reply that is no JSON too; kUnavailable - no good answer.
Result<std::string> init_from_url(const std::string& url, HttpClient& client);

struct InitArguments {
  std::string from;  // A path, or http:// or https:// and so on.
  std::filesystem::path to = "tidecast.yaml";
};
// Writes the file and returns its text.  Errors: as above; kFailedPrecondition - `to` is there already.
Result<std::string> init(const InitArguments& arguments);

}  // namespace tidecast
