#pragma once
// How far event time has come: the newest time that each source brought each event, which sources are waited for, and
// of each group the watermark.  Pure; the clock is told.  Rules: docs/windows.md.
//
//   low of an event   the least of the newest times of the active sources that may bring it; of none if one of them
//                     brought nothing yet; the greatest, if all are idle
//   watermark         the greatest low ever, less the group's lateness, or what the wall clock forced; at least 0

#include <optional>
#include <vector>

#include "stream/pipeline.h"

namespace tidecast {

class Watermarks {
 public:
  explicit Watermarks(const PipelineOptions& options);

  // A record was read at `arrival`: from then on sources that brought nothing yet are waited for.
  void begin(ProcessingTime arrival) {
    if (begun_) return;
    begun_ = true;
    for (Source& source : sources_)
      if (!source.heard) source.heard = arrival;
  }
  // `source` brought a record of `event` with this time; it is active.  True if the event's low may have risen.
  bool on_record(std::size_t event, std::size_t source, EventTime time, ProcessingTime arrival);
  void make_idle(std::size_t source) { sources_[source].idle = true; }

  std::optional<EventTime> low(std::size_t event) const;
  // What the group's watermark rises to by the low of its event, or to `forced`; nullopt: it does not.
  std::optional<EventTime> raise(std::size_t group);
  bool force(std::size_t group, EventTime forced);

  // When `source` becomes idle; nullopt: it is, or never does.
  std::optional<ProcessingTime> idle_due(std::size_t source) const;
  // When the wall clock may close a window of `group` that ends at `end`, and the watermark that it then forces.
  struct Forced {
    ProcessingTime at;
    EventTime watermark;
  };
  std::optional<Forced> close_due(std::size_t group, EventTime end) const;

  bool may_bring(std::size_t source, std::size_t event) const { return brings_[event][source]; }
  // The source for which the event's low waits: the one with the least, or with none.  nullopt: all are idle.
  std::optional<std::size_t> holding(std::size_t event) const;
  std::optional<EventTime> newest(std::size_t source) const;  // Of all events.

  // What a restart needs.
  struct Source {
    std::optional<ProcessingTime> heard;  // Arrival of its last record; of none yet, since when it is waited for.
    bool idle = false;
    bool operator==(const Source&) const = default;
  };
  std::vector<Source>& sources() { return sources_; }
  const std::vector<Source>& sources() const { return sources_; }
  std::optional<EventTime>& newest_of(std::size_t event, std::size_t source) { return newest_[event][source]; }
  std::optional<EventTime> newest_of(std::size_t event, std::size_t source) const { return newest_[event][source]; }
  std::optional<EventTime>& watermark(std::size_t group) { return groups_[group].watermark; }
  std::optional<EventTime> watermark(std::size_t group) const { return groups_[group].watermark; }

 private:
  struct Group {
    std::size_t event;
    Milliseconds lateness;
    std::optional<Milliseconds> close_when_idle;
    std::optional<EventTime> watermark{};
  };

  std::vector<Source> sources_;
  std::vector<std::optional<Milliseconds>> idle_after_;        // By source.
  std::vector<std::vector<std::optional<EventTime>>> newest_;  // By event, then source.
  std::vector<std::vector<bool>> brings_;                      // The same: whether it may.
  std::vector<Group> groups_;
  bool begun_ = false;
};

}  // namespace tidecast
