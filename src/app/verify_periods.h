#pragma once
// The definitions under which rows were made, for verify(): from the clock marks that keep their texts.

#include <map>
#include <set>
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

// Whether `source` is none of the definition's, or is history that was read before it held.
bool is_gone(const PipelineOptions& options, std::string_view source);

// Which sources the watermarks do not wait for: a source is idle for all events at once, also for those that come
// later.
class IdleSources {
 public:
  // From here on `options` hold: what is gone is forgotten, and history that was read first has ended.
  void begin(const PipelineOptions& options);
  // What the clock did, and the number of the last record that each source brought meanwhile that is an event.
  void take(std::span<const ClockMark> marks, const std::map<std::string, std::uint64_t>& heard);
  const std::set<std::string>& names() const { return names_; }

 private:
  const PipelineOptions* options_ = nullptr;
  std::set<std::string> names_;
};

// nullptr: there is none.
const WindowGroup* group_named(const PipelineOptions& options, std::string_view name);

}  // namespace tidecast
