#include "tracking/numbers.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace tidecast {

static_assert(std::endian::native == std::endian::little, "blobs are read and written as they lie in memory");

void append_row(std::string& blob, std::span<const double> numbers) {
  const auto count = static_cast<std::uint32_t>(numbers.size());
  blob.append(reinterpret_cast<const char*>(&count), sizeof count);
  blob.append(reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes());
}

Result<std::vector<std::vector<double>>> read_rows(std::string_view blob) {
  std::vector<std::vector<double>> rows;
  for (std::size_t at = 0; at < blob.size();) {
    std::uint32_t count = 0;
    if (blob.size() - at < sizeof count) return data_loss("row {} ends within its length", rows.size());
    std::memcpy(&count, blob.data() + at, sizeof count);
    at += sizeof count;
    if ((blob.size() - at) / sizeof(double) < count)
      return data_loss("row {} has {} numbers but {} bytes are left", rows.size(), count, blob.size() - at);
    std::vector<double>& row = rows.emplace_back(count);
    if (count > 0) std::memcpy(row.data(), blob.data() + at, count * sizeof(double));
    at += count * sizeof(double);
  }
  return rows;
}

}  // namespace tidecast
