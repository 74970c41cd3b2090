#pragma once
// One aggregate of one window while it is open.  Nulls are skipped by all but count().
//
//   count()  rows                        0 is never seen: a window without rows does not exist
//   count(x) rows where x is not null    0
//   sum      of x's type                 null if every x is null, or if it does not fit x's type
//   min, max of x's type                 null if every x is null
//   avg      double(sum) / double(n)     null if every x is null; Flink SQL casts both likewise
//
// Integer sums are exact: 128 bits inside, so no number of 64-bit values overflows them.  Number sums are added up in
// the order of arrival, in double.

#include <cstddef>

#include "stream/event_batch.h"
#include "stream/pipeline.h"

namespace tidecast {

struct Accumulator {
  std::int64_t count = 0;  // Of the values taken.
  __int128 integer = 0;    // Sum, least or greatest of the integers, or
  double number = 0;       // of the numbers.

  bool operator==(const Accumulator&) const = default;
};

// Adds row `i`.  `field` is the aggregate's column, nullptr for count().
inline void add(Accumulator& total, AggregateKind kind, const EventColumn* field, std::size_t i) {
  if (field != nullptr && field->present[i] == 0) return;
  const bool first = total.count++ == 0;
  if (kind == AggregateKind::kCount) return;
  if (field->type == FieldType::kInteger) {
    const std::int64_t x = field->integers[i];
    if (kind == AggregateKind::kSum || kind == AggregateKind::kAvg)
      total.integer += x;
    else if (first || (kind == AggregateKind::kMin ? x < total.integer : x > total.integer))
      total.integer = x;
  } else {
    const double x = field->numbers[i];
    if (kind == AggregateKind::kSum || kind == AggregateKind::kAvg)
      total.number += x;
    else if (first || (kind == AggregateKind::kMin ? x < total.number : x > total.number))
      total.number = x;
  }
}

// What the window's row shows.  `overflow` is set if a sum does not fit and the value is null for that reason alone.
FeatureValue value_of(const Accumulator& total, AggregateKind kind, FieldType type, bool& overflow);

}  // namespace tidecast
