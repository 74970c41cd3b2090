#pragma once
// When the records of a file without arrival times would have reached us: each at the median event time of itself and
// the 100 records after it, never earlier than the one before.  So a silence is passed over and a few misdated
// records carry nobody's clock away.  Pure.

#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.h"

namespace tidecast {

inline constexpr std::size_t kLookAhead = 100;  // Records after the one that is judged.

// The median of a few values that come and go: they are kept in order, which for some hundred is faster than any tree.
class SlidingMedian {
 public:
  void insert(std::int64_t value);
  void erase(std::int64_t value);  // One that is in it.
  void clear() { sorted_.clear(); }
  bool empty() const { return sorted_.empty(); }
  // Of an even number of values, the lower of the two in the middle; so it is always one of them.  Not of none.
  std::int64_t median() const { return sorted_[(sorted_.size() - 1) / 2]; }

 private:
  std::vector<std::int64_t> sorted_;  // Ascending.
};

// Feed it the event times in the order of the file, kLookAhead ahead of the record that is judged.
class ArrivalRule {
 public:
  // latest: arrival of the record before, where reading goes on in the middle of a file; else nullopt.
  explicit ArrivalRule(std::optional<ProcessingTime> latest = std::nullopt) : latest_(latest) {}

  void enter(std::optional<EventTime> time) {
    if (time) ahead_.insert(time->ms());
  }

  // Arrival of the oldest record entered and not left.  One without an event time arrives with the one before it, the
  // first one at the first median that is known; nullopt: none is known yet, as none of the records entered has a
  // time.
  std::optional<ProcessingTime> arrival(std::optional<EventTime> time) const;

  // The oldest record has arrived.
  void leave(std::optional<EventTime> time, ProcessingTime arrived) {
    if (time) ahead_.erase(time->ms());
    latest_ = arrived;
  }

  std::optional<ProcessingTime> latest() const { return latest_; }

 private:
  SlidingMedian ahead_;
  std::optional<ProcessingTime> latest_;
};

}  // namespace tidecast
