#pragma once
// DATA/server.json: where the server of a data folder listens, and which process it is.  Written once it listens,
// removed at its end; one that a crash left behind names a process that does not answer, or another one.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "api/commands.h"

namespace tidecast {

struct ServerFile {
  std::string address;  // "127.0.0.1"
  std::uint16_t port = 0;
  std::int64_t process = 0;
  std::string project, project_id;
};

Status write_server_file(const std::filesystem::path& data, const ServerFile& server);
void remove_server_file(const std::filesystem::path& data);
// kNotFound - there is none;  kDataLoss - it cannot be read.
Result<ServerFile> read_server_file(const std::filesystem::path& data);

// The server's commands: of "127.0.0.1:8080", or of the server of a data folder, if it is the one that its file names.
// Errors: kNotFound - the folder names none;  kUnavailable - it does not answer, or somebody else does;
// kInvalidArgument - no such address;  kFailedPrecondition - an address that is not loopback.
Result<std::unique_ptr<Commands>> connect_to(const std::string& server);
Result<std::unique_ptr<Commands>> connect_to_server_of(const std::filesystem::path& data);

}  // namespace tidecast
