#pragma once
// The project's sources as one: their records in the order of arrival, whichever source brought them.  Either all are
// recorded or all are live.  Owns the sources; the loop's thread.

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "sources/source.h"

namespace tidecast {

class SourceSet {
 public:
  SourceSet() = default;
  explicit SourceSet(std::vector<std::unique_ptr<Source>> sources) : sources_(std::move(sources)) {}

  std::size_t size() const { return sources_.size(); }
  Source& at(std::size_t i) { return *sources_[i]; }
  const Source& at(std::size_t i) const { return *sources_[i]; }
  bool live() const { return sources_.front()->live(); }

  // Of the next record of any.  Errors: as Source::next_arrival.
  Result<std::optional<ProcessingTime>> next_arrival();

  struct Read {
    std::size_t source = 0;
    RawBatch batch;
  };
  // The next records of the source whose next one arrives first, up to `until` and never past another's; of two at the
  // same moment, the first source's come first.  What would arrive before what was given out already (live sources
  // stamp records on threads of their own; a recorded one may be new) is given the arrival of that.
  Result<Read> read(ProcessingTime until, std::size_t max_records);

  // What is given out from now on arrives then at the earliest: no arrival ever falls.
  void not_before(ProcessingTime arrival) { given_ = std::max(given_, arrival); }
  ProcessingTime last_given() const { return given_; }

  double progress() const;  // Of recorded ones, by their records where all know how many they have.
  std::optional<std::uint64_t> total_records() const;

 private:
  std::vector<std::unique_ptr<Source>> sources_;
  ProcessingTime given_ = ProcessingTime::min();  // Arrival of the last record.
};

}  // namespace tidecast
