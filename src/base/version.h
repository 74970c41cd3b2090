#pragma once
// The program's version, as CMakeLists.txt has it.

#include <string_view>

namespace tidecast {

inline constexpr std::string_view kVersion = TIDECAST_VERSION;

}  // namespace tidecast
