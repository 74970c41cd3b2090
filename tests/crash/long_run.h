#pragma once
// TIDECAST_LONG=1 (`./dev crash`): every place instead of some, many kills instead of few.  A long run says on standard
// error how far it is, and what fails leaves its folder.

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string_view>

#include "base/result.h"

namespace tidecast::crash {

inline bool long_run() { return std::getenv("TIDECAST_LONG") != nullptr; }

// At the first step, then every ten seconds.
class Progress {
 public:
  Progress(std::string_view what, std::uint64_t last) : what_(what), last_(last) {}
  void at(std::uint64_t step) {
    const auto now = std::chrono::steady_clock::now();
    if (!long_run() || now < next_) return;
    next_ = now + std::chrono::seconds(10);
    std::cerr << fmt::format("{}: {} of {}, {:.0f} s\n", what_, step, last_,
                             std::chrono::duration<double>(now - began_).count());
  }

 private:
  std::string what_;
  std::uint64_t last_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now(), next_ = began_;
};

// Takes a folder away from who would remove it; says where it is now.
inline std::string kept(const std::filesystem::path& folder) {
  const std::filesystem::path place = (folder / "").parent_path().string() + "-failed";
  std::error_code error;
  std::filesystem::rename(folder, place, error);
  return error ? folder.string() + " is lost: " + error.message() : "kept in " + place.string();
}

}  // namespace tidecast::crash
