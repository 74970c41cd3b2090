#pragma once
// Which transaction of the reconstructed recording comes when, and in which reply we see it.  Pure: a minute's
// transactions are a function of seed and minute alone, so that reading can begin anywhere at little cost.
//
// Made up here, beside the times themselves, are the troubles of a live feed:
//   - a transaction reaches us some seconds after its time (exponential, mean 3 s), one in 20,000 only after 2.5 to 10
//     minutes, when its one-minute window is closed;
//   - a reply repeats up to two of the newest transactions of the reply before;
//   - one transaction in 50,000 is damaged.

#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"
#include "sources/schedule.h"
#include "sources/transaction.h"

namespace tidecast {

struct TimetableOptions {
  std::uint64_t seed = 7;
  std::size_t first_minute = 0;  // Of the schedule.
  std::size_t minutes = 0;       // > 0; first_minute + minutes <= size of the schedule.
  Milliseconds every{5'000};     // Between two replies; > 0.
};

struct TimetableEntry {
  std::uint64_t number = 0;  // Of the transaction in the whole schedule, from 0 on: decides its body and its round.
  std::int64_t minute = 0;   // Of the schedule.
  std::int64_t time_s = 0;   // Since the first minute of this part.
  std::size_t reply = 0;     // The first that has it, from 0 on.
  Damage damage = Damage::kNone;
};

class Timetable {
 public:
  Timetable(const TimetableOptions& options, std::span<const ScheduleMinute> schedule);

  // The transactions of a minute (0: the first of this part), in no order, to the end of `entries`.
  void append_minute(std::size_t minute, std::vector<TimetableEntry>& entries) const;

  // Reply r comes (r + 1) * every after the start.  The last one brings the last transaction.
  std::size_t replies() const { return records_before_.size() - 1; }
  std::size_t minutes() const { return options_.minutes; }
  Milliseconds every() const { return options_.every; }

  // Records, repeated ones too, in the replies before this one (0 <= reply <= replies()).
  std::uint64_t records_before(std::size_t reply) const { return records_before_[reply]; }

  // How many records of the reply before this one repeats.
  std::size_t repeats(std::size_t reply) const;

  // The minutes, [from, until), that may have transactions which this reply is the first to bring.
  std::size_t minutes_from(std::size_t reply) const;
  std::size_t minutes_until(std::size_t reply) const;

 private:
  TimetableOptions options_;
  std::vector<std::uint64_t> numbers_before_;  // [minutes + 1]: transactions in the schedule before each minute.
  std::vector<std::uint32_t> fresh_;           // [replies]: transactions that it is the first to bring.
  std::vector<std::uint64_t> records_before_;  // [replies + 1].
};

// Goes through a timetable reply by reply.
class TimetableWalk {
 public:
  explicit TimetableWalk(const Timetable& timetable) : timetable_(timetable) {}

  void seek(std::size_t reply);                 // <= replies().
  std::size_t reply() const { return reply_; }  // The next.

  // What the next reply holds, newest first; valid until the next call.  Not at the end.
  std::span<const TimetableEntry> next();

 private:
  const Timetable& timetable_;
  std::size_t reply_ = 0;
  std::size_t minute_ = 0;                     // The next to be drawn.
  std::vector<TimetableEntry> waiting_;        // Drawn, and not in a reply yet.
  std::vector<TimetableEntry> fresh_;          // New in the present reply, newest first.
  std::vector<TimetableEntry> newest_before_;  // New in the reply before, newest first: what may be repeated.
  std::vector<TimetableEntry> content_;
};

}  // namespace tidecast
