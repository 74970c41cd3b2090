#pragma once
// A batch decoded: columns, index i being record i of the RawBatch.  Reused from batch to batch, so nothing is
// allocated once it has grown.

#include <cstdint>
#include <string>
#include <vector>

#include "features/store.h"
#include "flow/event.h"

namespace tidecast {

// One mapped field.  Of the vectors only the one of its type is filled.
struct EventColumn {
  FieldType type = FieldType::kInteger;
  std::vector<std::int64_t> integers;
  std::vector<double> numbers;
  std::vector<std::string_view> texts;  // Valid as long as the RawBatch and this batch are.
  std::vector<std::uint8_t> booleans;
  std::vector<std::uint8_t> present;  // 0 where null or missing.
};

struct EventBatch {
  std::vector<std::uint8_t>
      alive;  // 0: cannot be taken; then nothing else at this index means anything, but for its key if a guard said so.
  std::vector<EventTime> time;
  std::vector<RecordKey> key;        // All zero if nothing is de-duplicated.
  std::vector<EventColumn> columns;  // One a field of the mapping.

  struct Rejection {
    std::size_t record;
    std::string reason;
    bool by_guard = false;  // Only its time is wrong, and that only now: its key may be known from before.
  };
  std::vector<Rejection> rejected;  // In order.
};

}  // namespace tidecast
