#include "stream/watermarks.h"

#include <algorithm>

namespace tidecast {

Watermarks::Watermarks(const PipelineOptions& options) : sources_(options.sources.size()) {
  for (const PipelineSource& source : options.sources) idle_after_.push_back(source.idle_after);
  for (const EventMapping& event : options.events) {
    newest_.emplace_back(options.sources.size());
    brings_.emplace_back(options.sources.size(), event.sources.empty());
    for (const std::size_t source : event.sources) brings_.back()[source] = true;
  }
  for (const WindowGroup& group : options.groups)
    groups_.push_back({group.event, group.lateness, group.close_when_idle});
}

bool Watermarks::on_record(std::size_t event, std::size_t source, EventTime time, ProcessingTime arrival) {
  sources_[source] = {arrival, false};
  std::optional<EventTime>& newest = newest_[event][source];
  if (newest && time <= *newest) return false;
  newest = time;
  return true;
}

std::optional<EventTime> Watermarks::low(std::size_t event) const {
  std::optional<EventTime> least, greatest;
  bool active = false;
  for (std::size_t s = 0; s < sources_.size(); ++s) {
    if (!brings_[event][s]) continue;
    const std::optional<EventTime>& newest = newest_[event][s];
    if (newest) greatest = std::max(greatest.value_or(*newest), *newest);
    if (sources_[s].idle) continue;
    if (!newest) return std::nullopt;
    active = true;
    least = std::min(least.value_or(*newest), *newest);
  }
  return active ? least : greatest;
}

std::optional<EventTime> Watermarks::raise(std::size_t group) {
  const std::optional<EventTime> reached = low(groups_[group].event);
  if (!reached) return std::nullopt;
  // Flink's assigner starts at 0 and announces only what is greater.
  const EventTime watermark = std::max(*reached - groups_[group].lateness, EventTime::epoch());
  return force(group, watermark) ? groups_[group].watermark : std::nullopt;
}

bool Watermarks::force(std::size_t group, EventTime forced) {
  std::optional<EventTime>& watermark = groups_[group].watermark;
  if (watermark && forced <= *watermark) return false;
  watermark = forced;
  return true;
}

std::optional<ProcessingTime> Watermarks::idle_due(std::size_t source) const {
  const Source& s = sources_[source];
  if (s.idle || !s.heard || !idle_after_[source]) return std::nullopt;
  return *s.heard + *idle_after_[source];
}

std::optional<Watermarks::Forced> Watermarks::close_due(std::size_t group, EventTime end) const {
  const Group& g = groups_[group];
  if (!g.close_when_idle) return std::nullopt;
  // The first that both closes the window and is no longer ago than the silence has lasted.
  EventTime forced = std::max(end - 1ms, EventTime::epoch() + 1ms);
  for (std::size_t s = 0; s < sources_.size(); ++s)
    if (brings_[g.event][s] && sources_[s].heard)
      forced = std::max(forced, EventTime::from_ms(sources_[s].heard->ms()));
  if (g.watermark && forced <= *g.watermark) return std::nullopt;
  return Forced{ProcessingTime::from_ms(forced.ms()) + *g.close_when_idle, forced};
}

std::optional<std::size_t> Watermarks::holding(std::size_t event) const {
  std::optional<std::size_t> least;
  for (std::size_t s = 0; s < sources_.size(); ++s) {
    if (!brings_[event][s] || sources_[s].idle) continue;
    if (!newest_[event][s]) return s;
    if (!least || *newest_[event][s] < *newest_[event][*least]) least = s;
  }
  return least;
}

std::optional<EventTime> Watermarks::newest(std::size_t source) const {
  std::optional<EventTime> newest;
  for (const auto& of_event : newest_)
    if (of_event[source]) newest = std::max(newest.value_or(*of_event[source]), *of_event[source]);
  return newest;
}

}  // namespace tidecast
