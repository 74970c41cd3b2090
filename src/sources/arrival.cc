#include "sources/arrival.h"

#include <algorithm>

namespace tidecast {

namespace {

// The first place in `sorted` whose value is not below `value`.  Steps without a branch: which way they go cannot be
// foreseen.
std::size_t place_of(const std::vector<std::int64_t>& sorted, std::int64_t value) {
  const std::int64_t* from = sorted.data();
  std::size_t count = sorted.size();
  while (count > 1) {
    const std::size_t half = count / 2;
    from += from[half - 1] < value ? half : 0;
    count -= half;
  }
  return static_cast<std::size_t>(from - sorted.data()) + (count == 1 && *from < value ? 1 : 0);
}

}  // namespace

void SlidingMedian::insert(std::int64_t value) {
  sorted_.insert(sorted_.begin() + static_cast<std::ptrdiff_t>(place_of(sorted_, value)), value);
}

void SlidingMedian::erase(std::int64_t value) {
  const std::size_t place = place_of(sorted_, value);
  CHECK(place < sorted_.size() && sorted_[place] == value);
  sorted_.erase(sorted_.begin() + static_cast<std::ptrdiff_t>(place));
}

std::optional<ProcessingTime> ArrivalRule::arrival(std::optional<EventTime> time) const {
  if (latest_ && !time) return latest_;
  if (ahead_.empty()) return std::nullopt;
  const auto median = ProcessingTime::from_ms(ahead_.median());
  return latest_ ? std::max(*latest_, median) : median;
}

}  // namespace tidecast
