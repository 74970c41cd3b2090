#include "app/server_file.h"

#include <charconv>

#include "api/client.h"
#include "storage/file.h"

namespace tidecast {
namespace {

std::filesystem::path file_of(const std::filesystem::path& data) { return data / "server.json"; }

}  // namespace

Status write_server_file(const std::filesystem::path& data, const ServerFile& server) {
  return write_file_atomically(file_of(data), to_pretty_text(json::object{{"address", server.address},
                                                                          {"port", server.port},
                                                                          {"process", server.process},
                                                                          {"project", server.project},
                                                                          {"project_id", server.project_id}}) +
                                                  "\n");
}

void remove_server_file(const std::filesystem::path& data) {
  std::error_code ignored;  // It would name a process that does not answer.
  std::filesystem::remove(file_of(data), ignored);
}

Result<ServerFile> read_server_file(const std::filesystem::path& data) {
  const std::filesystem::path file = file_of(data);
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    return not_found("{}: there is none; --server ADDRESS:PORT names a server that runs", file.string());
  const json::value content = TRY(parse_json(TRY(read_file(file))).in(file.string()));
  try {
    return ServerFile{.address = std::string(content.at("address").as_string()),
                      .port = content.at("port").to_number<std::uint16_t>(),
                      .process = content.at("process").to_number<std::int64_t>(),
                      .project = std::string(content.at("project").as_string()),
                      .project_id = std::string(content.at("project_id").as_string())};
  } catch (const std::exception& exception) {
    return data_loss("{}: not what a server writes: {}", file.string(), exception.what());
  }
}

Result<std::unique_ptr<Commands>> connect_to(const std::string& server) {
  std::string text = server;
  if (text.starts_with("http://")) text.erase(0, 7);
  while (text.ends_with('/')) text.pop_back();
  const std::size_t colon = text.rfind(':');
  std::uint16_t port = 0;
  if (colon != std::string::npos) {
    const auto [end, error] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size()) port = 0;
  }
  if (port == 0)
    return invalid_argument("--server: found '{}', allowed: an address and a port, like 127.0.0.1:8080", server);
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::unique_ptr<Commands> client = std::make_unique<ApiClient>(host, port);
  TRY(client->server());
  return client;
}

Result<std::unique_ptr<Commands>> connect_to_server_of(const std::filesystem::path& data) {
  const ServerFile file = TRY(read_server_file(data));
  std::unique_ptr<Commands> client = std::make_unique<ApiClient>(file.address, file.port);
  const json::object found = TRY(client->server());
  const json::value *id = found.if_contains("project_id"), *process = found.if_contains("process");
  if (!id || !process || *id != json::string(file.project_id) || *process != json::value(file.process))
    return unavailable("{}:{} is not the server that {} names, but another one: {}", file.address, file.port,
                       file_of(data).string(), to_text(found));
  return client;
}

}  // namespace tidecast
