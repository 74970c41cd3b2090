#pragma once
// The proof that what is stored is what was read: every row of every group is computed anew from the raw archive, by
// generated SQL (stream/sql_duckdb.h) and not by the engine, and compared with the store's, value by value.
// A row is compared by the definition that held when it was made: clock marks say which, and since when.
//
// The archive is gone through from its first record, however small the range: watermarks, and with them what was late,
// follow from all records before.  It goes in slices of some ten thousand records; from one to the next go the
// watermark and the records of windows that are still open, so memory does not grow with the archive.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "features/store.h"
#include "stream/pipeline.h"

namespace tidecast {

struct GroupVerification {
  std::string group;
  std::uint64_t compared = 0;  // = equal + missing + extra + different.
  std::uint64_t equal = 0;
  std::uint64_t missing = 0;             // In the archive, not in the store.
  std::uint64_t extra = 0;               // The other way round.
  std::uint64_t different = 0;           // Another value, time of writing or reason of closing.
  std::uint64_t erased = 0;              // Deleted on purpose, and not compared.
  std::uint64_t correctable = 0;         // Late records may still correct them (allowed_lateness): not compared.
  std::vector<std::string> differences;  // The first ten, in words.
  bool operator==(const GroupVerification&) const = default;
};

struct Verification {
  std::uint64_t records = 0;  // Of the archive, gone through.
  std::vector<GroupVerification> groups;
  bool equal() const;
  std::uint64_t compared() const;  // Of all groups; 0 proves nothing.
};

// Of the windows whose end lies in `range`, not beyond the group's newest row at the beginning (the stream may go on
// meanwhile), and that can change no more; the others are left out.
// Integers, counts, minima, maxima and averages of integers are the same to the bit; sums and averages of numbers
// within 1e-12 of the sum of their magnitudes, deviations within 1e-9 of themselves, quantiles within the sketch's 1 %.
// `options` are today's groups and columns; `as_defined` reads the text of a clock mark, and without it today's
// definition stands for all. Errors: kFailedPrecondition - the archive does not hold all records that were ever stored
// (it is off, or its beginning has expired), so nothing can be proven, or `as_defined` cannot read a text; whatever
// reading says.
using AsDefined = std::function<Result<PipelineOptions>(const std::string& text)>;
Result<Verification> verify(const FeatureStore& store, const PipelineOptions& options, EventRange range,
                            std::size_t slice = 20'000, const AsDefined& as_defined = {});

}  // namespace tidecast
