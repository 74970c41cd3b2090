#pragma once
// Files for this room's tests: a folder that goes away with the test, zstd frames and gzip members.

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace tidecast {

class TestFolder {
 public:
  TestFolder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    const std::string name = std::string("tidecast-") + test->test_suite_name() + "-" + test->name();
    path_ = std::filesystem::temp_directory_path() / (name + "-" + std::to_string(::getpid()));
    std::filesystem::create_directories(path_);
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, std::string_view content) const {
    std::ofstream(path_ / name, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

inline std::string zstd_frame(std::string_view content) {
  std::string packed(ZSTD_compressBound(content.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), content.data(), content.size(), 1));
  return packed;
}

inline std::string gzip_member(std::string_view content) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// What zstd gets out of a frame that may be cut short.
inline std::string unpacked_as_far_as_possible(std::string_view packed) {
  std::string content(16 << 20, '\0');
  ZSTD_DCtx* unpacker = ZSTD_createDCtx();
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  ZSTD_outBuffer out{content.data(), content.size(), 0};
  while (in.pos < in.size && !ZSTD_isError(ZSTD_decompressStream(unpacker, &out, &in))) {
  }
  ZSTD_freeDCtx(unpacker);
  content.resize(out.pos);
  return content;
}

// A file of the repository's data folder.
inline std::filesystem::path shipped(std::string_view name) {
  return std::filesystem::path(TIDECAST_ROOT) / "data" / name;
}

}  // namespace tidecast
