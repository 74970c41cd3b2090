#pragma once
// What flows between the rooms of the river: batches of raw records from `sources`, batches of decoded columns inside
// `stream`.  Columns, never one object per event.  How rows are cut into batches never changes a result.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"

namespace tidecast {

// Zero bytes that follow the last record of a RawBatch, so that simdjson may read past its end.
inline constexpr std::size_t kRawPadding = 64;

// One record as it came: a place in RawBatch::bytes and the moment it reached us.
struct RawRecord {
  std::uint32_t offset;
  std::uint32_t length;
  ProcessingTime arrival;
};

// Records of one source in the order of their arrival (arrival never decreases), and where to go on after them.
struct RawBatch {
  std::string bytes;  // Records, then kRawPadding zero bytes.
  std::vector<RawRecord> records;
  std::string cursor;        // Opaque to all but the source: its position after the last record.
  bool overlapping = false;  // One reply that should repeat the newest records of the reply before; where none is
                             // known, some were missed.

  std::string_view raw(std::size_t i) const {
    return std::string_view(bytes).substr(records[i].offset, records[i].length);
  }
  void append(std::string_view record, ProcessingTime arrival) {  // Before pad().
    records.push_back({static_cast<std::uint32_t>(bytes.size()), static_cast<std::uint32_t>(record.size()), arrival});
    bytes += record;
  }
  void pad() { bytes.append(kRawPadding, '\0'); }
  bool empty() const { return records.empty(); }
};

// What stands for a line that is too long to be a record, and nobody takes for one; and, of such a text, the part that
// says why, empty of any other.
std::string cut_line(std::uint64_t offset, std::uint64_t bytes, std::uint64_t allowed, std::string_view beginning);
std::string_view why_cut(std::string_view raw);

enum class FieldType { kInteger, kNumber, kText, kBoolean };
std::string_view name_of(FieldType type);  // As in the definition file: "integer", "number", "text", "boolean".

// One value of a feature row: null, an exact integer, or a double.
using FeatureValue = std::variant<std::monostate, std::int64_t, double>;

}  // namespace tidecast
