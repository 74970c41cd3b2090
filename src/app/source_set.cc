#include "app/source_set.h"

#include <algorithm>

namespace tidecast {

Result<std::optional<ProcessingTime>> SourceSet::next_arrival() {
  std::optional<ProcessingTime> first;
  for (const auto& source : sources_)
    if (const auto arrival = TRY(source->next_arrival())) first = std::min(first.value_or(*arrival), *arrival);
  return first;
}

Result<SourceSet::Read> SourceSet::read(ProcessingTime until, std::size_t max_records) {
  std::optional<std::size_t> chosen;
  ProcessingTime first = ProcessingTime::max();
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const auto arrival = TRY(sources_[i]->next_arrival());
    if (!arrival) continue;
    if (chosen && *arrival >= first) {  // At the same moment it comes after the chosen one.
      until = std::min(until, *arrival);
    } else {
      if (chosen) until = std::min(until, first - 1ms);  // The one before comes first at its own moment.
      chosen = i;
      first = *arrival;
    }
  }
  if (!chosen) return Read{};
  Read read{*chosen, TRY(sources_[*chosen]->read(until, max_records))};
  for (RawRecord& record : read.batch.records) {
    record.arrival = std::max(record.arrival, given_);
    given_ = record.arrival;
  }
  return read;
}

std::optional<std::uint64_t> SourceSet::total_records() const {
  std::uint64_t total = 0;
  for (const auto& source : sources_) {
    const auto records = source->total_records();
    if (!records) return std::nullopt;
    total += *records;
  }
  return total;
}

double SourceSet::progress() const {
  double done = 0;
  const auto total = total_records();
  for (const auto& source : sources_) {
    const double share = total && *total > 0
                             ? static_cast<double>(*source->total_records()) / static_cast<double>(*total)
                             : 1.0 / static_cast<double>(sources_.size());
    done += share * source->progress();
  }
  return done;
}

}  // namespace tidecast
