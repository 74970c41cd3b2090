#pragma once
// The definitions under which rows were made, for verify(): from the clock marks that keep their texts.

#include <span>
#include <string>
#include <vector>

#include "app/verify.h"

namespace tidecast {

// A definition, and from where on it held.
struct Period {
  PipelineOptions options;
  std::uint64_t number = 0;  // Of its first record,
  std::size_t mark = 0;      // and of its first clock mark.
  ProcessingTime at = ProcessingTime::epoch();
};

// The definitions that held, the first of them from the first record on.  History that is read first comes from a
// source that none of them names. Errors: kFailedPrecondition - `as_defined` cannot read one.
Result<std::vector<Period>> periods_of(const FeatureStore& store, const PipelineOptions& options,
                                       std::span<const ClockMark> marks, const AsDefined& as_defined);

// What each column of `group` was called in each of the periods; "" where there was none like it.
std::vector<std::vector<std::string>> names_in(std::span<const Period> periods, const WindowGroup& group);

// nullptr: there is none.
const WindowGroup* group_named(const PipelineOptions& options, std::string_view name);

}  // namespace tidecast
