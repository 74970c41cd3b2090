#pragma once
// A batch decoded: columns, index i being record i of the RawBatch.  Reused from batch to batch, so nothing is
// allocated once it has grown.

#include <array>
#include <cstdint>
#include <deque>
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
  std::vector<std::string_view> texts;  // Valid as long as the RawBatch and the DecodedBatch are.
  std::vector<std::uint8_t> booleans;
  std::vector<std::uint8_t> present;  // 0 where null or missing.
};

// What one mapping read.  At an index that it did not take, nothing means anything.
struct EventBatch {
  std::vector<std::uint8_t> alive;  // 1: it took the record.
  std::vector<EventTime> time;
  std::vector<EventColumn> columns;  // One a field of the mapping.
};

// All records of a batch, each taken by a mapping or not.
struct DecodedBatch {
  enum class Fate : std::uint8_t {
    kDead,       // It cannot be taken; the next of `rejected` says why.
    kUnmatched,  // It meets the rule of no mapping.
    kAlive,
  };
  std::vector<Fate> fate;
  std::vector<std::uint32_t> event;  // The mapping that read it, of the living and of what a guard rejected.
  std::vector<RecordKey> key;        // Of the same; all zero if the mapping has no id.
  std::vector<EventBatch> events;    // One a mapping.

  struct Rejection {
    std::size_t record;
    std::string reason;
    bool by_guard = false;  // Only its time is wrong, and that only now: its key may be known from before.
  };
  std::vector<Rejection> rejected;  // In order.

  // Texts of columns that had escapes; others stand in the record.  One list a half of the batch: each has its thread.
  std::array<std::deque<std::string>, 2> unescaped;
};

}  // namespace tidecast
