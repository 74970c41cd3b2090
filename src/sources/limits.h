#pragma once
// Bounds that the sources share.

#include <cstddef>

namespace tidecast {

// A longer line of a file is cut to its first kCutLine bytes: no event is that long, and without a bound a file without
// line ends would fill memory.
inline constexpr std::size_t kLongestLine = std::size_t{64} << 20;
inline constexpr std::size_t kCutLine = std::size_t{64} << 10;

// A batch that holds this many bytes is full, however few its records: RawRecord::offset has 32 bits.
inline constexpr std::size_t kFullBatchBytes = std::size_t{256} << 20;

}  // namespace tidecast
