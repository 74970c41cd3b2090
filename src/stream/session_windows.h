#pragma once
// Session windows: every series has its own, from a first row to `window` (the gap) after the last.  A row joins what
// it touches, which may make two sessions one; only then is asked whether it is late.
//
// After the head (window_base.h) a piece has
//
//   next identifier | sessions that another took in | per one: key, identifier
//   sessions | per session: key, identifier, start signed ms, end - start, states

#include <boost/container/small_vector.hpp>

#include "stream/window_base.h"

namespace tidecast {

class SessionWindows final : public WindowBase {
 public:
  SessionWindows(std::size_t index, const WindowGroup& group, const EventMapping& event);

  bool on_event(const EventBatch& events, std::size_t i, std::uint64_t number, ProcessingTime arrival,
                std::vector<ClosedWindow>& closed) override;
  void advance(EventTime watermark, ProcessingTime at, bool by_idle, std::vector<ClosedWindow>& closed) override;
  std::string late_reason(EventTime time) const override;
  std::size_t open_windows() const override { return sessions_.size() - free_.size(); }
  std::optional<Span> oldest_open() const override;

 private:
  struct Session {
    std::uint64_t id = 0;  // Never used again; 0: a free place.
    EventTime start, end;
    std::uint32_t key = 0;
  };
  struct Due {
    EventTime end;  // Of then; it may end later by now.
    std::uint32_t session;
    std::uint64_t id;
    bool operator<(const Due& other) const { return end > other.end; }  // The earliest is a heap's first.
  };
  using Places = boost::container::small_vector<std::uint32_t, 2>;  // Few series have more sessions at a time.

  std::uint32_t series_of(std::string_view key);
  std::uint32_t begin(std::uint32_t series, std::uint64_t id, EventTime start, EventTime end);
  void forget(std::uint32_t place);
  std::uint32_t join(Places& open, Places::iterator first, Places::iterator last);
  void touch(std::uint32_t place);
  const Due* next_due() const;
  std::vector<std::uint32_t> take_due();
  void drop_silent_series();

  void clear() override;
  void append_cells(std::string& bytes, bool all) override;
  void read_cells(PieceReader& piece, const std::vector<std::size_t>& stored) override;
  void read_session(PieceReader& piece, const std::vector<std::size_t>& stored, std::vector<std::uint32_t>& read);

  KeyTable keys_;
  std::vector<Places> open_;  // By series: its sessions by start.  They do not touch each other.
  std::vector<Session> sessions_;
  AggregateCells cells_;  // Cell c is of session c.
  std::vector<std::uint32_t> free_;
  std::size_t silent_ = 0;  // Series without a session.
  std::uint64_t next_id_ = 1;
  // A heap; every session has one entry, and those that are gone may have one still.  next_due() brings its first up to
  // date, which changes nothing that anyone sees.
  mutable std::vector<Due> due_;
  std::vector<std::uint32_t> changed_;                        // Since the last piece, and
  std::vector<std::pair<std::string, std::uint64_t>> taken_;  // those that another took in.
};

}  // namespace tidecast
