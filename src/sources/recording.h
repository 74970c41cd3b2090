#pragma once
// The reconstructed recording of Bitcoin transactions as a feed: replies of blockchain.info's REST API, one every few
// seconds.  What is real in it and what is made up: data/README.md.  open_recording() in source.h reads it as a source.

#include <string>
#include <string_view>
#include <vector>

#include "sources/source.h"
#include "sources/timetable.h"
#include "sources/transaction.h"

namespace tidecast {

class Recording {
 public:
  // Reads bodies and schedule into memory.
  // Errors: kInvalidArgument - options out of range, a body or a minute that is not what it should be; as
  // read_unpacked().
  static Result<std::unique_ptr<Recording>> open(const RecordingOptions& options);
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  const Timetable& timetable() const { return timetable_; }
  ProcessingTime time_of(std::size_t reply) const;
  const std::string& identity() const { return identity_; }  // A hash of all that decides its bytes.

  // The next reply, {"txs":[...]}, newest first; valid until the next call and followed by kRawPadding zero bytes.
  std::string_view next_reply();
  std::size_t position() const { return walk_.reply(); }  // Number of the next reply.
  void seek(std::size_t reply) { walk_.seek(reply); }     // <= timetable().replies().

 private:
  Recording(const RecordingOptions& options, std::string identity, std::vector<ScheduleMinute> schedule,
            std::vector<TransactionBody> bodies);

  const TransactionBody& body_of(const TimetableEntry& entry) const;

  std::string identity_;
  std::uint64_t seed_;
  std::vector<ScheduleMinute> schedule_;
  std::vector<TransactionBody> bodies_;  // Shuffled.
  std::optional<double> constant_fee_level_;
  EventTime start_;
  std::size_t longest_body_ = 0;
  Timetable timetable_;
  TimetableWalk walk_;
  std::string reply_;
};

}  // namespace tidecast
