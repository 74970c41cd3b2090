#include "training/archive.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <numeric>
#include <optional>
#include <system_error>

#include "net/gzip.h"
#include "storage/file.h"

namespace tidecast {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = 512;
constexpr std::size_t kNameMax = 100, kPrefixMax = 155;

struct Header {  // Of one block; numbers are octal text.
  char name[kNameMax], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6], version[2],
      user[32], group[32], major[8], minor[8], prefix[kPrefixMax], rest[12];
};
static_assert(sizeof(Header) == kBlock);

template <std::size_t N>
void put_octal(char (&field)[N], std::uint64_t value) {
  const std::string text = fmt::format("{:0{}o}", value, N - 1);
  std::memcpy(field, text.data(), N - 1);
}

// The sum of the header's bytes, its own field as spaces.
std::uint64_t checksum(Header header) {
  std::memset(header.checksum, ' ', sizeof header.checksum);
  const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
  return std::accumulate(bytes, bytes + sizeof header, std::uint64_t{0});
}

template <std::size_t N>
std::string_view text_of(const char (&field)[N]) {
  return {field, ::strnlen(field, N)};
}

template <std::size_t N>
std::optional<std::uint64_t> octal(const char (&field)[N]) {
  std::string_view text = text_of(field);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Splits a path that is too long for `name` at a '/'.
Status put_path(const std::string& path, Header& header) {
  std::size_t cut = 0;  // Bytes of the prefix; 0 for none.
  if (path.size() > kNameMax) {
    cut = path.find('/', path.size() - kNameMax - 1);
    if (cut == std::string::npos || cut == 0 || cut > kPrefixMax)
      return invalid_argument("{}: a path of {} bytes; allowed: {}, or {} more before a '/'", path, path.size(),
                              kNameMax, kPrefixMax);
    std::memcpy(header.prefix, path.data(), cut);
    ++cut;
  }
  std::memcpy(header.name, path.data() + cut, path.size() - cut);
  return ok();
}

bool stays_inside(const std::string& path) {
  const fs::path parts(path);
  return !path.empty() && parts.is_relative() &&
         std::ranges::none_of(parts, [](const fs::path& p) { return p == ".."; });
}

}  // namespace

Result<Files> read_folder(const fs::path& folder) {
  Files files;
  std::uint64_t total = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const fs::file_status status = at->symlink_status(error);
    if (error) break;
    if (status.type() == fs::file_type::directory) continue;
    if (status.type() != fs::file_type::regular)
      return invalid_argument("{}: neither a file nor a folder; allowed are these", at->path().string());
    total += at->file_size(error);
    if (error) break;
    if (total > kArchiveMax) return invalid_argument("{}: more than {} bytes", folder.string(), kArchiveMax);
    files[at->path().lexically_relative(folder).generic_string()] = {
        TRY(read_file(at->path())), (status.permissions() & fs::perms::owner_exec) != fs::perms::none};
  }
  if (error) return unavailable("{}: {}", folder.string(), error.message());
  return files;
}

Result<std::string> pack(const Files& files) {
  std::string tar;
  for (const auto& [path, file] : files) {
    Header header{};
    TRY(put_path(path, header));
    put_octal(header.mode, file.executable ? 0755 : 0644);
    put_octal(header.uid, 0);
    put_octal(header.gid, 0);
    put_octal(header.size, file.bytes.size());
    put_octal(header.mtime, 0);
    header.type = '0';
    std::memcpy(header.magic, "ustar", 6);
    std::memcpy(header.version, "00", 2);
    put_octal(header.checksum, checksum(header));
    tar.append(reinterpret_cast<const char*>(&header), sizeof header);
    tar += file.bytes;
    tar.resize((tar.size() + kBlock - 1) / kBlock * kBlock);
  }
  tar.append(2 * kBlock, '\0');
  return gzip(tar);
}

bool is_packed(std::string_view bytes) {
  // A safetensors file whose header's length looks like this has its '{' in the ninth byte, where gzip says how hard it
  // worked: 0, 2 or 4.
  return bytes.size() > 8 && bytes.starts_with("\x1f\x8b\x08") && bytes[8] != '{';
}

Result<Files> unpack(std::string_view bytes) {
  const Result<std::string> unpacked = gunzip(bytes, kArchiveMax + (kArchiveMax >> 4));
  if (!unpacked.ok()) return invalid_argument("{}", unpacked.message());
  Files files;
  for (std::string_view rest = *unpacked;;) {
    if (rest.size() < kBlock) return invalid_argument("the archive is cut short");
    Header header;
    std::memcpy(&header, rest.data(), sizeof header);
    rest.remove_prefix(sizeof header);
    if (header.name[0] == '\0') return files;  // The blocks of zeros at the end.
    const std::string name(text_of(header.name)), prefix(text_of(header.prefix));
    const std::string path = prefix.empty() ? name : prefix + "/" + name;
    const auto size = octal(header.size), sum = octal(header.checksum), mode = octal(header.mode);
    if (!size || !sum || !mode || *sum != checksum(header)) return invalid_argument("{}: its entry is damaged", path);
    if (!stays_inside(path)) return invalid_argument("'{}': a path that leaves the folder", path);
    if (header.type != '0' && header.type != '\0' && header.type != '5')
      return invalid_argument("{}: an entry of type '{}'; allowed: files and folders", path, header.type);
    const std::uint64_t padded = (*size + kBlock - 1) / kBlock * kBlock;
    if (*size > kArchiveMax || padded > rest.size()) return invalid_argument("{}: the archive is cut short", path);
    if (header.type != '5') files[path] = {std::string(rest.substr(0, *size)), (*mode & 0100) != 0};
    rest.remove_prefix(padded);
  }
}

Status write_folder(const Files& files, const fs::path& folder) {
  TRY(make_folders(folder));
  for (const auto& [path, file] : files) {
    const fs::path target = folder / path;
    TRY(make_folders(target.parent_path()));
    TRY(TRY(FileWriter::create(target)).write(file.bytes));
    std::error_code error;
    if (file.executable) fs::permissions(target, fs::perms(0755), error);
    if (error) return unavailable("{}: {}", target.string(), error.message());
  }
  return ok();
}

}  // namespace tidecast
